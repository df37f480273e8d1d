"""Goes back to an earlier state, or forward again: exactly to its files, or not at all."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from conda_overlay.exceptions import CannotRestoreError, NoSuchRevisionError, OverlayError, PipError
from conda_overlay.models import Differences, Revision
from conda_overlay.operations.locked import install_exactly
from conda_overlay.operations.reapply import restore_edits
from conda_overlay.state import is_bookkeeping, is_leftover, scaffolding
from conda_overlay.timeline import timeline
from conda_overlay.tree import Manifest, differences, has_digest, remove_files, take_manifest

if TYPE_CHECKING:
    from conda_overlay.draft import Draft


def undo(draft: Draft, number: int | None = None) -> None:
    """Undo the last change, or go back to a revision.

    Args:
        draft: of the next state.
        number: of the revision; 0 is the host with nothing over it.

    Raises:
        NoSuchRevisionError: there is no such revision.
        OverlayError: there is nothing to undo.
        CannotRestoreError: its files cannot be restored.
    """
    store = draft.overlay.store
    if draft.base is None or (number is not None and number not in (0, *store.numbers())):
        raise NoSuchRevisionError(str(store.overlay), number, store.numbers())
    if number is None:
        line = timeline(store.line())
        if len(line.done) < 2:
            raise OverlayError("There is nothing to undo.", "conda overlay history")
        number = line.done[-2]
    _restore(draft, number)


def redo(draft: Draft) -> None:
    """Redo what the last undo has undone.

    Raises:
        OverlayError: nothing was undone, or something was changed since.
        CannotRestoreError: its files cannot be restored.
    """
    line = timeline(draft.overlay.store.line())
    if not line.undone:
        raise OverlayError("There is nothing to redo.", "conda overlay history")
    _restore(draft, line.undone[-1])


def _restore(draft: Draft, number: int) -> None:
    draft.restores = number
    draft.why[""] = f"back to revision {number}" if number else "back to the host"
    if not number:
        draft.start_from(None)
        draft.entries = {}
        return
    store = draft.overlay.store
    revision, recorded = store.revision(number), store.manifest(number)
    draft.start_from(store.tree(number))
    draft.entries = dict(revision.distributions)
    if faults := restore_edits(draft, revision.distributions, recorded):
        raise CannotRestoreError(number, faults)
    if recorded is None:  # its files were not recorded
        if store.tree(number) is None:
            _reinstall(draft, revision)
        return
    edits = number != draft.base and store.tree(number) is not None
    if faults := _faults(draft, recorded, edits=edits):
        _take_from_others(draft, recorded, faults)
    if _faults(draft, recorded, edits=edits):
        draft.start_from(None)
        _reinstall(draft, revision)
        edits = False
    if faults := _faults(draft, recorded, edits=edits):
        raise CannotRestoreError(number, faults)


def _faults(draft: Draft, recorded: Manifest, *, edits: bool) -> list[str]:
    """The files that differ from what was recorded, apart from pip's bookkeeping and our own.

    With `edits`, what was edited by hand stays, and only damage counts.
    """
    now = take_manifest(draft.tree, recorded, draft.overlay.watch)
    found = differences(recorded, now)
    if edits:
        found = Differences((*filter(is_leftover, found.added),), (), found.removed)
    ours = scaffolding(draft.overlay.host.site_below_prefix)
    noted = {p for p in found.all if is_bookkeeping(p) and (p in now or not p.endswith("/RECORD"))}
    return [path for path in found.all if path not in ours | noted]


def _take_from_others(draft: Draft, recorded: Manifest, faults: list[str]) -> None:
    """Restore files from the trees of other revisions, where those still have them."""
    store = draft.overlay.store
    remove_files(draft.tree, [draft.tree / path for path in faults])
    trees = [tree for number in reversed(store.numbers()) if (tree := store.tree(number))]
    for path in [path for path in recorded if not os.path.lexists(draft.tree / path)]:
        for tree in trees:
            if has_digest(tree / path, recorded[path][2]):
                (draft.tree / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(tree / path, draft.tree / path, follow_symlinks=False)
                break


def _reinstall(draft: Draft, revision: Revision) -> None:
    """Install the distributions of a revision again."""
    draft.pip.say(f"The files of revision {revision.number} are gone; installing them again.")
    try:
        install_exactly(draft, revision.distributions)
    except PipError as error:
        raise CannotRestoreError(revision.number, error.message.splitlines()[1:]) from error
