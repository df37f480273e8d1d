"""Drops the trees of old revisions that can be reinstalled from an index; keeps their records."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

from conda_overlay.filesystem import tree
from conda_overlay.layer import checkouts
from conda_overlay.layer.shared import WEEK
from conda_overlay.layer.stack import Stack


def droppable(stack: Stack, keep: int, *, force: bool = False) -> tuple[list[int], list[int]]:
    """Find the revisions whose trees can be dropped, so that `keep` trees stay.

    Files that cannot be reinstalled stay in one tree, the newest that has them. In a layer for
    everybody, trees that were current within a week stay: programs elsewhere may run from them.

    Returns:
        These revisions, oldest first; and the old ones that stay, which are dropped only with
        `force`.
    """
    store, current = stack.store, stack.store.current()
    there = [n for n in store.numbers() if store.tree(n) is not None]
    old = [n for n in there if n != current]
    old = old[: max(0, len(old) - max(keep, 1) + 1)]
    if force:
        return old, []
    used = [n for n in old if stack.is_shared and _was_used(stack, n)]
    old = [n for n in old if n not in used]
    own = {number: _own_files(stack, number) for number in old}
    staying = [n for n in there if n not in old]
    held: set[tuple[str, str]] = set()
    kept: list[int] = []
    for number in reversed(old):
        while staying and own[number] - held:  # mostly the newest has them all
            held |= _own_files(stack, staying.pop())
        if own[number] - held or (own[number] and store.manifest(number) is None):
            kept.insert(0, number)
            held |= own[number]
    return [n for n in old if n not in kept], sorted({*kept, *used})


def drop(stack: Stack, numbers: Sequence[int]) -> None:
    """Drop the trees of revisions, and clean up after commands that were killed."""
    if stack.store.state.is_dir():
        with stack.store.lock():
            stack.store.drop_trees(numbers)
            checkouts.drop_unused(stack.store)


def bytes_freed(stack: Stack, numbers: Sequence[int]) -> int:
    """The number of bytes that dropping the trees of revisions frees."""
    return tree.weight([path for n in numbers if (path := stack.store.tree(n))])


def _was_used(stack: Stack, number: int) -> bool:
    """Whether a revision was current within a week, or may have been."""
    later = next((n for n in stack.store.numbers() if n > number), None)
    if later is None:
        return True
    try:
        ended = datetime.fromisoformat(stack.store.revision(later).time.replace("Z", "+00:00"))
    except ValueError:
        return True
    return datetime.now(timezone.utc) - ended < WEEK


def _own_files(stack: Stack, number: int) -> set[tuple[str, str]]:
    """The files of a revision that no index has, as paths and hashes: edited, local or unknown."""
    was = stack.state(number)
    own = was.edited | was.own(stack.host.site_below_prefix)
    for key, (found, *_) in was.site.items():
        entry, local = was.entries[key], (found.direct_url or "").startswith("file:")
        if not entry.sha256 or entry.editable or found.editable or local or key in was.copies:
            own |= was.owned[key]
    return {(path, was.files[path][2]) for path in own if path in was.files}
