"""What is wrong with an overlay, or about to be."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from conda_overlay import guard, planner
from conda_overlay.distributions import Site, installed_files
from conda_overlay.host import Host
from conda_overlay.manifest import Differences
from conda_overlay.models import Finding, Revision

_SHOWN = 5  # files that one finding names


def findings(
    host: Host,
    tree: Path,
    overlay: Site,
    below: Sequence[Site],
    revision: Revision | None,
    edits: Differences | None,
) -> list[Finding]:
    """All that is wrong.

    Args:
        host: the environment below.
        tree: the real directory of the overlay.
        overlay: the distributions in it.
        below: those of the layers behind it and of the host.
        revision: the record of the tree; None for one that was made by hand.
        edits: what was done to its files by hand since; None when nobody knows.
    """
    return [
        *_python(host, tree),
        *_conflicts(host, overlay, below),
        *_drift(host, revision),
        *_overdue(revision),
        *_distributions(tree, overlay),
        *_files(host, tree, revision, edits),
    ]


def _python(host: Host, tree: Path) -> Iterator[Finding]:
    versions = sorted(path.parent.name for path in tree.glob("lib/python*/site-packages"))
    mine = host.site_below_prefix.parent.name
    if versions and mine not in versions:
        yield Finding("python", f"built for {', '.join(versions)}, but the host has {mine}")


def _conflicts(host: Host, overlay: Site, below: Sequence[Site]) -> Iterator[Finding]:
    before = planner.effective(*below)
    after = planner.effective(overlay, *below)
    for conflict in planner.new_conflicts(before, after, host.markers, host.site_packages):
        text = str(conflict).replace(" would be in effect", " is in effect")
        yield Finding("conflict", text)


def _drift(host: Host, revision: Revision | None) -> Iterator[Finding]:
    if revision is None or not host.has_changed(revision.host):
        return
    now = host.fingerprint()
    old, new = revision.host.get("distributions", {}), now["distributions"]
    moved = _moved(old, new)
    for name, field in (("ABI", "abi"), ("Python", "python")):
        if now[field] != revision.host[field]:
            moved.insert(0, f"{name} {revision.host[field]} -> {now[field]}")
    if not moved:
        packages = _moved(_packages(revision.host), _packages(now))
        moved = [f"its conda packages: {_few(packages)}"]
    yield Finding("drift", f"the host has changed since revision {revision.number}: {_few(moved)}")


def _moved(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    return [
        f"{key} {old.get(key, 'absent')} -> {new.get(key, 'absent')}"
        for key in sorted({*old, *new})
        if old.get(key) != new.get(key)
    ]


def _packages(fingerprint: Mapping[str, Any]) -> dict[str, str]:
    """The conda packages, which are recorded as ``name-version-build``, by name."""
    parts = [str(package).rsplit("-", 2) for package in fingerprint.get("packages", ())]
    return {name: "-".join(rest) for name, *rest in parts}


def _overdue(revision: Revision | None) -> Iterator[Finding]:
    today = date.today().isoformat()
    for key, entry in (revision.distributions if revision else {}).items():
        if entry.until and entry.until < today:
            yield Finding("overdue", f"{key} is overdue since {entry.until}")


def _distributions(tree: Path, overlay: Site) -> Iterator[Finding]:
    for key, found in overlay.items():
        if len(found) > 1:
            names = ", ".join(sorted(d.path.name for d in found))
            yield Finding("duplicate", f"{key} is there more than once: {names}")
        for distribution in found:
            name, source = distribution.name, distribution.editable
            if source and not Path(source).is_dir():
                yield Finding("missing", f"the source of {name}, {source}")
            files = installed_files(distribution.path, tree) or ()
            gone = [str(f.relative_to(tree)) for f in files if _is_gone(f)]
            if gone:
                yield Finding("missing", f"of {name}: {_few(gone)}")


def _files(
    host: Host, tree: Path, revision: Revision | None, edits: Differences | None
) -> Iterator[Finding]:
    if revision is None or edits is None:
        return
    for verb, paths in (("added", edits.added), ("changed", edits.changed)):
        if paths:
            yield Finding("by-hand", f"{verb} since revision {revision.number}: {_few(paths)}")
    if not guard.is_intact(tree / host.site_below_prefix, host.site_packages):
        yield Finding("missing", "the guard is absent or altered; the next install puts it back")


def _is_gone(path: Path) -> bool:
    return path.suffix != ".pyc" and not os.path.lexists(path)


def _few(items: Sequence[str]) -> str:
    rest = len(items) - _SHOWN
    return ", ".join(items[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
