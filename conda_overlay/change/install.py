"""Installs distributions with pip."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from packaging.utils import canonicalize_name

from conda_overlay.change.draft import Draft
from conda_overlay.core.models import Distribution, HistoryEntry, Request
from conda_overlay.core.pip_options import FLAGS, RECORDED, used
from conda_overlay.core.redact import setting, without_credentials
from conda_overlay.distributions import dependencies
from conda_overlay.distributions.record import owned_files
from conda_overlay.distributions.site import Site, read_site
from conda_overlay.filesystem.tree import remove_files
from conda_overlay.formats.document import PINS, default_intent
from conda_overlay.host import user_site
from conda_overlay.resolve.configuration import is_plain
from conda_overlay.resolve.resolver import Resolution, Resolver
from conda_overlay.resolve.stage import sources


def install(draft: Draft, request: Request) -> None:
    """Let pip add the requested distributions and their dependencies to a draft.

    Raises:
        ResolutionError: no consistent set of distributions exists.
        PipError: pip failed.
    """
    typed = _typed(request)
    if _is_satisfied(draft, request, typed):
        _ask_again(draft, request, typed, draft.before.site.keys())
        return
    draft.drop_damaged(typed)
    places = draft.new_scratch(), draft.source_dir
    found = Resolver(draft.pip, request, draft.layers(), *places, draft.allow_conflicts).resolve()
    staged, reverted = _without_copies_of_the_host(draft, found, request)
    marked = {key for key, (new, *_) in staged.items() if (new.path / "REQUESTED").exists()}
    requested = ({*typed} | marked) - {*found.moved}
    draft.drop(reverted)
    _record_staged(draft, request, found, staged, {key: typed.get(key) for key in requested})
    draft.add(found.stage, found.metadata)
    draft.notes += found.held_back
    _ask_again(draft, request, typed, draft.installed.keys(), staged)
    for option, value in pairwise(request.arguments):
        if option == "--config-settings" and setting(value) is None:
            name = value.partition("=")[0]
            draft.notes.append(f"-C {name} may be a secret and is not recorded; give it each time.")
    if request.has("--no-deps"):
        draft.accepted |= staged.keys()


def _is_satisfied(draft: Draft, request: Request, typed: Mapping[str, str]) -> bool:
    """Whether all that is requested is installed, so that pip would do nothing."""
    parsed = [dependencies.parse(text) for text in request.requirements]
    requirements = [requirement for requirement in parsed if requirement]
    plain = [word for word in request.arguments if word != "--"] == [*request.requirements]
    if not (plain and len(requirements) == len(parsed) and draft.is_untouched):
        return False
    host = draft.stack.host
    if draft.damaged(typed) or draft.leftovers or not is_plain(host.prefix):
        return False
    return dependencies.are_satisfied(requirements, draft.in_effect_before(), host.markers)


def _ask_again(
    draft: Draft,
    request: Request,
    typed: Mapping[str, str],
    there: Collection[str],
    staged: Collection[str] = (),
) -> None:
    """Update the entries of requested distributions that were installed already."""
    for key in (typed.keys() & {*there}) - {*staged}:
        draft.entries[key] = _asked_again(draft, draft.entries[key], typed[key], request)
    draft.notes += _hidden(draft, typed.keys() - {*there})


def _hidden(draft: Draft, keys: Collection[str]) -> Iterator[str]:
    """Notes on requested distributions that come from ``~/.local``, which hides the host's."""
    host = draft.stack.host
    place = user_site.user_site_directory(host) if keys else None
    for key, (mine, *_) in read_site(place).items() if place else ():
        if key in keys:
            remedy = f"python -m pip uninstall {mine.name}"
            yield f"{mine.name} {mine.version} of ~/.local is in effect; to remove it: {remedy}"


def _without_copies_of_the_host(
    draft: Draft, found: Resolution, request: Request
) -> tuple[Site, set[str]]:
    """Drop staged distributions from an index that are installed below at the same version.

    Returns:
        The other distributions; and the names of the overlay's own that those below replace.
    """
    if request.has("--force-reinstall", "-I", "--ignore-installed"):
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
            draft.why.setdefault(key, "the host has it")
    return kept, reverted


def _record_staged(
    draft: Draft,
    request: Request,
    found: Resolution,
    staged: Site,
    requested: Mapping[str, str | None],
) -> None:
    """Record the staged distributions for the history."""
    origins = sources(found.stage)
    for key, (new, *_) in staged.items():
        url, sha256 = origins.get(key, (None, None))
        old = draft.entries.get(key)
        url = url if new.editable else new.direct_url or url
        entry = HistoryEntry(
            version=new.version,
            name=new.name,
            reason=draft.reason,
            url=url,
            sha256=sha256,
            editable=new.editable,
        )
        if key in requested:
            entry = _asked(draft, entry, new, requested[key], request)
        elif old is not None and old.requested:  # changed because of another distribution
            entry = _moved(old, entry)
        origin = (new.version, sha256, new.editable)
        if old and origin[1:] != (None, None) and origin == (old.version, old.sha256, old.editable):
            entry = replace(entry, since=old.since, by=old.by)  # it has not changed
        draft.entries[key] = entry
        if key in found.moved:
            conflict = found.moved[key]
            draft.why[key] = f"{conflict.name} {conflict.version} requires {conflict.requirement}"


def _asked(
    draft: Draft, entry: HistoryEntry, new: Distribution, typed: str | None, request: Request
) -> HistoryEntry:
    """The entry of a distribution that was requested."""
    host = draft.stack.below_view.get(new.key)
    upgrade = request.has("--upgrade", "-U") or dependencies.kind(host, new) == "upgrade"
    requirement = new.editable or typed or f"{new.name}=={new.version}"
    if new.direct_url and not new.editable:
        requirement = f"{new.name} @ {new.direct_url}"
    elif upgrade and not new.editable:
        requirement = _at_least(requirement, new.version)
    if new.editable and typed:
        requirement = typed
    told = requirement if typed or new.direct_url else new.name  # without these the pin is ours
    default = default_intent(told, editable=bool(new.editable))
    if default == "fix" and dependencies.kind(host, new) == "downgrade":
        default = "hold"
    return replace(
        entry,
        requested=True,
        requirement=requirement,
        options=_options(request.arguments),
        intent=request.intent or default,
        until=request.until,
    )


def _asked_again(draft: Draft, entry: HistoryEntry, typed: str, request: Request) -> HistoryEntry:
    """The entry of a requested distribution that is already installed, updated by the request."""
    requirement, parsed = entry.requirement, dependencies.parse(typed)
    bare = parsed is None or parsed.name == typed
    if requirement is None or not (bare or entry.editable or " @ " in typed):
        requirement = typed
    pinned = default_intent(typed) == "hold" and entry.intent == "fix"
    return replace(
        entry,
        requested=True,
        requirement=requirement or typed,
        reason=draft.reason or entry.reason,
        intent=request.intent or ("hold" if pinned else entry.intent),
        until=request.until or entry.until,
    )


def _moved(before: HistoryEntry, entry: HistoryEntry) -> HistoryEntry:
    """The entry of a distribution requested earlier that changes because of another one."""
    requirement = before.requirement or ""
    parsed = dependencies.parse(requirement)
    if parsed and not parsed.specifier.contains(entry.version, prereleases=True):
        requirement = f"{entry.name}>={entry.version}"
    return replace(
        entry,
        requested=True,
        requirement=requirement,
        options=before.options,
        reason=before.reason,
        intent=before.intent,
        until=before.until,
    )


def _at_least(text: str, version: str) -> str:
    """Add a lower bound to a requirement, unless it already limits the version."""
    requirement = dependencies.parse(text)
    limits = requirement and any(s.operator in (">", *PINS) for s in requirement.specifier)
    if not requirement or requirement.url or limits:
        return text
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    others = [str(s) for s in requirement.specifier if s.operator != ">="]
    return f"{requirement.name}{extras}{','.join([f'>={version}', *sorted(others)])}"


def _typed(request: Request) -> dict[str, str]:
    """The requirements from the command line and from requirements files, by normalized name."""
    pairs = list(pairwise(request.arguments))
    lines = [*request.requirements]
    for option, value in pairs:
        if option == "--requirement":
            lines += lines_of(value)
    typed = {key: line for line in lines for key in dependencies.requested_names([line])}
    for option, value in pairs:
        egg = re.search(r"\+\w+:.*[#&]egg=([\w.-]+)", value)
        if option == "--editable" and egg:  # else a directory, whose name is known after pip's run
            typed[canonicalize_name(egg[1])] = value
    return {key: without_credentials(text) for key, text in typed.items()}


def lines_of(file: str, above: Collection[str] = ()) -> Iterator[str]:
    """The lines of a requirements file, without comments and per-requirement options.

    Files named with -r are included, except for those in `above`, which include this one.
    """
    try:
        text = Path(file).read_text(encoding="utf-8-sig")
    except (OSError, ValueError):
        return  # perhaps a URL: the version is known once pip has installed it
    for line in text.replace("\\\n", "").splitlines():
        if named := re.match(r"\s*(?:-r|--requirement)[\s=]*([^\s#]+)", line):
            inner = os.path.realpath(os.path.join(os.path.dirname(file), named[1]))
            yield from () if inner in above else lines_of(inner, {*above, inner})
        yield re.split(r"\s#|\s--", f" {line}")[0].strip()


def _options(arguments: Sequence[str]) -> tuple[str, ...]:
    """The options to record, each with its value in one string (``--name=value``)."""
    result = []
    words = iter(arguments)
    for word in words:
        if word == "--":
            break
        if word in used(RECORDED) & FLAGS:
            result.append(word)
        elif word in used(RECORDED):
            value = _lasting(word, next(words, ""))
            result += [] if value is None else [f"{word}={value}"]
    return tuple(result)


def _lasting(option: str, value: str) -> str | None:
    """The value of an option without its context; None if it may be a secret.

    Paths become absolute, so that they are valid in any directory; credentials are removed.
    """
    if option == "--config-settings":
        return setting(value)
    if option in ("--find-links", "--constraint") and "://" not in value:
        return os.path.abspath(os.path.expanduser(value))
    return without_credentials(value)
