"""Which trees of old revisions are dropped: none that no index can give again."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from conda_overlay.activation.settings import Settings
from conda_overlay.core.models import HistoryEntry
from conda_overlay.distributions.site import read_distribution
from conda_overlay.edits.originals import files_of, keep_originals
from conda_overlay.filesystem.manifest import take_manifest
from conda_overlay.layer import scaffolding
from conda_overlay.layer.index import Index
from conda_overlay.layer.retention import bytes_freed, drop, droppable
from conda_overlay.layer.stack import Stack
from tests.layer.test_state import SITE, lay
from tests.layer.test_store import revision
from tests.resolve.played import Played

FILES = {"tool/__init__.py": "x = 1\n", "tool/data.txt": "1\n"}
TOOL = HistoryEntry("1.0", "tool", requested=True, requirement="tool", sha256="0" * 64)

Make = Callable[[Path], object]
"""Changes a tree before it is committed."""


@pytest.fixture
def stack(scratch: Path) -> Stack:
    """An overlay directory of a host, without an overlay yet."""
    host = Played(scratch).pip.host
    return Stack(host, Settings(overlay_dirs=(str(scratch / "overlays"),)))


def commit(
    stack: Stack,
    make: Make = lambda tree: None,
    entries: Mapping[str, HistoryEntry] | None = None,
    time: str = "2026-01-01T00:00:00Z",
) -> int:
    """Commit a revision with the distribution ``tool`` and our own files; return its number."""
    store, base = stack.store, stack.store.current()
    with store.new_draft(stack.host.real) as draft:
        tree = draft / "revision" / "tree"
        lay(tree, "tool", files=FILES)
        for path in (f"{SITE}/{scaffolding.GUARD}", f"bin/{scaffolding.INTERPRETER}", "bin/pip"):
            (tree / path).parent.mkdir(exist_ok=True)
            (tree / path).write_text("ours")
        make(tree)
        number = store.next_number()
        entries = entries or {"tool": TOOL}
        record = replace(revision(number, base), distributions=entries, time=time)
        store.prepare(tree.parent, record, take_manifest(tree), "", Index(), {})
        with store.lock():
            store.commit(tree.parent, number)
    return number


def in_place(stack: Stack, number: int, name: str, content: str) -> None:
    """Edit a file of a revision by hand."""
    tree = stack.store.tree(number)
    assert tree is not None
    path = tree / SITE / name
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def copy(tree: Path) -> None:
    """Make ``tool`` a copy for editing."""
    found = read_distribution(tree / SITE / "tool-1.0.dist-info")
    assert found is not None
    keep_originals(found, files_of(found) or ())


def from_(url: str, **details: object) -> Make:
    """Let direct_url.json name the origin of ``tool``."""

    def make(tree: Path) -> None:
        lay(tree, "tool", files=FILES, origin={"url": url, **details})

    return make


# -- how many stay


@pytest.mark.parametrize(
    ("keep", "going"),
    [(1, [1, 2, 3]), (2, [1, 2]), (3, [1]), (4, []), (99, []), (0, [1, 2, 3]), (-5, [1, 2, 3])],
)
def test_oldest_trees_go_first_and_the_current_one_never(
    stack: Stack, keep: int, going: list[int]
) -> None:
    for _ in range(4):
        commit(stack)
    assert droppable(stack, keep) == (going, [])


def test_tree_that_is_dropped_already_counts_no_more(stack: Stack) -> None:
    for _ in range(4):
        commit(stack)
    drop(stack, [2])
    assert stack.store.tree(2) is None
    assert droppable(stack, 2) == ([1], [])


def test_current_tree_stays_although_it_is_not_the_newest(stack: Stack) -> None:
    for _ in range(3):
        commit(stack)
    os.unlink(stack.store.overlay)
    stack.store.overlay.symlink_to(f".{stack.store.overlay.name}/revisions/1/tree")
    assert droppable(stack, 1) == ([2, 3], [])


def test_in_a_layer_for_everybody_what_was_current_within_a_week_stays(stack: Stack) -> None:
    [directory] = stack.settings.overlay_dirs
    shared = Stack(stack.host, Settings(overlay_dirs=(f"beamline={directory}",)))
    recent = (datetime.now(timezone.utc) - timedelta(days=6)).strftime("%Y-%m-%dT%H:%M:%SZ")
    times = ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", recent, recent]
    for time in times:
        commit(shared, time=time)
    assert droppable(shared, 1) == ([1], [2, 3])
    assert droppable(shared, 1, force=True) == ([1, 2, 3], [])
    assert droppable(stack, 1) == ([1, 2, 3], [])


def test_without_an_overlay_nothing_goes(stack: Stack) -> None:
    assert droppable(stack, 1) == ([], [])
    drop(stack, [])
    assert not stack.store.overlay.parent.exists()


def test_dropped_tree_leaves_its_record_and_frees_what_was_said(stack: Stack) -> None:
    for _ in range(2):
        commit(stack, lambda tree: lay(tree, "big", files={"big.py": "#" * 100_000}),
               {"tool": TOOL, "big": replace(TOOL, name="big")})  # fmt: skip
    assert bytes_freed(stack, [1]) > 100_000
    drop(stack, [1])
    assert bytes_freed(stack, [1]) == 0
    assert (stack.store.numbers(), stack.store.tree(1)) == ([1, 2], None)
    assert stack.store.revision(1).distributions["tool"] == TOOL


# -- what no index can give again


MAKES: dict[str, tuple[Make, HistoryEntry]] = {
    "no hash": (lambda tree: None, replace(TOOL, sha256=None)),
    "editable": (lambda tree: None, replace(TOOL, editable="/src/tool")),
    "editable by its metadata": (from_("file:///src/tool", dir_info={"editable": True}), TOOL),
    "local file": (from_("file:///src/tool-1.0-py3-none-any.whl", archive_info={}), TOOL),
    "copy for editing": (copy, TOOL),
    "made by hand": (lambda tree: lay(tree, "mine"), TOOL),
    "file of no distribution": (lambda tree: (tree / SITE / "mine.py").touch(), TOOL),
    "program of no distribution": (lambda tree: (tree / "bin/mine").touch(), TOOL),
    "file that RECORD does not know so": (
        lambda tree: (tree / SITE / "tool/data.txt").write_text("mine\n"),
        TOOL,
    ),
}


@pytest.mark.parametrize(("make", "entry"), MAKES.values(), ids=MAKES)
def test_tree_that_no_index_can_give_again_stays_unless_forced(
    stack: Stack, make: Make, entry: HistoryEntry
) -> None:
    commit(stack, make, {"tool": entry})
    for _ in range(2):
        commit(stack)
    assert droppable(stack, 1) == ([2], [1])
    assert droppable(stack, 1, force=True) == ([1, 2], [])


@pytest.mark.parametrize(("make", "entry"), MAKES.values(), ids=MAKES)
def test_the_newest_tree_that_has_such_files_is_enough(
    stack: Stack, make: Make, entry: HistoryEntry
) -> None:
    for _ in range(3):
        commit(stack, make, {"tool": entry})
    assert droppable(stack, 1) == ([1, 2], [])
    commit(stack)
    assert droppable(stack, 1) == ([1, 2], [3])


@pytest.mark.parametrize(
    ("name", "content"), [("tool/data.txt", "mine\n"), ("tool/new.py", ""), ("mine/new.py", "")]
)
def test_tree_that_was_edited_by_hand_after_its_commit_stays(
    stack: Stack, name: str, content: str
) -> None:
    for _ in range(3):
        commit(stack)
    in_place(stack, 1, name, content)
    assert droppable(stack, 1) == ([2], [1])


def test_distribution_from_a_url_with_a_hash_can_be_had_again(stack: Stack) -> None:
    commit(stack, from_("https://host.invalid/tool-1.0-py3-none-any.whl", archive_info={}))
    commit(stack)
    assert droppable(stack, 1) == ([1], [])
