"""Reads and writes the files that the command line names."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from conda_overlay.activation.trust import user_name
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
        OverlayError: it exists now, cannot be written, or is another user's link.
    """
    _check_link(file)
    place = os.path.realpath(file)
    with _writing(file), open(place, "x", encoding="utf-8") as new:
        try:
            new.write(text)
            new.flush()
        except OSError:
            os.unlink(place)
            raise


def write(file: str | None, text: str) -> None:
    """Write a text to a file, if one was named; if that fails, a regular file is as before.

    Raises:
        OverlayError: it cannot be written, or is another user's link.
    """
    if not file:
        return
    place = Path(file)
    try:
        status = place.lstat()
    except OSError:
        write_new(file, text)
        return
    _check_link(file)
    mine = status.st_uid == os.geteuid() and os.access(place, os.W_OK)
    alone = stat.S_ISREG(status.st_mode) and status.st_nlink == 1
    with _writing(file):
        if alone and mine and os.access(place.parent, os.W_OK):
            replace_file(place, text.encode(), stat.S_IMODE(status.st_mode))
        else:  # such as a pipe, or /dev/stdout, which links to an open file
            place.write_text(text, encoding="utf-8")


def _check_link(file: str) -> None:
    """Refuse a link of another user, which may lead to any file that the current user can write.

    Raises:
        OverlayError: the file is such a link.
    """
    with suppress(OSError):
        status = os.lstat(file)
        if stat.S_ISLNK(status.st_mode) and status.st_uid not in (0, os.geteuid()):
            sentence = f"{file} is a link of {user_name(status.st_uid)}, which is not followed."
            raise OverlayError(sentence, shlex.join(["ls", "-l", file]), path=file)


@contextmanager
def _writing(file: str) -> Iterator[None]:
    """Name the file if it cannot be written.

    Raises:
        OverlayError: it cannot.
    """
    try:
        yield
    except OSError as error:
        raise OverlayError(f"{file} cannot be written: {error.strerror}.", path=file) from error
