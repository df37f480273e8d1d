"""Writes that cannot be seen half done: new files, directories, exchanges, flushes to disk."""

from __future__ import annotations

import ctypes
import glob
import os
import re
import stat
import tempfile
from contextlib import suppress
from pathlib import Path


def replace_file(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write a new file and rename it, because an older revision may share the existing one."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with open(handle, "wb") as file:
            file.write(content)
        os.chmod(temporary, mode)
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def is_unfinished(path: Path) -> bool:
    """Whether a file may be one that a killed `replace_file` has left behind."""
    return bool(re.fullmatch(r"\.[a-z0-9_]{8}", path.name)) and path.is_file()


def put_file(path: Path, content: bytes | None) -> None:
    """Write a new file, and its directory if necessary; None: remove the file if it exists.

    It is executable if the file that it replaces is, whose bytecode goes.
    """
    runs = 0
    if path.is_file() and not path.is_symlink():
        runs = path.stat().st_mode & 0o111
    path.unlink(missing_ok=True)  # an older revision may share it
    drop_bytecode(path)
    if content is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if runs:
            path.chmod(stat.S_IMODE(path.stat().st_mode) | runs)


def bytecode_of(path: Path) -> list[Path]:
    """The bytecode made from a file, which Python takes for that of a newer one of the same second.

    None behind a link in the place of its directory.
    """
    cached = path.parent / "__pycache__"
    if path.suffix != ".py" or not cached.is_dir() or cached.is_symlink():
        return []
    return [*cached.glob(f"{glob.escape(path.stem)}.*.pyc")]


def drop_bytecode(path: Path) -> None:
    """Remove the bytecode made from a file that is rewritten."""
    for cached in bytecode_of(path):
        cached.unlink(missing_ok=True)


def exchange(one: Path, other: Path) -> bool:
    """Swap the names of two directories in one step; return False if that is not possible."""
    here, exchanging = -100, 2  # linux/fcntl.h, linux/fs.h
    rename = getattr(ctypes.CDLL(None), "renameat2", None)  # of glibc 2.28
    names = os.fsencode(one), os.fsencode(other)
    return rename is not None and rename(here, names[0], here, names[1], exchanging) == 0


def make_directories(path: Path) -> None:
    """Make a directory and its parents, like ``mkdir -p``.

    It is readable by the same users as the directory above; directly in the home directory, only
    by the owner. Only the owner can write to it, whatever umask and access control lists are set.
    """
    if not path.is_dir():
        make_directories(path.parent)
        at_home = str(path.parent) == os.path.expanduser("~")
        with suppress(FileExistsError):
            path.mkdir(mode=0o700 if at_home else path.parent.stat().st_mode & 0o755 | 0o700)


def sync(directory: Path, *, below: bool = False) -> None:
    """Flush the entries of a directory to disk; with `below` also all files, by syncfs(2)."""
    flush = ctypes.CDLL(None).syncfs if below else os.fsync  # one call, not an fsync per file
    handle = os.open(directory, os.O_RDONLY)
    try:
        flush(handle)
    finally:
        os.close(handle)
