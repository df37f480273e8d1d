"""What two revisions of an overlay, or a revision and the host, differ in."""

from __future__ import annotations

import difflib
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from conda_overlay import guard, manifest, planner, scripts
from conda_overlay.distributions import Site, read_site
from conda_overlay.host import Host
from conda_overlay.models import Change

_LONGEST = 1 << 20  # bytes of a file that is compared as text


@dataclass(frozen=True)
class Side:
    """One side of a comparison: a tree, or the host below all trees."""

    name: str
    tree: Path | None
    """None for the host."""


@dataclass(frozen=True)
class Comparison:
    """What turns one side into the other."""

    old: Side
    new: Side
    changes: tuple[Change, ...]
    files: manifest.Differences


def compare(host: Host, below: planner.View, old: Side, new: Side) -> Comparison:
    """Compare two sides: their distributions, and their files."""
    why = {"": f"{old.name} -> {new.name}"}
    changes = planner.difference(below, _site(host, old), _site(host, new), why)
    return Comparison(old, new, changes, _files(host, old, new))


def unified(host: Host, comparison: Comparison) -> Iterator[str]:
    """A unified diff of the text files that differ, line by line."""
    files = comparison.files
    for path in sorted((*files.added, *files.changed, *files.removed)):
        old, new = (_lines(_locate(host, side, path)) for side in (comparison.old, comparison.new))
        names = f"{comparison.old.name}/{path}", f"{comparison.new.name}/{path}"
        if old is None or new is None:
            yield f"Binary files {names[0]} and {names[1]} differ\n"
            continue
        for line in difflib.unified_diff(old, new, *names):
            yield line if line.endswith("\n") else line + "\n\\ No newline at end of file\n"


def _site(host: Host, side: Side) -> Site:
    return read_site(side.tree / host.site_below_prefix) if side.tree else {}


def _files(host: Host, old: Side, new: Side) -> manifest.Differences:
    if old.tree and new.tree:
        return manifest.compare(new.tree, manifest.take(old.tree))
    if old.tree is None and new.tree is None:
        return manifest.Differences()
    tree = new.tree or old.tree
    assert tree is not None
    mine, hosts = manifest.take(tree), host.prefix
    ours = {str(host.site_below_prefix / guard.NAME), f"bin/{scripts.NAME}"}
    paths = sorted(mine.keys() - ours)
    shadowing = [p for p in paths if os.path.lexists(hosts / p) and not _same(hosts / p, tree / p)]
    alone = [p for p in paths if not os.path.lexists(hosts / p)]
    if new.tree:
        return manifest.Differences(added=tuple(alone), changed=tuple(shadowing))
    return manifest.Differences(removed=tuple(alone), changed=tuple(shadowing))


def _same(one: Path, other: Path) -> bool:
    try:
        return one.read_bytes() == other.read_bytes()
    except OSError:
        return False


def _locate(host: Host, side: Side, path: str) -> Path:
    return (side.tree or host.prefix) / path


def _lines(path: Path) -> list[str] | None:
    """The lines of a text file, none of one that is not there, None for a binary one."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError:
        return None
    if len(content) > _LONGEST or b"\0" in content:
        return None
    try:
        return io.StringIO(content.decode("utf-8"), newline="\n").readlines()
    except UnicodeDecodeError:
        return None
