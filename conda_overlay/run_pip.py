"""Runs pip inside a stage; executed by the host's interpreter, from Python 3.8 and pip 19.2 on.

Usage: ``python -I run_pip.py PIP_LOCATION REPORTS SOURCE_DIR CONSTRAINTS install ...``.
PIP_LOCATION is a directory or a wheel that holds pip, or empty for the stage's own; CONSTRAINTS is
a file, or empty. Into the directory REPORTS go ``report.json``, pip's installation report, and
``account.txt``, what its resolver says of a conflict.

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
    "Installing collected packages",
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


class Account(logging.Filter):
    """Takes the resolver's account of a conflict out of pip's output, and writes it to a file.

    It names constraints that are ours, and is not the last word: that is for the caller to say.
    """

    def __init__(self, file: str) -> None:
        super().__init__()
        self.file = file

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep all other messages."""
        text = record.getMessage()
        if not text.lstrip().startswith("The conflict is caused by"):
            return True
        with open(self.file, "w", encoding="utf-8") as account:
            account.write(text.partition("To fix this you could")[0])
        return False


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


def prepare(source_dir: str) -> None:
    """Hand the user's configuration on in the environ, and switch the files off."""
    settings = configuration()
    for name in [n for n in os.environ if n.startswith("PIP_")]:
        del os.environ[name]
    settings.setdefault("src", source_dir)
    for name, value in settings.items():
        if name not in REDIRECTING | OURS and name != "config-file":
            os.environ["PIP_" + name.upper().replace("-", "_")] = value
    os.environ["PIP_CONFIG_FILE"] = os.devnull
    os.environ["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"


def options(given: Sequence[str], reports: str, steering: str) -> Iterator[str]:
    """Our options, as far as this pip knows them."""
    import pip

    version = tuple(int(part) for part in pip.__version__.split(".")[:2])
    if version >= (22, 2) and "--report" not in given:
        yield from ("--report", os.path.join(reports, "report.json"))
    if version >= (22, 1) and "--root-user-action" not in given:
        yield from ("--root-user-action", "ignore")
    # Without it a setup.py alone would be built with the setuptools of the stage (pip before 25.3).
    # With it pip before 21.3 refuses editables.
    if "--no-use-pep517" not in given and (version >= (21, 3) or "--editable" not in given):
        yield "--use-pep517"
    if steering and version >= (20, 3):  # before, a constraint took the place of what was asked for
        yield from ("-c", steering)


def main() -> None:
    """Run pip."""
    location, reports, source_dir, steering = sys.argv[1:5]
    del sys.argv[1:5]
    if location:
        sys.meta_path.insert(0, OnlyPip(location))

    from pip._internal.exceptions import PipError

    try:
        prepare(source_dir)
    except PipError as error:
        sys.exit(f"ERROR: {error}")
    sys.argv[2:2] = options(sys.argv[2:], reports, steering)
    resolver = logging.getLogger("pip._internal.resolution.resolvelib.factory")
    resolver.setLevel(logging.INFO)  # even with --quiet
    resolver.addFilter(Account(os.path.join(reports, "account.txt")))
    for name in LOGGERS:
        logging.getLogger("pip._internal." + name).addFilter(is_helpful)
    sys.argv[0] = "pip"
    runpy.run_module("pip", run_name="__main__", alter_sys=False)


if __name__ == "__main__":
    main()
