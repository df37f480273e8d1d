"""A file of a package that became a directory or a link, or the reverse, in every revision."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.bench import Bench
from tests.lifecycle import edited
from tests.long import LONG, few

BECOME = {
    "file to directory": "rm core.py && mkdir core.py && echo 'X = 1' > core.py/x.py && "
    "echo note > core.py/note.txt",
    "file to directory with data": "rm core.py && mkdir core.py && printf '\\0' > core.py/x.bin",
    "data to directory": "rm data/table.bin && mkdir data/table.bin && echo 1 > data/table.bin/x",
    "file to link": "rm core.py && ln -s run.sh core.py",
    "file to link to directory": "rm core.py && ln -s data core.py",
    "directory to file": "rm -rf data && echo mine > data",
    "directory to link": "rm -rf data && ln -s ../tool-1.0.dist-info data",
    "directory to link to nothing": "rm -rf data && ln -s nothing data",
}
"""What a user does in the directory of `tool`."""
SHORT = ("file to directory", "directory to link")
INSTALLED = ("file to directory", "data to directory", "file to link")

PLACES = [
    *(pytest.param(s, "copy", marks=[] if s in SHORT else LONG) for s in BECOME),
    *(pytest.param(s, "installed", marks=LONG) for s in BECOME if s in INSTALLED),
]
"""Each where there is a copy; in what is installed, which may not lack files, one of each kind."""

OF_TEXT = ("file to directory", "data to directory", "directory to file")
"""Those that the history can say, so that they come back although nothing has them any more."""


def tree(place: Path) -> dict[str, object]:
    """The files and links below a directory, without bytecode."""
    return {
        os.path.relpath(path, place): os.readlink(path) if path.is_symlink() else path.read_bytes()
        for path in place.rglob("*")
        if path.is_symlink() or (path.is_file() and path.suffix != ".pyc")
    }


def sh(tool: Bench, command: str) -> None:
    """Run a command in the directory of `tool`."""
    done = tool.user.run(["sh", "-c", command], cwd=tool.site / "tool")
    assert done.returncode == 0, done.stderr


@pytest.fixture
def copied(tool: Bench) -> Bench:
    """With a copy of `tool`."""
    tool.given("edit", "tool", "--no-editor")
    return tool


@pytest.mark.parametrize(("step", "there"), PLACES)
def test_a_replacement_is_undone_redone_kept_and_reverted(
    tool: Bench, links: Path, step: str, there: str
) -> None:
    if there == "copy":
        tool.given("edit", "tool", "--no-editor")
    else:
        tool.given("install", "-I", "--no-deps", edited.wheel(links))
    place, saved = tool.site / "tool", tool.user.home / "saved"
    sh(tool, f"cp -a . {saved}")
    first = tree(place)
    sh(tool, BECOME[step])
    second = tree(place)
    tool.change("record")
    assert tree(place) == second != first
    for command, wanted in (("undo", first), ("redo", second)):
        tool.change(command)
        assert tree(place) == wanted, command
    tool.change("install", "new")
    assert tree(place) == second
    sh(tool, "chmod u+w extra.py && echo '# more' >> extra.py")
    tool.change("record")
    tool.change("undo")
    assert tree(place) == second
    sh(tool, f"rm -rf * && cp -a {saved}/. .")
    tool.change("record")
    assert tree(place) == first
    if step in OF_TEXT:
        tool.change("undo")
        assert tree(place) == second


@pytest.mark.parametrize("step", few(BECOME, "file to directory"))
def test_a_replacement_that_was_not_recorded_is_carried_and_undone(
    copied: Bench, step: str
) -> None:
    place = copied.site / "tool"
    first = tree(place)
    sh(copied, BECOME[step])
    second = tree(place)
    copied.change("install", "new")
    assert tree(place) == second
    copied.change("undo")
    assert tree(place) == first
    copied.change("redo")
    assert tree(place) == second
    copied.change("repair", "tool")
    assert tree(place) == first


@LONG
@pytest.mark.parametrize("step", [step for step in BECOME if step.startswith(("file", "data"))])
def test_a_replacement_in_what_is_installed_stays_with_its_revision(
    tool: Bench, links: Path, step: str
) -> None:
    tool.given("install", "-I", "--no-deps", edited.wheel(links))
    place = tool.site / "tool"
    sh(tool, BECOME[step])
    second = tree(place)
    tool.change("install", "new")
    for command in ("undo", "redo"):
        tool.change(command)
        assert tree(place) == second, command


def test_an_edit_of_data_that_was_not_recorded_is_carried_and_undone(copied: Bench) -> None:
    place = copied.site / "tool"
    first = tree(place)
    sh(copied, "chmod u+w data/table.bin && printf more >> data/table.bin")
    second = tree(place)
    copied.change("install", "new")
    assert tree(place) == second
    for command, wanted in (("undo", first), ("redo", second)):
        copied.change(command)
        assert tree(place) == wanted, command
