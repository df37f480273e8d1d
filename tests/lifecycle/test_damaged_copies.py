"""A copy whose RECORD or originals are gone: the edits stay recorded, and repair mends it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import sources
from tests.bench import Bench
from tests.lifecycle import edited
from tests.long import LONG

OURS = ["originals.zip", "RECORD"]


def patched(tool: Bench, fix: Path, wheel: Path | None = None) -> str | None:
    """Patch a copy, of what is installed if a wheel is given, and return the recorded edits."""
    if wheel:
        tool.install("-I", "--no-deps", wheel)
    tool.change("patch", "tool", fix)
    return recorded(tool)


def recorded(tool: Bench) -> str | None:
    entry: dict[str, str | None] = tool.record()["distributions"]["tool"]
    return entry["patch"]


def file_of(tool: Bench, name: str) -> Path:
    return tool.site / "tool-1.0.dist-info" / name


def is_mended(tool: Bench, name: str, patch: str | None) -> bool:
    """Whether there is nothing to repair or to record, and the edits are the same."""
    assert file_of(tool, name).exists() and recorded(tool) == patch
    assert "Nothing to record" in tool.ask("record", "--dry-run")
    [overlay] = tool.json("status")["overlays"]
    return not overlay["findings"]


@pytest.mark.parametrize("name", [*OURS, "INSTALLER", "METADATA"])
def test_record_refuses_a_copy_without_our_files_and_repair_puts_them_back(
    tool: Bench, fix: Path, name: str
) -> None:
    patch = patched(tool, fix)
    edited.edit(tool, tool.site / "tool/extra.py", "X = 1\n")
    file_of(tool, name).unlink()
    told = tool.refuse("record", "--yes")
    assert (
        f"tool-1.0.dist-info/{name}" in told
        and f"conda overlay repair -p {tool.host}, which" in told
    )
    tool.change("repair")
    assert (tool.site / "tool/extra.py").read_text() == "X = 1\n"
    tool.change("record")
    assert is_mended(tool, name, recorded(tool))
    assert patch and patch in (recorded(tool) or "")


@pytest.mark.parametrize("is_installed", [False, True])
@pytest.mark.parametrize("name", OURS)
def test_edits_stay_recorded_while_our_files_are_gone_and_other_commands_change_the_overlay(
    tool: Bench, fix: Path, links: Path, name: str, is_installed: bool
) -> None:
    patch = patched(tool, fix, edited.wheel(links) if is_installed else None)
    file_of(tool, name).unlink()
    tool.change("install", "new")
    assert recorded(tool) == patch
    tool.change("repair")
    assert is_mended(tool, name, patch)


@pytest.mark.parametrize("words", [("edit", "--no-editor", "tool"), ("patch", "tool", "fix.patch")])
@pytest.mark.parametrize("name", OURS)
def test_a_copy_is_not_edited_while_our_files_are_gone(
    tool: Bench, fix: Path, name: str, words: tuple[str, ...]
) -> None:
    patched(tool, fix)
    file_of(tool, name).unlink()
    words = tuple(str(fix) if word == "fix.patch" else word for word in words)
    assert "conda overlay repair" in tool.refuse(*words, "--yes")


def test_originals_that_were_changed_are_damage(tool: Bench, fix: Path) -> None:
    patch = patched(tool, fix)
    tool.edit(file_of(tool, "originals.zip"), "no archive")
    tool.change("install", "new")
    assert recorded(tool) == patch
    tool.change("repair")
    assert is_mended(tool, "originals.zip", patch)


@LONG
def test_rebase_makes_recorded_edits_again_although_the_originals_are_gone(
    own: Bench, fix: Path, links: Path
) -> None:
    sources.administrate(own.host, edited.wheel(links))
    patch = patched(own, fix)
    file_of(own, "originals.zip").unlink()
    sources.administrate(own.host, edited.wheel(links, "2.0"))
    own.change("rebase")
    assert own.version("tool") == "2.0" and recorded(own) == patch


@pytest.mark.parametrize("stays", [True, False])
def test_a_copy_without_its_metadata_is_not_said_to_be_the_environments(
    tool: Bench, stays: bool
) -> None:
    tool.given("edit", "tool", "--no-editor")
    tool.edit(tool.site / "tool" / "extra.py", "MINE = 1\n")
    tool.change("record")
    gone = "tool-1.0.dist-info" if stays else "tool* ../../../bin/tool*"
    script = f"cd '{tool.site}' && rm -rf {gone}"
    assert tool.user.run(["sh", "-c", script]).returncode == 0
    said = tool.ask("install", "new", "--dry-run")
    assert ("its metadata is gone" in said) == ("conda overlay repair" in said) == stays
    assert ("back to the environment's" in said) == ("its files are gone" in said) == (not stays)
    if stays:
        assert "its metadata is gone, but tool stays in the overlay" in said
        tool.change("install", "new")
        tool.change("undo")
    tool.change("repair")
    assert (tool.site / "tool" / "extra.py").read_text() == "MINE = 1\n"
    assert tool.json("status")["overlays"][0]["findings"] == []
