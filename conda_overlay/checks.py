"""What is wrong with an overlay, or about to be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from conda_overlay import dependencies, guard
from conda_overlay.distributions import Site
from conda_overlay.host import Host
from conda_overlay.models import Finding, Revision
from conda_overlay.state import State, is_leftover
from conda_overlay.store import Store
from conda_overlay.tree import differences

_SHOWN = 5  # files that one finding names


def findings(
    host: Host, store: Store, now: State, below: Sequence[Site], revision: Revision | None
) -> list[Finding]:
    """All that is wrong, over what is installed below; a tree made by hand has no revision."""
    before = dependencies.effective(*below)
    after = dependencies.effective(now.site, *below)
    conflicts = dependencies.new_conflicts(before, after, host.markers, host.site_packages)
    texts = [
        str(conflict).replace(" would be in effect", " is in effect") for conflict in conflicts
    ]
    return [
        *_python(host, store.real),
        *(Finding("conflict", text) for text in texts),
        *_drift(host, revision),
        *_overdue(revision),
        *_distributions(host, now, revision),
        *_files(host, store, now, revision),
    ]


def _python(host: Host, tree: Path) -> Iterator[Finding]:
    versions = sorted(path.parent.name for path in tree.glob("lib/python*/site-packages"))
    mine = host.site_below_prefix.parent.name
    if versions and mine not in versions:
        yield Finding("python", f"built for {', '.join(versions)}, but the host has {mine}")


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
        moved = [f"its conda packages: {_few(_moved(_packages(revision.host), _packages(now)))}"]
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


def _distributions(host: Host, now: State, revision: Revision | None) -> Iterator[Finding]:
    remedy = f"; conda overlay undo {revision.number} restores it" if revision else ""
    for key, found in now.site.items():
        name, source = found[0].name, found[0].editable
        if len(found) > 1:
            names = ", ".join(sorted(d.path.name for d in found))
            yield Finding("duplicate", f"{key} is installed more than once: {names}")
        if source and not Path(source).is_dir():
            yield Finding("missing", f"{name} is an editable install of {source}, which is gone")
        if gone := now.missing(key):
            yield Finding("missing", f"{name} lacks {_few(gone)}{remedy}")
    here = any(path.startswith(f"{host.site_below_prefix}/") for path in now.files)
    recorded = revision.distributions.keys() if revision and here else set()
    for key in sorted(recorded - now.site.keys()):
        yield Finding("missing", f"{key} is gone{remedy}")


def _files(host: Host, store: Store, now: State, revision: Revision | None) -> Iterator[Finding]:
    if revision is None:
        return
    recorded = store.manifest(revision.number)
    if recorded is not None:
        by_hand = differences(recorded, now.files)
        for verb, paths in (("added", by_hand.added), ("changed", by_hand.changed)):
            if mine := [path for path in paths if path in now.edited]:
                yield Finding("by-hand", f"{verb} since revision {revision.number}: {_few(mine)}")
    if left := [path for path in now.files if is_leftover(path)]:
        text = f"an interrupted pip left files behind: {_few(left)}"
        yield Finding("leftover", f"{text}; conda overlay undo {revision.number} removes them")
    if not guard.is_intact(store.real / host.site_below_prefix, host.site_packages):
        yield Finding("missing", "the guard is missing or modified; the next install restores it")


def _few(items: Sequence[str]) -> str:
    rest = len(items) - _SHOWN
    return ", ".join(items[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
