"""What each overlay is at this moment: for ``status`` and ``list``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from conda_overlay import checks, planner
from conda_overlay.activation import locate, trust
from conda_overlay.distributions import Site, is_compiled, read_site
from conda_overlay.exceptions import StateError
from conda_overlay.models import Finding, Revision
from conda_overlay.settings import Settings
from conda_overlay.stack import Stack, build
from conda_overlay.store import Store


@dataclass(frozen=True)
class Row:
    """One distribution of an overlay, for ``status``."""

    name: str
    host_version: str | None
    version: str
    kind: str
    editable: str | None
    since: str | None
    by: str | None
    reason: str | None
    intent: str | None
    until: str | None
    meaning: str
    """What the host as it is now means for it: see `planner.meaning`."""


@dataclass(frozen=True)
class Status:
    """What an overlay is, at this moment."""

    overlay: str
    managed: bool
    revision: int | None
    size: int
    """Bytes."""
    rows: tuple[Row, ...]
    findings: tuple[Finding, ...]


def status(stack: Stack) -> list[Status]:
    """What each overlay of the host is; empty where there is none.

    Raises:
        StateError: the state files of an overlay cannot be read.
    """
    layers = stack.layers
    numbers = [Store(overlay).current() for overlay in layers]  # before anything follows the links
    trees = [Store(overlay).real for overlay in layers]
    sites = [read_site(tree / stack.host.site_below_prefix) for tree in trees]
    sites.append(stack.host.distributions)
    owners = trust.trusted_owners(stack.settings.overlay_trusted_owners)
    result = []
    for index, (overlay, number) in enumerate(zip(layers, numbers, strict=True)):
        kept = Store(overlay)
        revision = kept.revision(number) if number is not None else None
        tree = trees[index]
        below = sites[index + 1 :]
        findings = checks.findings(stack.host, tree, sites[index], below, revision, kept.edits())
        inside = [str(overlay / "bin"), str(overlay / stack.host.site_below_prefix)]
        reason = trust.distrust(str(overlay), inside, owners)
        if reason:
            findings.insert(0, Finding("untrusted", f"it is not used: {reason}"))
        rows = _rows(stack, sites[index], below, revision)
        result.append(
            Status(str(overlay), kept.managed, number, _size(tree), tuple(rows), tuple(findings))
        )
    return result


def _rows(
    stack: Stack, site: Site, below: Sequence[Site], revision: Revision | None
) -> Iterator[Row]:
    entries = revision.distributions if revision else {}
    under, host = planner.effective(*below), stack.host
    view = planner.effective(site, *below)
    broken = {
        canonicalize_name(conflict.name)
        for conflict in planner.conflicts(view, host.markers, host.site_packages)
    }
    rebuilt = revision is not None and build(revision.host) != build(host.fingerprint())
    for key, found in sorted(site.items()):
        distribution = found[0]
        entry = entries.get(key)
        if entry is not None and entry.version != distribution.version:
            entry = None  # changed by hand since
        kind = planner.kind(under.get(key), distribution)
        yield Row(
            name=distribution.name,
            host_version=under[key].version if key in under else None,
            version=distribution.version,
            kind="editable" if distribution.editable else kind,
            editable=distribution.editable,
            since=entry.since if entry else None,
            by=entry.by if entry else None,
            reason=entry.reason if entry else None,
            intent=entry.intent if entry else None,
            until=entry.until if entry else None,
            meaning=planner.meaning(
                distribution,
                under.get(key),
                intent=entry.intent if entry else "fix",
                broken=key in broken,
                stale=rebuilt and is_compiled(distribution.path),
            ),
        )
    for key, entry in sorted(entries.items()):
        if key not in site and rebuilt:  # in the site-packages of another Python
            yield Row(
                name=key,
                host_version=under[key].version if key in under else None,
                version=entry.version,
                kind="editable" if entry.editable else "add" if key not in under else "replace",
                editable=entry.editable,
                since=entry.since,
                by=entry.by,
                reason=entry.reason,
                intent=entry.intent,
                until=entry.until,
                meaning="stale",
            )


def overlays(settings: Settings) -> list[dict[str, Any]]:
    """All overlays in the overlay directories, for ``list``.

    Returns:
        One mapping each: overlay, host (None when it is not recorded), revision, size in bytes,
        state (``ok``, ``by hand``, ``host is gone``, or what is wrong).
    """
    result = []
    for directory in map(Path, locate.expand(settings.overlay_dirs, os.environ)):
        try:
            found = sorted(p for p in directory.iterdir() if not p.name.startswith("."))
        except OSError:
            continue
        for path in found:
            kept = Store(path)
            if not kept.exists and not kept.managed:
                continue
            host = locate.recorded_host(str(path))
            number, state = None, "ok" if kept.managed else "by hand"
            try:
                number = kept.current()
            except StateError as error:
                state = error.message
            if host is not None and not os.path.isdir(os.path.join(host, "conda-meta")):
                state = "host is gone"
            elif not kept.exists:
                state = "its current revision is gone"
            result.append(
                {
                    "overlay": str(path),
                    "host": host,
                    "revision": number,
                    "size": _size(Path(os.path.realpath(path))),
                    "state": state,
                }
            )
    return result


def _size(tree: Path) -> int:
    total = 0
    for directory, _, files in os.walk(tree):
        for name in files:
            total += os.lstat(os.path.join(directory, name)).st_size
    return total
