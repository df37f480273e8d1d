"""Works out the differences between two states of an overlay, and their meaning."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from packaging.utils import canonicalize_name

from conda_overlay.core.models import Change, Distribution, Plan
from conda_overlay.distributions import dependencies
from conda_overlay.distributions.dependencies import Markers, View
from conda_overlay.filesystem.manifest import differences
from conda_overlay.layer.stack import Stack
from conda_overlay.layer.state import State

DECIDED = ("requested", "requirement", "options", "intent", "until", "reason")
"""The fields of an entry that a user decides."""

_TEXTS = ("requirement", "intent", "until", "reason")
"""Those of them that are texts."""

_SHOWN = ("requested", "requirement", "editable", "url", "sha256", "intent", "until", "reason")
"""The fields of an entry that a plan shows."""


@dataclass(frozen=True)
class Ground:
    """The host, and the layers below and above the overlay that is compared."""

    host: str  # its prefix
    overlay: str
    below: View  # the distributions in effect without the overlay
    markers: Markers
    host_site: Path
    above: View = field(default_factory=dict)  # the distributions of the layers in front of it

    @classmethod
    def of(cls, stack: Stack) -> Ground:
        """The host, and the layers below and above the writable layer of a stack."""
        host, where = stack.host, (str(stack.host.prefix), str(stack.store.overlay))
        view = stack.below_view
        return cls(*where, view, host.markers, host.site_packages, stack.above_view)

    def place_of(self, below: Distribution) -> str:
        """Where a distribution below is: ``host``, or the path of another layer."""
        return "host" if below.site == self.host_site else str(below.prefix)


def compare(
    before: State,
    after: State,
    ground: Ground,
    why: Mapping[str, str],
    own: Collection[str] = (),
) -> Plan:
    """Work out all differences between two states.

    Args:
        before: the old state.
        after: the new state.
        ground: the host, and the layers below and above both.
        why: the reasons, by normalized name, or for all as ``""``; missing ones are worked out.
        own: the user's own files, which a distribution may replace.
    """
    below, markers = ground.below, ground.markers
    old, new = ({**below, **dependencies.effective(state.site)} for state in (before, after))
    keys = sorted({*before.site, *after.site})
    every = {key: _change(key, before, after, ground) for key in keys}
    found = {key: change for key, change in every.items() if change.differs}

    def reason(key: str) -> str:
        if given := why.get(key) or why.get(""):
            return given
        if key not in after.site:
            return "nothing depends on it"
        if after.entries[key].requested:
            return "requested"
        was, asked = old.get(key), after.requirements
        return dependencies.why_required(key, new, was, found.keys(), markers, asked)

    changes = tuple(replace(change, why=reason(key)) for key, change in found.items())
    lost = [p for p in before.edited if before.files[p][2:] != after.files.get(p, (0, 0))[2:]]
    for key, gone in before.deleted.items():
        lost += [path for path in gone if key not in after.site or path in after.files]
    taken = after.all_owned & {*own}
    lost += [p for p in taken - before.edited if before.files[p][2:] != after.files[p][2:]]
    files = differences(before.files, after.files).without(before.all_owned | after.all_owned)
    plan = Plan(ground.host, ground.overlay, changes, files, tuple(sorted(lost)))
    if not changes:
        return plan
    asked = before.requirements, after.requirements
    seen = {**old, **ground.above}, {**new, **ground.above}
    broken, whole = dependencies.conflict_changes(*seen, markers, ground.host_site, asked)
    return replace(plan, conflicts=broken, resolved=whole)


def redundant(state: State, below: View, markers: Markers) -> dict[str, str]:
    """The distributions that an overlay no longer needs, each with the reason; `rebase` drops them.

    A distribution is redundant if it came from an index with the intent ``fix``, and the host has
    the same or a newer version. Dependencies that nothing needs without these are dropped as well,
    unless the requested extras need them.
    Local fixes usually keep the version, so sources, editable installs and edited distributions
    are never redundant.
    """
    found = {}
    staying = {key for key in state.site if is_to_stay(state, key)}
    for key in state.requested.keys() & below.keys() - staying:
        if not dependencies.is_newer(state.site[key][0].version, below[key].version):
            found[key] = f"not needed: the environment has {below[key].version}"
    needed: set[str] = set()
    for one in (one for one in state.requirements if one.extras):
        if (key := str(canonicalize_name(one.name))) in found:
            needed |= dependencies.lacking(below, dependencies.of_extras(below[key], one, markers))
    found = {key: why for key, why in found.items() if key not in needed}
    wanted = {*state.requested, *staying, *needed} - found.keys()
    spare = dependencies.orphans(state.site, below, (*found,), wanted, markers, state.requirements)
    return {**dict.fromkeys(spare, "nothing depends on it"), **found}


def is_to_stay(state: State, key: str) -> bool:
    """Whether a distribution is meant to stay, or cannot be reinstalled from an index."""
    distribution = state.site[key][0]
    own = distribution.direct_url or distribution.editable or key in state.edited_keys
    return bool(own) or state.entries[key].intent != "fix"


def meaning(
    distribution: Distribution,
    host: Distribution | None,
    *,
    redundant: bool = False,
    broken: bool = False,
    stale: bool = False,
) -> str:
    """Describe how a distribution of the overlay relates to the host as it is now.

    Returns:
        ``stale``: built for another Python or ABI; ``broken``: its requirements are not satisfied;
        ``redundant`` or ``not needed``: `rebase` drops it; else the comparison of the versions.
    """
    if stale or broken:
        return "stale" if stale else "broken"
    if redundant:
        return "redundant" if host else "not needed"
    if host is None:
        return "not in host"
    words = {"upgrade": "newer than host", "downgrade": "older than host"}
    return words.get(dependencies.kind(host, distribution), "in place of host")


def _differs(key: str, before: State, after: State, host: Distribution | None) -> tuple[str, ...]:
    """The differences in one distribution: version, origin, content, and fields of its entry."""
    if key not in before.site or key not in after.site:
        mine = (before.site.get(key) or after.site[key])[0]
        return ("origin",) if host and host.version == mine.version else ("version",)
    old, new = before.site[key][0], after.site[key][0]
    one, other = before.entries[key], after.entries[key]
    origin = old.editable, old.direct_url, one.sha256
    found = []
    if old.version != new.version:
        found.append("version")
    else:
        if origin != (new.editable, new.direct_url, other.sha256):
            found.append("origin")
        copied = before.is_copy(key) != after.is_copy(key)
        if copied or not before.has_files_of(after, key):
            found.append("content")
    return (*found, *(n for n in DECIDED if getattr(one, n) != getattr(other, n)))


def _change(key: str, before: State, after: State, ground: Ground) -> Change:
    host = ground.below.get(key)
    old = before.site[key][0] if key in before.site else None
    new = after.site[key][0] if key in after.site else None
    now, mine, later = (found.version if found else None for found in (host, old, new))
    name = (after.site.get(key) or before.site[key])[0].name
    kind, differs = dependencies.kind(host, new), _differs(key, before, after, host)
    hides = ground.place_of(host) if host else None
    change = Change(name, kind, now, mine, later, differs, why="", hides=hides)
    if new is None:
        return change
    entry = after.entries[key]
    shown = {name: getattr(entry, name) for name in _SHOWN}
    if old is not None:
        before_it = before.entries[key]
        shown["was"] = {name: getattr(before_it, name) for name in _TEXTS if name in differs}
    return replace(change, **shown)
