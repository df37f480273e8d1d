"""Edits that no patch can say are named wherever edits are, and are not lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from conda_overlay.edits.patch import NO_TEXT
from tests.bench import Bench
from tests.lifecycle import edited
from tests.lifecycle.patches import change

META, SCRIPT = "lib/python3.*/site-packages/tool-1.0.dist-info/METADATA", "bin/tool-step"


def append(bench: Bench, pattern: str, text: str) -> str:
    """Append to a file as an editor does, and return its path as a patch names it."""
    [place] = bench.overlay.glob(pattern)
    bench.edit(place, place.read_text() + text)
    return str(place.relative_to(bench.overlay)).rpartition("site-packages/")[2]


@pytest.mark.parametrize(
    ("pattern", "text"), [(META, "Keywords: mine\n"), (SCRIPT, "# mine\n")], ids=["meta", "script"]
)
def test_an_edit_of_metadata_or_of_a_script_is_named(tool: Bench, pattern: str, text: str) -> None:
    tool.given("edit", "tool", "--no-editor")
    path = append(tool, pattern, text)
    assert change(tool.json("record"), "tool")["why"] == f"edited: {Path(path).name}"
    [overlay] = tool.json("status")["overlays"]
    assert overlay["distributions"][0]["edited"]
    assert tool.json("why", "tool")["edited"] == [Path(path).name]
    assert "tool  1.0, other content" in tool.ask("diff", "1", "2")
    [differs] = {*tool.json("diff", "1", "2")["files"]["changed"]} & {
        *map(str, [p.relative_to(tool.overlay) for p in tool.overlay.glob(pattern)])
    }
    assert f"# {differs} was edited in place" in tool.ask("diff", "--text", "1", "2")
    assert tool.record()["distributions"]["tool"]["patch"] == f"{NO_TEXT}{path}\n"
    file = tool.user.home / "overlay.toml"
    told = tool.run("export", *tool.where, "-f", file).stderr
    assert f"tool: {path} was edited, which an exported file cannot contain.\n" in told
    tool.change("delete", "--force")
    done = tool.json("apply", file)
    assert f"tool: {path} was edited, which an exported file cannot contain" in done["notes"]


def test_an_edit_of_a_script_by_the_editor_is_found_later(tool: Bench) -> None:
    """Though the script of a new copy gets the interpreter of the overlay."""
    editor = edited.editor(tool, "echo '# mine' >> \"$1\"")
    words = ("edit", *tool.where, f"../../../{SCRIPT}")  # relative to site-packages
    shown = edited.typed(tool, *words, EDITOR=str(editor))
    assert "edited: tool-step" in shown
    assert SCRIPT in tool.refuse("remove", "tool", "--yes")
    tool.change("repair", "tool")
    assert "mine" not in (tool.overlay / SCRIPT).read_text()
    assert str(tool.overlay) in (tool.overlay / SCRIPT).read_text()


def test_a_removed_script_of_a_copy_is_recorded(tool: Bench) -> None:
    tool.given("edit", "tool", "--no-editor")
    (tool.overlay / SCRIPT).unlink()
    assert f"{SCRIPT} (deleted)" in tool.change("install", "new")
    entry = tool.record()["distributions"]["tool"]
    assert "tool-step" in entry["patch"]
    assert tool.json("record")["changes"] == []
    assert tool.json("status")["overlays"][0]["findings"] == []
    [note] = tool.json("repair", "tool")["notes"]
    assert note == f"edits that this takes back: {SCRIPT}"
    assert (tool.overlay / SCRIPT).exists()


def test_a_file_that_was_removed_from_what_is_installed_is_no_edit(quick: Bench) -> None:
    quick.given("install", "new")
    (quick.overlay / "bin/new").unlink()
    told = quick.refuse("record", "--yes")
    assert "new lacks bin/new." in told and "conda overlay repair -n science new" in told


def test_an_edit_of_what_is_installed_is_in_no_patch_and_is_named(quick: Bench) -> None:
    quick.given("install", "new")
    edit(quick)
    quick.change("record")
    line = "new: new/__init__.py was edited, which an exported file cannot contain"
    for form in ("overlay.toml", "patch"):
        assert f"{line}.\n" in quick.run("export", *quick.where, "--format", form).stderr
    file = quick.export()
    assert line not in quick.json("apply", file)["notes"]
    assert line not in quick.json("rebase")["notes"]
    quick.change("undo", "1", "--force")
    quick.change("delete", "--force")
    assert line in quick.json("apply", file)["notes"]
    assert quick.distributions() == ["new-1.0"]


@pytest.mark.parametrize("is_recorded", [True, False])
def test_a_copy_of_what_was_edited_before_keeps_that_as_an_edit(
    quick: Bench, is_recorded: bool
) -> None:
    quick.given("install", "new")
    edit(quick)
    if is_recorded:
        quick.change("record")
    told = quick.json("edit", "new", "--no-editor")
    note = "new: no patch has the edits of new/__init__.py from before it was copied"
    assert note in told["notes"]
    [overlay] = quick.json("status")["overlays"]
    assert overlay["distributions"][0]["edited"]
    assert "new: new/__init__.py was edited" in quick.run("export", *quick.where).stderr
    assert "new/__init__.py" in quick.refuse("remove", "new", "--yes")
    quick.change("repair", "new")
    assert quick.python("-c", "import new; new.FIX").returncode != 0


def edit(bench: Bench) -> None:
    bench.edit(bench.site / "new/__init__.py", "__version__ = '1.0'\nFIX = 1\n")
