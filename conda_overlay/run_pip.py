"""Runs pip (22.2 or newer) inside a stage; executed by the host's interpreter, from Python 3.8 on.

Usage: ``python -I run_pip.py LOCATION WORK SOURCE_DIR SILENCE COMMAND ...``.
LOCATION is the directory that holds pip. Into the directory WORK go ``explanation.txt``, what pip's
resolver says of a conflict, and ``links.txt``, what pip has prepared. SILENCE counts how much of
what pip says stays out: 0 what is not true of the overlay, 1 what is satisfied already too, 2 also
what an earlier round has said.

The user's pip configuration counts, but for what would redirect the installation: pip itself reads
it, the rest is handed on in PIP_* variables, and the files are switched off.
"""

from __future__ import annotations

import logging
import os
import runpy
import sys
from collections.abc import Sequence
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

PREPARING = ("Collecting ", "Processing ", "Obtaining ", "Using cached ", "Downloading ")

REPEATED = ("Looking in ", "INFO: ", *(word for word in PREPARING if word != "Downloading "))

SILENCED = (MISLEADING, ("Requirement already satisfied",), REPEATED)

LOGGERS = (
    "cli.index_command",
    "cli.req_command",
    "commands.install",
    "network.download",
    "operations.prepare",
    "req",
    "req.req_install",
    "req.req_uninstall",
    "resolution.resolvelib.factory",
    "resolution.resolvelib.reporter",
    "utils.misc",
)
"""Those that say it."""


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


class Listener(logging.Filter):
    """Hears what pip says: keeps some of it out of the output, and writes some of it down.

    The explanation of a conflict names constraints that are ours, and is not the last word: that
    is for the caller to say.
    """

    def __init__(self, work: str, silence: int) -> None:
        super().__init__()
        self.work = work
        self.silenced = sum(SILENCED[: silence + 1], ())

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a message is for the user (logging's protocol)."""
        text = record.getMessage().lstrip()
        if text.startswith("The conflict is caused by"):
            self.write("explanation.txt", text.partition("To fix this you could")[0])
            return False
        if text.startswith(PREPARING):
            self.write("links.txt", text + "\n")
        return not text.startswith(self.silenced)

    def write(self, name: str, text: str) -> None:
        """Append to one of the files."""
        with open(os.path.join(self.work, name), "a", encoding="utf-8") as file:
            file.write(text)

    def listen(self) -> None:
        """Begin, even where pip is told to be quiet."""
        for name in LOGGERS:
            logger = logging.getLogger("pip._internal." + name)
            logger.addFilter(self)
            if "-q" in sys.argv:
                logger.setLevel(logging.INFO)


def configuration() -> dict[str, str]:
    """What pip would take from its files and variables for ``pip install``."""
    from pip._internal.configuration import Configuration

    config = Configuration(isolated=False)
    config.load()
    sections: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}
    items: dict[str, Any] = {}
    for key, value in config.items():  # newer pips group them by file
        items.update(value if isinstance(value, dict) else {key: value})
    for key, value in items.items():
        section, _, option = key.partition(".")
        if section in sections:
            sections[section][option.replace("_", "-")] = value
    # In pip's order: later ones win.
    return {**sections["global"], **sections["install"], **sections[":env:"]}


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


def install_sources() -> None:
    """Have a source that the user names installed as it is now, whatever is installed or cached.

    pip leaves alone what is installed at the version of a wheel, or of what comes from elsewhere.
    Told that nothing has to go first, which is true in a stage, it installs them. And of a file it
    takes the wheel that it built when that file was another one.
    """
    from pip._internal.resolution.resolvelib import factory

    kind: Any = factory.Factory
    to_uninstall, cached = kind.get_dist_to_uninstall, kind.get_wheel_cache_entry

    def get_dist_to_uninstall(self: Any, candidate: Any) -> Any:
        wanted = candidate.get_install_requirement()
        named = wanted is not None and wanted.user_supplied and wanted.original_link
        return None if named else to_uninstall(self, candidate)

    def get_wheel_cache_entry(self: Any, link: Any, name: Any) -> Any:
        return None if link.is_file else cached(self, link, name)

    kind.get_dist_to_uninstall = get_dist_to_uninstall
    kind.get_wheel_cache_entry = get_wheel_cache_entry


def main() -> None:
    """Run pip."""
    location, work, source_dir, silence = sys.argv[1:5]
    del sys.argv[1:5]
    sys.meta_path.insert(0, OnlyPip(location))

    from pip._internal.exceptions import PipError

    try:
        prepare(source_dir)
    except PipError as error:
        sys.exit(f"ERROR: {error}")
    install_sources()
    Listener(work, int(silence)).listen()
    sys.argv[0] = "pip"
    runpy.run_module("pip", run_name="__main__", alter_sys=False)


if __name__ == "__main__":
    main()
