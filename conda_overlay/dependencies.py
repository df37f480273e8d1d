"""Who requires what among the distributions in effect; pure functions of what was read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from packaging.markers import InvalidMarker, Marker, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from conda_overlay.distributions import Site
from conda_overlay.models import Conflict, Distribution

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
    for one, requirement in _requirements(view, markers):
        found = view.get(canonicalize_name(requirement.name))
        if found is None or not _holds(requirement, found):
            there = (found.version, origin(found)) if found else (None, None)
            wants = str(requirement)
            result.append(Conflict(one.name, one.version, origin(one), wants, *there))
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

    Requirements of what is requested (by normalized name) do not count, because they will change,
    nor do those that are broken already.
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
    return {canonicalize_name(parsed.name) for parsed in map(_parse, requirements) if parsed}


def why_required(
    key: str,
    view: View,
    previous: Distribution | None,
    moved: Collection[str],
    markers: Markers,
    asked: Iterable[str] = (),
) -> str:
    """Who requires a distribution that nobody asked for; best one that its predecessor broke.

    Args:
        key: its normalized name.
        view: the distributions in effect afterwards.
        previous: the one in effect before.
        moved: normalized names of what changes together with it.
        markers: the host's.
        asked: requirements that a user typed, whose extras count as well.
    """
    reasons = []
    typed = {str(canonicalize_name(r.name)): r for r in map(_parse, asked) if r}
    for distribution, requirement in _requirements(view, markers, typed.values()):
        if canonicalize_name(requirement.name) == key:
            needed = previous is None or not _holds(requirement, previous)
            asker = f"{distribution.name} {distribution.version}"
            extras = typed[distribution.key].extras if distribution.key in typed else ()
            parts = map(_split, distribution.requires)
            if extras and any("extra" in m and _parse(text) == requirement for text, m in parts):
                asker = f"{distribution.name}[{','.join(sorted(extras))}]"
            sentence = f"{asker} requires {requirement}"
            reasons.append((needed, distribution.key in moved, sentence))
    return max(reasons)[2] if reasons else "required"


def kind(host: Distribution | None, new: Distribution | None) -> str:
    """What an overlay's distribution is to the host's one of the same name: see `Change.kind`."""
    if new is None:
        return "remove"
    if host is None:
        return "add"
    try:
        before, after = Version(host.version), Version(new.version)
    except InvalidVersion:
        return "replace"
    return "upgrade" if after > before else "downgrade" if after < before else "replace"


def is_newer(one: str, other: str) -> bool:
    """Whether a version is newer than another; one outside PEP 440 cannot be judged, and is."""
    try:
        return Version(one) > Version(other)
    except InvalidVersion:
        return True


def _requirements(
    view: View, markers: Markers, asked: Iterable[Requirement] = ()
) -> Iterator[tuple[Distribution, Requirement]]:
    """Every requirement that applies, of the extras that something in effect asks for too.

    The requirements that a user has `asked` for, which ask for extras as well, are not among them.
    """
    applying = _judge(markers)
    extras: dict[str, set[str]] = defaultdict(set)
    for typed in asked:
        extras[canonicalize_name(typed.name)] |= typed.extras
    asking = [d for d in view.values() if any("[" in text for text in d.requires)]
    size = -1
    while size != sum(map(len, extras.values())):  # an extra may ask for extras, of its own too
        size = sum(map(len, extras.values()))
        for distribution in asking:
            for requirement in applying(distribution, frozenset(extras[distribution.key])):
                extras[canonicalize_name(requirement.name)] |= requirement.extras
    for key, distribution in view.items():
        for requirement in applying(distribution, frozenset(extras[key])):
            yield distribution, requirement


def _judge(markers: Markers) -> Callable[[Distribution, frozenset[str]], Iterator[Requirement]]:
    """A function that gives those requirements of a distribution, with extras, that apply."""

    @cache  # most markers of a large host are the same
    def applies(marker: str, extras: frozenset[str]) -> bool:
        try:
            return not marker or any(
                Marker(marker).evaluate({**markers, "extra": extra}) for extra in ("", *extras)
            )
        except (InvalidMarker, UndefinedEnvironmentName, InvalidVersion):
            return False

    def applying(distribution: Distribution, extras: frozenset[str]) -> Iterator[Requirement]:
        for text, marker in map(_split, distribution.requires):
            requirement = _parse(text) if applies(marker, extras) else None
            if requirement is not None:
                yield requirement

    return applying


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
    first = {canonicalize_name(conflict.name): conflict for conflict in reversed(broken)}
    return {key: conflict for key, conflict in first.items() if key not in known}


def orphans(
    overlay: Site,
    below: View,
    going: Collection[str],
    wanted: Collection[str],
    markers: Markers,
    asked: Iterable[str] = (),
) -> set[str]:
    """What goes with some distributions: what nobody wanted, and nothing that stays needs.

    A host distribution that becomes visible again counts as staying: what its requirements are
    held by stays too.

    Args:
        overlay: what the overlay has.
        below: what is in effect under it.
        going: normalized names.
        wanted: normalized names that were asked for.
        markers: the host's.
        asked: what the user typed for them, for its extras.
    """
    mine = effective(overlay)
    typed = [r for r in map(_parse, asked) if r and canonicalize_name(r.name) not in going]
    staying = {key for key in mine if key in wanted and key not in going}
    loose = {key for key in mine if key not in wanted and key not in going}
    while True:
        view = {**below, **{key: mine[key] for key in staying}}
        needed: set[str] = set()
        for distribution, requirement in _requirements(view, markers, typed):
            key, target = distribution.key, canonicalize_name(requirement.name)
            host, found = below.get(target), view.get(target)
            if target in loose and key in staying and not (host and _holds(requirement, host)):
                needed.add(target)
            # A dependent that moved with what stays: its host copy would break.
            if key in loose and target in staying and found and not _holds(requirement, found):
                needed.add(key)
        if not needed:
            return loose
        staying |= needed
        loose -= needed
