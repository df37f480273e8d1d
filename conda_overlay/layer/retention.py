"""Drops the trees of old revisions that can be reinstalled from an index; keeps their records."""

from __future__ import annotations

from collections.abc import Sequence

from conda_overlay.filesystem import tree
from conda_overlay.layer import scaffolding
from conda_overlay.layer.stack import Stack


def droppable(stack: Stack, keep: int, *, force: bool = False) -> tuple[list[int], list[int]]:
    """Find the revisions whose trees can be dropped, so that `keep` trees stay.

    Returns:
        These revisions, oldest first; and the old ones that cannot be reinstalled, whose trees are
        dropped only with `force`.
    """
    store, current = stack.store, stack.store.current()
    old = [n for n in store.numbers() if n != current and store.tree(n) is not None]
    old = old[: max(0, len(old) - max(keep, 1) + 1)]
    kept = [] if force else [n for n in old if not _is_reinstallable(stack, n)]
    return [n for n in old if n not in kept], kept


def drop(stack: Stack, numbers: Sequence[int]) -> None:
    """Drop the trees of revisions, and clean up after commands that were killed."""
    if stack.store.state.is_dir():
        with stack.store.lock():
            stack.store.drop_trees(numbers)


def bytes_freed(stack: Stack, numbers: Sequence[int]) -> int:
    """The number of bytes that dropping the trees of revisions frees."""
    return tree.weight([path for n in numbers if (path := stack.store.tree(n))])


def _is_reinstallable(stack: Stack, number: int) -> bool:
    """Whether all distributions in a revision came from an index, and no file was edited."""
    entries = stack.store.revision(number).distributions.values()
    if not all(entry.sha256 and not entry.editable for entry in entries):
        return False
    was = stack.state(number)
    known = {*scaffolding.paths(stack.host.site_below_prefix)}.union(*was.owned.values())
    by_hand = was.edited or was.copies or was.files.keys() - known
    return not by_hand and all(
        entry.sha256 and not found.editable and not (found.direct_url or "").startswith("file:")
        for (found, *_), entry in zip(was.site.values(), was.entries.values(), strict=True)
    )
