"""The requirements among the distributions in effect; pure functions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from packaging.markers import InvalidMarker, Marker, UndefinedEnvironmentName
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from conda_overlay.core.errors import UsageError
from conda_overlay.core.models import Conflict, Distribution
from conda_overlay.core.request import Source, as_requirement
from conda_overlay.distributions.site import Site

View = Mapping[str, Distribution]
"""The distributions in effect, by normalized name."""

Markers = Mapping[str, str]


def effective(*sites: Site) -> View:
    """The distributions that an interpreter finds in site directories, in the order of its path."""
    view: dict[str, Distribution] = {}
    for key, found in (item for site in sites for item in site.items()):
        view.setdefault(key, found[0])
    return view


def conflicts(
    view: View, markers: Markers, host_site: Path, asked: Iterable[Requirement] = ()
) -> list[Conflict]:
    """The requirements of the distributions in effect that are not satisfied.

    Those of extras count if a requirement in `asked`, as users typed it, has them.
    """

    def origin(distribution: Distribution) -> str:
        return "host" if distribution.site == host_site else "overlay"

    result = []
    for one, requirement in requirements(view, markers, asked):
        found = view.get(canonicalize_name(requirement.name))
        if found is None or not holds(requirement, found):
            there = (found.version, origin(found)) if found else (None, None)
            result.append(Conflict(one.name, one.version, origin(one), str(requirement), *there))
    return result


def conflict_changes(
    old: View,
    new: View,
    markers: Markers,
    host_site: Path,
    asked: tuple[Iterable[Requirement], Iterable[Requirement]] = ((), ()),
) -> tuple[tuple[Conflict, ...], tuple[Conflict, ...]]:
    """The conflicts that did not exist before, and those that no longer exist.

    Args:
        old: the distributions in effect before.
        new: those in effect afterwards.
        markers: of the host.
        host_site: its site-packages.
        asked: the requirements that the user had typed before, and those afterwards.
    """
    before, after = (
        conflicts(view, markers, host_site, typed)
        for view, typed in zip((old, new), asked, strict=True)
    )
    known, left = ({conflict.identity for conflict in found} for found in (before, after))
    added = tuple(conflict for conflict in after if conflict.identity not in known)
    return added, tuple(conflict for conflict in before if conflict.identity not in left)


def new_conflicts(
    old: View,
    new: View,
    markers: Markers,
    host_site: Path,
    asked: tuple[Iterable[Requirement], Iterable[Requirement]] = ((), ()),
) -> tuple[Conflict, ...]:
    """The conflicts that did not exist before; see `conflict_changes`."""
    return conflict_changes(old, new, markers, host_site, asked)[0]


def constraints(
    view: View,
    markers: Markers,
    requested: Collection[str],
    asked: Iterable[Requirement] = (),
) -> list[Requirement]:
    """The constraints that keep pip from breaking installed distributions.

    Requirements of requested distributions are left out, because these will change; so are
    requirements that are already broken. Those of extras count as in `conflicts`.
    """
    lines: dict[str, Requirement] = {}
    for one, requirement in requirements(view, markers, asked):
        found = view.get(canonicalize_name(requirement.name))
        counts = one.key not in requested and requirement.specifier
        if counts and found and holds(requirement, found):
            text = f"{requirement.name}{requirement.specifier}"
            lines[text] = Requirement(text)
    return [lines[text] for text in sorted(lines)]


def why_required(
    key: str,
    view: View,
    previous: Distribution | None,
    moved: Collection[str],
    markers: Markers,
    asked: Iterable[Requirement] = (),
) -> str:
    """Say in words which distribution requires another one.

    A requirement that the previous version does not satisfy is preferred.

    Args:
        key: the normalized name of the required distribution.
        view: the distributions in effect afterwards.
        previous: the required distribution as it was before.
        moved: the normalized names of all distributions that change.
        markers: of the host.
        asked: the requirements that the user typed, which may have extras.
    """
    reasons = []
    typed = {str(canonicalize_name(wanted.name)): wanted for wanted in asked}
    for one, requirement in requirements(view, markers, typed.values()):
        if canonicalize_name(requirement.name) == key:
            needed = previous is None or not holds(requirement, previous)
            asker = f"{one.name} {one.version}"
            extras = typed[one.key].extras if one.key in typed else ()
            optional = (text for text, marker in map(_split, one.requires) if "extra" in marker)
            if extras and requirement in map(as_requirement, optional):
                asker = f"{one.name}[{','.join(sorted(extras))}]"
            reasons.append((needed, one.key in moved, f"{asker} requires {requirement}"))
    return max(reasons)[2] if reasons else "required"


def requiring(key: str, view: View, markers: Markers) -> list[str]:
    """The names of the distributions that require one, sorted."""
    found = requirements(view, markers)
    return sorted({one.name for one, needed in found if canonicalize_name(needed.name) == key})


def kind(host: Distribution | None, new: Distribution | None) -> str:
    """How a distribution of the overlay compares with the host's: see `Change`."""
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
    """Whether a version is newer than another; assumed if one is not valid (PEP 440)."""
    try:
        return Version(one) > Version(other)
    except InvalidVersion:
        return True


def requirements(
    view: View, markers: Markers, asked: Iterable[Requirement] = ()
) -> Iterator[tuple[Distribution, Requirement]]:
    """Every requirement that applies, including those of extras that are in use.

    Extras are in use if a distribution in effect requires them, or a requirement in `asked`.
    """
    environment = frozenset(markers.items())
    extras: dict[str, set[str]] = defaultdict(set)

    def applying(distribution: Distribution) -> Iterator[Requirement]:
        wanted = frozenset(extras[distribution.key])
        for text, marker in map(_split, distribution.requires):
            if _applies(marker, wanted, environment) and (requirement := as_requirement(text)):
                yield requirement

    for typed in asked:
        extras[canonicalize_name(typed.name)] |= typed.extras
    asking = [d for d in view.values() if any("[" in text for text in d.requires)]
    size = -1
    while size != sum(map(len, extras.values())):  # extras may require more extras
        size = sum(map(len, extras.values()))
        for requirement in (found for distribution in asking for found in applying(distribution)):
            extras[canonicalize_name(requirement.name)] |= requirement.extras
    for distribution in view.values():
        for requirement in applying(distribution):
            yield distribution, requirement


def of_extras(one: Distribution, wanted: Requirement, markers: Markers) -> list[Requirement]:
    """What the extras of a requirement add to what its distribution requires."""
    view = {one.key: one}
    every = (requirement for _, requirement in requirements(view, markers, [wanted]))
    without = [requirement for _, requirement in requirements(view, markers)]
    return [requirement for requirement in every if requirement not in without]


def lacking(view: View, wanted: Iterable[Requirement]) -> set[str]:
    """The normalized names of the requirements that no distribution in effect satisfies."""
    keyed = ((str(canonicalize_name(one.name)), one) for one in wanted)
    return {key for key, one in keyed if key not in view or not holds(one, view[key])}


def applies(wanted: Requirement | Source, markers: Markers) -> bool:
    """Whether a requirement that a user typed is for this host; pip ignores the others."""
    marker = None if isinstance(wanted, Source) else wanted.marker
    return _applies(str(marker or ""), frozenset(), frozenset(markers.items()))


@cache  # most markers in a large host are the same
def _applies(marker: str, extras: frozenset[str], environment: frozenset[tuple[str, str]]) -> bool:
    facts = dict(environment)
    try:
        return not marker or any(
            Marker(marker).evaluate({**facts, "extra": extra}) for extra in ("", *extras)
        )
    except (InvalidMarker, UndefinedEnvironmentName, InvalidVersion):
        return False


@cache
def _split(text: str) -> tuple[str, str]:
    """Split off the marker, so that only requirements that apply need to be parsed."""
    # A URL may contain a semicolon, and has a space before the marker.
    requirement, _, marker = text.partition(" ;" if "@" in text else ";")
    return requirement.strip(), marker.strip()


def holds(requirement: Requirement, found: Distribution) -> bool:
    """Whether a distribution has a version that a requirement allows."""
    try:
        version = Version(found.version)
    except InvalidVersion:
        return True  # a version outside PEP 440 cannot be judged
    return requirement.specifier.contains(version, prereleases=True)


def _is_version(text: str) -> bool:
    try:
        return bool(Version(text))
    except InvalidVersion:
        return False


def named(text: str) -> Requirement:
    """Parse the requirement by which a user names a distribution.

    Raises:
        UsageError: it is not a valid requirement.
    """
    found = as_requirement(text)
    if found is None:
        sentence = f"{text!r} is not the name of a distribution."
        raise UsageError(sentence, "conda overlay status", name=text)
    return found


def are_satisfied(requests: Iterable[Requirement], view: View, markers: Markers) -> bool:
    """Whether distributions in effect satisfy some requirements, and all that they need in turn.

    False if that cannot be judged: for a URL, or a version or requirement that is not valid.
    """
    environment, pending, known = frozenset(markers.items()), [*requests], set()
    while pending:
        wanted = pending.pop()
        found = view.get(canonicalize_name(wanted.name))
        if found is None or wanted.url or wanted.marker or not _is_version(found.version):
            return False
        if not holds(wanted, found):
            return False
        extras = frozenset(wanted.extras)
        if (found.key, extras) in known:
            continue
        known.add((found.key, extras))
        for text, marker in map(_split, found.requires):
            if _applies(marker, extras, environment):
                if (needed := as_requirement(text)) is None:
                    return False
                pending.append(needed)
    return True


def joining(broken: Sequence[Conflict], known: Collection[str]) -> dict[str, Conflict]:
    """The distributions whose requirements break, except for known ones."""
    first = {canonicalize_name(conflict.name): conflict for conflict in reversed(broken)}
    return {key: conflict for key, conflict in first.items() if key not in known}


def orphans(
    overlay: Site,
    below: View,
    going: Collection[str],
    wanted: Collection[str],
    markers: Markers,
    asked: Iterable[Requirement] = (),
) -> set[str]:
    """The dependencies in an overlay that nothing needs once some distributions are removed.

    Host distributions that come back into effect also need their dependencies.

    Args:
        overlay: its distributions.
        below: the distributions in effect without the overlay.
        going: the normalized names of the distributions to remove.
        wanted: the normalized names of the requested distributions.
        markers: of the host.
        asked: the requirements that the user typed, which may have extras.
    """
    mine = effective(overlay)
    typed = [wanted for wanted in asked if canonicalize_name(wanted.name) not in going]
    staying = {key for key in mine if key in wanted and key not in going}
    loose = {key for key in mine if key not in wanted and key not in going}
    while True:
        view = {**below, **{key: mine[key] for key in staying}}
        needed: set[str] = set()
        for distribution, requirement in requirements(view, markers, typed):
            key, target = distribution.key, canonicalize_name(requirement.name)
            host, found = below.get(target), view.get(target)
            if target in loose and key in staying and not (host and holds(requirement, host)):
                needed.add(target)
            # A dependent that was updated along with one that stays: the host's copy would break.
            if key in loose and target in staying and found and not holds(requirement, found):
                needed.add(key)
        if not needed:
            return loose
        staying |= needed
        loose -= needed
