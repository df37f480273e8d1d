"""Writes that are whole or not there: new files, directories, exchanges, and flushes to disk."""

from __future__ import annotations

import ctypes
import os
import tempfile
from contextlib import suppress
from pathlib import Path


def replace_file(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write a new file and rename it: an older revision may share the one that is there."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")
    with open(handle, "wb") as file:
        file.write(content)
    os.chmod(temporary, mode)
    os.rename(temporary, path)


def put_file(path: Path, content: bytes | None) -> None:
    """Write a file anew, in a directory that need not exist; None: remove it, if it is there."""
    path.unlink(missing_ok=True)  # an older revision may share it
    if content is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def exchange(one: Path, other: Path) -> bool:
    """Let two directories change their names, in one step; False where that cannot be."""
    here, exchanging = -100, 2  # linux/fcntl.h, linux/fs.h
    rename = getattr(ctypes.CDLL(None), "renameat2", None)  # of glibc 2.28
    names = os.fsencode(one), os.fsencode(other)
    return rename is not None and rename(here, names[0], here, names[1], exchanging) == 0


def make_directories(path: Path) -> None:
    """Like ``mkdir -p``: readable for whom the directory above is, and in a home for nobody else.

    Writable for the owner alone, whatever the umask and the access control lists say.
    """
    if not path.is_dir():
        make_directories(path.parent)
        at_home = str(path.parent) == os.path.expanduser("~")
        with suppress(FileExistsError):
            path.mkdir(mode=0o700 if at_home else path.parent.stat().st_mode & 0o755 | 0o700)


def sync(directory: Path, *, below: bool = False) -> None:
    """Flush what was renamed in a directory to the disk; below: and all files, by syncfs(2)."""
    flush = ctypes.CDLL(None).syncfs if below else os.fsync  # one, not an fsync per file
    handle = os.open(directory, os.O_RDONLY)
    try:
        flush(handle)
    finally:
        os.close(handle)
