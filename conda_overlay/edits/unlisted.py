"""Finds the files of a distribution that no RECORD and no conda package lists.

An administrator has put them beside its modules, or something has that it started. A copy in front
of the distribution hides these files, unless they are copied along.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from packaging.utils import canonicalize_name

from conda_overlay.core.models import Distribution
from conda_overlay.distributions.record import read_record
from conda_overlay.edits.originals import new_files
from conda_overlay.host.conda_meta import read_records


def unlisted_files(found: Distribution, names: Collection[str]) -> set[str]:
    """The files beside the modules of a distribution that none in its site-packages lists.

    The lists of the others are read only if there are such files. Bytecode, temporary files,
    repositories, and links to files outside of site-packages are left out.

    Args:
        found: the distribution.
        names: its files, relative to its site-packages, and others to leave out.
    """
    there = {path for top in _tops(names) for path in _files(found.site, top)}
    extra = new_files(there.difference(names), {"": names}).get("", set())
    others: dict[str, Collection[str]] = {}
    for read in (_by_record, _by_conda):
        if extra:
            others.update(read(found))
            # Of the directories that are shared, each file is nearest to this one: see `new_files`.
            nearest = new_files(extra, {"": names, **others}).get("", set())
            extra = nearest.difference(*others.values())
    return {path for path in extra if _may_be_read(found.site, path)}


def _tops(names: Collection[str]) -> set[str]:
    """The outermost directories of modules, among those of some files."""
    places = {os.path.dirname(n) for n in names if n.endswith(".py") and n[:2] != ".."} - {""}
    above = {place: place.split("/") for place in places}
    return {
        place
        for place, parts in above.items()
        if not any("/".join(parts[:end]) in places for end in range(1, len(parts)))
    }


def _files(site: Path, top: str) -> Iterator[str]:
    """The files in a directory of a site-packages, relative to that; not behind links."""
    start = len(os.path.join(site, ""))
    for directory, below, files in os.walk(site / top):
        below[:] = [name for name in below if name not in ("__pycache__", ".git")]
        yield from (os.path.join(directory, name)[start:] for name in files)


def _by_record(found: Distribution) -> Iterator[tuple[str, set[str]]]:
    """The files of each other distribution, relative to the site-packages, by its metadata."""
    for record in found.site.glob("*-info/RECORD"):
        if record.parent != found.path and not record.parent.name.startswith("~"):
            rows = read_record(record.parent) or ()
            yield record.parent.name, {os.path.normpath(path) for path, *_ in rows}


def _by_conda(found: Distribution) -> Iterator[tuple[str, set[str]]]:
    """The files of each conda package that has not brought the distribution, by its record."""
    below, info = found.below, f"{found.below}{found.path.name}/"
    for file, package in read_records(found.prefix):
        if isinstance(package, Exception) or canonicalize_name(package["name"]) == found.key:
            continue
        listed = [path for path in package["files"] if path.startswith(below)]
        if not any(path.startswith(info) or path == info[:-1] for path in listed):
            yield file.name, {path.removeprefix(below) for path in listed}


def _may_be_read(site: Path, path: str) -> bool:
    """Whether a path is a file that the user can read, and no link leads out of site-packages."""
    real = os.path.realpath(site / path)
    inside = real.startswith(os.path.join(os.path.realpath(site), ""))
    return inside and os.path.isfile(real) and os.access(real, os.R_OK)
