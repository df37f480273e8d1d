"""Installs distributions with pip."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from packaging.requirements import Requirement

from conda_overlay.change.draft import Draft
from conda_overlay.change.repair import mend
from conda_overlay.change.requirements_file import Content, read
from conda_overlay.core.errors import CondaPackageError
from conda_overlay.core.models import Distribution, HistoryEntry
from conda_overlay.core.pip_options import NONE, RECORDED, Options
from conda_overlay.core.redact import setting, without_credentials
from conda_overlay.core.request import (
    Request,
    Source,
    as_requirement,
    hashes_of,
    key_of,
    named_as,
    parse,
    text_of,
    with_extras,
    with_hash,
)
from conda_overlay.distributions import dependencies
from conda_overlay.distributions.record import owned_files
from conda_overlay.distributions.site import Site
from conda_overlay.edits.checkouts import are_same, has_work, root_of
from conda_overlay.filesystem.tree import remove_files
from conda_overlay.formats.document import PINS, default_intent
from conda_overlay.host.user_site import read_user_site
from conda_overlay.layer import checkouts
from conda_overlay.resolve.configuration import is_plain
from conda_overlay.resolve.resolver import Resolution, Resolver
from conda_overlay.resolve.stage import Origin, origins

_OF_CONDA = re.compile(r"[\w./-]+::[\w.-]+([\s=<>!~].*)?")
"""One of conda's packages, with its channel."""


def install(draft: Draft, request: Request) -> None:
    """Let pip add the requested distributions and their dependencies to a draft.

    Raises:
        ResolutionError: no consistent set of distributions exists.
        PipError: pip failed.
        CondaPackageError: one of conda's packages is requested.
    """
    content = read(request.options.values("--requirement"))
    whole = _with(request, content)
    typed = {key: one for one in whole.requirements if (key := key_of(one))}
    drop_others(
        draft, {key: hashes_of(one, whole.own.get(key, NONE)) for key, one in typed.items()}
    )
    if _is_satisfied(draft, request, typed):
        _ask_again(draft, whole, typed, draft.before.site.keys())
        return
    for one in request.requirements:
        if _OF_CONDA.fullmatch(text_of(one)):
            raise CondaPackageError(text_of(one), draft.stack.host.name)
    mended = mend(draft, typed, _replaced(draft, request, typed))
    places = draft.new_scratch(), draft.source_dir
    found = Resolver(draft.pip, request, draft.layers(), *places, draft.allow_conflicts).resolve()
    found = _without_same_checkouts(draft, found, whole)
    for key in mended & found.staged.keys():
        draft.why.pop(key, None)
    staged, reverted = _without_copies_of_the_host(draft, found, request)
    marked = {key for key, (new, *_) in staged.items() if (new.path / "REQUESTED").exists()}
    requested = ({*typed} | marked) - {*found.moved}
    draft.drop(reverted)
    _record_staged(draft, whole, found, staged, {key: typed.get(key) for key in requested})
    draft.add(found.stage, found.metadata)
    draft.notes += found.held_back
    _ask_again(draft, whole, typed, draft.installed.keys(), staged)
    for value in request.options.values("--config-settings"):
        if setting(value) is None:
            name = value.partition("=")[0]
            draft.notes.append(f"-C {name} may be a secret and is not recorded; give it each time.")
    for text in content.unrecorded:
        draft.notes.append(f"{without_credentials(text)}: not recorded; give it each time.")
    if request.options.has("--no-deps"):
        draft.accepted |= staged.keys()


def drop_others(draft: Draft, wanted: Mapping[str, Collection[str]]) -> None:
    """Drop the distributions that have none of the wanted hashes, so that pip installs others.

    Args:
        draft: the draft to change.
        wanted: the hashes by normalized name; empty where any will do.
    """
    entries = draft.entries
    known = {key: hashes for key, hashes in wanted.items() if hashes and key in draft.installed}
    draft.drop({key for key, its in known.items() if f"sha256:{entries[key].sha256}" not in its})


def _is_satisfied(draft: Draft, request: Request, typed: Collection[str]) -> bool:
    """Whether all that is requested is installed, so that pip would do nothing."""
    named = [one for one in request.requirements if isinstance(one, Requirement)]
    if request.options or len(named) < len(request.requirements) or not draft.is_untouched:
        return False
    host = draft.stack.host
    if draft.damaged(typed) or not is_plain(host.prefix):
        return False
    return dependencies.are_satisfied(named, draft.in_effect_before(), host.markers)


def _replaced(
    draft: Draft, request: Request, typed: Mapping[str, Requirement | Source]
) -> set[str]:
    """The requested distributions of which pip will install another version or source."""
    if request.options.has("--upgrade", "--force-reinstall", "--ignore-installed"):
        return {*typed}
    found = set()
    for key, one in typed.items():
        version = draft.recorded[key].version if key in draft.recorded else ""
        if (
            not isinstance(one, Requirement)
            or one.url
            or not one.specifier.contains(version, prereleases=True)
        ):
            found.add(key)
    return found


def _ask_again(
    draft: Draft,
    request: Request,
    typed: Mapping[str, Requirement | Source],
    there: Collection[str],
    staged: Collection[str] = (),
) -> None:
    """Update the entries of requested distributions that were installed already."""
    for key in (typed.keys() & {*there}) - {*staged}:
        draft.entries[key] = _asked_again(draft, key, typed[key], request)
    draft.notes += _hidden(draft, typed.keys() - {*there})


def _hidden(draft: Draft, keys: Collection[str]) -> Iterator[str]:
    """Notes on requested distributions that come from ``~/.local``, which hides the host's."""
    there = read_user_site(draft.stack.host) if keys else {}
    for key, (mine, *_) in there.items():
        if key in keys:
            remedy = f"python -E -m pip uninstall {mine.name}"  # without the overlay
            yield f"{mine.name} {mine.version} of ~/.local is in effect; to remove it: {remedy}"


def _without_copies_of_the_host(
    draft: Draft, found: Resolution, request: Request
) -> tuple[Site, set[str]]:
    """Drop staged distributions from an index that are installed below at the same version.

    Returns:
        The other distributions; and the names of the overlay's own that those below replace.
    """
    if request.options.has("--force-reinstall", "--ignore-installed"):
        return found.staged, set()
    below, own, root = draft.stack.below_view, draft.installed, found.stage.root
    kept, reverted = dict(found.staged), set()
    for key, (new, *_) in found.staged.items():
        host = below.get(key)
        if host is None or host.version != new.version or new.direct_url or host.editable:
            continue
        remove_files(root, [root / file for file in owned_files(new, root) or ()])
        del kept[key]
        if key in own:
            reverted.add(key)
            draft.why.setdefault(key, "the environment has it")
    return kept, reverted


def _without_same_checkouts(draft: Draft, found: Resolution, request: Request) -> Resolution:
    """Leave out new clones where the overlay's own checkout is of the same commit and unchanged."""
    if request.options.has("--force-reinstall", "--ignore-installed"):
        return found
    root, ours = found.stage.root, draft.stack.store.state / checkouts.BELOW
    kept = dict(found.metadata)
    for key, (new, *_) in found.staged.items():
        for old in draft.index.site.get(key, ()):
            if draft.entries[key].options != _lasting(request.options):
                continue
            clone, mine = Path(new.editable or ""), Path(old.editable or "")
            if not (clone.is_relative_to(draft.source_dir) and mine.is_relative_to(ours)):
                continue
            clone, mine = root_of(clone), root_of(mine)
            if are_same(clone, mine) and not has_work(mine):
                remove_files(root, [root / file for file in owned_files(new, root) or ()])
                del kept[new.path.name]
                checkouts.drop(clone)
    return replace(found, metadata=kept)


def _record_staged(
    draft: Draft,
    request: Request,
    found: Resolution,
    staged: Site,
    requested: Mapping[str, Requirement | Source | None],
) -> None:
    """Record the staged distributions for the history."""
    known = origins(found.stage)
    final = str(draft.stack.store.state / checkouts.BELOW / draft.directory.name)
    for key, (new, *_) in staged.items():
        url, sha256, extras = known.get(key, Origin())
        if draft.is_dry_run:  # what it cloned would be elsewhere
            url = url and url.replace(str(draft.source_dir), final)
            there = new.editable and new.editable.replace(str(draft.source_dir), final)
            new = replace(new, editable=there)
        old = draft.entries.get(key)
        url = url if new.editable else new.direct_url or url
        before = old if old and old.requested and old.since else None
        entry = HistoryEntry(
            version=new.version,
            name=new.name,
            reason=draft.reason or (before.reason if before else None),
            until=before.until if before else None,
            url=url,
            sha256=sha256,
            editable=new.editable,
        )
        if key in requested:
            entry = _asked(draft, entry, new, requested[key], request, extras)
        elif old is not None and old.requested:  # changed because of another distribution
            entry = _moved(old, entry, new)
        origin = (new.version, sha256, new.editable)
        if old and origin[1:] != (None, None) and origin == (old.version, old.sha256, old.editable):
            entry = replace(entry, since=old.since, by=old.by)  # it has not changed
        draft.entries[key] = entry
        if key in found.moved:
            conflict = found.moved[key]
            draft.why[key] = f"{conflict.name} {conflict.version} requires {conflict.requirement}"


def _asked(
    draft: Draft,
    entry: HistoryEntry,
    new: Distribution,
    typed: Requirement | Source | None,
    request: Request,
    extras: Sequence[str],
) -> HistoryEntry:
    """The entry of a distribution that was requested."""
    host = draft.stack.below_view.get(new.key)
    upgrade = request.options.has("--upgrade")
    own = request.own.get(new.key, NONE)
    if new.direct_url and not new.editable:
        url = new.direct_url
        if entry.sha256 and _is_hashed(new, request):
            url, own = with_hash(url, entry.sha256), own.without("--hash")
        requirement = f"{with_extras(new.name, extras)} @ {url}"
    elif typed is None:
        pin = f"{with_extras(new.name, extras)}=={new.version}"
        requirement = with_extras(new.editable, extras) if new.editable else pin
    else:
        requirement = _enough(draft, typed, new, upgrade=upgrade)
    told = requirement if typed or new.direct_url else new.name  # without these the pin is ours
    default = default_intent(told, editable=bool(new.editable))
    if default == "fix" and dependencies.kind(host, new) == "downgrade":
        default = "hold"
    return replace(
        entry,
        requested=True,
        requirement=requirement,
        options=_lasting(request.options + own),
        intent=request.intent or default,
        until=request.until or entry.until,
    )


def _asked_again(
    draft: Draft, key: str, typed: Requirement | Source, request: Request
) -> HistoryEntry:
    """The entry of a requested distribution that is already installed, updated by the request."""
    entry = draft.entries[key]
    text, requirement = _recordable(typed), entry.requirement
    own = _lasting(request.own.get(key, NONE))
    says_more = isinstance(typed, Requirement) and text != typed.name and not typed.url
    if requirement is None:
        requirement = _enough(draft, typed, draft.installed[key][0])
    elif says_more and not entry.editable:
        requirement = text
    pinned = default_intent(text) == "hold" and entry.intent == "fix"
    return replace(
        entry,
        requested=True,
        requirement=requirement,
        options=_again(entry, requirement, own),
        reason=draft.reason or entry.reason,
        intent=request.intent or ("hold" if pinned else entry.intent),
        until=request.until or entry.until,
    )


def requested(draft: Draft, key: str, entry: HistoryEntry) -> HistoryEntry:
    """The entry of a dependency as if it had been requested itself, at its present version."""
    new = draft.installed[key][0]
    typed: Requirement | Source = Requirement(new.name)
    if new.editable or new.direct_url:
        typed = parse(new.editable or f"{new.name} @ {new.direct_url}")
    elif entry.intent == "hold":
        typed = Requirement(f"{new.name}=={new.version}")
    return replace(entry, requested=True, requirement=_enough(draft, typed, new))


def _enough(
    draft: Draft, typed: Requirement | Source, new: Distribution, *, upgrade: bool = False
) -> str:
    """The requirement to record: of an upgrade, with the version reached as its lower bound."""
    upgrade = upgrade or dependencies.kind(draft.stack.below_view.get(new.key), new) == "upgrade"
    if upgrade and isinstance(typed, Requirement) and not new.editable:
        return at_least(typed, new.version)
    return _recordable(typed)


def _moved(before: HistoryEntry, entry: HistoryEntry, new: Distribution) -> HistoryEntry:
    """The entry of a distribution requested earlier that changes because of another one."""
    requirement = before.requirement or ""
    parsed = as_requirement(requirement)
    from_index = before.is_direct and not (new.editable or new.direct_url)
    if from_index or (parsed and not parsed.specifier.contains(entry.version, prereleases=True)):
        requirement = f"{named_as(entry.name, requirement)}>={entry.version}"
    return replace(
        entry,
        requested=True,
        requirement=requirement,
        options=_again(before, requirement),
        reason=before.reason,
        intent=before.intent,
        until=before.until,
    )


def _again(entry: HistoryEntry, requirement: str, own: Options = NONE) -> Options:
    """The options of an entry for a requirement: a hash is that of one version only."""
    if not own and requirement == entry.requirement:
        return entry.options
    return entry.options.without("--hash") + own


def at_least(wanted: Requirement, version: str) -> str:
    """A requirement with a lower bound, unless it already limits the version from above."""
    if wanted.url or any(s.operator in (">", *PINS) for s in wanted.specifier):
        return _recordable(wanted)
    others = [str(s) for s in wanted.specifier if s.operator != ">="]
    name = with_extras(wanted.name, wanted.extras)
    return f"{name}{','.join([f'>={version}', *sorted(others)])}"


def _recordable(wanted: Requirement | Source) -> str:
    return without_credentials(text_of(wanted))


def _with(request: Request, content: Content) -> Request:
    """Add the requirements and options that requirements files contain."""
    wanted = [(parse(line), options) for line, options in content.requirements]
    return replace(
        request,
        requirements=(*(one for one, _ in wanted), *request.requirements),
        options=request.options + content.options,
        own={**request.own, **{key_of(one) or "": options for one, options in wanted if options}},
    )


def _is_hashed(new: Distribution, request: Request) -> bool:
    """Whether a hash was requested of a distribution from a URL."""
    if any(options.has("--hash") for options in request.own.values()):
        return True  # pip demands one of each
    url = without_credentials(new.direct_url or "").partition("#")[0]
    hashed = (one for one in request.requirements if hashes_of(one, NONE))
    return any(url in without_credentials(text_of(one)) for one in hashed)


def _lasting(options: Options) -> Options:
    """The options to record: without credentials, and with paths that are valid anywhere."""
    found = []
    for name, value in options.used(RECORDED).located(os.getcwd()).given:
        if name == "--config-settings":
            value = setting(value or "")
            if value is None:  # it may be a secret
                continue
        found.append((name, None if value is None else without_credentials(value)))
    return Options(tuple(found))
