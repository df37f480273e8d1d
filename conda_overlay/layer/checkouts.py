"""The checkouts of editables below the state of an overlay: ``src/<draft>/<name>``.

Each draft clones into a directory of its own, so a checkout is never changed once it is made, and
earlier revisions keep their code.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

from conda_overlay.edits.checkouts import has_work
from conda_overlay.filesystem.tree import discard
from conda_overlay.layer.store import Store

BELOW = "src"


def with_work(checkouts: Sequence[Path]) -> list[Path]:
    """Those checkouts that have a user's edits, or commits that no remote has."""
    return [checkout for checkout in checkouts if has_work(checkout)]


def all_of(store: Store) -> list[Path]:
    """All checkouts of an overlay."""
    return sorted(path for path in store.state.glob(f"{BELOW}/*/*") if path.is_dir())


def unused(store: Store, going: Collection[int] = ()) -> list[Path]:
    """The checkouts that no running command has, and no revision with a tree.

    Args:
        store: the overlay.
        going: revisions whose trees are about to be dropped.

    Raises:
        StateError: a record cannot be read.
    """
    if not (found := all_of(store)):
        return []
    staying = [n for n in store.numbers() if n not in going and store.tree(n) is not None]
    entries = (entry for n in staying for entry in store.revision(n).distributions.values())
    used = {Path(entry.editable) for entry in entries if entry.editable}
    busy = {path.name for path in (store.state / "drafts").glob("*")}
    return [
        checkout
        for checkout in found
        if checkout.parent.name not in busy
        and not any(path.is_relative_to(checkout) for path in used)
    ]


def drop_unused(store: Store) -> None:
    """Remove the unused checkouts without a user's work; call this under the lock."""
    for checkout in unused(store):
        if not has_work(checkout):
            drop(checkout)


def drop(checkout: Path) -> None:
    """Remove a checkout, or all of a draft, and the directory above if nothing else is there."""
    discard(checkout)
    with suppress(OSError):
        checkout.parent.rmdir()
