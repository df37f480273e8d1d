"""Drops the trees of old revisions, but for what no index can give again; their records stay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from conda_overlay import tree
from conda_overlay.state import scaffolding

if TYPE_CHECKING:
    from conda_overlay.overlay import Overlay


def droppable(overlay: Overlay, keep: int, *, force: bool = False) -> tuple[list[int], list[int]]:
    """The revisions whose trees may go, the oldest ones first.

    Args:
        overlay: whose revisions.
        keep: how many trees stay; that of the current revision always does.
        force: drop also what no index can give again.

    Returns:
        Those, and those that are old enough but could not be had again.
    """
    store, current = overlay.store, overlay.store.current()
    old = [n for n in store.numbers() if n != current and store.tree(n) is not None]
    old = old[: max(0, len(old) - max(keep, 1) + 1)]
    kept = [] if force else [n for n in old if not _can_be_had_again(overlay, n)]
    return [n for n in old if n not in kept], kept


def drop(overlay: Overlay, numbers: Sequence[int]) -> None:
    """Drop the trees of revisions, and tidy up after commands that were killed."""
    if overlay.store.state.is_dir():
        with overlay.store.lock():
            overlay.store.drop_trees(numbers)


def weight(overlay: Overlay, numbers: Sequence[int]) -> int:
    """The bytes that dropping the trees of revisions frees."""
    return tree.weight([path for n in numbers if (path := overlay.store.tree(n))])


def _can_be_had_again(overlay: Overlay, number: int) -> bool:
    """Whether indexes have all that is in a revision: no local source, no edit by hand."""
    entries = overlay.store.revision(number).distributions.values()
    if not all(entry.sha256 and not entry.editable for entry in entries):
        return False
    was = overlay.state(number)
    known = {*scaffolding(overlay.host.site_below_prefix)}.union(*was.owned.values())
    by_hand = was.edited or was.files.keys() - known
    return not by_hand and all(
        entry.sha256 and not found.editable and not (found.direct_url or "").startswith("file:")
        for (found, *_), entry in zip(was.site.values(), was.entries.values(), strict=True)
    )
