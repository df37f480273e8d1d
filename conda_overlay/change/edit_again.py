"""Makes recorded edits again: in another version, on another machine, or for a repair."""

from __future__ import annotations

import os
import shlex
from dataclasses import replace

from conda_overlay.change.draft import Draft
from conda_overlay.change.working_copy import WorkingCopy, copy_of, take_copy
from conda_overlay.core.errors import OverlayError
from conda_overlay.core.models import Distribution, HistoryEntry
from conda_overlay.distributions.record import owned_files
from conda_overlay.edits import git, originals, patch
from conda_overlay.filesystem.atomic import put_file
from conda_overlay.filesystem.manifest import digest


def reapply(
    draft: Draft,
    key: str,
    entry: HistoryEntry,
    old: Distribution | None = None,
    *,
    onto: bool = False,
) -> str | None:
    """Copy a distribution from the draft or from below it, and make its recorded edits.

    Args:
        draft: the draft to change.
        key: the normalized name of the distribution.
        entry: the entry with the patch.
        old: the present copy, whose edits are merged instead of the patch if it is given.
        onto: keep the edits in the draft, and add these.

    Returns:
        The version of the copy; None if the source has all the edits, so that no copy is needed.

    Raises:
        OverlayError: the edits do not apply, or there is no distribution to copy.
    """
    name = entry.name or key
    if entry.copied and not onto:
        draft.drop({key})
    if key not in draft.stack.below_view and key not in draft.installed:
        sentence = f"{name}, which was edited, is not in the host any more."
        pin = f"=={entry.version}" if entry.version else ""
        raise OverlayError(sentence, f"conda overlay install {name}{pin}", name=name)
    copy = copy_of(draft, key)
    found, what = copy.distribution, f"{name} {copy.distribution.version}"
    if not onto:
        patch.revert(found)
    if old:
        changed, faults = _merge(draft, copy, old)
    else:
        parts = patch.parts_of(found, entry.patch or "", copy.names)
        parts = git.lacking(found.site, parts, 1, reverse=False)
        changed, faults = bool(parts), git.apply_parts(found.site, parts, 1, reverse=False)
    if not changed and not faults and not onto:
        has = f"{what} has all its edits" if entry.patch else "no text was edited in it"
        draft.why[key] = f"retired: {has}"
        draft.notes.append(f"the copy of {name} retires: {has}")
        return None
    if faults:
        raise OverlayError(
            f"The recorded edits of {name} do not apply to {what}; nothing was changed.",
            *_comparison(draft, name, key, faults, old),
            name=name,
        )
    take_copy(draft, copy, again=not onto)
    there = draft.entries[key]
    since, by = (entry.since, entry.by) if entry.version == there.version else ("", "")
    given = replace(there, intent=entry.intent, until=entry.until, since=since, by=by)
    draft.entries[key] = replace(given, reason=entry.reason or there.reason)
    return found.version


def _merge(draft: Draft, copy: WorkingCopy, old: Distribution) -> tuple[bool, list[str]]:
    """Merge the edits of an old copy into a new one, file by file.

    Returns:
        Whether that changes anything; and the conflicts, line by line.
    """
    site, names = old.below, originals.files_of(old) or set()
    beside = (p.removeprefix(site) for p in draft.before.edited if p.startswith(site))
    new = [name for name in beside if originals.belongs(name, names)]
    changed, faults = False, []
    for path, before, after in patch.edits_of(old, new):
        place = copy.distribution.site / path
        there = originals.text_of(place)
        was, wanted = (None if text is None else text.encode() for text in (before, after))
        if there is None and os.path.lexists(place):
            continue  # no longer a text file in the host, so the edits are lost
        draft.kept.add(site + path)
        merged, clear = wanted, there == was
        if there is not None and was is not None and wanted is not None:
            merged = git.merge(place, was, wanted)
            clear = merged is not None
        if there == wanted or (clear and merged == there):
            continue
        changed = True
        if not clear:
            faults.append(f"{path}, which the edits and the host have changed in the same place")
        else:
            put_file(place, merged)
    return changed, faults


def _comparison(
    draft: Draft, name: str, key: str, faults: list[str], old: Distribution | None
) -> tuple[str, list[str]]:
    """The hint and the details for edits that do not apply."""
    failed = [fault.partition(",")[0] for fault in faults if "," in fault and fault[0] != " "]
    new = draft.stack.below_view.get(key)
    hint = f"conda overlay edit {name}, and make them by hand"
    if failed and old and new:
        site = draft.stack.store.overlay / old.below
        hint = shlex.join(["diff", str(site / failed[0]), str(new.site / failed[0])])
    return hint, faults


def is_outdated(copy: Distribution, below: Distribution) -> bool:
    """Whether the files below a copy have changed since it was made."""
    own = f"{copy.path.name}/"
    rows = owned_files(copy, copy.site) or {}
    made_of = {path: sha for path, sha in rows.items() if sha and not path.startswith(own)}
    return copy.version != below.version or any(
        not (below.site / path).is_file() or digest((below.site / path).resolve()) != sha
        for path, sha in made_of.items()
    )
