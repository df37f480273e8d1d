"""Reads the requirements files of users."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from conda_overlay.core.pip_options import NONE, RECORDED, Options


def requirements_in(files: Iterable[str]) -> Iterator[tuple[str, Options]]:
    """The requirements in files, each with the options behind it that are to be recorded.

    Files named with -r are included.
    """
    for _, line in (line for file in files for line in _lines(file)):
        text, *behind = re.split(r"\s(?=--)", line, maxsplit=1)
        if text and not text.startswith("-"):
            yield text.strip(), _read(behind).used(RECORDED)


def options_in(files: Iterable[str]) -> Options:
    """The options in lines of their own; paths are relative to the file."""
    found = NONE
    for directory, line in (line for file in files for line in _lines(file)):
        for name, value in _read([line] if line.startswith("-") else []).given:
            path = os.path.join(directory, value or "")
            is_path = name in ("--find-links", "--constraint") and os.path.exists(path)
            found += Options(((name, os.path.abspath(path) if is_path else value),))
    return found


def _read(texts: Iterable[str]) -> Options:
    found = NONE
    for text in texts:
        with suppress(ValueError):  # pip has refused it, or it is no option to record
            found += Options.parse(shlex.split(text))
    return found


def _lines(file: str, above: Collection[str] = ()) -> Iterator[tuple[str, str]]:
    """The lines of a file, each with its directory, without comments.

    Files named with -r are included, except for those in `above`, which include this one.
    """
    try:
        text = Path(file).read_text(encoding="utf-8-sig")
    except (OSError, ValueError):
        return  # perhaps a URL: the version is known once pip has installed it
    for line in text.replace("\\\n", "").splitlines():
        if named := re.match(r"\s*(?:-r|--requirement)[\s=]*([^\s#]+)", line):
            inner = os.path.realpath(os.path.join(os.path.dirname(file), named[1]))
            yield from () if inner in above else _lines(inner, {*above, inner})
        yield os.path.dirname(file), re.split(r"\s#", f" {line}")[0].strip()
