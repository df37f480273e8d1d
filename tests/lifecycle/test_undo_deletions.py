"""`undo` makes a copy again without the files that were deleted from it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests import sources
from tests.bench import Bench
from tests.lifecycle import edited

DELETED = [
    ("tool/extra.py",),
    ("tool/data/table.bin",),
    ("tool/extra.py", "tool/data/table.bin", "tool/latin.py"),
    ("../../../bin/tool-step",),
]


@pytest.fixture
def over(own: Bench, links: Path) -> Bench:
    """Over an environment with `tool`, of which the overlay has a copy."""
    sources.administrate(own.host, edited.wheel(links))
    own.change("edit", "tool", "--no-editor")
    return own


def delete(over: Bench, names: tuple[str, ...]) -> str:
    """Delete files of the copy in revision 2; return its patch. Nothing is left of both trees."""
    for name in names:
        (over.site / name).unlink()
    over.change("record")
    patch = over.record(2)["distributions"]["tool"]["patch"]
    assert all(name.removeprefix("../../../") in patch for name in names)
    over.change("undo", "0")
    over.change("clean", "--force")
    return str(patch)


def lose(over: Bench) -> None:
    """Take `tool` out of the environment, as its administrator would."""
    for path in [*over.host.glob("lib/python3*/site-packages/tool*"), *over.host.glob("bin/tool*")]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def check(over: Bench, names: tuple[str, ...], patch: str) -> None:
    """Check that the deletions are those of revision 2, and that a newer version has them, too."""
    entry = over.record()["distributions"]["tool"]
    assert entry["copied"] and entry["patch"] == patch
    assert (over.site / "tool-1.0.dist-info/originals.zip").exists()
    assert not any((over.site / name).exists() for name in names)
    assert len(over.json("why", "tool")["edited"]) == len(names)


@pytest.mark.parametrize("names", DELETED)
def test_of_what_is_installed_since_the_environment_has_lost_it(
    over: Bench, links: Path, names: tuple[str, ...]
) -> None:
    patch = delete(over, names)
    lose(over)
    over.change("install", "tool==1.0", "--find-links", links)
    assert over.json("undo", "2")["notes"] == []
    check(over, names, patch)
    sources.administrate(over.host, edited.wheel(links, "1.1", edited.ELSEWHERE))
    over.change("rebase")
    assert edited.steps(over) == [4, 77]
    assert not any((over.site / name).exists() for name in names)


@pytest.mark.parametrize("names", DELETED)
def test_of_what_the_environment_has(over: Bench, names: tuple[str, ...]) -> None:
    patch = delete(over, names)
    assert over.json("undo", "2")["notes"] == []
    check(over, names, patch)


def test_of_a_copy_in_which_it_is_back(over: Bench) -> None:
    (over.site / "tool/extra.py").unlink()
    over.change("record")
    over.edit(over.site / "tool/extra.py", edited.CORE)
    over.edit(over.site / "tool/core.py", edited.FIXED)
    over.change("record")
    patch = over.record(2)["distributions"]["tool"]["patch"]
    over.change("clean", "--force")
    lose(over)
    over.change("undo", "2")
    check(over, ("tool/extra.py",), patch)
