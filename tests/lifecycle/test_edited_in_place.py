"""Revisions share files: who writes into one in place is hindered, or seen."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import pytest

from tests.bench import Bench
from tests.lifecycle.edited import modes
from tests.long import LONG

WRITE = """
import sys
written = []
for path in sys.argv[1:]:
    try:
        with open(path, "r+b") as file:
            file.write(b"#")
        written.append(path)
    except PermissionError:
        pass
print(len(sys.argv) - 1, written)
"""


def files(bench: Bench) -> list[Path]:
    found = bench.revisions.rglob("*")
    return [path for path in found if path.is_file() and path.suffix != ".pyc"]


def test_no_file_of_any_revision_can_be_written_in_place(quick: Bench, wheels: Path) -> None:
    quick.make_by_hand(wheels / "alpha-1.5-py3-none-any.whl")
    quick.given("install", "alpha==2.0")
    quick.given("install", "new")
    done = quick.user.run([quick.host / "bin" / "python", "-c", WRITE, *files(quick)])
    count = len(files(quick))
    assert count > 30
    assert done.stdout == f"{count} []\n", done


def test_what_is_written_in_place_all_the_same_is_said(quick: Bench) -> None:
    quick.given("install", "alpha==1.5")
    quick.given("install", "new")
    path = quick.site / "alpha" / "__init__.py"
    assert os.path.samefile(path, quick.tree(1) / path.relative_to(quick.overlay))
    edit = 'chmod u+w "$1" && echo "# mended" >> "$1"'
    assert quick.user.run(["sh", "-c", edit, "sh", path]).returncode == 0
    [overlay] = quick.json("status")["overlays"]
    name = str(path.relative_to(quick.overlay))
    remedies = ["conda overlay record -n science", "conda overlay repair -n science alpha"]
    text = f"changed since revision 2: {name}; record keeps this, repair undoes it"
    assert {"kind": "by-hand", "text": text, "remedies": remedies} in overlay["findings"]
    assert json.loads(quick.ask("history", "--json"))["edits"]["changed"] == [name]


@pytest.mark.parametrize("name", ["new/extra file.py", "mine.py"])
def test_an_own_file_of_no_package_is_said_with_the_commands_that_work(
    quick: Bench, name: str
) -> None:
    quick.given("install", "new")
    quick.edit(quick.site / name, "MINE = 1\n")
    [overlay] = quick.json("status")["overlays"]
    [found] = [one for one in overlay["findings"] if one["kind"] == "by-hand"]
    path = quick.site / name
    shown = path.relative_to(quick.overlay)
    text = f"added since revision 1: {shown}; no package has this, record keeps it, rm removes it"
    remedies = ["conda overlay record -n science", shlex.join(["rm", str(path)])]
    assert (found["text"], found["remedies"]) == (text, remedies)
    quick.change("record")
    quick.edit(path, "MINE = 2\n")
    [overlay] = quick.json("status")["overlays"]
    [found] = [one for one in overlay["findings"] if one["kind"] == "by-hand"]
    text = f"changed since revision 2: {shown}; no package has this, record keeps it"
    assert (found["text"], found["remedies"]) == (text, remedies[:1])


def test_what_is_edited_is_read_only_again_in_the_next_revision(quick: Bench) -> None:
    quick.given("install", "alpha==1.5")
    path = quick.site / "alpha" / "__init__.py"
    quick.edit(path, "__version__ = '1.5'  # mended\n")
    quick.given("install", "new")
    assert quick.files(2)[str(path.relative_to(quick.overlay))].endswith(b"# mended\n")
    done = quick.user.run([quick.host / "bin" / "python", "-c", WRITE, *files(quick)])
    assert done.stdout.endswith(" []\n")


def test_a_copy_is_edited_in_place_after_a_revision_of_the_same_files(
    tool: Bench,
) -> None:
    tool.given("edit", "tool", "--no-editor")
    tool.given("note", "tool", "--reason", "ticket 7")
    done = tool.user.run(["sh", "-c", 'echo "# mended" >> "$1"', "sh", tool.site / "tool/core.py"])
    assert done.returncode == 0, done.stderr
    assert not any(mode & 0o222 for mode in modes(tool.tree(1)).values())
    assert "core.py +1 -0" in tool.change("record")


@LONG
def test_what_was_written_through_a_shared_file_is_in_no_other_revision(quick: Bench) -> None:
    quick.given("install", "alpha==1.5")
    quick.given("install", "new")
    path = quick.site / "alpha" / "__init__.py"
    before = path.read_bytes()
    edit = 'chmod u+w "$1" && echo "# mended" >> "$1"'
    assert quick.user.run(["sh", "-c", edit, "sh", path]).returncode == 0
    mended = path.read_bytes()
    quick.given("record")
    for words, expected in ([], before), (["3"], mended), (["1"], before):
        quick.change("undo", *words)
        assert path.read_bytes() == expected


@pytest.mark.parametrize("commands", [("record", "undo"), ("undo", "redo")])
def test_a_new_file_that_is_no_text_comes_back_after_it_was_deleted_in_place(
    tool: Bench, commands: tuple[str, ...]
) -> None:
    tool.given("edit", "tool", "--no-editor")
    place = tool.site / "tool" / "more.bin"
    script = """printf '\\000\\001' > "$1"; echo 'X = 1' > "$2"; echo > "$3" """
    other = tool.site / "notes.txt"
    words: list[str | Path] = ["sh", "-ec", script, "sh", place, place.with_suffix(".py"), other]
    assert tool.user.run(words).returncode == 0
    tool.given("record")
    for more in (("--files",), ("tool",), ("--text",), ("tool", "--text")):
        told = tool.ask("diff", "1", "2", *more)
        assert "more.bin" in told and "its earlier text is gone" not in told
    assert tool.user.run(["rm", place]).returncode == 0
    for command in commands:
        tool.given(command)
    assert place.read_bytes() == b"\0\1" and place.with_suffix(".py").exists()
    tool.given("undo", "1")
    assert not place.exists() and not place.with_suffix(".py").exists()


@pytest.mark.parametrize("script", ['rm "$1"', """rm "$1"; printf '\\000\\001' > "$1" """])
def test_undo_of_a_recorded_edit_of_no_text_is_no_damage(tool: Bench, script: str) -> None:
    """Which is there in place in the earlier revision too, from where it was recorded."""
    tool.given("edit", "tool", "--no-editor")
    place = tool.site / "tool" / "data" / "table.bin"
    before = place.read_bytes()
    assert tool.user.run(["sh", "-ec", script, "sh", place]).returncode == 0
    after = place.exists() and place.read_bytes()
    tool.given("record")
    assert "damaged" not in tool.change("undo")
    assert place.read_bytes() == before
    assert "damaged" not in tool.change("redo")
    assert (place.exists() and place.read_bytes()) == after


def test_undo_of_a_recorded_edit_of_an_installed_package_is_no_damage(quick: Bench) -> None:
    quick.given("install", "alpha==1.5")
    path = quick.site / "alpha" / "__init__.py"
    before = path.read_bytes()
    script = """rm "$1"; echo "# mended" > "$1" """
    assert quick.user.run(["sh", "-ec", script, "sh", path]).returncode == 0
    quick.given("record")
    printed = quick.change("undo")
    assert path.read_bytes() == before
    assert "damaged" not in printed


def test_damage_in_a_revision_before_a_removal_is_told_still(quick: Bench) -> None:
    quick.given("install", "alpha==1.5")
    quick.given("remove", "alpha")
    place = quick.tree(1) / (quick.site / "alpha" / "__init__.py").relative_to(quick.overlay)
    assert quick.user.run(["rm", place]).returncode == 0
    assert "revision 1 was damaged; restored: " in quick.change("undo")


def test_an_own_file_that_changes_in_a_revision_without_it_is_said_to_be_removed(
    quick: Bench,
) -> None:
    """As a hard link to a file in the home does."""
    quick.given("install", "new")
    quick.edit(quick.site / "mine.py", "MINE = 1\n")
    quick.given("record")
    path = (quick.site / "mine.py").relative_to(quick.overlay)
    quick.edit(quick.tree(1) / path, "MINE = 2\n")
    said = quick.change("undo")
    assert f"revision 1 was damaged; removed, as it never had them: {path}" in said
    assert "restored" not in said and not (quick.site / "mine.py").exists()


_IN_PLACE = 'chmod u+w "$1" && echo "MINE = 2" > "$1" && chmod u-w "$1"'


@pytest.mark.parametrize("keep", [[], ["clean", "--keep", "2"]])
def test_a_file_that_no_package_has_is_in_no_other_revision(quick: Bench, keep: list[str]) -> None:
    quick.given("install", "new")
    path = quick.site / "mine.py"
    quick.edit(path, "MINE = 1\n")
    quick.given("record")
    for number in range(3):
        quick.given("note", "new", "--reason", f"ticket {number}")
    if keep:
        quick.given(*keep)
    assert quick.user.run(["sh", "-ec", _IN_PLACE, "sh", path]).returncode == 0
    quick.given("record")
    assert "MINE = 1" in quick.ask("diff", "5", "--text")
    quick.given("undo")
    assert path.read_text() == "MINE = 1\n"
    assert quick.user.run(["sh", "-ec", _IN_PLACE, "sh", path]).returncode == 0
    quick.given("undo", "4", "--force")
    assert path.read_text() == "MINE = 1\n"


def test_revisions_before_the_current_one_share_files_that_no_package_has(quick: Bench) -> None:
    quick.change("install", "new")
    path = quick.site / "mine.py"
    quick.edit(path, "MINE = 1\n")
    quick.change("record")
    for number in range(3):
        quick.change("note", "new", "--reason", f"ticket {number}")
    inodes = {(quick.tree(n) / path.relative_to(quick.overlay)).stat().st_ino for n in range(2, 6)}
    assert len(inodes) == 2
