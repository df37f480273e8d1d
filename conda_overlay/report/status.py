"""The current state of each overlay: for ``status`` and ``list``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from conda_overlay.activation import locate, trust
from conda_overlay.activation.settings import Settings
from conda_overlay.change import plan
from conda_overlay.change.overlay import Overlay, build
from conda_overlay.core.errors import StateError
from conda_overlay.core.models import Distribution, Finding, HistoryEntry, Revision
from conda_overlay.distributions import dependencies
from conda_overlay.distributions.site import Site, is_compiled, read_site
from conda_overlay.host import user_site
from conda_overlay.layer import state
from conda_overlay.layer.state import State
from conda_overlay.layer.store import Store
from conda_overlay.layer.timeline import timeline
from conda_overlay.report import checks, shell


@dataclass(frozen=True)
class Status:
    """The current state of an overlay."""

    overlay: str
    managed: bool
    revision: int | None
    position: int | None  # the revision that made the current state: an older one after an undo
    size: int  # in bytes
    distributions: tuple[Mapping[str, Any], ...]
    findings: tuple[Finding, ...]


def status(overlay: Overlay) -> list[Status]:
    """The current state of each overlay of a host.

    Raises:
        StateError: the state files of an overlay cannot be read.
    """
    found = overlay.found()
    # Before anything follows the links.
    numbers = {path: None if reason else Store(path).current() for path, reason in found}
    host, below = overlay.host, [overlay.host.distributions]
    result: list[Status] = []
    for path, reason in found[::-1]:
        if reason:
            untrusted = Finding("untrusted", f"it is not used: {reason}")
            result.insert(0, Status(str(path), path.is_symlink(), None, None, 0, (), (untrusted,)))
            continue
        store, number = Store(path), numbers[path]
        revision = store.revision(number) if number is not None else None
        entries = revision.distributions if revision else {}
        now = state.read(store.real, host.site_below_prefix, entries, store.manifest(number))
        findings = checks.findings(host, store, now, below, revision)
        site = store.real / host.site_below_prefix
        if intruder := locate.intruder(str(site)):
            text = f"it is not used: {intruder} would run in every Python; remove it"
            findings.insert(0, Finding("untrusted", text))
        elif fault := next(trust.faults_within(str(store.real), overlay.owners), None):
            findings.append(Finding("writable", f"{fault}, who can change what you run"))
        position = timeline(store.line()).position if revision else None
        rows = tuple(_rows(overlay, now, dependencies.effective(*below), revision))
        about = (str(store.overlay), store.managed, number, position)
        result.insert(0, Status(*about, _size(store.real), rows, tuple(findings)))
        below = [now.site, *below]
    return result


def _rows(
    overlay: Overlay, now: State, below: dependencies.View, revision: Revision | None
) -> Iterator[Mapping[str, Any]]:
    host = overlay.host
    view = {**below, **dependencies.effective(now.site)}
    conflicts = dependencies.conflicts(view, host.markers, host.site_packages)
    broken = {canonicalize_name(conflict.name) for conflict in conflicts}
    redundant, edited = plan.redundant(now, below, host.markers), now.edited_keys
    rebuilt = revision is not None and build(revision.host) != build(host.fingerprint())
    for key, (found, *_) in sorted(now.site.items()):
        hosts, stale = below.get(key), rebuilt and is_compiled(found.path)
        facts = {"redundant": key in redundant, "broken": key in broken, "stale": stale}
        meaning, kind = plan.meaning(found, hosts, **facts), dependencies.kind(hosts, found)
        yield _row(found.name, hosts, now.entries[key], kind, meaning, key in edited)
    for key, entry in sorted(revision.distributions.items()) if revision and rebuilt else ():
        if key not in now.site:  # it is installed for another Python
            kind = "add" if key not in below else "replace"
            yield _row(entry.name or key, below.get(key), entry, kind, "stale", False)


def _row(
    name: str, host: Distribution | None, entry: HistoryEntry, kind: str, meaning: str, edited: bool
) -> Mapping[str, Any]:
    same = ("version", "editable", "reason", "intent", "until", "requested")
    known = {key: getattr(entry, key) for key in same}
    known |= {"since": entry.since or None, "by": entry.by or None}
    kind = "editable" if entry.editable else kind
    row = {"name": name, "host_version": host.version if host else None, "kind": kind}
    return {**row, **known, "edited": edited, "meaning": meaning}


def user_distributions(overlay: Overlay) -> list[user_site.UserDistribution]:
    """What of ``~/.local`` meets a distribution of the host or of its overlays."""
    view = dependencies.effective(*_sites(overlay))
    environ = shell.wired_environ(overlay.host, overlay.settings)
    return user_site.in_effect(overlay.host, view, environ)


def merged(overlay: Overlay) -> list[dict[str, Any]]:
    """Every distribution in effect, as the interpreter of an activated host sees them.

    Returns:
        One mapping each: name, version, place (an overlay, or a site-packages directory), and
        hides: the version and place of each copy that it hides.
    """
    host = overlay.host
    sites = [*zip(map(str, overlay.layers), _sites(overlay), strict=True)]
    environ = shell.wired_environ(host, overlay.settings)
    if mine := user_site.directory(host, environ):
        sites.append((str(mine), read_site(mine)))
    sites.append((str(host.site_packages), host.distributions))
    rows: dict[str, dict[str, Any]] = {}
    for place, site in sites:
        for key, (found, *_) in site.items():
            copy = {"version": found.version, "place": place}
            if key in rows:
                rows[key]["hides"].append(copy)
            else:
                rows[key] = {"name": found.name, **copy, "hides": []}
    return [rows[key] for key in sorted(rows)]


def everywhere(settings: Settings) -> Iterator[tuple[Path, str | None]]:
    """What is in the overlay directories, and why some of it is not used."""
    owners = trust.trusted_owners(settings.overlay_trusted_owners)
    for directory in locate.expand(settings.overlay_dirs, os.environ):
        for path in sorted(Path(directory).glob("[!.]*")):
            yield path, locate.refusal(str(path), owners)


def hosts(settings: Settings) -> set[str]:
    """The real prefixes of the hosts that have an overlay."""
    used = (str(path) for path, reason in everywhere(settings) if not reason)
    return {os.path.realpath(host) for host in map(locate.recorded_host, used) if host}


def _sites(overlay: Overlay) -> list[Site]:
    return [*map(read_site, overlay.sites(overlay.layers))]


def overlays(settings: Settings) -> list[dict[str, Any]]:
    """All overlays in the overlay directories, for ``list``.

    Returns:
        One mapping each: overlay, host (None if unknown), revision, size in bytes, and state
        (``ok``, ``by hand``, ``host is gone``, or what else is wrong).
    """
    result = []
    for path, reason in everywhere(settings):
        if reason:
            unknown = {"overlay": str(path), "host": None, "revision": None, "size": 0}
            result.append({**unknown, "state": f"not used: {reason}"})
            continue
        store = Store(path)
        if not store.exists and not store.managed:
            continue
        host = locate.recorded_host(str(path))
        number, condition = None, "ok" if store.managed else "by hand"
        try:
            number = store.current()
        except StateError as error:
            condition = error.message
        if host is not None and not os.path.isdir(os.path.join(host, "conda-meta")):
            condition = "host is gone"
        elif not store.exists:
            condition = "its current revision is gone"
        found = {"overlay": str(path), "host": host, "revision": number}
        result.append({**found, "size": _size(store.real), "state": condition})
    return result


def _size(tree: Path) -> int:
    files = (os.path.join(top, name) for top, _, names in os.walk(tree) for name in names)
    return sum(os.lstat(file).st_size for file in files)
