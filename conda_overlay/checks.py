"""What is wrong with an overlay, or about to be."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from conda_overlay import guard, planner
from conda_overlay.distributions import Site, installed_files
from conda_overlay.host import Host
from conda_overlay.models import Finding, Revision

_SHOWN = 5  # files that one finding names


def findings(
    host: Host, tree: Path, overlay: Site, below: Sequence[Site], revision: Revision | None
) -> list[Finding]:
    """All that is wrong.

    Args:
        host: the environment below.
        tree: the real directory of the overlay.
        overlay: the distributions in it.
        below: those of the layers behind it and of the host.
        revision: the record of the tree; None for one that was made by hand.
    """
    return [
        *_python(host, tree),
        *_conflicts(host, overlay, below),
        *_drift(host, revision),
        *_files(host, tree, overlay, revision),
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
    if revision is None:
        return
    now = host.fingerprint()
    if now["sha256"] == revision.host.get("sha256") and now["python"] == revision.host["python"]:
        return
    old, new = revision.host.get("distributions", {}), now["distributions"]
    moved = [
        f"{key} {old.get(key, 'absent')} -> {new.get(key, 'absent')}"
        for key in sorted({*old, *new})
        if old.get(key) != new.get(key)
    ]
    if now["python"] != revision.host["python"]:
        moved.insert(0, f"Python {revision.host['python']} -> {now['python']}")
    what = _few(moved) if moved else "its conda packages"
    yield Finding("drift", f"the host has changed since revision {revision.number}: {what}")


def _files(host: Host, tree: Path, overlay: Site, revision: Revision | None) -> Iterator[Finding]:
    site = tree / host.site_below_prefix
    known = {site / guard.NAME}
    for key, found in overlay.items():
        if len(found) > 1:
            names = ", ".join(sorted(d.path.name for d in found))
            yield Finding("duplicate", f"{key} is there more than once: {names}")
        for distribution in found:
            if distribution.editable and not Path(distribution.editable).is_dir():
                yield Finding(
                    "missing", f"the source of {distribution.name}, {distribution.editable}"
                )
            files = installed_files(distribution.path, tree)
            known.update(files or ())
            gone = [str(f.relative_to(tree)) for f in files or () if _is_gone(f)]
            if gone:
                yield Finding("missing", f"of {distribution.name}: {_few(gone)}")
    if revision is None:
        return
    added = [
        str(path.relative_to(tree))
        for path in _walk(tree)
        if path not in known and not _belongs(path, overlay)
    ]
    if added:
        yield Finding("by-hand", f"added since revision {revision.number}: {_few(sorted(added))}")
    if not guard.is_intact(site, host.site_packages):
        yield Finding("missing", "the guard is absent or altered; the next install puts it back")


def _is_gone(path: Path) -> bool:
    return path.suffix != ".pyc" and not os.path.lexists(path)


def _belongs(path: Path, overlay: Site) -> bool:
    """What no RECORD names and is no addition either: bytecode, and what old editables leave."""
    return path.suffix == ".pyc" or path.name == "easy-install.pth"


def _walk(tree: Path) -> Iterator[Path]:
    for directory, _, files in os.walk(tree):
        for name in files:
            yield Path(directory, name)


def _few(items: Sequence[str]) -> str:
    rest = len(items) - _SHOWN
    return ", ".join(items[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
