"""Collects the revisions of an overlay, for ``conda overlay history``."""

from __future__ import annotations

from dataclasses import dataclass

from conda_overlay.core.errors import NoSuchRevisionError
from conda_overlay.core.models import FileChanges, Revision
from conda_overlay.filesystem.manifest import differences, take_manifest
from conda_overlay.layer.store import Store
from conda_overlay.layer.timeline import timeline_in


@dataclass(frozen=True)
class ListedRevision(Revision):
    """A revision, and what has become of it."""

    current: bool = False
    kept: bool = True
    """Whether its files are there still."""


@dataclass(frozen=True)
class History:
    """The revisions of an overlay."""

    overlay: str
    current: int | None
    """The current revision."""
    position: int | None
    """The revision that made the current state: an older one after an undo."""
    revisions: tuple[ListedRevision, ...]
    """Newest first."""
    edits: FileChanges
    """The edits by hand since the current revision."""


def history(store: Store) -> History:
    """Collect the revisions of an overlay, whose environment may be gone.

    Raises:
        StateError: the state of the overlay cannot be read.
    """
    current = store.current()
    recorded = store.manifest(current)
    by_hand = FileChanges()
    if recorded is not None:
        by_hand = differences(recorded, take_manifest(store.real, recorded))
    return History(
        str(store.overlay),
        current,
        None if current is None else timeline_in(store).position,
        tuple(_listed(store, number, current) for number in reversed(store.numbers())),
        by_hand,
    )


def revision(store: Store, number: int) -> ListedRevision:
    """Read a revision of an overlay.

    Raises:
        NoSuchRevisionError: there is no such revision.
        StateError: its record cannot be read.
    """
    if number not in store.numbers():
        raise NoSuchRevisionError(str(store.overlay), number, store.numbers())
    return _listed(store, number, store.current())


def _listed(store: Store, number: int, current: int | None) -> ListedRevision:
    revision, kept = store.revision(number), store.tree(number) is not None
    return ListedRevision(**vars(revision), current=number == current, kept=kept)
