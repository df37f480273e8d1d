"""Collects the revisions of an overlay, for ``conda overlay history``."""

from __future__ import annotations

from dataclasses import dataclass

from conda_overlay.core.errors import NoSuchRevisionError
from conda_overlay.core.models import FileChanges, Revision
from conda_overlay.filesystem.manifest import differences
from conda_overlay.layer.stack import Stack
from conda_overlay.layer.store import Store
from conda_overlay.layer.timeline import timeline_of


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


def history(stack: Stack) -> History:
    """Collect the revisions of the writable layer.

    Raises:
        StateError: the state of the overlay cannot be read.
    """
    store = stack.store
    current = store.current()
    recorded = store.manifest(current)
    by_hand = FileChanges() if recorded is None else differences(recorded, stack.state().files)
    return History(
        str(store.overlay),
        current,
        None if current is None else timeline_of(store.steps()).position,
        tuple(_listed(store, number, current) for number in reversed(store.numbers())),
        by_hand,
    )


def revision(stack: Stack, number: int) -> ListedRevision:
    """Read a revision of the writable layer.

    Raises:
        NoSuchRevisionError: there is no such revision.
        StateError: its record cannot be read.
    """
    store, numbers = stack.store, stack.store.numbers()
    if number not in numbers:
        raise NoSuchRevisionError(str(store.overlay), number, numbers)
    return _listed(store, number, store.current())


def _listed(store: Store, number: int, current: int | None) -> ListedRevision:
    revision, kept = store.revision(number), store.tree(number) is not None
    return ListedRevision(**vars(revision), current=number == current, kept=kept)
