"""Finds the work in a fork that is lost when another one replaces it."""

from __future__ import annotations

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
from conda_overlay.filesystem.manifest import has_digest
from conda_overlay.filesystem.processes import running_programs
from conda_overlay.host.conda_meta import hashes_in, read_package
from conda_overlay.layer.checkouts import with_work

LOST = "Your commits or edits would be lost in:"

_OF_CONDA = (".json", "history")
"""How the names of conda's records end."""


class Going(NamedTuple):
    """The work in a fork that goes when another one replaces it."""

    checkouts: tuple[str, ...] = ()
    """The checkouts and repositories in it with commits or edits of the user."""
    edited: tuple[str, ...] = ()
    """The files of packages that were edited in it."""
    new: tuple[str, ...] = ()
    """The packages that were installed since it was made."""
    changed: tuple[str, ...] = ()
    """The files that are new or changed since then, and not as a new package has brought them."""

    @property
    def lost(self) -> tuple[str, ...]:
        """The commits and edits, which only `--force` loses."""
        return *self.checkouts, *self.edited


def going_with(fork: Path) -> Going:
    """Find the work that goes with a fork."""
    checkouts, made = _checkouts_with_work(fork), fork / notice.FORK / "overlay.toml"
    if not made.is_file():
        return Going(checkouts)
    records = {file.stem: file for file in fork.glob("conda-meta/*.json")}
    infos = fork.glob("lib/python*/site-packages/*.dist-info/RECORD")
    records |= {file.parent.stem: file for file in infos}
    # When it was made: the user may have changed one of these files since then.
    since = min(file.stat().st_mtime_ns for file in made.parent.iterdir())
    new = {name for name, file in records.items() if file.lstat().st_mtime_ns > since}
    passed = [os.path.relpath(path, fork) + "/" for path in checkouts]
    changed = {*_changed(fork, since, passed)}
    edited: set[str] = set()
    brought: set[str] = set()
    for name, file in records.items():
        for path, sha256 in _files_of(file, fork):
            if path not in changed:
                continue
            # Without a hash, as the programs that conda makes of entry points have none, only a
            # new package has brought what is changed.
            same = has_digest(fork / path, sha256) if sha256 else name in new
            (brought if same else edited).add(path)
    edited -= brought  # of two packages with the same file, one has written it
    files = [str(fork / path) for path in sorted(edited)]
    return Going(checkouts, (*files,), (*sorted(new),), (*sorted(changed - brought),))


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
    if not (fork / notice.FORK / "overlay.toml").is_file():
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


def _changed(fork: Path, since: int, passed: Sequence[str]) -> Iterator[str]:
    """The files of a fork that are new or changed since a time, relative to it.

    A file that is not a link into conda's cache is also new if it keeps an older time, as copies
    of `cp -p` do. Bytecode, the insides of repositories and conda's own records are left out.

    Args:
        fork: its prefix.
        since: the time, in nanoseconds.
        passed: directories, relative to the prefix with a slash at the end, to leave out.
    """
    for directory, directories, names in os.walk(fork):
        below = os.path.relpath(directory, fork) + "/" if directory != str(fork) else ""
        left = ("__pycache__", ".git")
        directories[:] = [n for n in directories if n not in left and f"{below}{n}/" not in passed]
        links = (n for n in directories if os.path.islink(os.path.join(directory, n)))
        for name in [*names, *links] if below != f"{notice.FORK}/" else ():
            if name.endswith(".pyc") or (below == "conda-meta/" and name.endswith(_OF_CONDA)):
                continue
            with suppress(OSError):
                found = os.lstat(os.path.join(directory, name))
                changed = found.st_ctime_ns if found.st_nlink == 1 else 0
                if max(found.st_mtime_ns, changed) > since:
                    yield below + name
