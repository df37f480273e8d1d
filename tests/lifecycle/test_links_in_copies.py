"""Links that a user makes inside a copy: no text, so named everywhere, and back with undo."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.bench import Bench
from tests.lifecycle import edited
from tests.lifecycle.test_files_replaced import sh
from tests.sources import administrate, write

SECRET = "TOKEN = 'very secret'\n"


@pytest.fixture
def copied(tool: Bench) -> Bench:
    """With a copy of `tool`, and a file that is nobody else's business."""
    write(tool.user, tool.user.home / "ext.py", SECRET)
    tool.given("edit", "tool", "--no-editor")
    return tool


def link(tool: Bench, name: str, target: str = "~/ext.py") -> None:
    """Make a link in the copy, or retarget it."""
    sh(tool, f"rm -f {name} && ln -s {target} {name}")


def target(tool: Bench, name: str) -> str | None:
    """Where a link in the copy leads; None if it is none."""
    place = tool.site / "tool" / name
    return os.path.basename(os.readlink(place)) if place.is_symlink() else None


def test_no_history_export_or_copy_has_what_a_link_leads_to(copied: Bench) -> None:
    sh(copied, "sed -i 's/return 4$/return 44/' extra.py")
    for name in ("new.py", "core.py"):
        link(copied, name)
    said = copied.change("record")
    assert "core.py" in said and "new.py" in said and "extra.py +1 -1" in said
    for number in copied.numbers:
        assert "secret" not in copied.record_path(number).read_text()
    patch = copied.user.home / "out.patch"
    toml = copied.user.home / "overlay.toml"
    for file in (patch, toml):
        copied.ask("export", "-f", str(file))
        text = file.read_text()
        assert "secret" not in text and "return 44" in text
        for name in ("core.py", "new.py"):
            assert f"# edited, not included in this patch: tool/{name}" in text
    shown = copied.ask("diff", "0", "2", "tool", "--text") + copied.ask("diff", "1", "2", "--text")
    assert "secret" not in shown
    sh(copied, "echo '# more' >> run.sh")
    copied.change("record")
    write(copied.user, copied.user.home / "f.diff", edited.new_file("tool/added.py"))
    copied.change("patch", "tool", str(copied.user.home / "f.diff"))  # copies the copy
    assert target(copied, "new.py") == target(copied, "core.py") == "ext.py"


@pytest.mark.parametrize("name", ["new.py", "core.py", "data/table.bin"])
def test_a_link_comes_goes_and_leads_elsewhere_with_undo_and_redo(copied: Bench, name: str) -> None:
    place = copied.site / "tool" / name
    first = place.read_bytes() if place.exists() else None
    sh(copied, f"cp {name} ~/saved || :")

    def seen() -> str | bytes | None:
        if place.is_symlink():
            return target(copied, name)
        return place.read_bytes() if place.exists() else None

    states: list[str | bytes | None] = [first]
    for step in ("~/ext.py", "run.sh", "/nowhere/x", None):
        if step:
            link(copied, name, step)
        else:
            sh(copied, f"rm {name} && cp ~/saved {name} || :")
        states.append(seen())
        copied.change("record")
        assert seen() == states[-1]
    for wanted in reversed(states[:-1]):
        copied.change("undo")
        assert seen() == wanted
    for wanted in states[1:]:
        copied.change("redo")
        assert seen() == wanted
    for number, wanted in [*enumerate(states, 1)][::-2]:
        copied.change("undo", str(number))
        assert seen() == wanted
    copied.change("install", "new")
    assert copied.json("status")["overlays"][0]["findings"] == []


def test_a_link_is_renamed_and_back(copied: Bench) -> None:
    link(copied, "l2.py", "core.py")
    copied.change("record")
    sh(copied, "mv l2.py l3.py")
    copied.change("record")
    for command, there, gone in (("undo", "l2.py", "l3.py"), ("redo", "l3.py", "l2.py")):
        copied.change(command)
        assert target(copied, there) == "core.py"
        assert not os.path.lexists(copied.site / "tool" / gone)


def test_rebase_loses_no_link_unsaid(copied_own: Bench, links: Path) -> None:
    tool = copied_own
    sh(tool, "sed -i 's/return 4$/return 44/' extra.py")
    link(tool, "new.py")
    link(tool, "core.py")
    tool.change("record")
    administrate(tool.host, edited.wheel(links, "1.1"))
    said = tool.refuse("rebase", "-y")
    assert "would be lost" in said and "tool/new.py" in said and "tool/core.py" in said
    tool.change("rebase", "--force")
    place = tool.site / "tool"
    assert "return 44" in (place / "extra.py").read_text()
    assert (place / "core.py").read_text() == edited.CORE and not (place / "new.py").exists()
    tool.change("undo")
    assert target(tool, "new.py") == target(tool, "core.py") == "ext.py"


def test_apply_names_links_and_make_no_files_of_them(copied: Bench) -> None:
    sh(copied, "sed -i 's/return 4$/return 44/' extra.py")
    link(copied, "new.py")
    link(copied, "core.py")
    copied.change("record")
    file = copied.export()
    copied.change("undo", "0")
    said = copied.change("apply", file)
    for name in ("core.py", "new.py"):
        assert f"tool: tool/{name} was edited, which an exported file cannot contain" in said
    place = copied.site / "tool"
    assert "return 44" in (place / "extra.py").read_text()
    assert (place / "core.py").read_text() == edited.CORE
    assert not os.path.lexists(place / "new.py")


@pytest.fixture
def copied_own(own: Bench, links: Path) -> Bench:
    administrate(own.host, edited.wheel(links))
    write(own.user, own.user.home / "ext.py", SECRET)
    own.given("edit", "tool", "--no-editor")
    return own
