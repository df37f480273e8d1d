"""Decides what an operation does; pure functions of what was read from the disk."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from packaging.markers import InvalidMarker, Marker, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from conda_overlay.distributions import Site
from conda_overlay.models import Change, Conflict, Distribution

View = Mapping[str, Distribution]
"""The distributions in effect by normalized name: of several sites, the first one wins."""

Markers = Mapping[str, str]


def effective(*sites: Site) -> View:
    """What an interpreter sees of several site directories, the first one first on its path."""
    view: dict[str, Distribution] = {}
    for site in sites:
        for key, found in site.items():
            view.setdefault(key, found[0])
    return view


def conflicts(view: View, markers: Markers, host_site: Path) -> list[Conflict]:
    """The requirements that do not hold among the distributions in effect."""

    def origin(distribution: Distribution) -> str:
        return "host" if distribution.site == host_site else "overlay"

    result = []
    for distribution, requirement in _requirements(view, markers):
        found = view.get(canonicalize_name(requirement.name))
        if found is None or not _holds(requirement, found):
            result.append(
                Conflict(
                    distribution.name,
                    distribution.version,
                    origin(distribution),
                    str(requirement).partition(";")[0].strip(),
                    found.version if found else None,
                    origin(found) if found else None,
                )
            )
    return result


def new_conflicts(
    before: View, after: View, markers: Markers, host_site: Path
) -> tuple[Conflict, ...]:
    """What is broken afterwards and was not before: the host's own faults are not ours."""
    known = {conflict.identity for conflict in conflicts(before, markers, host_site)}
    found = conflicts(after, markers, host_site)
    return tuple(conflict for conflict in found if conflict.identity not in known)


def constraints(view: View, markers: Markers, requested: Collection[str]) -> list[str]:
    """What keeps pip from breaking what is installed, as lines of a constraints file.

    Requirements of what is asked for do not count, because they will change, nor do those that are
    broken already.

    Args:
        view: the distributions in effect.
        markers: the host's.
        requested: normalized names.
    """
    lines = set()
    for distribution, requirement in _requirements(view, markers):
        found = view.get(canonicalize_name(requirement.name))
        wanted = distribution.key not in requested and requirement.specifier
        if wanted and found is not None and _holds(requirement, found):
            lines.add(f"{requirement.name}{requirement.specifier}")
    return sorted(lines)


def requested_names(requirements: Iterable[str]) -> set[str]:
    """The normalized names among what a user asks for; paths and URLs do not tell theirs."""
    return {
        canonicalize_name(parsed.name) for parsed in map(_parse, requirements) if parsed is not None
    }


def changes(
    below: View,
    overlay: Site,
    staged: Site,
    *,
    removed: Collection[str] = (),
    requested: Collection[str] = (),
    dependents: Mapping[str, Conflict] | None = None,
    markers: Markers,
) -> tuple[Change, ...]:
    """What committing a stage does, one change for each distribution, sorted by name.

    Args:
        below: what is in effect under the overlay: the host, and layers behind the overlay.
        overlay: what the overlay has now.
        staged: what will replace it.
        removed: normalized names that the overlay has and will not have any more.
        requested: normalized names that the user asked for.
        dependents: what moves because a requirement of it would break, with that conflict.
        markers: the host's.
    """
    after = effective(staged, {k: v for k, v in overlay.items() if k not in removed})
    merged = {**below, **after}
    result = []
    for key in sorted({*staged, *removed}):
        new, old, host = after.get(key), _first(overlay, key), below.get(key)
        if key in requested:
            why = "requested"
        elif dependents and key in dependents:
            conflict = dependents[key]
            why = f"{conflict.name} {conflict.version} requires {conflict.requirement}"
        else:
            why = _why(key, merged, old or host, staged, markers)
        result.append(_change(key, host, old, new, why, key in requested))
    return tuple(result)


def kind(host: Distribution | None, new: Distribution | None) -> str:
    """What an overlay's distribution is to the host's one of the same name."""
    if new is None:
        return "remove"
    if host is None:
        return "add"
    try:
        old_version, new_version = Version(host.version), Version(new.version)
    except InvalidVersion:
        return "replace"
    if old_version == new_version:
        return "replace"
    return "upgrade" if new_version > old_version else "downgrade"


def _why(
    key: str,
    view: View,
    previous: Distribution | None,
    staged: Site,
    markers: Markers,
) -> str:
    """Who requires a distribution that nobody asked for; best one that its predecessor broke."""
    reasons = []
    for distribution, requirement in _requirements(view, markers):
        if canonicalize_name(requirement.name) == key:
            needed = previous is None or not _holds(requirement, previous)
            text = f"{distribution.name} {distribution.version} requires "
            text += str(requirement).partition(";")[0].strip()
            reasons.append((needed, distribution.key in staged, text))
    return max(reasons)[2] if reasons else "required"


def _requirements(
    view: View, markers: Markers, asked: Iterable[str] = ()
) -> Iterator[tuple[Distribution, Requirement]]:
    """Every requirement that applies, those of the extras that something in effect asks for too.

    Args:
        view: the distributions in effect.
        markers: the host's.
        asked: requirements that a user typed, whose extras count as well.
    """
    applies = _judge(markers)
    extras: dict[str, set[str]] = {}
    for typed in map(_parse, asked):
        if typed is not None:
            extras.setdefault(canonicalize_name(typed.name), set()).update(typed.extras)
    for distribution in view.values():
        if any("[" in text for text in distribution.requires):
            for requirement in _applying(distribution, frozenset(), applies):
                target = canonicalize_name(requirement.name)
                extras.setdefault(target, set()).update(requirement.extras)
    for key, distribution in view.items():
        wanted = frozenset(extras.get(key, ()))
        for requirement in _applying(distribution, wanted, applies):
            yield distribution, requirement


def _applying(
    distribution: Distribution,
    extras: frozenset[str],
    applies: Callable[[str, frozenset[str]], bool],
) -> Iterator[Requirement]:
    for text, marker in map(_split, distribution.requires):
        if applies(marker, extras):
            requirement = _parse(text)
            if requirement is not None:
                yield requirement


def _judge(markers: Markers) -> Callable[[str, frozenset[str]], bool]:
    """A function that says whether a marker holds; most of those of a large host are the same."""

    @cache
    def applies(marker: str, extras: frozenset[str]) -> bool:
        try:
            return not marker or any(
                Marker(marker).evaluate({**markers, "extra": extra}) for extra in ("", *extras)
            )
        except (InvalidMarker, UndefinedEnvironmentName, InvalidVersion):
            return False

    return applies


@cache
def _split(text: str) -> tuple[str, str]:
    """A requirement and its marker: what does not apply, as most extras, need not be parsed."""
    # A URL may hold a semicolon; in front of its marker there is a space.
    requirement, _, marker = text.partition(" ;" if "@" in text else ";")
    return requirement.strip(), marker.strip()


def _holds(requirement: Requirement, found: Distribution) -> bool:
    try:
        version = Version(found.version)
    except InvalidVersion:
        return True  # a version outside PEP 440 cannot be judged
    return requirement.specifier.contains(version, prereleases=True)


@cache
def _parse(text: str) -> Requirement | None:
    try:
        return Requirement(text)
    except InvalidRequirement:
        return None


def joining(broken: Sequence[Conflict], known: Collection[str]) -> dict[str, Conflict]:
    """The distributions whose requirements break, and that have not been moved yet."""
    result: dict[str, Conflict] = {}
    for conflict in broken:
        key = canonicalize_name(conflict.name)
        if key not in known:
            result.setdefault(key, conflict)
    return result


def difference(
    below: View, before: Site, after: Site, why: Mapping[str, str], requested: Collection[str] = ()
) -> tuple[Change, ...]:
    """What turns one content of an overlay into another, one change for each distribution.

    Args:
        below: what is in effect under the overlay.
        before: what it has.
        after: what it will have.
        why: the reason of a change by normalized name; the entry of ``""`` is everybody's.
        requested: normalized names that the user asked for.
    """
    result = []
    for key in sorted({*before, *after}):
        old, new, host = _first(before, key), _first(after, key), below.get(key)
        if old and new and _identity(old) == _identity(new):
            continue
        reason = why.get(key) or why[""]
        result.append(_change(key, host, old, new, reason, key in requested))
    return tuple(result)


def is_newer(one: str, other: str) -> bool:
    """Whether a version is newer than another; one outside PEP 440 cannot be judged, and is."""
    try:
        return Version(one) > Version(other)
    except InvalidVersion:
        return True


def unneeded(
    overlay: Site,
    below: View,
    named: Collection[str],
    wanted: Collection[str],
    markers: Markers,
    asked: Iterable[str] = (),
) -> set[str]:
    """What goes with the named distributions: what nobody wanted, and nothing that stays needs.

    A host distribution that becomes visible again counts as staying: what its requirements are
    held by stays too.

    Args:
        overlay: what the overlay has.
        below: what is in effect under it.
        named: normalized names that go.
        wanted: normalized names that were asked for.
        markers: the host's.
        asked: what the user typed for them, for its extras.
    """
    mine = effective(overlay)
    asked = [text for text in asked if not requested_names([text]) & set(named)]
    kept = {key for key in mine if key in wanted and key not in named}
    grown = True
    while grown:
        view = {**below, **{key: mine[key] for key in kept}}
        needed: set[str] = set()
        for distribution, requirement in _requirements(view, markers, asked):
            target = canonicalize_name(requirement.name)
            spare = target in mine and target not in kept and target not in named
            host = below.get(target)
            if spare and distribution.key in kept and (not host or not _holds(requirement, host)):
                needed.add(target)
            # A dependent that moved with what stays: its host copy would break.
            found = view.get(target)
            moved = distribution.key in mine and distribution.key not in {*kept, *named}
            if moved and target in kept and found and not _holds(requirement, found):
                needed.add(distribution.key)
        grown = bool(needed - kept)
        kept |= needed
    return {key for key in mine if key not in kept and key not in named}


def falling(
    overlay: Site,
    below: View,
    named: Collection[str],
    candidates: Collection[str],
    markers: Markers,
) -> set[str]:
    """Which of the candidates cannot stay without the named distributions: theirs would break.

    Args:
        overlay: what the overlay has.
        below: what is in effect under it.
        named: normalized names that go.
        candidates: normalized names that may go as well.
        markers: the host's.
    """
    mine, fallen = effective(overlay), set[str]()
    while True:
        staying = {key: found for key, found in mine.items() if key not in {*named, *fallen}}
        broken = conflicts({**below, **staying}, markers, Path())
        grown = {canonicalize_name(conflict.name) for conflict in broken} & {*candidates}
        if grown <= fallen:
            return fallen
        fallen |= grown


def meaning(
    distribution: Distribution,
    host: Distribution | None,
    *,
    intent: str,
    broken: bool,
    stale: bool,
) -> str:
    """What the host as it is now means for a distribution of the overlay.

    Returns:
        ``stale``: built for another Python or ABI; ``broken``: its requirements do not hold;
        ``redundant``: the host has the same or newer; ``downgrades``: it hides something newer on
        purpose; ``still needed``.
    """
    if stale:
        return "stale"
    if broken:
        return "broken"
    if distribution.editable or host is None:
        return "still needed"
    relation = kind(host, distribution)
    if relation == "replace":
        return "redundant"
    if relation == "downgrade":
        return "redundant" if intent == "fix" else "downgrades"
    return "still needed"


def _change(
    key: str,
    host: Distribution | None,
    old: Distribution | None,
    new: Distribution | None,
    why: str,
    requested: bool,
) -> Change:
    example = new or old or host
    assert example is not None
    return Change(
        name=example.name,
        key=key,
        kind=kind(host, new),
        host_version=host.version if host else None,
        before=old.version if old else None,
        after=new.version if new else None,
        why=why,
        requested=requested,
        editable=new.editable if new else None,
    )


def _first(site: Site, key: str) -> Distribution | None:
    found = site.get(key)
    return found[0] if found else None


def _identity(distribution: Distribution) -> tuple[str, str | None, str | None]:
    return distribution.version, distribution.editable, distribution.direct_url
