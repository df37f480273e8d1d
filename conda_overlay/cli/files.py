"""Reads and writes the files that the command line names."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from conda_overlay.core.errors import OverlayError
from conda_overlay.filesystem.atomic import replace_file


def read(file: str) -> str:
    """Read a text file.

    Raises:
        OverlayError: it cannot be read, or is not UTF-8.
    """
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        system = getattr(error, "strerror", None)
        why = f"cannot be read: {system}" if system else "is not UTF-8 text"
        raise OverlayError(f"{file} {why}.", path=file) from error


def write_new(file: str, text: str) -> None:
    """Write a text to a file that does not exist, or that is a dangling link.

    Raises:
        OverlayError: it exists now, or cannot be written.
    """
    place = os.path.realpath(file)
    try:
        with open(place, "x", encoding="utf-8") as new:
            try:
                new.write(text)
                new.flush()
            except OSError:
                os.unlink(place)
                raise
    except OSError as error:
        raise OverlayError(f"{file} cannot be written: {error.strerror}.", path=file) from error


def write(file: str | None, text: str) -> None:
    """Write a text to a file, if one was named; if that fails, a regular file is as before.

    Raises:
        OverlayError: it cannot be written.
    """
    if not file:
        return None
    place = Path(file)
    try:
        status = place.lstat()
    except OSError:
        return write_new(file, text)
    mine = status.st_uid == os.geteuid() and os.access(place, os.W_OK)
    alone = stat.S_ISREG(status.st_mode) and status.st_nlink == 1
    try:
        if alone and mine and os.access(place.parent, os.W_OK):
            replace_file(place, text.encode(), stat.S_IMODE(status.st_mode))
        else:  # such as a pipe, or /dev/stdout, which links to an open file
            place.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OverlayError(f"{file} cannot be written: {error.strerror}.", path=file) from error
