"""Makes the entries for the history of distributions that are installed, or requested again."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from packaging.requirements import Requirement

from conda_overlay.change.draft import Draft
from conda_overlay.core.errors import OverlayError
from conda_overlay.core.models import Distribution, HistoryEntry, requirements_of
from conda_overlay.core.pip_options import NONE, RECORDED, Options
from conda_overlay.core.redact import setting, without_credentials
from conda_overlay.core.request import (
    Request,
    Source,
    as_requirement,
    extras_of,
    hashes_of,
    joined,
    key_of,
    named_as,
    parse,
    text_of,
    with_extras,
    with_hash,
)
from conda_overlay.core.text import few
from conda_overlay.distributions import dependencies
from conda_overlay.distributions.site import Site
from conda_overlay.formats.document import PINS, default_intent, typed_intent
from conda_overlay.layer import checkouts
from conda_overlay.resolve.resolver import Pin, Resolution
from conda_overlay.resolve.stage import Origin, origins


def record_staged(
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
            draft.why.setdefault(key, _why_moved(draft, key, staged, request))
        origin = (new.version, sha256, new.editable)
        if old and origin[1:] != (None, None) and origin == (old.version, old.sha256, old.editable):
            entry = replace(entry, since=old.since, by=old.by)  # it has not changed
        draft.entries[key] = entry
        if key in found.moved:
            draft.why[key] = found.moved[key].reason


def _asked(
    draft: Draft,
    entry: HistoryEntry,
    new: Distribution,
    typed: Requirement | Source | None,
    request: Request,
    extras: Sequence[str],
) -> HistoryEntry:
    """The entry of a distribution that was requested."""
    upgrade = request.options.has("--upgrade")
    own = request.own.get(new.key, NONE)
    if typed is None and new.key in draft.entries:
        extras = [*{*extras, *extras_of(draft.entries[new.key].requirement)}]
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
    return replace(
        entry,
        requested=True,
        requirement=requirement,
        options=lasting(request.options + own),
        intent=_intent(draft, draft.entries.get(new.key), new, told, request),
        until=request.until or entry.until,
    )


def _intent(
    draft: Draft, before: HistoryEntry | None, new: Distribution, told: str, request: Request
) -> str:
    """The intent that was typed, now or for the entry before; or the default for a requirement."""
    default = default_intent(told, editable=bool(new.editable))
    lower = dependencies.kind(draft.stack.below_view.get(new.key), new) == "downgrade"
    if default == "fix" and lower:
        default = "hold"
    return request.intent or (before and given_intent(draft, new.key, before)) or default


def given_intent(draft: Draft, key: str, entry: HistoryEntry) -> str | None:
    """The intent that a user gave; no ``hold`` that a version lower than that below may give."""
    below = draft.stack.below_view.get(key)
    if entry.intent == "hold" and below and dependencies.is_newer(below.version, entry.version):
        return None
    return typed_intent(entry)


def asked_again(
    draft: Draft, key: str, typed: Requirement | Source, request: Request
) -> HistoryEntry:
    """The entry of a requested distribution that is already installed, updated by the request."""
    entry = draft.entries[key]
    text, requirement = _recordable(typed), entry.requirement
    own = lasting(request.own.get(key, NONE))
    given = lasting(request.options)
    gone = {*entry.options.missing("--constraint").given, *given.given}
    entry = replace(entry, options=entry.options.without(*(name for name, _ in gone)) + given)
    says_more = (
        isinstance(typed, Requirement)
        and not typed.url
        and text != named_as(typed.name, requirement)
    )
    if requirement is None:
        requirement = _enough(draft, typed, draft.installed[key][0])
    elif says_more and not entry.editable:
        requirement = text
    intent = request.intent or entry.intent
    if says_more and not (entry.copied or entry.editable):
        intent = _intent(draft, entry, draft.installed[key][0], text, request)
    return replace(
        entry,
        requested=True,
        requirement=requirement,
        options=_again(entry, requirement, own),
        reason=draft.reason or entry.reason,
        intent=intent,
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


def ask_for_extras(
    draft: Draft, typed: Mapping[str, Requirement | Source], request: Request
) -> None:
    """Record what the requested extras of distributions below need, as these have no entry."""
    below = draft.stack.below_view
    for key in typed.keys() & below.keys():
        if isinstance(one := typed[key], Source) or not one.extras or key in draft.installed:
            continue
        needed = dependencies.of_extras(below[key], one, draft.stack.host.markers)
        for wanted in joined((requirement, NONE) for requirement in needed)[0]:
            name = key_of(wanted) or ""
            if name not in draft.installed or draft.entries[name].requested:
                continue
            entry, new = draft.entries[name], draft.installed[name][0]
            lower = dependencies.kind(below.get(name), new) == "downgrade"
            draft.entries[name] = replace(
                entry,
                requested=True,
                requirement=_recordable(wanted),
                options=lasting(request.options),
                reason=draft.reason or entry.reason,
                intent=request.intent or ("hold" if lower else "fix"),
                until=request.until or entry.until,
            )
            asker = with_extras(below[key].name, one.extras)
            draft.why.setdefault(name, f"{asker} requires {text_of(wanted)}")


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


def _why_moved(draft: Draft, key: str, staged: Site, request: Request) -> str:
    """Who requires another version of a distribution that was requested earlier."""
    before = draft.in_effect_before()
    after = {**before, **dependencies.effective(staged)}
    now = [one for one in request.requirements if isinstance(one, Requirement)]
    asked, markers = [*requirements_of(draft.entries.values()), *now], draft.stack.host.markers
    return dependencies.why_required(key, after, before.get(key), {*staged}, markers, asked)


def pins(entries: Mapping[str, HistoryEntry], site: Site, going: Collection[str]) -> dict[str, Pin]:
    """The versions that the user requested earlier, by normalized name: pins, and of sources.

    Args:
        entries: of the distributions, by normalized name.
        site: the installed distributions.
        going: the normalized names that are requested now, or later.
    """
    found = {}
    for key, entry in entries.items():
        text = entry.requirement
        if not text or not entry.requested or entry.copied or key in going or key not in site:
            continue
        there = site[key][0]
        wanted = as_requirement(f"{key}=={there.version}" if entry.is_direct else text)
        if wanted is None or not any(one.operator in PINS for one in wanted.specifier):
            continue
        allowed = Requirement(f"{wanted.name}{wanted.specifier}")
        if dependencies.holds(allowed, there):
            found[key] = Pin(text, allowed, there, entry.intent == "hold", entry.is_direct)
    return found


def _again(entry: HistoryEntry, requirement: str, own: Options = NONE) -> Options:
    """The options of an entry for a requirement: a hash is that of one version only."""
    if not own and requirement == entry.requirement:
        return entry.options
    return entry.options.without("--hash") + own


def lost_files(entry: HistoryEntry) -> str:
    """Say which recorded files of constraints do not exist, as pip needs each; empty if all do."""
    lost = entry.options.missing("--constraint").values("--constraint")
    return f"it was requested with -c {few(lost)}, which does not exist" if lost else ""


def check_files(entries: Mapping[str, HistoryEntry], hint: str = "") -> None:
    """Check that the recorded files of constraints exist.

    Raises:
        OverlayError: one does not; this says more than pip's message.
    """
    for key, entry in entries.items():
        if lost := lost_files(entry):
            hint = hint or f"put it there again, or drop it: conda overlay install {key}"
            raise OverlayError(f"{entry.name or key}: {lost}.", hint, name=key)


def at_least(wanted: Requirement, version: str) -> str:
    """A requirement with a lower bound, unless it already limits the version from above."""
    if wanted.url or any(s.operator in (">", *PINS) for s in wanted.specifier):
        return _recordable(wanted)
    others = [str(s) for s in wanted.specifier if s.operator != ">="]
    name = with_extras(wanted.name, wanted.extras)
    return f"{name}{','.join([f'>={version}', *sorted(others)])}"


def _recordable(wanted: Requirement | Source) -> str:
    return without_credentials(text_of(wanted))


def _is_hashed(new: Distribution, request: Request) -> bool:
    """Whether a hash was requested of a distribution from a URL."""
    if any(options.has("--hash") for options in request.own.values()):
        return True  # pip demands one of each
    url = without_credentials(new.direct_url or "").partition("#")[0]
    hashed = (one for one in request.requirements if hashes_of(one, NONE))
    return any(url in without_credentials(text_of(one)) for one in hashed)


def lasting(options: Options) -> Options:
    """The options to record: each once, without credentials, with paths that are valid anywhere."""
    found = []
    for name, value in options.used(RECORDED).located(os.getcwd()).given:
        if name == "--config-settings":
            value = setting(value or "")
            if value is None:  # it may be a secret
                continue
        found.append((name, None if value is None else without_credentials(value)))
    return Options(tuple(found)).distinct()
