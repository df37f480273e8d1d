"""Reads the requirements files of users."""

from __future__ import annotations

import os
import re
import shlex
import tokenize
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from conda_overlay.core.pip_options import NONE, PATHS, RECORDED, Options

_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
"""A variable, which pip replaces if it has a value; in a URL, that may be a secret."""


@dataclass(frozen=True)
class Content:
    """What requirements files say, with those that they name with -r."""

    requirements: tuple[tuple[str, Options], ...]
    """Each with the options behind it that are to be recorded."""
    options: Options
    """Those to be recorded in lines of their own; paths are relative to the file."""
    unrecorded: tuple[str, ...]
    """What of the options and hashes is known to pip alone, or may be a secret."""


def read(files: Iterable[str]) -> Content:
    """Read requirements files as pip does."""
    requirements, options, unrecorded = [], NONE, []
    for file in files:
        if (text := _text(file)) is None:
            unrecorded.append(f"the options and hashes in {file}")
        for directory, line in _lines(file, text or ""):
            if line.startswith("-"):
                for name, value in _parsed([line]).given:
                    path = os.path.join(directory, _expanded(value or ""))
                    if name in PATHS and os.path.exists(path):
                        options += Options(((name, os.path.abspath(path)),))
                    elif _VARIABLE.search(value or ""):
                        unrecorded.append(line)
                    else:
                        options += Options(((name, value),))
            elif line:
                wanted, *behind = re.split(r"\s(?=-)", line, maxsplit=1)
                own = _parsed(behind).used(RECORDED)
                requirements.append((_expanded(wanted.strip()), own))
    return Content(tuple(requirements), options.used(RECORDED), tuple(unrecorded))


def _parsed(texts: Iterable[str]) -> Options:
    found = NONE
    for text in texts:
        with suppress(ValueError):  # pip has refused it, or it is no option to record
            found += Options.parse(shlex.split(text))
    return found


def _text(file: str) -> str | None:
    """The text of a file, in the encoding that it declares; None for a URL of another machine."""
    try:
        with tokenize.open(_path(file)) as opened:
            return opened.read()
    except (OSError, ValueError, SyntaxError):
        return None


def _path(file: str) -> str:
    return unquote(urlsplit(file).path) if file.startswith("file:") else file


def _lines(file: str, text: str, above: Collection[str] = ()) -> Iterator[tuple[str, str]]:
    """The lines of a file as pip reads them, each with its directory, without comments.

    Files named with -r are included, except for those in `above`, which include this one.
    """
    directory = os.path.dirname(_path(file))
    # The end of a comment does not join lines.
    text = re.sub(r"(?m)^([ \t]*#.*)\\$", r"\1", text).replace("\\\n", "")
    for line in text.splitlines():
        if named := re.match(r"\s*(?:-r|--requirement)[\s=]*([^\s#]+)", line):
            inner = os.path.realpath(os.path.join(directory, _path(_expanded(named[1]))))
            if inner not in above:
                yield from _lines(inner, _text(inner) or "", {*above, inner})
        yield directory, re.split(r"\s#", f" {line}")[0].strip()


def _expanded(text: str) -> str:
    return _VARIABLE.sub(lambda found: os.environ.get(found[1]) or found[0], text)
