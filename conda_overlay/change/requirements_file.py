"""Reads the requirements files of users."""

from __future__ import annotations

import os
import re
import shlex
import tokenize
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from urllib.parse import unquote, urlsplit

from conda_overlay.core.pip_options import NONE, RECORDED, Options

_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
"""A variable, which pip replaces if it has a value; in a URL, that may be a secret."""


def requirements_in(files: Iterable[str]) -> Iterator[tuple[str, Options]]:
    """The requirements in files, each with the options behind it that are to be recorded.

    Files named with -r are included.
    """
    for _, line in (line for file in files for line in _lines(file)):
        text, *behind = re.split(r"\s(?=-)", line, maxsplit=1)
        if text and not text.startswith("-"):
            yield _expanded(text.strip()), _read(behind).used(RECORDED)


def options_in(files: Iterable[str]) -> Options:
    """The options to record in lines of their own; paths are relative to the file."""
    every = ((name, value) for name, value, _ in _options_in(files))
    found = Options(tuple(one for one in every if not _VARIABLE.search(one[1] or "")))
    return found.used(RECORDED)


def unrecorded(files: Iterable[str]) -> Iterator[str]:
    """What of the options and hashes in files is known to pip alone, or may be a secret."""
    for file in files:
        if _text(file) is None:
            yield f"the options and hashes in {file}"
        yield from (line for _, value, line in _options_in([file]) if _VARIABLE.search(value or ""))


def _options_in(files: Iterable[str]) -> Iterator[tuple[str, str | None, str]]:
    """The name and value of each option, and its line; a URL with its variables as they are."""
    for directory, line in (line for file in files for line in _lines(file)):
        for name, value in _read([line] if line.startswith("-") else []).given:
            path = os.path.join(directory, _expanded(value or ""))
            is_path = name in ("--find-links", "--constraint") and os.path.exists(path)
            yield name, os.path.abspath(path) if is_path else value, line


def _read(texts: Iterable[str]) -> Options:
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


def _lines(file: str, above: Collection[str] = ()) -> Iterator[tuple[str, str]]:
    """The lines of a file as pip reads them, each with its directory, without comments.

    Files named with -r are included, except for those in `above`, which include this one.
    """
    directory = os.path.dirname(_path(file))
    # The end of a comment does not join lines.
    text = re.sub(r"(?m)^([ \t]*#.*)\\$", r"\1", _text(file) or "").replace("\\\n", "")
    for line in text.splitlines():
        if named := re.match(r"\s*(?:-r|--requirement)[\s=]*([^\s#]+)", line):
            inner = os.path.realpath(os.path.join(directory, _path(_expanded(named[1]))))
            yield from () if inner in above else _lines(inner, {*above, inner})
        yield directory, re.split(r"\s#", f" {line}")[0].strip()


def _expanded(text: str) -> str:
    return _VARIABLE.sub(lambda found: os.environ.get(found[1]) or found[0], text)
