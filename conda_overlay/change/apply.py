"""Makes an overlay what a file says, or what the host as it is now calls for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from conda_overlay.change import plan
from conda_overlay.change.install import install
from conda_overlay.change.locked import for_pip, install_exactly
from conda_overlay.change.reapply import is_outdated, reapply
from conda_overlay.core.errors import NoSuchRevisionError, OverlayError
from conda_overlay.core.models import Distribution, Entry, Request
from conda_overlay.distributions import dependencies
from conda_overlay.distributions.distributions import read_site
from conda_overlay.edits.edits import originals
from conda_overlay.formats.document import Document
from conda_overlay.layer.state import State

if TYPE_CHECKING:
    from conda_overlay.change.draft import Draft


def apply(draft: Draft, document: Document, *, locked: bool = False) -> None:
    """Make a draft what a document says, and remove what it does not name.

    Args:
        draft: of the next state.
        document: from a file.
        locked: install exactly the locked files, checked by their hashes.

    Raises:
        OverlayError: a locked file has no hash, or the directory of an editable does not exist.
        ResolutionError: no consistent set of distributions exists.
        PipError: pip failed.
    """
    check_sources(document.entries)
    if locked or not document.requested:
        _take(draft, document)
        return
    requested = document.requested
    _drop_orphans(draft, requested, "the file does not name it")
    from_pip = {key: entry for key, entry in requested.items() if not entry.copied}
    _install(draft, from_pip, dict.fromkeys(from_pip, "the file says so"))
    _edit(draft, requested)
    _drop_orphans(draft, requested, "nothing needs it any more")
    for key in draft.entries.keys() - requested.keys():
        entry = draft.entries[key]
        draft.entries[key] = replace(entry, requested=False, requirement=None, options=())


def _edit(draft: Draft, entries: Mapping[str, Entry]) -> None:
    """Edit what a file says was edited, unless it is so already."""
    for key, entry in entries.items():
        if entry.patch is not None and not _is_edited(draft, key, entry):
            reapply(draft, key, entry)


def _is_edited(draft: Draft, key: str, entry: Entry) -> bool:
    """Whether a draft has a copy with these edits."""
    mine, there = draft.before.entries.get(key), draft.installed.get(key)
    same = mine and (mine.version, mine.patch) == (entry.version or mine.version, entry.patch)
    return bool(same and there and originals(there[0]) is not None)


def rebase(draft: Draft, carried: Document | None = None) -> None:
    """Adapt a draft to the host as it is now.

    Args:
        draft: of the next state.
        carried: another overlay, whose requests are added.

    Raises:
        NoSuchRevisionError: there is no overlay yet.
        OverlayError: the directory of an editable does not exist.
        ResolutionError: no consistent set of distributions exists.
        PipError: pip failed.
    """
    overlay = draft.overlay
    if carried is None and not overlay.store.exists:
        raise NoSuchRevisionError(str(overlay.store.overlay), None, [])
    requested = dict(draft.before.requested)
    why = {}
    if overlay.is_stale() and draft.base is not None:
        recorded = overlay.store.revision(draft.base).distributions
        requested = {key: entry for key, entry in recorded.items() if entry.requested}
        draft.start_from(None)
        draft.entries = dict(recorded)
        why = dict.fromkeys(requested, "stale: built for another Python")
    going = plan.redundant(draft.before, overlay.below_view, overlay.host.markers)
    if carried is not None:
        more = _carried(draft, carried)
        why.update(dict.fromkeys(more, f"carried over from {carried.host}"))
        requested.update(more)
    draft.why.update(going)
    draft.drop(going.keys() & draft.installed.keys())
    requested = {key: entry for key, entry in requested.items() if key not in going}
    requested = dict(_edited_again(draft, requested, carried.entries if carried else {}))
    check_sources(requested)
    _install(draft, requested, why)
    _edit(draft, {key: entry for key, entry in requested.items() if not entry.copied})
    before = draft.before
    staying = {key: before.entries[key] for key in before.site if plan.is_to_stay(before, key)}
    _drop_orphans(draft, {**staying, **requested}, "nothing needs it any more")
    draft.accepts_host = overlay.has_moved_on()


def _edited_again(
    draft: Draft, entries: Mapping[str, Entry], carried: Mapping[str, Entry]
) -> Iterator[tuple[str, Entry]]:
    """The entries; copies of what the host has changed are made anew, with the same edits."""
    for key, entry in entries.items():
        if not entry.copied or (key in carried and _is_edited(draft, key, entry)):
            yield key, entry
            continue
        mine, below = draft.installed.get(key), draft.overlay.below_view.get(key)
        if key in carried:
            version = reapply(draft, key, entry, onto=mine is not None)
        elif mine and (below is None or not is_outdated(mine[0], below)):
            version = mine[0].version
        else:
            old = next(_old_copies(draft, key), None)
            version = reapply(draft, key, entry, old)
        if version is not None:
            pin = f"{entry.name or key}=={version}"
            yield key, replace(entry, version=version, requirement=pin)


def _old_copies(draft: Draft, key: str) -> Iterator[Distribution]:
    """The copy of a distribution in the current revision, whatever Python that is for."""
    for site in sorted(draft.overlay.store.real.glob("lib/python*/site-packages")):
        yield from (found for found in read_site(site).get(key, ()) if originals(found) is not None)


def _carried(draft: Draft, document: Document) -> dict[str, Entry]:
    """What is to be carried over; what this host makes redundant is noted and left out."""
    result = {}
    for key, entry in document.requested.items():
        host = draft.overlay.below_view.get(key)
        from_index = not (entry.editable or " @ " in (entry.requirement or ""))
        retires = entry.intent == "fix" and from_index and entry.version
        if host and retires and not dependencies.is_newer(entry.version, host.version):
            draft.notes.append(
                f"{entry.name or key} {entry.version} is not carried over: "
                f"the host has {host.version}"
            )
        else:
            result[key] = entry
    return result


def _install(draft: Draft, requested: Mapping[str, Entry], why: Mapping[str, str]) -> None:
    """Let pip add what is missing, and record the requests as given."""
    wanted = request(requested, draft.installed.keys() - draft.damaged(requested))
    draft.repair(requested)
    if wanted.arguments:
        install(draft, wanted)
    draft.why.update({key: text for key, text in why.items() if key not in draft.why})
    for key, entry in requested.items():
        if key in draft.entries:
            there = draft.entries[key]
            draft.entries[key] = replace(
                there,
                requested=True,
                requirement=entry.requirement or there.requirement,
                options=entry.options,
                reason=entry.reason or there.reason,
                intent=entry.intent,
                until=entry.until,
            )


def request(requested: Mapping[str, Entry], installed: Collection[str]) -> Request:
    """The request for pip: an installed editable or source by name alone, so that it stays."""
    options: dict[str, None] = {}
    editables: list[str] = []
    requirements = []
    for key, entry in requested.items():
        options.update(dict.fromkeys(entry.options))
        text = entry.requirement or f"{entry.name or key}=={entry.version}"
        if key in installed and (entry.editable or " @ " in text):
            requirements.append(key)
        elif entry.editable:
            editables += ["--editable", text]
        else:
            requirements.append(for_pip(text))
    everything = [*editables, "--", *requirements] if requirements else editables
    return Request((*options, *everything) if everything else (), tuple(requirements))


def _drop_orphans(draft: Draft, requested: Mapping[str, Entry], why: str) -> None:
    overlay = draft.overlay
    asked = [entry.requirement for entry in requested.values() if entry.requirement]
    going = dependencies.orphans(
        draft.installed, overlay.below_view, (), requested, overlay.host.markers, asked
    )
    draft.drop(going)
    draft.why.update({key: why for key in going if key not in draft.why})


def _take(draft: Draft, document: Document) -> None:
    """Make a draft hold exactly the locked files; what came from the same files stays."""
    locked = {key: entry for key, entry in document.entries.items() if not entry.copied}
    _check_locked(locked)
    before = draft.before
    new = {key: entry for key, entry in locked.items() if not _is_there(before, key, entry)}
    gone = before.site.keys() - document.entries.keys()
    draft.drop({*new, *gone})
    draft.why.update(dict.fromkeys(gone, "the file does not name it"))
    options = tuple(dict.fromkeys(o for e in document.requested.values() for o in e.options))
    install_exactly(draft, {key: replace(entry, options=options) for key, entry in new.items()})
    draft.why.update(dict.fromkeys(new, "the file says so"))
    for key, entry in locked.items():
        if key in new:
            given = replace(entry, reason=entry.reason or draft.log.reason)
            pin = f"{entry.name}=={entry.version}" if entry.requested else None
            draft.entries[key] = replace(given, requirement=entry.requirement or pin)
        elif document.requested:  # the file says what was asked for
            there = draft.entries[key]
            draft.entries[key] = replace(
                entry, since=there.since, by=there.by, reason=entry.reason or there.reason
            )
    _edit(draft, document.entries)


def _check_locked(entries: Mapping[str, Entry]) -> None:
    for key, entry in entries.items():
        if not (entry.version or entry.url or entry.editable):
            what, hint = f"The file locks nothing for {entry.requirement or key}.", ""
        elif not (entry.sha256 or entry.editable or "+" in (entry.url or "")):
            what = f"The file names no hash for {key} {entry.version}, so it is not locked."
            hint = ", or export it again"
        else:
            continue
        raise OverlayError(what, f"apply it without --locked{hint}", name=key)


def _is_there(before: State, key: str, entry: Entry) -> bool:
    there = before.entries.get(key)
    if there is None or before.missing(key) or key in before.edited_keys:
        return False
    fields = ("version", "sha256", "editable")
    return all(getattr(there, name) == getattr(entry, name) for name in fields)


def check_sources(entries: Mapping[str, Entry]) -> None:
    """Check that the directories of editables exist: pip's own message says less."""
    for key, entry in entries.items():
        remote = "://" in (entry.requirement or "") or "://" in (entry.editable or "")
        if entry.editable and not remote and not Path(entry.editable).is_dir():
            raise OverlayError(
                f"{entry.name or key} is an editable install of {entry.editable}, which does not "
                "exist.",
                "fetch its source, and name that directory in the file",
                name=key,
                directory=entry.editable,
            )
