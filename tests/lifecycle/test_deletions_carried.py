"""Files deleted from a copy, and not recorded: the next change names them and records that."""

from __future__ import annotations

import pytest

from tests.bench import Bench
from tests.lifecycle.test_files_replaced import sh, tree


@pytest.fixture
def added(tool: Bench) -> Bench:
    """With a copy of `tool` that has recorded new files."""
    tool.given("edit", "tool", "--no-editor")
    sh(tool, "mkdir sub && echo N=1 > n.py && echo X=1 > sub/x.py && printf '\\0' > new.bin")
    tool.change("record")
    return tool


DELETED = ("n.py", "sub/x.py", "new.bin", "extra.py")


def test_deletions_are_named_carried_and_undone(added: Bench) -> None:
    place = added.site / "tool"
    first = tree(place)
    sh(added, f"rm {' '.join(DELETED)}")
    second = tree(place)
    for words in (["--dry-run"], ["--yes"]):
        said = added.ask("install", "new", *words)
        assert all(f"tool/{name} (deleted)" in said for name in DELETED)
    assert added.json("status")["overlays"][0]["findings"] == []
    assert "Nothing to repair" in added.change("repair")
    for command, wanted in (("undo", first), ("redo", second), ("undo", first)):
        added.change(command)
        assert tree(place) == wanted
        assert added.json("status")["overlays"][0]["findings"] == []


def test_deletions_alone_make_no_change_but_with_record(added: Bench) -> None:
    place = added.site / "tool"
    sh(added, "rm n.py extra.py")
    there = tree(place)
    added.change("note", "tool", "--reason", "")
    assert added.revision == 2
    [found] = added.json("status")["overlays"][0]["findings"]
    assert found["kind"] == "missing" and "n.py" in found["text"]
    assert "tool/n.py" in added.refuse("undo", "2", "-y")
    added.change("note", "tool", "--reason", "ticket 7")
    assert (added.revision, tree(place)) == (3, there)
    assert added.json("status")["overlays"][0]["findings"] == []
