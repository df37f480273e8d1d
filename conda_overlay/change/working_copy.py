"""Copies of distributions for editing: made in a scratch directory, then moved to a draft."""

from __future__ import annotations

import os
import shlex
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from stat import S_IMODE, S_IRUSR, S_IWUSR

from conda_overlay.change.draft import Draft
from conda_overlay.core.errors import OverlayError
from conda_overlay.core.models import COPIED, EDITED, UNEDITED, Distribution, HistoryEntry
from conda_overlay.core.request import named_as
from conda_overlay.core.text import all_reasons, few
from conda_overlay.distributions.record import differing, owned_files
from conda_overlay.distributions.site import read_distribution
from conda_overlay.edits import originals, patch
from conda_overlay.edits.originals import belongs, is_temporary
from conda_overlay.edits.unlisted import unlisted_files
from conda_overlay.filesystem.manifest import Manifest, differences, is_there, take_manifest
from conda_overlay.filesystem.tree import copy_files, without_links
from conda_overlay.formats.document import default_intent
from conda_overlay.layer.state import is_bookkeeping


@dataclass(frozen=True)
class WorkingCopy:
    """A copy of a distribution in a scratch directory, before it is moved to a draft."""

    root: Path
    distribution: Distribution
    names: frozenset[str]  # the copied files, relative to its site-packages
    before: Manifest  # of the directory right after copying
    named: frozenset[str] = frozenset()  # files of a patch, which are part of it by any name
    unlisted: frozenset[str] = frozenset()  # those of its files that no package below lists

    def original(self, name: str) -> str | None:
        """The sha256 of a file when it was copied; None if it was not there."""
        known = self.before.get(os.path.normpath(self.distribution.below + name))
        return known[2] if known else None

    @property
    def changed(self) -> set[str]:
        """Its files that were changed, added or removed since it was copied."""
        found = differences(self.before, take_manifest(self.root, self.before)).all
        return {name for name in self._names(found) if self._has(name)}

    def tidy(self) -> set[str]:
        """Remove the files that do not belong to it, and update RECORD.

        Returns:
            The removed files, except for temporary files of editors.
        """
        there = self._names(take_manifest(self.root, self.before))
        files = {name for name in there if self._has(name)}
        for name in there - files:
            (self.distribution.site / name).unlink()
        originals.note_files(self.distribution, files)
        return {name for name in there - files if not is_temporary(name)}

    def _has(self, name: str) -> bool:
        return name in self.names | self.named or belongs(name, self.names)

    def _names(self, paths: Iterable[str]) -> set[str]:
        return {os.path.relpath(self.root / path, self.distribution.site) for path in paths}


def copy_of(draft: Draft, key: str, recorded: Collection[str] | None = None) -> WorkingCopy:
    """Copy a distribution, from the draft or from below it, to a directory for editing.

    Args:
        draft: the draft that gets the copy.
        key: the normalized name of the distribution.
        recorded: the files of the revision that is made again, which had others of those that no
            package lists; None: a new copy, which takes all of them.

    Raises:
        OverlayError: it is an editable install, or its files are not recorded anywhere.
    """
    mine = next(iter(draft.installed.get(key, ())), None)
    found = mine or draft.stack.below_view[key]
    if found.editable:
        sentence = f"{found.name} is an editable install: edit it in {found.editable}."
        raise OverlayError(sentence, shlex.join(["cd", found.editable]), name=found.name)
    files = originals.files_of(found)
    entry = draft.entries.get(key)
    if mine and files is None and entry and entry.patch is not None:
        raise _damaged(mine, "RECORD")
    if files is None:
        raise OverlayError(
            f"{found.name} {found.version} has no RECORD, and no conda package lists its files.",
            f"conda overlay install -I --no-deps {found.name}=={found.version}, and edit that",
            name=found.name,
        )
    unlisted: set[str] = set()
    if mine:  # its data files are nowhere else
        owned = owned_files(mine, mine.prefix) or ()
        files |= {os.path.relpath(path, mine.below) for path in owned if path[-4:] != ".pyc"}
    else:
        files |= draft.stack.new_files(found)
        unlisted = unlisted_files(found, files)
        if recorded is not None:
            unlisted = {name for name in unlisted if found.below + name in recorded}
        files |= unlisted
        _check_links(found, files)
    root = draft.new_scratch() / "copy"
    site = root / draft.stack.host.site_below_prefix
    site.mkdir(parents=True)
    again = mine is not None and originals.load_originals(mine) is not None
    if mine and not again and f"{found.path.name}/{originals.ORIGINALS}" in files:
        raise _damaged(mine, originals.ORIGINALS)
    left_out = () if again else ("direct_url.json", "RECORD", "REQUESTED", originals.ORIGINALS)
    unwanted = {f"{found.path.name}/{name}" for name in left_out}
    names = {n for n in files if n not in unwanted and (found.site / n).is_file()}
    if again:  # links in a copy are the user's, and stay
        paths = {os.path.normpath(found.below + n): n for n in files - unwanted}
        own = without_links(found.prefix, paths)
        names = {n for path, n in paths.items() if path in own and is_there(found.site / n)}
    copy_files(found.site, site, names, follow=not again)
    for place in (site / name for name in names):
        if not place.is_symlink():
            os.chmod(place, S_IMODE(place.stat().st_mode) | S_IRUSR | S_IWUSR)
    info = site / found.path.name
    if info.is_file():  # an .egg-info file of distutils
        names.remove(info.name)
        old, info = info, site / f"{found.name}-{found.version}.dist-info"
        info.mkdir()
        names.add(os.path.relpath(old.rename(info / "METADATA"), site))
    copy = read_distribution(info)
    assert copy is not None
    known = draft.before.files
    if not again:
        draft.start_with_own_interpreter(root)
        if edits := _edited_before(draft, mine):
            what = f"no patch has the edits of {few(sorted(edits))} from before it was copied"
            draft.notes.append(f"{found.name}: {what}")
        hashed = originals.keep_originals(copy, names, edits).items()
        known = {os.path.relpath(os.path.normpath(site / n), root): info for n, info in hashed}
    before = take_manifest(root, known)
    names = {os.path.relpath(root / path, site) for path in before}
    return WorkingCopy(root, copy, frozenset(names), before, unlisted=frozenset(unlisted))


def _check_links(found: Distribution, names: Iterable[str]) -> None:
    """Refuse to copy what only the user can read, and somebody else's package links to.

    Raises:
        OverlayError: a file belongs neither to the owner of the package nor to root.
    """
    site, owners = os.path.realpath(found.site), {0, found.path.stat().st_uid}
    for place in (os.path.join(site, name) for name in sorted(names)):
        foreign = os.path.isfile(place) and os.stat(place).st_uid not in owners
        if foreign and (real := os.path.realpath(place)) != os.path.normpath(place):
            sentence = f"{found.name} links to {real}, which another user owns."
            raise OverlayError(sentence, shlex.join(["ls", "-ld", place, real]), path=place)


def _damaged(copy: Distribution, name: str) -> OverlayError:
    """The error for a copy that lacks a file of ours, or has another in its place."""
    sentence = f"{copy.name} lacks {copy.path.name}/{name} as it was, so its edits are unknown."
    return OverlayError(sentence, "conda overlay repair, which keeps the edits", name=copy.name)


def _edited_before(draft: Draft, mine: Distribution | None) -> dict[str, str]:
    """The files of an installed distribution that were edited, and their sha256 before that."""
    if mine is None:
        return {}
    changed = differing(owned_files(mine, mine.prefix) or {}, draft.files)
    return {
        os.path.relpath(path, mine.below): sha
        for path, sha in changed.items()
        if sha and not is_bookkeeping(path)
    }


def take_copy(draft: Draft, copy: WorkingCopy, *, again: bool = False) -> None:
    """Move a copy, as it is now, to a draft.

    Args:
        draft: the draft to change.
        copy: of a distribution in the draft, or below it.
        again: whether recorded edits were made again, so that others in the draft may be lost.
    """
    found, changed = copy.distribution, copy.changed
    if stray := copy.tidy():
        draft.notes.append(f"no part of {found.name}, so left out: {few(sorted(stray))}")
    if new := {n for n in copy.unlisted if found.below + n not in draft.before.files}:
        what = f"copied along with {found.name}, though no package lists"
        which = "it" if len(new) == 1 else f"these {len(new)} files"
        draft.notes.append(f"{what} {which}: {few(sorted(new))}")
    here = found.key in draft.installed
    entry = (
        draft.entries[found.key] if here else HistoryEntry(found.version, found.name, copied=True)
    )
    source = entry.requirement if entry.is_direct else None
    named = named_as(found.name, entry.requirement)
    usual = default_intent(entry.requirement or found.name)
    if not again and here:  # else what is there is no part of it
        site = draft.stack.host.site_below_prefix
        draft.kept |= {os.path.normpath(site / name) for name in copy.names}
        draft.kept |= draft.before.deleted.get(found.key, set())
    draft.take(copy.root, found.key, copy.before)
    draft.entries[found.key] = replace(
        entry,
        requested=True,
        requirement=source or f"{named}=={found.version}",
        intent="hold" if entry.intent == usual else entry.intent,  # else the user gave it
        reason=reasons(draft, entry),
    )
    draft.why[found.key] = edited(draft, found.key, changed)


def edited(draft: Draft, key: str, changed: Collection[str]) -> str:
    """Describe the edits of a distribution in a draft, given its files that have just changed."""
    if found := edits_in(draft, key):
        return f"{EDITED}: {', '.join(found)}"
    return UNEDITED if changed else COPIED


def edits_in(draft: Draft, key: str) -> list[str]:
    """Summarize all edits of a distribution in a draft, as the history will have them."""
    now = draft.state_now()
    found, unsaid = now.site[key][0], patch.left_out(now.entries[key].patch)
    return patch.summary(found, unsaid, (p.removeprefix(found.below) for p in now.new.get(key, ())))


def reasons(draft: Draft, entry: HistoryEntry) -> str | None:
    """The reasons of all edits so far."""
    return all_reasons(entry.reason, draft.reason)
