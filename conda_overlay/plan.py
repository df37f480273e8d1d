"""Works out what differs between two states of an overlay, and what it means; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from conda_overlay import dependencies
from conda_overlay.dependencies import Markers, View
from conda_overlay.models import Change, Distribution, Entry, Plan
from conda_overlay.state import State
from conda_overlay.tree import differences

DECIDED = ("requested", "requirement", "options", "intent", "until", "reason")
"""The fields of an entry that a user decides."""


@dataclass(frozen=True)
class Ground:
    """What lies under the overlay that is compared, and where."""

    host: str
    """The prefix of the host."""
    overlay: str
    below: View
    """What is in effect under the overlay."""
    markers: Markers
    host_site: Path


def compare(
    before: State, after: State, ground: Ground, why: Mapping[str, str] | None = None
) -> Plan:
    """Work out all that turns one state into another; nothing is left out.

    Args:
        before: what the overlay is.
        after: what it will be.
        ground: what lies under both.
        why: the reason of a change by normalized name; the entry of ``""`` is everybody's. What it
            does not tell is worked out.
    """
    found = {
        key: differs
        for key in sorted({*before.site, *after.site})
        if (differs := _differs(key, before, after, ground))
    }
    reasons = {key: _why(key, found, before, after, ground, why or {}) for key in found}
    changes = tuple(
        _change(key, differs, before, after, ground, reasons[key]) for key, differs in found.items()
    )
    owned = {path for state in (before, after) for files in state.owned.values() for path in files}
    files = differences(
        {path: info for path, info in before.files.items() if path not in owned},
        {path: info for path, info in after.files.items() if path not in owned},
    )
    lost = [p for p in before.edited if before.files[p][2:] != after.files.get(p, (0, 0))[2:]]
    old, new = ({**ground.below, **dependencies.effective(s.site)} for s in (before, after))
    place = ground.markers, ground.host_site
    return Plan(
        ground.host,
        ground.overlay,
        changes,
        files,
        lost=tuple(sorted(lost)),
        conflicts=dependencies.new_conflicts(old, new, *place) if changes else (),
        resolved=dependencies.new_conflicts(new, old, *place) if changes else (),
    )


def redundant(state: State, below: View, markers: Markers) -> dict[str, str]:
    """What an overlay need not have any more, with the reason: what `rebase` drops.

    That is only what came from an index, is wanted until the host has it, and is there in the same
    or a newer version; and what then nothing needs. A hot-fix usually keeps the version: a source,
    an editable and an edited copy never count.
    """
    found = {}
    staying = {key for key in state.site if is_to_stay(state, key)}
    for key in state.requested.keys() & below.keys() - staying:
        if not dependencies.is_newer(state.site[key][0].version, below[key].version):
            found[key] = f"redundant: the host has {below[key].version}"
    wanted = {*state.requested, *staying} - found.keys()
    spare = dependencies.orphans(state.site, below, (*found,), wanted, markers, state.requirements)
    return {**dict.fromkeys(spare, "nothing needs it any more"), **found}


def is_to_stay(state: State, key: str) -> bool:
    """Whether a distribution is meant to stay, or could not be had again from an index."""
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
    """What the host as it is now means for a distribution of the overlay.

    Returns:
        ``stale``: built for another Python or ABI; ``broken``: its requirements do not hold;
        ``redundant``: `rebase` drops it; or how its version compares with the host's.
    """
    if stale or broken:
        return "stale" if stale else "broken"
    if redundant:
        return "redundant" if host else "not needed"
    if host is None:
        return "not in host"
    words = {"upgrade": "newer than host", "downgrade": "older than host"}
    return words.get(dependencies.kind(host, distribution), "in place of host")


def _differs(key: str, before: State, after: State, ground: Ground) -> tuple[str, ...]:
    """What differs in one distribution; empty when nothing does."""
    if key not in before.site or key not in after.site:  # the host's comes or goes in its stead
        versions = {s.version for s in (_first(before, key), _first(after, key)) if s}
        host = ground.below.get(key)
        return ("origin",) if host and versions == {host.version} else ("version",)
    old, new = before.site[key][0], after.site[key][0]
    found = []
    if old.version != new.version:
        found.append("version")
    else:
        if _origin(old, before.entries.get(key)) != _origin(new, after.entries.get(key)):
            found.append("origin")
        if before.content(key) != after.content(key):
            found.append("content")
    one, other = before.entries[key], after.entries[key]
    return (*found, *(n for n in DECIDED if getattr(one, n) != getattr(other, n)))


def _origin(distribution: Distribution, entry: Entry | None) -> tuple[str | None, ...]:
    return distribution.editable, distribution.direct_url, entry.sha256 if entry else None


def _change(
    key: str, differs: tuple[str, ...], before: State, after: State, ground: Ground, why: str
) -> Change:
    old, new, host = _first(before, key), _first(after, key), ground.below.get(key)
    example = new or old
    assert example is not None
    return Change(
        name=example.name,
        key=key,
        kind=dependencies.kind(host, new),
        host_version=host.version if host else None,
        before=old.version if old else None,
        after=new.version if new else None,
        differs=differs,
        why=why,
        entry=after.entries.get(key) if new else None,
    )


def _why(
    key: str,
    moved: Mapping[str, tuple[str, ...]],
    before: State,
    after: State,
    ground: Ground,
    why: Mapping[str, str],
) -> str:
    if told := why.get(key) or why.get(""):
        return told
    new = _first(after, key)
    if new is None:
        return "nothing needs it any more"
    if after.entries[key].requested:
        return "requested"
    view = {**ground.below, **dependencies.effective(after.site)}
    previous = _first(before, key) or ground.below.get(key)
    return dependencies.why_required(key, view, previous, moved, ground.markers, after.requirements)


def _first(state: State, key: str) -> Distribution | None:
    return state.site[key][0] if key in state.site else None
