"""Makes recorded edits again: in another version, on another machine, or in an older revision."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from conda_overlay import edits, git
from conda_overlay.distributions import owned_files
from conda_overlay.exceptions import OverlayError
from conda_overlay.models import Distribution, Entry
from conda_overlay.operations.copies import copy_of, take
from conda_overlay.tree import digest

if TYPE_CHECKING:
    from conda_overlay.draft import Draft


def restore_edits(draft: Draft, entries: Mapping[str, Entry]) -> list[str]:
    """Make the copies in a draft what the history says: files were edited in place since.

    Returns:
        What cannot be restored, line by line.
    """
    faults = []
    for key, (found, *_) in draft.installed.items():
        recorded = entries[key].patch if key in entries else None
        if recorded is not None and edits.patch_of(found) != _without_comments(recorded):
            edits.revert(found)
            names = edits.files_of(found, found.site.parents[2]) or set()
            faults += git.apply(found.site, parts_of(found, recorded, names), 1, reverse=False)
    return faults


def reapply(
    draft: Draft,
    key: str,
    entry: Entry,
    old: Distribution | None = None,
    *,
    onto: bool = False,
) -> str | None:
    """Copy what a draft or the host has now of a distribution, and edit it as was recorded.

    Args:
        draft: of the next state.
        key: the normalized name of the distribution.
        entry: has the patch.
        old: the copy so far, whose edits these are.
        onto: make these edits beside those that the draft has.

    Returns:
        The version of the copy; None if that has all edits already, so that none is needed.

    Raises:
        OverlayError: the edits do not apply, or there is nothing to copy.
    """
    name = entry.name or key
    if entry.copied and not onto:
        draft.drop({key})
    if key not in draft.overlay.below_view and key not in draft.installed:
        sentence = f"{name}, which was edited, is not in the host any more."
        raise OverlayError(sentence, f"conda overlay install {name}=={entry.version}", name=name)
    copy = copy_of(draft, key)
    found, what = copy.distribution, f"{name} {copy.distribution.version}"
    if not onto:
        edits.revert(found)
    parts = parts_of(found, entry.patch or "", copy.names)
    if old:
        site = old.site.relative_to(old.site.parents[2])
        draft.kept |= {str(site / part.path) for part in parts}
    parts = git.lacking(found.site, parts, 1, reverse=False)
    if not parts and not onto:
        has = "has all its edits" if entry.patch else "no edits were made"
        draft.why[key] = f"retired: {what} {has}"
        draft.notes.append(f"the copy of {name} {entry.version} retires: {what} {has}")
        return None
    if faults := git.apply(found.site, parts, 1, reverse=False):
        raise OverlayError(
            f"The recorded edits of {name} do not apply to {what}; nothing was changed.",
            *_comparison(draft, name, key, faults, old),
            name=name,
        )
    take(draft, copy, again=True)
    there = draft.entries[key]
    since, by = (entry.since, entry.by) if entry.version == there.version else ("", "")
    given = replace(there, intent=entry.intent, until=entry.until, since=since, by=by)
    draft.entries[key] = replace(given, reason=entry.reason or there.reason)
    return found.version


def parts_of(copy: Distribution, patch: str, names: Collection[str]) -> list[git.Part]:
    """The parts of a recorded patch, which changes the files of the copy alone.

    Raises:
        OverlayError: it changes others.
    """
    text = _without_comments(patch).encode()
    fit = git.fit(text, lambda path: edits.belongs(path, names), 1) if text else None
    if fit and fit.outside:
        sentence = f"The edits of {copy.name} change files that are not its own."
        raise OverlayError(sentence, None, fit.outside, name=copy.name)
    return fit.inside if fit else []


def _without_comments(patch: str) -> str:
    return patch[: patch.find(edits.NO_TEXT)] if edits.NO_TEXT in patch else patch


def _comparison(
    draft: Draft, name: str, key: str, faults: list[str], old: Distribution | None
) -> tuple[str, list[str]]:
    """The hint, and the details, of edits that do not apply."""
    failed = [fault.partition(",")[0] for fault in faults if "the patch expects" in fault]
    new = draft.overlay.below_view.get(key)
    hint = f"conda overlay edit {name}, and make them by hand"
    if failed and old and new:
        site = draft.overlay.store.overlay / old.site.relative_to(old.site.parents[2])
        hint = shlex.join(["diff", str(site / failed[0]), str(new.site / failed[0])])
    return hint, faults


def is_outdated(copy: Distribution, below: Distribution) -> bool:
    """Whether a copy was made of other files than those that are below it now."""
    own = f"{copy.path.name}/"
    rows = owned_files(copy, copy.site) or {}
    made_of = {path: sha for path, sha in rows.items() if sha and not path.startswith(own)}
    return copy.version != below.version or any(
        not (below.site / path).is_file() or digest((below.site / path).resolve()) != sha
        for path, sha in made_of.items()
    )
