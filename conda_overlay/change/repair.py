"""Restores files of the current revision that were damaged, or partly removed.

Damage is a file that is missing, or that pip has renamed, and a RECORD that has changed. All other
changed files count as edited by hand.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import replace
from os.path import normpath

from packaging.utils import canonicalize_name

from conda_overlay.change.draft import Draft
from conda_overlay.change.restore import Restorer
from conda_overlay.core.errors import NoSuchRevisionError, NotInOverlayError
from conda_overlay.distributions.record import read_record
from conda_overlay.edits.originals import added_files, note_files, removed_files
from conda_overlay.edits.patch import edits_of, start_again
from conda_overlay.filesystem.tree import remove_files


def repair(draft: Draft, names: Sequence[str] = ()) -> None:
    """Restore missing files: the same files from any revision, else by reinstalling.

    Args:
        draft: the draft to change.
        names: the distributions to repair, whose edits by hand are reverted as well; if empty, all
            distributions are repaired and keep their edits.

    Raises:
        NoSuchRevisionError: the overlay has no history.
        NotInOverlayError: the current revision has no such distribution.
        CannotRestoreError: pip installs files that differ from the recorded ones.
        OverlayError: a directory is in the place of a file.
        PipError: pip failed.
    """
    store = draft.stack.store
    if draft.base is None:
        raise NoSuchRevisionError(str(store.overlay), None, [])
    draft.stack.check_not_stale()
    past = Restorer(draft, draft.base)
    for name in names:
        if canonicalize_name(name) not in past.entries:
            mine = str(store.overlay)
            raise NotInOverlayError(name, where=None, overlay=mine, names=past.entries)
    keys = {str(canonicalize_name(name)) for name in names}
    draft.drop(past.replaced & keys)
    if keys:
        draft.kept |= _named_edits(draft, past, keys)
        draft.taken_back = keys & draft.before.copies.keys()
        named = {*draft.kept}
        for key in draft.taken_back:
            copy = draft.before.copies[key]
            removed = {normpath(copy.below + p): sha for p, sha in removed_files(copy).items()}
            past.original.update(removed)
            past.owned[key].update(removed)
            added = {normpath(copy.below + path) for path in added_files(copy)} - {*past.original}
            remove_files(draft.tree, [draft.tree / path for path in added])  # see `start_again`
            past.owned[key] -= added
            named |= {*removed, *(normpath(copy.below + edit.path) for edit in edits_of(copy))}
        past.files.update(past.original)
        if named:
            draft.notes.append(f"edits that this takes back: {', '.join(sorted(named))}")
    draft.kept |= set().union(*draft.before.deleted.values())  # to restore these is requested
    broken, lacking = past.restore_all(past.wanted(keys), whole=bool(keys))
    lost = past.owners(lacking)
    touched = lost | past.owners(broken)
    draft.entries.update({key: past.entries[key] for key in touched})
    alone = not keys and broken <= past.recorded and not _edits_of_copies(draft, broken)
    draft.restores = draft.base if alone else None
    if lost:
        past.reinstall(lost, edited=() if keys else draft.before.edited, named=bool(keys))
    for key in draft.taken_back:
        copy = draft.installed[key][0]
        new = (path.removeprefix(copy.below) for path in draft.before.new.get(key, ()))
        if back := {*removed_files(draft.before.copies[key]), *new}:
            note_files(copy, {*back, *(name for name, *_ in read_record(copy.path) or ())})
        if start_again(copy):  # it had new or removed files
            touched.add(key)
    for key in draft.taken_back & touched:
        if past.entries[key].copied and past.entries[key].patch:  # the reason was that of the edits
            draft.entries[key] = replace(past.entries[key], reason=None)
    draft.renew_scripts()
    draft.why.update(dict.fromkeys(touched, "repaired"))
    gone = sorted(path for path in lacking if not os.path.lexists(draft.tree / path))
    draft.notes += [f"{path} is gone, and no revision has it any more." for path in gone]


def _edits_of_copies(draft: Draft, broken: Collection[str]) -> set[str]:
    """The unrecorded edits of copies, which the revision before is brought back from."""
    before = draft.before
    mine = set().union(*(before.owned[key] for key in before.copies), draft.by_hand.added)
    return (mine & {*draft.by_hand.all} if before.copies else set()) - {*broken}


def mend(draft: Draft, keys: Collection[str], replaced: Collection[str] = ()) -> set[str]:
    """Restore the damaged ones among some distributions, before pip installs into a draft.

    Copies stay as they are: a file that was removed may be an edit.

    Args:
        draft: the draft to change.
        keys: the normalized names of the distributions.
        replaced: those that pip may replace, if their files are nowhere.

    Returns:
        The names of the damaged ones.

    Raises:
        CannotRestoreError: pip installs files that differ from the recorded ones.
        PipError: pip cannot install again what is nowhere.
    """
    damaged = draft.damaged(keys)
    if not damaged:
        return damaged
    draft.why.update(dict.fromkeys(damaged, "files were missing"))
    if draft.base is not None:
        past = Restorer(draft, draft.base)
        ours = (damaged & past.entries.keys()) - past.replaced
        _, lacking = past.restore_all(past.owned_by(ours), whole=False)
        lost = (past.owners(lacking) & ours) | (ours - draft.index.site.keys())
        if again := lost - {*replaced}:
            past.reinstall(again, edited=draft.before.edited)
        draft.entries.update({key: past.entries[key] for key in ours})
        whole = ours - (lost & {*replaced})
        draft.why.update(dict.fromkeys(whole, "repaired"))
        remove_files(draft.tree, [draft.tree / path for path in past.owned_by(ours - whole)])
        draft.look()
        draft.drop(damaged - ours)
    else:
        draft.drop(damaged)
    return damaged


def _named_edits(draft: Draft, past: Restorer, keys: Collection[str]) -> set[str]:
    """The edited files of the named distributions: reverting these is what is requested.

    A link in the place of a directory counts if the directory had no files of others.
    """
    before, mine = draft.before, past.owned_by(keys)
    mine |= set().union(*(before.owned.get(key, ()) for key in keys))
    others = past.files.keys() - mine

    def is_named(path: str) -> bool:
        if path in mine:
            return True
        holds, shares = (any(f.startswith(f"{path}/") for f in files) for files in (mine, others))
        return holds and not shares

    return {path for path in before.edited if is_named(path)}
