"""Makes an overlay match a file; `rebase` and forks use some of its steps."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from packaging.requirements import Requirement

from conda_overlay.change.draft import Draft
from conda_overlay.change.edit_again import reapply
from conda_overlay.change.entries import check_files
from conda_overlay.change.install import drop_others, install
from conda_overlay.change.install_exactly import install_exactly
from conda_overlay.change.repair import mend
from conda_overlay.core.errors import OverlayError, PipError, ResolutionError
from conda_overlay.core.models import HistoryEntry, requirements_of
from conda_overlay.core.pip_options import NONE
from conda_overlay.core.request import (
    Request,
    Source,
    grouped,
    hashes_of,
    named_as,
    parse,
)
from conda_overlay.distributions import dependencies
from conda_overlay.edits.checkouts import left_behind
from conda_overlay.edits.originals import load_originals
from conda_overlay.edits.patch import text_in
from conda_overlay.formats.document import Document, places
from conda_overlay.layer.state import State


def apply(draft: Draft, document: Document, *, locked: bool = False) -> None:
    """Make a draft match a document, and remove the distributions that it does not name.

    A part of an overlay is added to the draft, where nothing else is removed.

    Args:
        draft: the draft to change.
        document: the content of a file.
        locked: install exactly the locked files, and check their hashes.

    Raises:
        OverlayError: a locked file has no hash, or the directory of an editable does not exist.
        ResolutionError: no consistent set of distributions exists.
        PipError: pip failed.
    """
    draft.check_fits()
    check_sources(document.entries)
    if not locked:
        check_files(document.requested, "put it there, or take that option out of the file")
    if locked or not document.requested:
        _check_python(draft, document)
        _take(draft, document)
        return
    requested = dict(document.requested)
    if not document.is_part:
        drop_orphans(draft, requested, "not in the file")
        draft.pending |= draft.entries.keys()
    from_pip = {key: entry for key, entry in requested.items() if not entry.copied}
    edited = draft.before.edited_keys & from_pip.keys()
    bare = {key for key in edited if not text_in(from_pip[key].patch)}  # the file has no edits
    draft.drop({key for key in bare if not is_edited(draft, key, from_pip[key])})
    requested |= install_requested(draft, from_pip, dict.fromkeys(from_pip, "from the file"))
    make_edits(draft, document.requested)
    if document.is_part:
        return
    drop_orphans(draft, requested, "nothing depends on it")
    for key in draft.entries.keys() - requested.keys():
        entry = draft.entries[key]
        draft.entries[key] = replace(entry, requested=False, requirement=None, options=NONE)


def make_edits(draft: Draft, entries: Mapping[str, HistoryEntry]) -> None:
    """Make the recorded edits of distributions, unless the draft already has them."""
    for key, entry in entries.items():
        if entry.patch is not None and not is_edited(draft, key, entry):
            reapply(draft, key, entry)


def is_edited(draft: Draft, key: str, entry: HistoryEntry) -> bool:
    """Whether a draft has a distribution with the edits of an entry, in a copy if they are text."""
    mine, there = draft.before.entries.get(key), draft.installed.get(key)
    same = mine and (mine.version, mine.patch) == (entry.version or mine.version, entry.patch)
    alone = entry.patch and not entry.copied and not text_in(entry.patch)
    return bool(same and there and (alone or load_originals(there[0]) is not None))


def install_requested(
    draft: Draft, requested: Mapping[str, HistoryEntry], why: Mapping[str, str]
) -> dict[str, HistoryEntry]:
    """Let pip add the missing distributions, and record all requests as given.

    Returns:
        The requests that this added: see `entries.ask_for_extras`.
    """
    known = {key for key, entry in draft.entries.items() if entry.requested} | requested.keys()
    parsed = {key: parse(entry.requirement or "") for key, entry in requested.items()}
    markers = draft.stack.host.markers
    parsed = {key: one for key, one in parsed.items() if dependencies.applies(one, markers)}
    requested = {key: requested[key] for key in parsed}
    mend(draft, requested, requested)
    drop_others(draft, {key: hashes_of(one, requested[key].options) for key, one in parsed.items()})
    draft.notes += left_behind(requested[key] for key in requested.keys() - draft.installed.keys())
    wanted = requests(requested, draft.installed.keys())
    draft.pending |= requested.keys()
    in_turn(wanted, lambda request: install(draft, request))
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
                by=there.by or entry.by,
            )
    added = draft.entries.keys() - known
    return {key: draft.entries[key] for key in added if draft.entries[key].requested}


def requests(requested: Mapping[str, HistoryEntry], installed: Collection[str]) -> list[Request]:
    """The requests for pip, in the order in which they were made: one for each set of options.

    Options are only for the distributions that they were typed for. Installed editables and sources
    are named without URL, so they stay.
    """
    in_order = sorted(requested.items(), key=lambda item: item[1].since)
    return grouped((_wanted(key, entry, installed), entry.options) for key, entry in in_order)


def _wanted(key: str, entry: HistoryEntry, installed: Collection[str]) -> Requirement | Source:
    if key in installed and entry.is_direct:
        return Requirement(named_as(key, entry.requirement))
    text = entry.requirement or f"{entry.name or key}=={entry.version}"
    return Source(text, editable=True) if entry.editable else parse(text)


def in_turn(requests: Sequence[Request], install: Callable[[Request], None]) -> None:
    """Install one request after the other; each finds what the earlier ones have brought.

    One that fails is tried again after the others, as it may need what these bring.

    Raises:
        ResolutionError: no consistent set of distributions exists.
        PipError: pip failed.
    """
    while requests:
        failed: list[tuple[Request, Exception]] = []
        for request in requests:
            try:
                install(request)
            except (PipError, ResolutionError) as error:
                failed.append((request, error))
        if len(failed) == len(requests):
            raise failed[0][1]
        requests = [request for request, _ in failed]


def drop_orphans(draft: Draft, requested: Mapping[str, HistoryEntry], why: str) -> None:
    """Remove the dependencies in a draft that no requested distribution needs."""
    stack = draft.stack
    asked = requirements_of(requested.values())
    going = dependencies.orphans(
        draft.installed, stack.below_view, (), requested, stack.host.markers, asked
    )
    draft.drop(going)
    draft.why.update({key: why for key in going if key not in draft.why})


def _check_python(draft: Draft, document: Document) -> None:
    """Refuse files that were locked for another Python.

    Raises:
        OverlayError: they are for another minor version than the host's.
    """
    theirs, mine = (v.split(".")[:2] for v in (document.python, draft.stack.host.python_version))
    if document.python and theirs != mine:
        sentence = f"Locked for Python {'.'.join(theirs)}; this environment has {'.'.join(mine)}."
        raise OverlayError(sentence, "apply it without --locked, or export it again")


def _take(draft: Draft, document: Document) -> None:
    """Make a draft contain exactly the locked files; distributions from the same files stay."""
    locked = {key: entry for key, entry in document.entries.items() if not entry.copied}
    _check_locked(locked)
    _check_copies(draft, document)
    before = draft.before
    new = {key: entry for key, entry in locked.items() if not _is_there(before, key, entry)}
    gone = set() if document.is_part else before.site.keys() - document.entries.keys()
    draft.drop({*new, *gone})
    draft.why.update(dict.fromkeys(gone, "not in the file"))
    install_exactly(draft, new, places(document.requested))
    draft.why.update(dict.fromkeys(new, "from the file"))
    for key, entry in locked.items():
        if key in new:
            given = replace(entry, reason=entry.reason or draft.reason)
            pin = f"{entry.name}=={entry.version}" if entry.requested else None
            draft.entries[key] = replace(given, requirement=entry.requirement or pin)
        elif document.requested:  # the file records the requests
            there = draft.entries[key]
            draft.entries[key] = replace(
                entry, since=there.since, by=there.by, reason=entry.reason or there.reason
            )
    make_edits(draft, document.entries)


def _check_copies(draft: Draft, document: Document) -> None:
    """Refuse edits that were locked for another version than that below the overlay."""
    below = draft.stack.below_view
    for key, entry in document.entries.items():
        version = below[key].version if entry.copied and entry.version and key in below else None
        if version not in (None, entry.version):
            sentence = f"The file locks edits of {entry.name} {entry.version}; this environment "
            hint = "apply it without --locked, which makes them in that version"
            raise OverlayError(f"{sentence}has {version}.", hint, name=key)


def _check_locked(entries: Mapping[str, HistoryEntry]) -> None:
    for key, entry in entries.items():
        if not (entry.version or entry.url or entry.editable):
            what, hint = f"The file locks nothing for {entry.requirement or key}.", ""
        elif not (entry.sha256 or entry.editable or "+" in (entry.url or "")):
            what = f"The file names no hash for {key} {entry.version}, so it is not locked."
            hint = ", or export it again"
        else:
            continue
        raise OverlayError(what, f"apply it without --locked{hint}", name=key)


def _is_there(before: State, key: str, entry: HistoryEntry) -> bool:
    there = before.entries.get(key)
    if there is None or before.missing(key) or key in before.edited_keys:
        return False
    fields = ("version", "sha256", "editable")
    return all(getattr(there, name) == getattr(entry, name) for name in fields)


def check_sources(entries: Mapping[str, HistoryEntry]) -> None:
    """Check that the directories of editables exist.

    Raises:
        OverlayError: one does not exist; this says more than pip's message.
    """
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
