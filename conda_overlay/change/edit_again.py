"""Makes recorded edits again: in another version, on another machine, or for a repair."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from conda_overlay.change.draft import Draft
from conda_overlay.change.working_copy import WorkingCopy, copy_of, take_copy
from conda_overlay.core.errors import CannotEditAgainError, OverlayError
from conda_overlay.core.models import Distribution, HistoryEntry
from conda_overlay.distributions.dependencies import View
from conda_overlay.distributions.record import owned_files
from conda_overlay.edits import git, originals, patch, unified_diff
from conda_overlay.edits.unlisted import unlisted_files
from conda_overlay.filesystem.atomic import put_file
from conda_overlay.filesystem.manifest import digest
from conda_overlay.layer.stack import Stack
from conda_overlay.layer.state import State, is_bookkeeping, read_state

RETIRED = "retired: "
"""How the reason begins for which a copy went because the host has its edits."""


def reapply(
    draft: Draft,
    key: str,
    entry: HistoryEntry,
    old: Distribution | None = None,
    *,
    onto: bool = False,
    recorded: Collection[str] | None = None,
) -> str | None:
    """Copy a distribution from the draft or from below it, and make its recorded edits.

    Args:
        draft: the draft to change.
        key: the normalized name of the distribution.
        entry: the entry with the patch.
        old: the present copy, whose edits are merged instead of the patch if it is given.
        onto: keep the edits in the draft, and add these.
        recorded: the files of the revision that is made again: see `copy_of`.

    Returns:
        The version of the copy; None if the source has all the edits, so that no copy is needed.

    Raises:
        CannotEditAgainError: the edits do not apply.
        OverlayError: there is no distribution to copy.
    """
    name = entry.name or key
    if not old:
        lost = patch.left_out(entry.patch)
        draft.notes += [
            f"{name}: {path} was edited, which an exported file cannot contain" for path in lost
        ]
    if not entry.copied and not patch.text_in(entry.patch):
        return None  # it was installed, and no edits of it are in a patch
    if entry.copied and not onto and key in draft.stack.below_view:
        draft.drop({key})
    if key not in draft.stack.below_view and key not in draft.installed:
        what = "edited" if entry.patch else "copied"
        sentence = f"{name} was {what} and is no longer in the environment."
        pin = f"=={entry.version}" if entry.version else ""
        raise OverlayError(sentence, f"conda overlay install {name}{pin}", name=name)
    copy = copy_of(draft, key, recorded)
    found, what = copy.distribution, f"{name} {copy.distribution.version}"
    if not onto:
        patch.revert(found)
    if old:
        changed, there, faults = _merge(draft, copy, old)
        has_edits = True
        named = originals.added_files(old)
        if there:
            draft.taken_back.add(key)  # what was not recorded is in no other revision
    else:
        every = patch.parts_of(found, entry.patch or "", copy.names)
        parts = unified_diff.lacking(found.site, every, 1, reverse=False)
        has_edits, named = bool(every), [path for part in parts for path in part.paths]
        there = [f"the edits of {part.path}" for part in every if part not in parts]
        changed, faults = bool(parts), unified_diff.apply_parts(found.site, parts, 1, reverse=False)
    if faults:
        known = (where(draft.stack), _keeping(draft, old)) if old else ()
        raise CannotEditAgainError({name: found.version}, faults, *known)
    if not changed and not onto and key in draft.installed and not copy.changed:
        draft.notes += [f"{edits} retire: {what} has them" for edits in there]
        return None  # what is installed stays
    if not changed and not onto and key not in draft.installed:
        has = f"{what} has all its edits"
        if old and _is_losing(draft, key):
            has = f"{what} has its other edits" if there else "no other file of it was edited"
        elif not has_edits:
            has = _without_text(draft, key, entry)
        draft.why[key] = f"{RETIRED}{has}"
        if key not in draft.before.site:  # else the plan names it
            draft.notes.append(f"the copy of {name} retires: {has}")
        return None
    end = "are in your copy already" if onto else f"retire: {what} has them"
    draft.notes += [f"{edits} {end}" for edits in there]
    take_copy(draft, replace(copy, named=frozenset(named)), again=not onto)
    new = draft.entries[key]
    since, by = (entry.since, entry.by) if entry.version == new.version else ("", "")
    given = replace(new, intent=entry.intent, until=entry.until, since=since, by=by)
    draft.entries[key] = replace(given, reason=entry.reason or new.reason)
    return found.version


def _without_text(draft: Draft, key: str, entry: HistoryEntry) -> str:
    """Say that an entry has no edits that can be made again; another copy may be there now."""
    if key in draft.before.copies and draft.before.entries[key] != entry:
        return f"the file has no edits of {'its text' if entry.patch else 'it'}"
    return "no text of it was edited"


def _is_losing(draft: Draft, key: str) -> bool:
    """Whether edits of a copy are lost with it: those of programs and of data."""
    mine = draft.before.owned.get(key, frozenset()) & draft.before.edited
    return any(not is_bookkeeping(path) for path in mine - draft.kept)


def _keeping(draft: Draft, copy: Distribution) -> tuple[str, ...]:
    """The command that keeps the edits of a copy that no revision can bring back, if there are any.

    A revision for another Python can neither be recorded nor brought back.
    """
    if draft.stack.is_stale():
        return "export", "-f", "edits.patch"
    mine = draft.before.owned.get(copy.key, frozenset())
    return ("record",) if mine & {*draft.by_hand.all} else ()


def _merge(draft: Draft, copy: WorkingCopy, old: Distribution) -> tuple[bool, list[str], list[str]]:
    """Merge the edits of an old copy into a new one, file by file.

    Returns:
        Whether that changes anything; the edits that the new one has itself; and the conflicts,
        line by line.
    """
    site, whole = old.below, draft.before
    if old.key not in whole.copies:  # it was built for another Python
        whole = read_state(old.prefix, Path(site), {}, whole.files)
    mine = {path.removeprefix(site) for path in whole.owned[old.key] & draft.before.edited}
    new = {name for name in mine if originals.belongs(name, mine)}
    changed, retired, faults = False, [], []
    for path, sha256 in originals.removed_files(old).items():
        place = copy.distribution.site / path
        draft.kept.add(os.path.normpath(site + path))
        if not os.path.lexists(place):
            retired.append(f"the removal of {path}")
        elif digest(place) == sha256:
            place.unlink()
            changed = True
        else:
            faults.append(f"{path}, which was removed, and which the environment has changed")
    for path, before, after in patch.edits_of(old, new):
        place = copy.distribution.site / path
        if after is not None and (blocking := _file_above(copy.distribution.site, path)):
            faults.append(f"{path}, as {blocking} is a file in the environment now")
            continue
        there = originals.text_of(place)
        was, wanted = (None if text is None else text.encode() for text in (before, after))
        if there is None and os.path.lexists(place):
            continue  # no longer a text file in the host, so the edits are lost
        draft.kept.add(site + path)
        merged, clear = wanted, there == was
        conflicts: list[tuple[str, str]] = []
        if there is not None and was is not None and wanted is not None:
            merged, conflicts = git.merge(place, was, wanted)
            clear = merged is not None
            faults += [line for sides in conflicts for line in _conflict(path, *sides)]
        if there == wanted or (clear and merged == there):
            retired.append(f"the edits of {path}")
            draft.retired.add(site + path)
            continue
        changed = True
        if clear:
            if _has_part(there, merged, before, after):
                retired.append(f"some edits of {path}")
                draft.retired.add(site + path)
            put_file(place, merged)
            if there is None and merged is not None:
                shutil.copymode(old.site / path, place)
        elif not conflicts:
            faults.append(f"{path}, which the edits and the environment have both changed")
    return changed, retired, faults


def _file_above(site: Path, path: str) -> str | None:
    """The file that is in the place of a directory of a path, if there is one."""
    above = [str(parent) for parent in Path(path).parents]
    return next((name for name in above if (site / name).is_file()), None)


def _has_part(there: bytes | None, merged: bytes | None, *edit: str | None) -> bool:
    """Whether fewer lines change in the new version than the edit has changed in the old one."""
    now = (None if text is None else text.decode() for text in (there, merged))
    return sum(patch.lines_changed(*now)) < sum(patch.lines_changed(*edit))


def _conflict(path: str, there: str, wanted: str) -> Sequence[str]:
    """Describe a place that the edits and the host have both changed."""
    mine, other = (text.splitlines() or ["(no line)"] for text in (wanted, there))
    ends = there and wanted and ("\r\n" in there) != ("\r\n" in wanted)
    return [
        f"{path}: your edits have",
        *(f"    {line}" for line in mine),
        "where the environment has" + (", with other line ends," if ends else ""),
        *(f"    {line}" for line in other),
    ]


def is_outdated(copy: Distribution, below: Distribution) -> bool:
    """Whether the files below a copy have changed since it was made, or it hides new ones."""
    rows = owned_files(copy, copy.site) or {}
    if _has_other_originals(copy, below, rows):
        return True
    known = originals.original_hashes(copy)  # also of what was deleted from the copy
    return bool(known and unlisted_files(below, {*known, *rows}))


def _has_other_originals(
    copy: Distribution, below: Distribution, rows: Mapping[str, str | None]
) -> bool:
    """Whether a file of which a copy was made has changed, or is gone, given its RECORD."""
    own = f"{copy.path.name}/"
    made_of = {path: sha for path, sha in rows.items() if sha and not path.startswith(own)}
    return copy.version != below.version or any(
        not (below.site / path).is_file() or digest((below.site / path).resolve()) != sha
        for path, sha in made_of.items()
    )


def where(stack: Stack) -> list[str]:
    """The options that name the writable overlay of a stack."""
    words = ["-p", str(stack.host.prefix)]
    if stack.layer is not None:
        words += ["--layer", stack.label_of(stack.store.overlay) or str(stack.layer)]
    return words


def outdated_copies(stack: Stack) -> dict[str, str]:
    """The copies whose files below have changed since they were made: each name, and the command.

    Their recorded edits are not relative to the files that are below now.
    """
    if stack.is_stale() or not stack.store.exists:
        return {}
    command = ["conda", "overlay", "rebase", *where(stack)]
    pairs = copies_over(stack.below_view, stack.state())
    rows = ((copy, its, owned_files(copy, copy.site) or {}) for copy, its in pairs)
    return {one[0].name: shlex.join(command) for one in rows if _has_other_originals(*one)}


def copies_over(below: View, state: State) -> Iterator[tuple[Distribution, Distribution]]:
    """The copies of an overlay that were made from below it, each with what is there now."""
    for key, copy in state.copies.items():
        if state.entries[key].copied and key in below:
            yield copy, below[key]
