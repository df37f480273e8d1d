"""A safe reader of small regular files, whoever wrote them."""

from __future__ import annotations

import os
import stat

SMALL = 2**20
"""The size of the largest file that activation reads, in bytes."""

LARGE = 2**26
"""The same for commands, for a file of metadata or history; RECORD has a row per file."""


def read(path: str, directory: int | None = None, follow: bool = False) -> bytes | None:
    """Read a file as `read_file` does; None if it cannot be read."""
    try:
        return read_file(path, directory, follow=follow)
    except OSError:
        return None


def read_file(
    path: str, directory: int | None = None, largest: int = SMALL, follow: bool = False
) -> bytes:
    """Read a small regular file.

    This never blocks, and never reads without end.

    Args:
        path: the path, which may be relative to `directory`.
        directory: a file descriptor.
        largest: the largest accepted size, in bytes.
        follow: whether the path may be a symbolic link.

    Raises:
        OSError: the file does not exist, is not regular, or is too large.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW)
    file = os.open(path, flags, dir_fd=directory)
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode) or status.st_size > largest:
            raise OSError(22, "not a small file", path)
        return os.read(file, status.st_size)
    finally:
        os.close(file)
