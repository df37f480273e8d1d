"""Finds the work in a fork that is lost when another one replaces it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from conda_overlay.activation import notice
from conda_overlay.core.text import few
from conda_overlay.distributions.record import owned_files
from conda_overlay.distributions.site import read_distribution, read_site
from conda_overlay.edits.checkouts import repositories, root_of
from conda_overlay.filesystem.manifest import digest, has_digest, is_there
from conda_overlay.filesystem.processes import running_programs
from conda_overlay.fork.origin import edits_in
from conda_overlay.host.conda_meta import hashes_in, read_package
from conda_overlay.layer.checkouts import with_work
from conda_overlay.layer.state import is_bookkeeping

LOST = "Your commits or edits would be lost in:"

_OF_CONDA = (".json", "history")
"""How the names of conda's records end."""

_FILES = f"{notice.FORK}/files.json"
"""The file in a fork that tells which of its files have changed since it was made.

For each file its stamp, which any change of it changes, so that no other need be read; and the
hashes of the packages' records, of files whose hashes these do not have, and of those with the
edits that the fork was made with, of which RECORD has others.
"""

_Stamp = list[int]
"""The inode, size, time and, unless it is a link into conda's cache, change time of a file."""


class Going(NamedTuple):
    """The work in a fork that goes when another one replaces it."""

    checkouts: tuple[str, ...] = ()
    """The checkouts and repositories in it with commits or edits of the user."""
    edited: tuple[str, ...] = ()
    """The files of packages that were edited in it."""
    new: tuple[str, ...] = ()
    """The packages that were installed since it was made."""
    changed: tuple[str, ...] = ()
    """The files that are new or changed since then, and not as a package has brought them.

    Those of packages come first. A directory that cannot be read is one of them, with a slash at
    the end.
    """

    @property
    def lost(self) -> tuple[str, ...]:
        """The commits and edits, which only `--force` loses."""
        return *self.checkouts, *self.edited


def remember(fork: Path) -> None:
    """Remember the files of a new fork, for `going_with`."""
    stamps, hashes, made_with = dict(_files(fork)), {}, edits_in(fork)
    hashed: set[str] = set()
    for file in _records(fork).values():
        hashes[os.path.relpath(file, fork)] = digest(file)
        hashed |= {path for path, sha256 in _files_of(file, fork) if sha256}
    unknown = (path for path in stamps.keys() - hashed if is_there(fork / path))
    hashes.update({path: digest(fork / path) for path in unknown})
    for site in fork.glob("lib/python*/site-packages"):
        for key, (one, *_) in read_site(site).items():
            rows = owned_files(one, fork) or {} if key in made_with else {}
            edited = [p for p, sha in rows.items() if sha and not has_digest(fork / p, sha)]
            hashes.update({path: digest(fork / path) for path in edited if path in stamps})
    (fork / _FILES).write_text(json.dumps([stamps, hashes], separators=(",", ":")))


def going_with(fork: Path) -> Going:
    """Find the work that goes with a fork."""
    checkouts, made = _checkouts_with_work(fork), fork / notice.FORK
    if not made.is_dir():
        return Going(checkouts)
    records, (stamps, hashes) = _records(fork), _remembered(fork)
    # When it was made: the user may have changed one of these files since then.
    since = min((file.stat().st_mtime_ns for file in made.iterdir()), default=0)
    later = {name: file for name, file in records.items() if file.lstat().st_mtime_ns > since}
    new = {n for n, f in later.items() if not has_digest(f, hashes.get(os.path.relpath(f, fork)))}
    passed = [os.path.relpath(path, fork) + "/" for path in checkouts]
    found = dict(_files(fork, passed))
    changed = {path for path, now in found.items() if not now or now != stamps.get(path)}
    edited: set[str] = set()
    brought: set[str] = set()
    for name, file in records.items():
        for path, recorded in _files_of(file, fork):
            if path not in changed:
                continue
            sha256 = recorded if name in new else hashes.get(path, recorded)
            # Those of an earlier version lack the hashes of programs that conda makes of entry
            # points, of links, and so on; only the time tells.
            now = found[path]
            by_time = name in new or (now is not None and now[2] <= since)
            same = has_digest(fork / path, sha256) if sha256 else by_time
            same |= is_bookkeeping(path)
            (brought if same else edited).add(path)
    rest = changed - edited - brought
    brought |= {p for p in rest if p in hashes and has_digest(fork / p, hashes[p])}
    edited -= brought  # of two packages with the same file, one has written it
    files = [str(fork / path) for path in sorted(edited)]
    first = sorted(changed - brought, key=lambda path: (path not in edited, path))
    return Going(checkouts, (*files,), (*sorted(new),), (*first,))


def _records(fork: Path) -> dict[str, Path]:
    """The records of the packages and distributions in a fork, by their names with versions."""
    records = {file.stem: file for file in fork.glob("conda-meta/*.json")}
    infos = fork.glob("lib/python*/site-packages/*.dist-info/RECORD")
    return records | {file.parent.stem: file for file in infos}


def _remembered(fork: Path) -> tuple[dict[str, _Stamp], dict[str, str]]:
    """The result of `remember`; nothing if there is none, so that all files are read."""
    try:
        stamps, hashes = json.loads((fork / _FILES).read_bytes())
        return dict(stamps), dict(hashes)
    except (OSError, ValueError, TypeError):
        return {}, {}


def _checkouts_with_work(fork: Path) -> tuple[str, ...]:
    found = {*fork.glob("src/*"), *repositories(fork)}
    for site in fork.glob("lib/python*/site-packages"):
        for one in (one for ones in read_site(site).values() for one in ones if one.editable):
            source = Path(os.path.realpath(one.editable or ""))
            root = root_of(source)
            found.add(root if root.is_relative_to(fork) and root != fork else source)
    below = sorted(path for path in found if path.is_relative_to(fork))
    return tuple(map(str, with_work(below)))


def notes_on(fork: Path, going: Going) -> list[str]:
    """Notes on the losses when a fork is replaced: changes by hand, and files of its programs."""
    if not (fork / notice.FORK).is_dir():
        return []
    notes = []
    for what, names in (
        ("files that you changed in the present fork", few(going.changed)),
        ("what was installed into it since", few(going.new, 20)),
        ("sources with commits or edits that are nowhere else", few(going.checkouts)),
    ):
        notes += [f"{what} will be lost: {names}"] if names else []
    running = [f"{p.pid} {p.command[:60]}" for p in running_programs(fork)]
    if running:
        notes.append(f"these programs run from it and will lose their files: {few(running)}")
    return notes


def _files_of(record: Path, fork: Path) -> Iterator[tuple[str, str | None]]:
    """The files that a package of conda or a distribution has brought, relative to a fork.

    Each has its sha256 if that is recorded.
    """
    if record.suffix == ".json":
        package = read_package(record)
        yield from () if isinstance(package, Exception) else hashes_in(package).items()
    elif found := read_distribution(record.parent):
        yield from (owned_files(found, fork) or {}).items()


def _files(fork: Path, passed: Sequence[str] = ()) -> Iterator[tuple[str, _Stamp | None]]:
    """The files of a fork, and the directories that cannot be read, relative to it.

    Each has its stamp, unless that cannot be read. Bytecode, the insides of repositories and
    conda's own records are left out.

    Args:
        fork: its prefix.
        passed: directories, relative to the prefix with a slash at the end, to leave out.
    """
    closed: list[OSError] = []
    for directory, directories, names in os.walk(fork, onerror=closed.append):
        below = os.path.relpath(directory, fork) + "/" if directory != str(fork) else ""
        left = ("__pycache__", ".git")
        directories[:] = [n for n in directories if n not in left and f"{below}{n}/" not in passed]
        links = (n for n in directories if os.path.islink(os.path.join(directory, n)))
        for name in [*names, *links] if below != f"{notice.FORK}/" else ():
            if name.endswith(".pyc") or (below == "conda-meta/" and name.endswith(_OF_CONDA)):
                continue
            with suppress(FileNotFoundError):
                yield below + name, _stamp(os.path.join(directory, name))
    for error in closed:
        if not isinstance(error, FileNotFoundError):
            yield os.path.relpath(error.filename, fork) + "/", None


def _stamp(path: str) -> _Stamp | None:
    try:
        found = os.lstat(path)
    except PermissionError:
        return None
    changed = found.st_ctime_ns if found.st_nlink == 1 else 0
    return [found.st_ino, found.st_size, found.st_mtime_ns, changed]
