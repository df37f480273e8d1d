"""Names the files of an environment and its overlays that a fork of them does not have."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path

from conda_overlay.core.text import few
from conda_overlay.distributions.record import owned_files
from conda_overlay.distributions.site import read_site, read_text
from conda_overlay.filesystem.manifest import has_digest
from conda_overlay.fork.baseline import Baseline, name_of
from conda_overlay.fork.losses import going_with
from conda_overlay.fork.origin import edits_in
from conda_overlay.formats import exports
from conda_overlay.formats.document import Document
from conda_overlay.host.conda_meta import read_records
from conda_overlay.host.host import prefix_of

_LOST = "so the fork does not have it"
_BY_ADMINISTRATORS = ("etc/conda/activate.d", "etc/conda/deactivate.d")
"""Where administrators put files of their own, beside site-packages."""
_OF_CONDA = ("conda-meta/pinned", "conda-meta/state")
"""The files that conda reads and that no package has."""


def notes_on(base: Baseline, made_from: Document) -> Iterator[str]:
    """Notes on the edits and files that a fork does not have.

    Args:
        base: its baseline.
        made_from: the content of its file.
    """
    staying = without_local(base, made_from)
    copies = {key: made_from.entries[key] for key in made_from.entries.keys() - staying.entries}
    for line in base.local:
        copy, also = copies.get(name_of(line)), ""
        if copy:
            its = " with its edits" if copy.patch else ""
            also = f", nor your copy of it{its}, which stays where it is"
        yield f"{line} was installed from a local directory, {_LOST}{also}"
    for edit in exports.edits_left_out(staying):
        yield f"{edit} was edited, which an exported file cannot contain, {_LOST}"
    env = made_from.baseline.env
    owners = _owners(prefix_of(env)) if env else {}
    mine = {path: owners.get(path) for path in made_from.own}
    for name in sorted({*filter(None, mine.values())}):
        paths = [path for path in mine if mine[path] == name]
        yield f"{few(paths)} of the baseline's {name} was edited in your overlay, {_LOST}"
    if own := [path for path in mine if not mine[path]]:
        yield f"no package has {few(own)}, {_LOST}"
    if env:
        if theirs := [*_own_files(prefix_of(env), owners)]:
            yield f"no package has the baseline's {few(theirs)}, {_LOST}"
        for key, paths in sorted(_edited(prefix_of(env)).items()):
            yield f"{few(paths)} of the baseline's {key} was edited there, {_LOST}"


def without_local(base: Baseline, made_from: Document) -> Document:
    """The content of a file without the copies of distributions from local directories.

    pip would look for their originals in an index, where another package may have that name.
    """
    lost = base.not_repeatable
    entries = {k: e for k, e in made_from.entries.items() if not (e.copied and k in lost)}
    return replace(made_from, entries=entries)


def _short(path: str) -> str:
    """A path as in `Document.own`: that of a module is relative to site-packages."""
    return path.rpartition("/site-packages/")[2]


def _owners(prefix: Path) -> dict[str, str]:
    """The name of the package or distribution of an environment that has a file, by `_short`."""
    known = [r for _, r in read_records(prefix) if not isinstance(r, Exception)]
    rows: list[tuple[str, Collection[str]]] = [(r["name"], r["files"]) for r in known]
    sites = map(read_site, prefix.glob("lib/python*/site-packages"))
    found = (one for site in sites for ones in site.values() for one in ones)
    rows += [(one.name, owned_files(one, prefix) or ()) for one in found]
    return {_short(path): name for name, paths in rows for path in paths}


def _own_files(prefix: Path, owned: Collection[str]) -> Iterator[str]:
    """The files and directories that an administrator has put where programs look for them.

    Not those in site-packages if a distribution there does not say which it has.
    """
    yield from (path for path in _OF_CONDA if (prefix / path).exists())
    for place in _BY_ADMINISTRATORS:
        found = sorted((prefix / place).glob("*"))
        yield from (path for p in found if (path := f"{place}/{p.name}") not in owned)
    first = {path.partition("/")[0] for path in owned} | {"__pycache__"}
    for site in prefix.glob("lib/python*/site-packages"):
        every = [one for ones in read_site(site).values() for one in ones]
        if all(one.path.name in first for one in every):
            yield from sorted({*os.listdir(site)} - first)


def _edited(prefix: Path) -> dict[str, list[str]]:
    """The files of distributions in an environment that differ from their RECORD.

    conda's own packages are left out, and so are files that cannot be read, and the edits that a
    fork was made with.
    """
    found, made_with = {}, edits_in(prefix)
    since = going_with(prefix).edited if made_with else ()
    for site in prefix.glob("lib/python*/site-packages"):
        for key, (one, *_) in read_site(site).items():
            by_conda = read_text(one.path / "INSTALLER").strip() == "conda"
            rows = {} if by_conda else owned_files(one, site) or {}
            mine = {path: sha for path, sha in rows.items() if sha and path[-4:] != ".pyc"}
            closed = {path for path in mine if _is_closed(site / path)}
            changed = [p for p in mine.keys() - closed if not has_digest(site / p, mine[p])]
            if key in made_with:
                changed = [path for path in changed if os.path.normpath(site / path) in since]
            if changed:
                found[key] = sorted(changed)
    return found


def _is_closed(path: Path) -> bool:
    """Whether a file cannot be read, or is in a directory that cannot be entered."""
    try:
        path.lstat()
    except PermissionError:
        return True
    except OSError:
        return False
    return not os.access(path, os.R_OK)
