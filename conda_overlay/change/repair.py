"""Restores files of the current revision that were damaged, or partly removed.

Damage is a file that is missing, or that pip has renamed, and a RECORD that has changed. All other
changed files count as edited by hand.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence

from packaging.utils import canonicalize_name

from conda_overlay.change.draft import Draft
from conda_overlay.change.restore import Restorer
from conda_overlay.core.errors import NoSuchRevisionError, NotInOverlayError
from conda_overlay.edits.originals import belongs, files_of
from conda_overlay.edits.patch import start_again
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
            raise NotInOverlayError(name, where=None, overlay=str(store.overlay))
    keys = {str(canonicalize_name(name)) for name in names}
    draft.drop(past.replaced & keys)
    if keys:
        draft.kept |= _named_edits(draft, past, keys)
        past.files.update(past.original)
    broken = {path for path in past.wanted(keys) if not past.has(path, whole=bool(keys))}
    lacking = {path for path in broken if not past.restore(path)}
    past.remove_leftovers()
    draft.look()
    lost = past.owners(lacking)
    touched = lost | past.owners(broken)
    draft.entries.update({key: past.entries[key] for key in touched})
    draft.restores = draft.base if not keys and broken <= past.recorded else None
    if lost:
        past.reinstall(lost, edited=() if keys else draft.before.edited, named=bool(keys))
    for key in keys & draft.before.copies.keys():
        if start_again(draft.installed[key][0]):  # it had recorded new or removed files
            touched.add(key)
    draft.renew_scripts()
    draft.why.update(dict.fromkeys(touched, "repaired"))
    gone = sorted(path for path in lacking if not os.path.lexists(draft.tree / path))
    draft.notes += [f"{path} is gone, and no revision has it any more." for path in gone]


def mend(draft: Draft, keys: Collection[str]) -> None:
    """Restore the damaged ones among some distributions, before pip installs into a draft.

    Those whose files are nowhere are removed, so that pip installs them again.
    """
    damaged, leftovers = draft.damaged(keys), draft.leftovers
    if not damaged and not leftovers:
        return
    if draft.base is None:
        remove_files(draft.tree, [draft.tree / path for path in leftovers])
    else:
        past = Restorer(draft, draft.base)
        whole = (damaged & past.entries.keys()) - past.replaced
        for path in past.wanted(whole) if whole else ():
            if not past.has(path, whole=False):
                past.restore(path)
        past.remove_leftovers()
    draft.look()
    gone = draft.damaged(damaged)
    draft.drop(gone)
    draft.why.update(dict.fromkeys(damaged - gone, "repaired"))
    draft.why.update(dict.fromkeys(gone, "files were missing"))


def _named_edits(draft: Draft, past: Restorer, keys: Collection[str]) -> set[str]:
    """The edited files of the named distributions: reverting these is what is requested.

    A link in the place of a directory counts if the directory had no files of others.
    """
    before, mine = draft.before, set().union(*(past.owned[key] for key in keys))
    mine |= set().union(*(before.owned.get(key, ()) for key in keys))
    others = past.files.keys() - mine

    def is_named(path: str) -> bool:
        if path in mine:
            return True
        holds, shares = (any(f.startswith(f"{path}/") for f in files) for files in (mine, others))
        return holds and not shares

    copies = [copy for key, copy in before.copies.items() if key in keys]
    names = [(copy.below, files_of(copy) or set()) for copy in copies]
    beside = {
        path
        for path in before.edited
        for below, own in names
        if path.startswith(below) and belongs(path.removeprefix(below), own)
    }
    return beside | {path for path in before.edited if is_named(path)}
