"""Goes back to an earlier state, or forward again: to exactly its files, or not at all."""

from __future__ import annotations

import os
from collections.abc import Collection

from conda_overlay.change.draft import Draft
from conda_overlay.change.install_exactly import install_exactly
from conda_overlay.change.restore import Restorer, check_editables
from conda_overlay.core.errors import (
    CannotRestoreError,
    NoSuchRevisionError,
    OverlayError,
    PipError,
)
from conda_overlay.core.models import Revision
from conda_overlay.core.text import few
from conda_overlay.distributions.record import owned_files
from conda_overlay.edits.originals import original_hashes
from conda_overlay.edits.patch import restore
from conda_overlay.filesystem.manifest import Manifest, differences
from conda_overlay.filesystem.tree import remove_files
from conda_overlay.layer import scaffolding
from conda_overlay.layer.state import is_bookkeeping, is_leftover
from conda_overlay.layer.timeline import timeline


def undo(draft: Draft, number: int | None = None) -> None:
    """Undo the last change, or go back to a revision.

    Args:
        draft: the draft to change.
        number: of the revision; 0 is the host alone; None: the state before the last change.

    Raises:
        NoSuchRevisionError: there is no such revision.
        OverlayError: there is nothing to undo, or it was built for another Python.
        CannotRestoreError: its files cannot be restored.
    """
    store = draft.stack.store
    by_hand = draft.base is None and store.exists  # its earlier state is the host
    known = number is None or number in (0, *store.numbers())
    if by_hand and number != 0 and known:
        sentence = f"{store.overlay} was made by hand: no revision has what is there."
        raise OverlayError(sentence, "conda overlay install NAME, which makes it a revision first")
    if not known or (draft.base is None and not by_hand):
        raise NoSuchRevisionError(str(store.overlay), number, store.numbers())
    if number is None:
        line = timeline(store.line())
        if len(line.done) < 2:
            hint = "conda overlay redo" if line.undone else "conda overlay history"
            raise OverlayError("There is nothing to undo.", hint)
        number = line.done[-2]
    _restore(draft, number)


def redo(draft: Draft) -> None:
    """Redo the change that the last undo reverted.

    Raises:
        OverlayError: nothing was undone, or something was changed since.
        CannotRestoreError: its files cannot be restored.
    """
    line = timeline(draft.stack.store.line())
    if not line.undone:
        raise OverlayError("There is nothing to redo.", "conda overlay history")
    _restore(draft, line.undone[-1])


def _restore(draft: Draft, number: int) -> None:
    draft.restores = number
    if number:
        draft.stack.check_not_stale(number)
        _restore_files(draft, number)
        draft.renew_scripts()
    else:
        draft.start_from(None)
        draft.entries = {}
    draft.why = {"": f"back to revision {number}" if number else "back to the environment"}


def _restore_files(draft: Draft, number: int) -> None:
    store = draft.stack.store
    revision, recorded = store.revision(number), store.manifest(number)
    draft.start_from(store.tree(number), recorded)
    draft.entries = dict(revision.distributions)
    patches = {key: entry.patch for key, entry in draft.entries.items() if entry.patch is not None}
    if copies := {key: found[0] for key, found in draft.installed.items() if key in patches}:
        if faults := restore(copies, patches, recorded):
            raise CannotRestoreError(number, faults)
        draft.look()
    if recorded is None:  # its files were not recorded
        if store.tree(number) is None:
            _reinstall(draft, revision)
        return
    by_hand = _edited_then(draft, number) if store.tree(number) else set()
    by_hand -= _put_back(draft, number, recorded, by_hand & recorded.keys())
    if faults := _faults(draft, recorded, by_hand):
        _restore_exactly(draft, number, faults, by_hand)
        draft.look()
        if faults := _faults(draft, recorded, by_hand):
            raise CannotRestoreError(number, faults)


def _put_back(draft: Draft, number: int, recorded: Manifest, edited: Collection[str]) -> set[str]:
    """Restore the files of copies whose edits, which no patch says, are in the next revision.

    Args:
        draft: with the tree of a revision, in which they were made.
        number: of that revision.
        recorded: its manifest.
        edited: the files that were edited there.

    Returns:
        The restored files.
    """
    copies = [one for many in draft.installed.values() for one in many if original_hashes(one)]
    owned = set().union(*(owned_files(copy, draft.tree) or () for copy in copies))
    changed = {p for p in owned.intersection(edited) if p in draft.files}
    changed = {p for p in changed if _sha256(draft.files, p) != _sha256(recorded, p)}
    if not changed:
        return set()
    past = Restorer(draft, number)
    back = {p for p in _recorded_since(draft, past, number, changed) if past.restore(p)}
    draft.look()
    return back


def _restore_exactly(
    draft: Draft, number: int, faults: Collection[str], by_hand: Collection[str]
) -> None:
    """Restore files that differ from the recorded ones, and remove those that were not there."""
    past, there = Restorer(draft, number), draft.tree.joinpath
    damaged = {*faults} - _recorded_since(draft, past, number, faults)
    if damaged and number != draft.base and draft.stack.store.tree(number):
        back, new = sorted(damaged & past.recorded), sorted(damaged - past.recorded)
        notes = {"restored": back, "removed, as it never had them": new}
        for what, paths in notes.items():
            draft.notes += [f"revision {number} was damaged; {what}: {few(paths)}"] * bool(paths)
    remove_files(draft.tree, [there(p) for p in faults if p not in past.recorded])
    wanted = (p for p in past.recorded if p in faults or not os.path.lexists(there(p)))
    gone = {path for path in wanted if not past.restore(path)}
    past.remove_leftovers(past.recorded)
    remove_files(draft.tree, [there(p) for p in gone.intersection(faults)])
    if lost := past.owners(gone.intersection(faults)):
        draft.pip.say(f"Some files of revision {number} are gone; installing them again.")
        try:
            past.reinstall(lost, {p for p in by_hand if p in draft.files and not is_bookkeeping(p)})
        except PipError as error:
            raise CannotRestoreError(number, error.message.splitlines()[1:]) from error


def _recorded_since(draft: Draft, past: Restorer, number: int, faults: Collection[str]) -> set[str]:
    """The files that were edited in place in a revision, which `record` has made the next one."""
    found: set[str] = set()
    for child in _children(draft, number):
        later, new = draft.stack.store.manifest(child.number) or {}, child.distributions
        old = {key: entry.version for key, entry in past.entries.items()}
        moved = [key for key in past.owned if key not in new or new[key].version != old[key]]
        rest = {*faults}.difference(*map(past.owned.__getitem__, moved))
        found |= {p for p in rest if _sha256(draft.files, p) == _sha256(later, p)}
    return found


def _sha256(files: Manifest, path: str) -> str | None:
    return files[path][2] if path in files else None


def _children(draft: Draft, number: int) -> list[Revision]:
    return [one for one in draft.stack.store.line() if one.parent == number]


def _edited_then(draft: Draft, number: int) -> set[str]:
    """The files of an earlier revision that were edited by hand while it was current.

    Revisions can share files (hard links), so a file that was edited at another time may differ as
    well; that edit does not belong to this revision.
    """
    return {path for child in _children(draft, number) for path in child.edits.all}


def _faults(draft: Draft, recorded: Manifest, by_hand: Collection[str]) -> list[str]:
    """The files that differ from the recorded ones, except for pip's bookkeeping and our own files.

    Bookkeeping that RECORD has may not be missing either: a plan is checked for it.
    Files that were edited by hand may differ, unless they are missing or renamed by pip.
    """
    now, found = draft.files, differences(recorded, draft.files)
    kept = {p for p in by_hand if p in now and not is_leftover(p)}
    kept |= {p for p in by_hand if any(k.startswith(f"{p}/") for k in kept)}  # now a directory
    ours = kept | scaffolding.paths(draft.stack.host.site_below_prefix)
    listed = draft.index.owners
    needed = {p for p in found.removed if p.endswith("/RECORD") or p in listed}
    noted = {p for p in found.all if is_bookkeeping(p)} - needed
    return [path for path in found.all if path not in ours | noted]


def _reinstall(draft: Draft, revision: Revision) -> None:
    """Reinstall the distributions of a revision."""
    check_editables(draft, revision.number, revision.distributions)
    draft.pip.say(f"The files of revision {revision.number} are gone; installing them again.")
    try:
        install_exactly(draft, revision.distributions)
    except PipError as error:
        raise CannotRestoreError(revision.number, error.message.splitlines()[1:]) from error
