"""The user's configuration of pip, as far as it changes the meaning of a request."""

from __future__ import annotations

import configparser
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

from packaging.requirements import Requirement

from conda_overlay.core.pip_options import (
    ASKS,
    FALSE,
    FLAGS,
    HARMLESS,
    OPTIONS,
    PLACE,
    Options,
    used,
)
from conda_overlay.core.request import as_requirement, names_of
from conda_overlay.filesystem.manifest import digest

_HARMLESS = {
    *(name.strip("-") for o in OPTIONS if HARMLESS in o.uses for name in o.names),
    *("debug", "quiet", "user", "verbose"),
}
"""The options that do not matter to a request that is satisfied already."""

_READ = {name.strip("-") for o in OPTIONS if PLACE in o.uses for name in o.names}
"""The harmless options whose files still decide which distributions pip finds."""


def is_plain(prefix: Path) -> bool:
    """Whether nothing in the configuration can make pip change what is installed and fits.

    Such options are ``upgrade`` and ``constraint``; unknown ones count, too.

    Args:
        prefix: of the environment, which may have its own configuration file.
    """
    return options(prefix) <= _HARMLESS


def options(prefix: Path) -> set[str]:
    """The names of all options in variables and files; "?" for an unreadable file."""
    return {name for name, _ in settings(prefix)}


def settings(prefix: Path) -> list[tuple[str, str]]:
    """All options in variables and files with their values, in a fixed order."""
    return sorted(_settings(prefix))


def files_in(configured: Sequence[tuple[str, str]]) -> list[list[object]]:
    """The local files and directories that options name, and that pip reads to choose.

    Each has its real path and its content: of a directory, such as one of wheels, the name, size
    and time of each entry; of a file, such as one of constraints, also those that it names.

    Args:
        configured: the options, from `settings`.
    """
    found: dict[str, object] = {}
    for name, value in configured:
        if name in _READ or name not in _HARMLESS:
            for word in value.split():
                _add(found, _path(word, ""))
    return [[*pair] for pair in sorted(found.items())]


def _add(found: dict[str, object], path: str) -> None:
    """Add a file or directory, if it is there, and those that the options in a file name."""
    path = os.path.realpath(path)
    if path in found:
        return
    with suppress(OSError):
        if os.path.isdir(path):
            found[path] = seen = []
            for name in sorted(os.listdir(path)):
                with suppress(OSError):  # a link to nothing
                    status = os.stat(os.path.join(path, name))
                    seen.append([name, status.st_size, status.st_mtime_ns])
        elif os.path.isfile(path):
            found[path] = digest(Path(path))
            for line in Path(path).read_text(encoding="utf-8", errors="replace").splitlines():
                for word in line.replace("=", " ").split() if line.lstrip()[:1] == "-" else ():
                    _add(found, _path(word, os.path.dirname(path)))


def _path(word: str, directory: str) -> str:
    """The path that a word may mean, as pip reads it, relative to a directory."""
    if word.startswith("file:"):
        return unquote(word.removeprefix("file:").removeprefix("//").partition("#")[0])
    return os.path.join(directory, os.path.expanduser(word))


def constrained(prefix: Path) -> set[str]:
    """The normalized names in the configured files of constraints, as far as they can be read."""
    return limited(in_effect(prefix).get("constraint", "").split())


def limited(files: Iterable[str]) -> set[str]:
    """The normalized names in files of constraints, as far as they can be read."""
    found: list[Requirement] = []
    for word in files:
        with suppress(OSError, ValueError):
            lines = Path(_path(word, "")).read_text(encoding="utf-8").splitlines()
            read = (as_requirement(re.split(r"\s#", line)[0].strip()) for line in lines)
            found += filter(None, read)
    return names_of(found)


def in_effect(prefix: Path, command: str = "install") -> dict[str, str]:
    """The value of each option that pip uses in a command: of those in several places, the last."""
    return dict(_settings(prefix, command))


def with_configured(given: Options, prefix: Path) -> Options:
    """Options behind the configured ones that request something, as if all were typed."""
    found: list[tuple[str, str | None]] = []
    for name, value in in_effect(prefix).items() if not given.has("--isolated") else ():
        option = f"--{name}"
        if option in used(ASKS) & FLAGS:
            found += [(option, None)] if value.lower() not in FALSE else []
        elif option in used(ASKS):
            found += [(option, one) for one in value.split()]
    return Options((*found, *given.given))


def _settings(prefix: Path, command: str = "install") -> Iterator[tuple[str, str]]:
    """The options of a command of pip in its order, in which later ones win."""
    parsers = []
    for file in filter(os.path.exists, _files(prefix)):
        parser = configparser.RawConfigParser()
        try:
            parser.read_string(Path(file).read_text(encoding="utf-8"))
        except (OSError, ValueError, configparser.Error):
            yield "?", file
        else:
            parsers.append(parser)
    for section in ("global", command):
        for parser in parsers:
            for name, value in parser.items(section) if parser.has_section(section) else ():
                if value:
                    yield name.removeprefix("--").replace("_", "-"), value
    for name, value in os.environ.items():
        if name.startswith("PIP_") and value and name != "PIP_CONFIG_FILE":
            yield name[4:].lower().replace("_", "-"), value


def _files(prefix: Path) -> Iterator[str]:
    """The files that pip reads (its documentation: "Configuration"), in its order."""
    named = os.environ.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return
    system = (os.environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep)
    mine = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    yield from (os.path.join(directory, "pip/pip.conf") for directory in system)
    yield "/etc/pip.conf"
    if not (named and os.path.exists(named)):  # which stands in for the user's
        yield from (os.path.expanduser("~/.pip/pip.conf"), os.path.join(mine, "pip/pip.conf"))
    yield str(prefix / "pip.conf")
    yield from filter(None, [named])
