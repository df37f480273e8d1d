"""Reads the files of users that name requirements: some of them may be pipes."""

from __future__ import annotations

import codecs
import os
import re
import shlex
import tokenize
from collections.abc import Callable, Collection, Iterable, Iterator, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, replace
from io import BytesIO, TextIOWrapper
from pathlib import Path
from urllib.parse import unquote, urlsplit

from conda_overlay.core.errors import UsageError
from conda_overlay.core.pip_options import FILES, NONE, PATHS, RECORDED, Options
from conda_overlay.formats.declared import in_group, in_script
from conda_overlay.formats.exports import format_of
from conda_overlay.formats.overlay_toml import parse_toml

_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
"""A variable, which pip replaces if it has a value; in a URL, that may be a secret."""

_PROJECT = "pyproject.toml"
"""The file of a group that is named without one."""

_NAMED = {"--requirement": "-r", "--constraint": "-c"}
"""The options in a requirements file that name another one; paths are relative to the file."""

_MARKED = {
    "utf-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE),  # the first begins like that of UTF-16
    "utf-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),
}
"""The encodings that a byte order mark declares, as in files of PowerShell."""


@dataclass(frozen=True)
class Content:
    """What requirements files say, with those that they name with -r."""

    requirements: tuple[tuple[str, Options], ...]
    """Each with the options behind it that are to be recorded."""
    options: Options
    """Those to be recorded in lines of their own; paths are relative to the file."""
    unrecorded: tuple[str, ...]
    """What of the options and hashes is known to pip alone, or may be a secret."""


def is_stream(file: str) -> bool:
    """Whether a file can be read only once, or by this process only, as that of ``<(COMMAND)``."""
    path = os.path.abspath(_path(file))
    if not os.path.exists(path) or os.path.isdir(path) or path == os.devnull:
        return False
    return not os.path.isfile(path) or path.startswith(("/dev/", "/proc/"))


def at_rest(options: Options, seen: MutableMapping[str, bytes], new: Callable[[], Path]) -> Options:
    """The options for pip, with a file of its own for each that can be read only once.

    Args:
        options: as the user has given them.
        seen: what was read already, by the name of the file.
        new: makes an empty directory.

    Raises:
        UsageError: one of them names a file that is relative to it.
    """

    def copied(name: str, value: str) -> str:
        if value not in seen:
            seen[value] = Path(_path(value)).read_bytes()
        place = new() / os.path.basename(_path(value))
        place.touch(0o600)  # it may contain credentials
        place.write_bytes(seen[value])
        if name in _NAMED:
            _check_relative(value, str(place))
        return str(place)

    def of_pip(name: str, value: str | None) -> str | None:
        return copied(name, value) if value and name in FILES and is_stream(value) else value

    return Options(tuple((name, of_pip(name, value)) for name, value in options.given))


def check_named(who: str, option: str, file: str) -> None:
    """Refuse a file that can be read only once where somebody else than the user names it.

    Raises:
        UsageError: pip could not read it again.
    """
    if is_stream(file):
        sentence = f"{who} names {file}, which can be read only once."
        words = shlex.join(["conda", "overlay", "install", option, file])
        raise UsageError(sentence, f"give it by itself: {words}", path=file)


def _check_relative(given: str, copy: str) -> None:
    """Refuse a file that a pipe names by a relative path, which pip looks for beside the pipe."""
    for directory, line in _lines(copy, _text(copy) or ""):
        if directory != os.path.dirname(copy) or not line.startswith("-"):
            continue
        for name, value in _parsed([line]).given:
            file = _expanded(value or "")
            if name in _NAMED and ":" not in file and not os.path.isabs(file):
                where = f"which pip looks for in {os.path.dirname(_path(given))}"
                words = shlex.join(["conda", "overlay", "install", _NAMED[name], file])
                hint = f"name it by its full path, or give it by itself: {words}"
                raise UsageError(f"{given} names {file}, {where}.", hint, path=file)


def requested_by(options: Options) -> Content:
    """Read what the options request by the name of a file: ``-r``, groups, and a script.

    Raises:
        UsageError: one of the files names one that can be read only once.
    """
    found = read(options.values("--requirement"))
    lines: list[str] = []
    for value in options.values("--group"):
        file, _, name = value.rpartition(":")
        lines += in_group(_text(file or _PROJECT) or "", name)
    for file in options.values("--requirements-from-script"):
        lines += in_script(_text(file) or "")
    more = tuple((line, NONE) for line in lines)
    return replace(found, requirements=found.requirements + more)


def read(files: Iterable[str]) -> Content:
    """Read requirements files as pip does.

    Raises:
        UsageError: one of them names a file that can be read only once.
    """
    requirements: list[tuple[str, Options]] = []
    options, unrecorded = NONE, []
    for file in files:
        if (text := _text(file)) is None:
            unrecorded.append(f"the options and hashes in {file}")
        elif format_of(os.path.basename(_path(file))) == "pylock.toml":
            requirements += ((line, NONE) for line in _locked(text))
            continue
        for directory, line in _lines(file, text or ""):
            if line.startswith("-"):
                for name, value in _parsed([line]).given:
                    path = os.path.join(directory, _expanded(value or ""))
                    if name == "--constraint":
                        check_named(file, "-c", path)
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


def _locked(text: str) -> list[str]:
    """The packages of a lock file (PEP 751), as requirements; not those of a path or a URL."""
    with suppress(ValueError, TypeError, KeyError, AttributeError):  # pip refuses it
        found = ((one, one.get("marker", "")) for one in parse_toml(text)["packages"])
        direct = {"archive", "directory", "vcs"}
        return [
            f"{one['name']}=={one['version']}{marker and f' ; {marker}'}"
            for one, marker in found
            if "version" in one and not direct & one.keys()
        ]
    return []


def _parsed(texts: Iterable[str]) -> Options:
    found = NONE
    for text in texts:
        with suppress(ValueError):  # pip has refused it, or it is no option to record
            found += Options.parse(shlex.split(text))
    return found


def _text(file: str) -> str | None:
    """The text of a file, in the encoding that it declares; None for a URL of another machine."""
    try:
        content = BytesIO(Path(_path(file)).read_bytes())
        marked = (name for name, marks in _MARKED.items() if content.getvalue().startswith(marks))
        encoding = next(marked, None) or tokenize.detect_encoding(content.readline)[0]
        content.seek(0)
        return TextIOWrapper(content, encoding).read()
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
            inner = os.path.join(directory, _path(_expanded(named[1])))
            check_named(file, "-r", inner)
            inner = os.path.realpath(inner)
            if inner not in above:
                yield from _lines(inner, _text(inner) or "", {*above, inner})
        yield directory, re.split(r"\s#", f" {line}")[0].strip()


def _expanded(text: str) -> str:
    return _VARIABLE.sub(lambda found: os.environ.get(found[1]) or found[0], text)
