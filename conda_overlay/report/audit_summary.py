"""Adds up the records of many overlays: what is on top of which environment, of whom and why."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from conda_overlay.core.models import Distribution
from conda_overlay.distributions import dependencies
from conda_overlay.host.host import Host
from conda_overlay.report.audit import Audited, AuditedOverlay, Unreadable, requirements

_MOST = 50  # overlays of each kind of attention, and reasons of a row, that are kept

GROUPS: Mapping[str, Callable[[AuditedOverlay, Audited], tuple[str, str]]] = {
    "env": lambda overlay, one: (overlay.host, overlay.user),
    "user": lambda overlay, one: (overlay.user, os.path.basename(overlay.host)),
    "name": lambda overlay, one: ("all environments", overlay.user),
}
"""The title of the table that a distribution is in, and what is counted for it, by ``--by``."""


@dataclass
class Row:
    """One distribution on top of an environment, in all overlays together."""

    name: str
    there: Counter[str] = field(default_factory=Counter)
    versions: Counter[str] = field(default_factory=Counter)
    users: set[str] = field(default_factory=set)
    since: str = ""
    until: str = ""
    kinds: Counter[str] = field(default_factory=Counter)
    reasons: set[str] = field(default_factory=set)
    requested: int = 0

    def add(self, one: Audited, who: str) -> None:
        """Count a distribution of somebody's."""
        entry = one.entry
        self.there[one.there or "-"] += 1
        self.versions[one.version] += 1
        self.users.add(who)
        self.since = min(filter(None, (self.since, entry.since)), default="")
        self.until = min(filter(None, (self.until, entry.until or "")), default="")
        self.kinds[one.kind] += 1
        self.requested += entry.requested
        if entry.reason and len(self.reasons) < _MOST:
            self.reasons.add(entry.reason)


@dataclass
class Patch:
    """An edit of a distribution, and who has it."""

    name: str
    version: str
    text: str
    users: set[str] = field(default_factory=set)
    reasons: set[str] = field(default_factory=set)


@dataclass
class Summary:
    """What `audit` prints."""

    by: str = "env"
    keeps_patches: bool = False
    overlays: int = 0
    forks: int = 0
    users: set[str] = field(default_factory=set)
    environments: set[str] = field(default_factory=set)
    tables: dict[str, dict[str, Row]] = field(default_factory=dict)
    attention: dict[str, list[str]] = field(default_factory=dict)
    """The paths of overlays, by what is wrong."""
    counts: Counter[str] = field(default_factory=Counter)
    """The same, counted."""
    owners: dict[str, tuple[str, str]] = field(default_factory=dict)
    """The user and the environment of each of these paths."""

    patches: dict[tuple[str, str], Patch] = field(default_factory=dict)
    """By the distribution and the text, so that equal ones are there once."""

    @property
    def unreadable(self) -> int:
        """How much could not be read."""
        return self.counts["unreadable"]

    def add(self, found: AuditedOverlay | Unreadable) -> None:
        """Add what was read."""
        if isinstance(found, Unreadable):
            self._note("unreadable", f"{found.path}: {found.why}", "", "")
            return
        self.users.add(found.user)
        if found.kind == "fork":
            self.forks += 1
        else:
            self.overlays += 1
            self.environments.update(filter(None, (found.host,)))
        for kind in found.attention:
            self._note(kind, found.overlay, found.user, found.host)
        for one in found.distributions if found.kind == "overlay" else ():
            title, who = GROUPS[self.by](found, one)
            row = self.tables.setdefault(title, {}).setdefault(one.key, Row(one.name))
            row.add(one, who)
            if self.keeps_patches and one.entry.patch:
                new = Patch(one.name, one.version, one.entry.patch)
                patch = self.patches.setdefault((one.key, one.entry.patch), new)
                patch.users.add(found.user)
                patch.reasons.update(filter(None, (one.entry.reason,)))

    def _note(self, kind: str, path: str, user: str, host: str) -> None:
        self.counts[kind] += 1
        if len(paths := self.attention.setdefault(kind, [])) < _MOST:
            paths.append(path)
            self.owners[path] = user, host

    def rows(self) -> Iterator[tuple[str, list[Row]]]:
        """The tables, each with its rows, most used first; what only came along is left out."""
        order: Callable[[Row], tuple[int, str]] = lambda row: (-len(row.users), row.name)  # noqa: E731
        for title, rows in sorted(self.tables.items()):
            if asked := [row for row in rows.values() if row.requested]:
                yield title, sorted(asked, key=order)


@dataclass(frozen=True)
class Outcome:
    """What becomes of a distribution of somebody's in the next environment."""

    name: str
    version: str
    user: str
    what: str
    """``retires``, ``to decide``, ``conflicts`` or ``stays``."""
    why: str


class Next:
    """The next environment, or an explicit list of its packages."""

    def __init__(self, versions: Mapping[str, str], host: Host | None = None) -> None:
        self.versions = versions
        self.host = host

    def outcomes(self, overlay: AuditedOverlay) -> Iterator[Outcome]:
        """What becomes of the distributions of an overlay."""
        found = self._conflicts(overlay)
        conflicts = found or {}
        for one in overlay.distributions if overlay.kind == "overlay" else ():
            there = self.versions.get(one.key)
            if one.retires(there):
                yield Outcome(one.name, one.version, overlay.user, "retires", f"it has {there}")
            elif one.key in conflicts:
                why = conflicts[one.key]
                yield Outcome(one.name, one.version, overlay.user, "conflicts", why)
            elif one.entry.requested and there is not None:
                why = f"{one.kind}, {one.entry.intent}; it has {there}"
                yield Outcome(one.name, one.version, overlay.user, "to decide", why)
            elif one.entry.requested:
                unknown = "; its requirements are unknown" if found is None else ""
                why = f"it has none{unknown}"
                yield Outcome(one.name, one.version, overlay.user, "stays", why)

    def _conflicts(self, overlay: AuditedOverlay) -> dict[str, str] | None:
        """What would not fit together, by the requirements that the revision recorded, if any."""
        known = requirements(overlay) if self.host else None
        if self.host is None or known is None:
            return None
        below = dependencies.effective(self.host.distributions)
        staying = {
            one.key for one in overlay.distributions
            if not one.retires(self.versions.get(one.key))
        }  # fmt: skip
        mine = {
            one.distribution.key: one.distribution
            for one in known.values()
            if one.distribution.key in staying
        }
        view: dict[str, Distribution] = {**below, **mine}
        site, markers = self.host.site_packages, self.host.markers
        found: dict[str, str] = {}
        for conflict in dependencies.new_conflicts(below, view, markers, site):
            for name in (conflict.name, Requirement(conflict.requirement).name):
                if (key := canonicalize_name(name)) in mine:
                    found.setdefault(key, str(conflict))
        return found


def next_environment(environment: str) -> Next:
    """The next environment, by its name or prefix, or by the file of an explicit list.

    Raises:
        HostError: there is no such environment.
        OverlayError: the file is no explicit list.
    """
    from conda_overlay.change.overlay import Overlay

    if os.path.isfile(environment):
        from conda_overlay.fork import baseline

        return Next(baseline.load_list(environment).distributions)
    host = Overlay.open(environment).host
    return Next({key: one[0].version for key, one in host.distributions.items()}, host)


def versions_in(prefix: Path) -> dict[str, str]:
    """The versions of the distributions in an environment, by the names of their metadata."""
    found = {}
    for path in prefix.glob("lib/python*/site-packages/*.dist-info"):
        name, _, version = path.stem.partition("-")
        found[str(canonicalize_name(name))] = version
    return found
