"""Runs the commands that build the bed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bed import place

# These would lead a tool that we start to another Python, or make pip install elsewhere.
_MISLEADING = ("PYTHON", "CONDA_", "_CONDA_", "_CE_", "VIRTUAL_ENV", "__PYVENV")
_REDIRECTING = {"PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_REQUIRE_VIRTUALENV", "PIP_PYTHON"}
_FIXED = {
    "PIP_ROOT_USER_ACTION": "ignore",
    "PIP_USER": "0",  # or pip installs into the caller's home what it may not install into a prefix
    "PYTHONDONTWRITEBYTECODE": "1",
}


def checked(argv: Sequence[str | Path], *, env: Mapping[str, str] | None = None) -> str:
    """Run a command and return what it printed.

    Args:
        argv: The command.
        env: Variables on top of the caller's environ, less those that would mislead a Python.

    Raises:
        RuntimeError: The command failed; the message holds the end of its output.
    """
    done = subprocess.run(
        [str(word) for word in argv],
        env={**_environ(), **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        output = (done.stdout + done.stderr)[-4000:]
        raise RuntimeError(f"{' '.join(map(str, argv))} exited with {done.returncode}:\n{output}")
    return done.stdout


def interruptible(argv: Sequence[str | Path]) -> list[str]:
    """Return a command that runs another one which Ctrl-C and the end of a terminal reach.

    A process inherits the signals that it ignores: SIGINT from a shell that starts something with
    `&`, SIGHUP from `nohup`. A test that sends one of them starts its process with this.
    """
    return ["env", "--default-signal=INT,HUP", *map(str, argv)]


def _environ() -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_MISLEADING) and name not in _REDIRECTING
    }
    # Not that of the caller's home, which is none of the tests' business.
    cache = {"PIP_CACHE_DIR": os.environ.get("PIP_CACHE_DIR", str(place.root() / "pip"))}
    return {**kept, **_FIXED, **cache}
