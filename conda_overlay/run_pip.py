"""Runs pip inside a stage; executed by the host's interpreter, from Python 3.8 and pip 19.2 on.

Usage: ``python -I run_pip.py PIP_LOCATION REPORT SOURCE_DIR CONSTRAINTS install ...``. PIP_LOCATION
is a directory or a wheel that holds pip, or empty for the stage's own; CONSTRAINTS is a file, or
empty.

The user's pip configuration counts, but for what would redirect the installation: pip itself reads
it, the rest is handed on in PIP_* variables, and the files are switched off.
"""

from __future__ import annotations

import logging
import os
import runpy
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

REDIRECTING = frozenset(
    ["target", "prefix", "root", "user", "home", "python", "require-virtualenv"]
)
"""Options that would install somewhere else, or refuse to install here."""

OURS = frozenset(["dry-run", "report", "log", "quiet", "verbose", "compile", "no-compile"])
"""Options that the command line of conda decides."""


MISLEADING = (
    "Attempting uninstall",
    "Found existing installation",
    "Not uninstalling",
    "Can't uninstall",
    "Successfully installed",
)
"""What pip says of the stage, and a user would take for the environment."""

LOGGERS = ("req", "req.req_install", "req.req_uninstall", "commands.install", "utils.misc")


class OnlyPip:
    """An import finder for pip alone, so that nothing beside that pip can be imported."""

    def __init__(self, location: str) -> None:
        self.location = location

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find pip at the location, and its modules by the ordinary way (importlib's protocol)."""
        if name == "pip":
            return PathFinder.find_spec(name, [self.location], target)
        return None


def is_helpful(record: logging.LogRecord) -> bool:
    """Whether a message of pip's is true of the overlay."""
    return not str(record.msg).startswith(MISLEADING)


def configuration() -> dict[str, str]:
    """What pip would take from its files and variables for ``pip install``."""
    from pip._internal.configuration import Configuration

    config = Configuration(isolated=False)
    config.load()
    sections: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}
    for key, value in flat(config.items()):
        section, _, option = key.partition(".")
        if section in sections:
            sections[section][option] = value
    result: dict[str, str] = {}
    for part in sections.values():  # in pip's order: later ones win
        result.update(part)
    return {name.replace("_", "-"): value for name, value in result.items()}


def flat(items: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, str]]:
    """The settings, which newer pips group by file."""
    for key, value in items:
        if isinstance(value, dict):
            yield from value.items()
        else:
            yield key, value


def main() -> None:
    """Run pip."""
    location, report, source_dir, steering = sys.argv[1:5]
    del sys.argv[1:5]
    if location:
        sys.meta_path.insert(0, OnlyPip(location))
    settings = configuration()
    for name in [n for n in os.environ if n.startswith("PIP_")]:
        del os.environ[name]
    settings.setdefault("src", source_dir)
    for name, value in settings.items():
        if name not in REDIRECTING | OURS and name != "config-file":
            os.environ["PIP_" + name.upper().replace("-", "_")] = value
    os.environ["PIP_CONFIG_FILE"] = os.devnull
    os.environ["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"

    import pip

    version = tuple(int(part) for part in pip.__version__.split(".")[:2])
    if version >= (22, 2) and "--report" not in sys.argv:
        sys.argv[2:2] = ["--report", report]
    if version >= (22, 1) and "--root-user-action" not in " ".join(sys.argv):
        sys.argv[2:2] = ["--root-user-action", "ignore"]
    if steering:  # pip's account of a conflict with constraints would be taken for the last word
        logging.getLogger("pip._internal.resolution.resolvelib.factory").setLevel(logging.ERROR)
    for name in LOGGERS:
        logging.getLogger("pip._internal." + name).addFilter(is_helpful)
    if steering:
        sys.argv[2:2] = ["-c", steering]
    sys.argv[0] = "pip"
    runpy.run_module("pip", run_name="__main__", alter_sys=False)


if __name__ == "__main__":
    main()
