"""The user's configuration of pip, as far as it changes the meaning of a request."""

from __future__ import annotations

import configparser
import os
from collections.abc import Iterator
from pathlib import Path

from conda_overlay.core.pip_options import HARMLESS, OPTIONS

_HARMLESS = {
    *(name.strip("-") for o in OPTIONS if HARMLESS in o.uses for name in o.names),
    *("debug", "quiet", "user", "verbose"),
}
"""The options that do not matter to a request that is satisfied already."""


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


def in_effect(prefix: Path) -> dict[str, str]:
    """The value of each option that ``pip install`` uses: of those in several places, the last."""
    return dict(_settings(prefix))


def _settings(prefix: Path) -> Iterator[tuple[str, str]]:
    """The options of ``pip install`` in its order, in which later ones win."""
    parsers = []
    for file in filter(os.path.exists, _files(prefix)):
        parser = configparser.RawConfigParser()
        try:
            parser.read_string(Path(file).read_text(encoding="utf-8"))
        except (OSError, ValueError, configparser.Error):
            yield "?", file
        parsers.append(parser)
    for section in ("global", "install"):
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
