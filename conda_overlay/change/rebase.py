"""Adapts an overlay to its host as it is now, or to another host."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from packaging.requirements import Requirement

from conda_overlay.activation import locate
from conda_overlay.change import plan
from conda_overlay.change.apply import (
    check_sources,
    drop_orphans,
    install_requested,
    is_edited,
    make_edits,
)
from conda_overlay.change.draft import Draft
from conda_overlay.change.edit_again import RETIRED, is_outdated, reapply, where
from conda_overlay.change.entries import at_least, check_files
from conda_overlay.core.errors import CannotEditAgainError, NoSuchRevisionError
from conda_overlay.core.models import Conflict, Distribution, HistoryEntry
from conda_overlay.core.request import as_requirement, extras_of, named_as
from conda_overlay.core.text import all_reasons, few
from conda_overlay.distributions import dependencies
from conda_overlay.distributions.site import Site, read_site
from conda_overlay.edits.originals import load_originals
from conda_overlay.edits.patch import text_in
from conda_overlay.formats.document import Document, typed_intent


def rebase(draft: Draft, carried: Document | None = None, *, force: bool = False) -> None:
    """Adapt a draft to the host as it is now.

    Args:
        draft: the draft to change.
        carried: another overlay, whose requests are added.
        force: go back to the host's distributions where edits do not apply to them.

    Raises:
        NoSuchRevisionError: there is no overlay yet.
        CannotEditAgainError: edits do not apply; all of them are named.
        OverlayError: the directory of an editable does not exist.
        ResolutionError: no consistent set of distributions exists.
        PipError: pip failed.
    """
    stack = draft.stack
    if carried is None and not stack.store.exists:
        raise NoSuchRevisionError(str(stack.store.overlay), None, [])
    if stack.store.moves:
        was = locate.recorded_host(str(stack.store.overlay))
        draft.notes.append(f"{stack.store.overlay}, of {was}, becomes that of {stack.host.prefix}")
    requested = dict(draft.before.requested)
    why = {}
    if stack.is_stale() and draft.base is not None:
        recorded = stack.store.revision(draft.base).distributions
        requested = {key: entry for key, entry in recorded.items() if entry.requested}
        draft.start_from(None)
        draft.entries = dict(recorded)
        why = dict.fromkeys(requested, "stale: built for another Python")
    going = plan.redundant(draft.before, stack.below_view, stack.host.markers)
    draft.why.update(going)
    draft.drop(going.keys() & draft.installed.keys())
    own = {key: entry for key, entry in requested.items() if key not in going}
    requested = dict(own)
    if carried is not None:
        more = _carried(draft, carried, own)
        why.update({key: _why_carried(draft, key, carried) for key in more})
        requested.update(more)
    theirs = carried.entries if carried else {}
    requested = dict(_edited_again(draft, requested, theirs, own, force=force))
    check_sources(requested)
    check_files(requested)
    requested |= install_requested(draft, dict(_with_extras(draft, going)) | requested, why)
    make_edits(draft, {key: entry for key, entry in requested.items() if not entry.copied})
    before = draft.before
    staying = {key: before.entries[key] for key in before.site if plan.is_to_stay(before, key)}
    drop_orphans(draft, {**staying, **requested}, "nothing depends on it")
    draft.notes += _left_out(draft, carried)
    draft.notes += _back(draft)
    draft.notes += _remaining(draft)
    draft.accepts_host = stack.has_moved_on()


def _with_extras(draft: Draft, going: Collection[str]) -> Iterator[tuple[str, HistoryEntry]]:
    """The requests among what goes that have extras, which the host's distributions get now."""
    for key, entry in draft.before.requested.items():
        if key in going and extras_of(entry.requirement):
            name = named_as(entry.name or key, entry.requirement)
            yield key, replace(entry, requirement=name)


def _edited_again(
    draft: Draft,
    entries: Mapping[str, HistoryEntry],
    carried: Mapping[str, HistoryEntry],
    own: Mapping[str, HistoryEntry],
    *,
    force: bool,
) -> Iterator[tuple[str, HistoryEntry]]:
    """The entries, where copies are made again if the host has changed the distribution.

    The edits are made again in the new copy; if the host has them all, the entry is left out.
    For a carried one whose edits do not apply, the overlay's own request stays.
    """
    failed: list[CannotEditAgainError] = []
    for key, entry in entries.items():
        if not entry.copied or (key in carried and is_edited(draft, key, entry)):
            yield key, entry
            continue
        kept = {*draft.kept}
        try:
            version = _edited_version(draft, key, entry, carried=key in carried)
        except CannotEditAgainError as error:
            failed.append(error)
            draft.kept = kept
            name = entry.name or key
            version = error.targets[name]
            if key in draft.before.site and key not in draft.installed:
                draft.why[key] = f"its edits do not apply to {version}"
            else:  # no copy goes, so the plan does not name them
                what = f"the edits of {name} are left behind"
                draft.notes.append(f"{what}: they do not apply to {name} {version}")
            if key in carried and key in own and not own[key].copied:
                yield key, own[key]
            continue
        if version is not None:
            pin = f"{named_as(entry.name or key, entry.requirement)}=={version}"
            yield key, replace(entry, version=version, requirement=pin)
    if failed and not force:
        raise CannotEditAgainError.of_all(failed)


def _edited_version(draft: Draft, key: str, entry: HistoryEntry, *, carried: bool) -> str | None:
    """Make a copy again if it is outdated; return its version, or None if the host has its edits.

    Raises:
        CannotEditAgainError: its edits do not apply.
    """
    mine, below = draft.installed.get(key), draft.stack.below_view.get(key)
    if carried:
        return reapply(draft, key, entry, onto=mine is not None)
    if mine and (below is None or not is_outdated(mine[0], below)):
        return mine[0].version
    return reapply(draft, key, entry, next(_old_copies(draft, key), None))


def _old_copies(draft: Draft, key: str) -> Iterator[Distribution]:
    """The copy of a distribution in the current revision, whichever Python that is for."""
    for site in sorted(draft.stack.store.real.glob("lib/python*/site-packages")):
        yield from (
            found for found in read_site(site).get(key, ()) if load_originals(found) is not None
        )


def _remaining(draft: Draft) -> Iterator[str]:
    """A note on each conflict with the layers below that was there before, and still is."""
    host, below, before = draft.stack.host, draft.stack.below_view, draft.before

    def conflicts(site: Site, asked: Iterable[Requirement]) -> tuple[Conflict, ...]:
        view, where = {**below, **dependencies.effective(site)}, (host.markers, host.site_packages)
        return dependencies.new_conflicts(below, view, *where, ((), asked))

    known = {one.identity for one in conflicts(before.site, before.requirements)}
    for found in conflicts(draft.installed, draft.requirements):
        if found.identity in known:
            text = str(found).replace(" would be in effect", " is in effect")
            yield f"{text}, as before; to end it, see: conda overlay status"


def _back(draft: Draft) -> Iterator[str]:
    """A note on each copy that retired, and whose version the host has again, with its command."""
    stack, store = draft.stack, draft.stack.store
    line = {one.number: one for one in store.line()}
    last = {change.key: (one, change) for one in line.values() for change in one.plan.changes}
    for key, (revision, change) in last.items():
        below, number = stack.below_view.get(key), revision.parent
        if not change.why.startswith(RETIRED) or number not in line or key in draft.installed:
            continue
        if below is None or not below.version == change.before != change.host_version:
            continue
        there = store.tree(number)  # whose state also has what was not recorded
        old = read_site(there / stack.host.site_below_prefix).get(key, ()) if there else ()
        if any(is_outdated(copy, below) for copy in old):
            continue  # the command would revert what else has changed
        entries = stack.state(number).entries if there else line[number].distributions
        if not (entry := entries.get(key)) or not text_in(entry.patch):
            continue
        steps = [["undo", str(number)]]
        if there:
            why = ["--reason", entry.reason] if entry.reason else []
            steps = [["diff", "0", str(number), change.name, "--text"]]
            steps += [["patch", change.name, "-", "--yes", *why]]
        words = (["conda", "overlay", *step, *where(stack)] for step in steps)
        what = f"{change.name} is {below.version} again, without your edits of then"
        yield f"{what}; for these: {' | '.join(map(shlex.join, words))}"


def _carried(
    draft: Draft, document: Document, own: Mapping[str, HistoryEntry]
) -> dict[str, HistoryEntry]:
    """The requests to carry over, except for those that this host makes redundant.

    Where the host has an older version, the request is for at least the version that was there.
    One's own request stays if it is held, or an editable.
    """
    result = {}
    for key, entry in document.requested.items():
        mine, there = own.get(key), entry.requirement
        if mine and mine.intent != "fix" and not mine.copied and mine.requirement != there:
            way = shlex.join(["conda", "overlay", "install", there or key])
            what = f"{there or key} is not carried over, because {mine.requirement} was requested"
            draft.notes.append(f"{what}: {way}")
            continue
        entry = _joined(entry, mine)
        host = draft.stack.below_view.get(key)
        wanted = None if entry.copied else as_requirement(entry.requirement or "")
        if not (host and wanted and entry.version) or entry.is_direct:
            result[key] = entry
        elif dependencies.is_newer(entry.version, host.version):
            result[key] = replace(entry, requirement=at_least(wanted, entry.version))
        elif entry.intent != "fix":
            result[key] = entry
    return result


def _joined(entry: HistoryEntry, mine: HistoryEntry | None) -> HistoryEntry:
    """A request to carry over, with the reason, the date and the intent of one's own."""
    if mine is None:
        return entry
    why, until = all_reasons(mine.reason, entry.reason), mine.until or entry.until
    intent = mine.intent if mine.copied else typed_intent(mine) or entry.intent
    return replace(entry, reason=why, until=until, intent=intent)


def _why_carried(draft: Draft, key: str, document: Document) -> str:
    """Say that a distribution is carried over, and what it hides."""
    entry, host = document.entries[key], draft.stack.below_view.get(key)
    why = f"carried over from {document.host}"
    if host is None or not entry.version:
        return why
    if entry.version == host.version:
        return f"{why}: {entry.intent}, in place of the same version"
    if dependencies.is_newer(entry.version, host.version):
        return f"{why}: the environment has {host.version}, which is older"
    return f"{why}: {entry.intent}, although the environment has {host.version}, which is newer"


def _left_out(draft: Draft, document: Document | None) -> Iterator[str]:
    """A note on each distribution that was to be carried over and that the host has."""
    for key, entry in document.requested.items() if document else ():
        host = draft.stack.below_view.get(key)
        if host and key not in draft.installed and not entry.copied:
            what = f"{entry.name or key} {entry.version}".rstrip()
            there = "the same version" if host.version == entry.version else host.version
            yield f"{what} is not carried over: the environment has {there} already"
    if document and document.own:
        yield f"no package has {few(document.own)}, so that is not carried over"
