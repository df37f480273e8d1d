"""Where the bed lives, and how its parts are built once and then reused."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TextIO

CHECKOUT = Path(__file__).resolve().parents[2]
_FORGOTTEN = 24 * 3600
"""Seconds after its last use at which a part gives way to a newer one of its kind."""


@cache
def root() -> Path:
    """Return the directory of the bed, made if need be.

    It is in the checkout, where `rm -rf .bed` finds it, unless other users cannot reach the
    checkout: then the unprivileged users of the tests could not run what is in it.

    Raises:
        RuntimeError: The place belongs to somebody else, or others can write to it.
    """
    place = CHECKOUT / ".bed"
    if os.geteuid() == 0 and not _reachable(CHECKOUT):
        digest = hashlib.sha256(os.fsencode(CHECKOUT)).hexdigest()[:8]
        place = Path(f"/var/tmp/conda-overlay-bed-{digest}")
    with _umask(0o022):
        place.mkdir(mode=0o755, exist_ok=True)
    status = place.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise RuntimeError(f"{place} is not a directory that only you can write to; remove it.")
    if not (place / ".gitignore").exists():
        (place / ".gitignore").write_text("*\n")
    return place


def log(message: str) -> None:
    """Print a line about the progress of the bed, at once."""
    print(f"[bed] {message}", file=sys.stderr, flush=True)


def built(kind: str, inputs: Iterable[object], build: Callable[[Path], None]) -> Path:
    """Return the part of this kind that was built from these inputs; build it if it is not there.

    A part is built where it will stay, because a conda prefix holds its own path; it counts only
    once the file beside it says so, so what a killed build leaves is never used. Builders of the
    same part wait for each other.

    Args:
        kind: A name for people, such as `channel`; no kind may begin with the name of another.
        inputs: All that the content depends on, by their `str()`.
        build: Makes the part at the path that it is given, which does not exist.
    """
    key = hashlib.sha256(repr([str(item) for item in inputs]).encode()).hexdigest()[:8]
    part = root() / f"{kind}-{key}"
    with locked(f"{part.name}.built") as mark:
        if not mark.read():
            remove(part)
            log(f"building {part.name}")
            start = time.monotonic()
            with _umask(0o022):
                build(part)
            took = f"{time.monotonic() - start:.1f} s"
            log(f"built {part.name} in {took}")
            _forget_old(kind)
            mark.write(took)
        os.utime(mark.name)
    return part


@contextmanager
def locked(name: str) -> Iterator[TextIO]:
    """Open a file of the bed to read it and to append to it, while no other process may."""
    with (root() / name).open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        yield file


@contextmanager
def scratch() -> Iterator[Path]:
    """Make a directory that all users can reach, which pytest's own are not, and remove it."""
    with _umask(0o022):
        directory = Path(tempfile.mkdtemp(prefix="scratch-", dir=root()))
        directory.chmod(0o755)
    try:
        yield directory
    finally:
        remove(directory)


def sources(*names: str) -> str:
    """Return the hash of source files of the bed, as an input for `built`."""
    content = hashlib.sha256()
    for name in names:
        content.update((Path(__file__).parent / name).read_bytes())
    return content.hexdigest()


def remove(tree: Path) -> None:
    """Remove a tree, a protected one included, if it exists; of a link, the link alone."""
    if tree.is_symlink():
        tree.unlink()
        return
    if os.geteuid() != 0:
        for directory, _, _ in os.walk(tree):
            Path(directory).chmod(0o755)
    if tree.exists():
        shutil.rmtree(tree)


def empty(directory: Path) -> None:
    """Remove all that is in a directory."""
    for path in directory.iterdir():
        if path.is_dir() and not path.is_symlink():
            remove(path)
        else:
            path.unlink()


def _reachable(directory: Path) -> bool:
    return all(step.stat().st_mode & 0o001 for step in (directory, *directory.parents))


def _forget_old(kind: str) -> None:
    for mark in root().glob(f"{kind}-*.built"):
        if time.time() - mark.stat().st_mtime > _FORGOTTEN:
            mark.unlink()
            remove(mark.with_suffix(""))


@contextmanager
def _umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)
