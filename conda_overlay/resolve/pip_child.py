"""Runs pip (22.2 or newer) inside a stage; executed by the host's interpreter (Python 3.8+).

Usage: ``python -I pip_child.py LOCATION WORK SOURCE_DIR SILENCE COMMAND ...``.
LOCATION is the directory that contains pip. Two files are written to the directory WORK:
``explanation.txt``, the resolver's explanation of a conflict, and ``links.txt``, the messages about
the files that pip prepares. SILENCE selects the messages of pip to hide: 0 those that are not true
of the overlay, 1 also those about requirements that are already satisfied, 2 also those that an
earlier round has shown.

The user's pip configuration is honoured, except for options that would redirect the installation:
pip itself reads the files, the other options are passed on in PIP_* variables, and then the files
are disabled.
"""

from __future__ import annotations

import atexit
import gc
import logging
import os
import runpy
import sys
from contextlib import suppress
from typing import Any, NoReturn

REDIRECTING = ("target", "prefix", "root", "user", "home", "python", "require-virtualenv")
"""Options that would make pip install somewhere else, or refuse to install here."""

OURS = (
    *("dry-run", "report", "log", "quiet", "verbose", "compile", "no-compile", "config-file"),
    *("requirement", "editable", "group", "requirements-from-script"),
)
"""Options that are set by our own command line."""

MISLEADING = (
    *("Attempting uninstall", "Found existing installation", "Not uninstalling"),
    *("Can't uninstall", "Installing collected packages", "Successfully installed"),
)
"""The messages of pip about the stage, which a user would mistake for the environment."""

PREPARING = ("Collecting ", "Processing ", "Obtaining ", "Using cached ", "Downloading ")

REPEATED = ("Looking in ", "INFO: ", *(word for word in PREPARING if word != "Downloading "))

SILENCED = (MISLEADING, ("Requirement already satisfied",), REPEATED)


def listen(work: str, silence: int) -> None:
    """Hide some of pip's log messages, and save some of them to files.

    The explanation of a conflict names our own constraints and may not be final, so it is hidden,
    and the caller decides whether to show it.
    """
    silenced = (*sum(SILENCED[: silence + 1], ()), "The conflict is caused by")

    def note(name: str, text: str) -> None:
        with open(os.path.join(work, name), "a", encoding="utf-8") as file:
            file.write(text)

    def hear(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = logging.LogRecord(*args, **kwargs)
        if record.name.startswith("pip._internal."):
            text = record.getMessage().lstrip()
            if text.startswith("The conflict is caused by"):
                note("explanation.txt", text.partition("To fix this you could")[0])
            elif text.startswith(PREPARING):
                note("links.txt", text + "\n")
            if text.startswith(silenced):
                record.levelno = logging.NOTSET  # no handler accepts this level
        return record

    logging.setLogRecordFactory(hear)
    if "-q" in sys.argv:  # the messages of these are needed for the files
        for name in ("operations", "resolution"):
            logging.getLogger("pip._internal." + name).setLevel(logging.INFO)


def configure(source_dir: str) -> None:
    """Pass on the user's configuration in environment variables, and disable the files."""
    from pip._internal.configuration import Configuration

    config = Configuration(isolated=False)
    config.load()
    items: dict[str, Any] = {}
    for key, value in config.items():  # newer versions of pip group the options by file
        items.update(value if isinstance(value, dict) else {key: value})
    settings = {"src": source_dir}
    for wanted in ("global", "install", ":env:"):  # in pip's order: later ones win
        for key, value in items.items():
            section, _, option = key.partition(".")
            if section == wanted:
                settings[option] = value
    for name in [n for n in os.environ if n.startswith("PIP_")]:
        del os.environ[name]
    for name, value in settings.items():
        if name not in REDIRECTING + OURS:
            os.environ["PIP_" + name.upper().replace("-", "_")] = value
    os.environ["PIP_CONFIG_FILE"] = os.devnull
    os.environ["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"


def hide_installation() -> None:
    """Hide the progress of installing into the stage: a bar without a name, since pip 25.1."""
    from pip._internal import req

    module: Any = req
    if shown := getattr(module, "get_install_progress_renderer", None):
        module.get_install_progress_renderer = lambda **kwargs: shown(
            **{**kwargs, "bar_type": "off"}
        )


def refuse_paths() -> None:
    """Refuse a script whose name leads out of ``bin``: older versions of pip write it there."""
    from pip._internal.exceptions import InstallationError
    from pip._internal.operations.install import wheel

    module: Any = wheel
    get_entrypoints = module.get_entrypoints

    def checked(*args: Any) -> Any:
        found = get_entrypoints(*args)
        for name in (name for scripts in found for name in scripts):
            if "/" in name or name in (".", ".."):
                raise InstallationError(f"The script {name!r} would be outside of bin.")
        return found

    module.get_entrypoints = checked


def install_sources() -> None:
    """Install a source that the user names as it is now, whatever is installed or cached.

    pip skips a wheel or other source whose version is already installed, unless it learns that
    nothing needs to be uninstalled first, which is true in a stage. For a local file it could use a
    cached wheel, built from an earlier file at the same path.
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
    sys.argv[:5] = ["pip"]
    sys.path.insert(0, location)
    import pip

    del sys.path[0]  # so that nothing else in that directory can be imported
    from pip._internal.exceptions import PipError

    try:
        configure(source_dir)
        install_sources()
        refuse_paths()
        hide_installation()
    except PipError as error:
        sys.exit(f"ERROR: {error}")
    except (AttributeError, ImportError) as error:
        sys.exit(f"ERROR: conda-overlay does not support pip {pip.__version__}: {error}")
    listen(work, int(silence))
    gc.set_threshold(100_000)  # imports create no garbage; this saves a tenth of a short run
    try:
        runpy.run_module("pip", run_name="__main__", alter_sys=False)
    except SystemExit as exit:
        leave(exit.code)


def leave(code: Any) -> NoReturn:
    """End like ``sys.exit``, but skip the interpreter's teardown, a fifth of a short run."""
    if isinstance(code, str):
        sys.stderr.write(code + "\n")
    atexit._run_exitfuncs()
    for stream in filter(None, (sys.stdout, sys.stderr)):
        with suppress(OSError):
            stream.flush()
    os._exit(code if isinstance(code, int) else int(bool(code)))


if __name__ == "__main__":
    main()
