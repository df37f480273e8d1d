"""The safe reader: of files that are small and regular, whoever wrote them."""

from __future__ import annotations

import os
import stat

SMALL = 2**20
"""The bytes that activation reads of one file."""

LARGE = 2**26
"""The bytes that commands read of one file of metadata or history; RECORD has a row per file."""


def read(path: str, directory: int | None = None, follow: bool = False) -> bytes | None:
    """As `read_file`; None where none can be read."""
    try:
        return read_file(path, directory, follow=follow)
    except OSError:
        return None


def read_file(
    path: str, directory: int | None = None, largest: int = SMALL, follow: bool = False
) -> bytes:
    """The content of a small file.

    It never blocks or reads without end.

    Args:
        path: may be relative to the directory.
        directory: its descriptor.
        largest: how many bytes a small file has at most.
        follow: whether it may be a link.

    Raises:
        OSError: there is none, or it is something else.
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
