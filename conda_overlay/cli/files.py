"""Reads and writes the files that the command line names."""

from __future__ import annotations

import os
from pathlib import Path

from conda_overlay.core.errors import OverlayError


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
    try:
        with open(os.path.realpath(file), "x", encoding="utf-8") as place:
            place.write(text)
    except OSError as error:
        raise OverlayError(f"{file} cannot be written: {error.strerror}.", path=file) from error


def write(file: str | None, text: str) -> None:
    """Write a text to a file, if one was named.

    Raises:
        OverlayError: it cannot be written.
    """
    try:
        if file:
            Path(file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise OverlayError(f"{file} cannot be written: {error.strerror}.", path=file) from error
