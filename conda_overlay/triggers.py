"""Finds out, by asking, what will run the engine when this user activates an environment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

from conda_overlay.activation import shells, startup, wiring
from conda_overlay.settings import observe

_FIRST_WITH_HOOK, _FIRST_WITHOUT_HOOK = Version("24.9"), Version("26.6.99")

_ASK = """
import os, sys
module = sys.modules.get("conda_overlay.activation.startup")
print("yes" if getattr(module, "_registered", False) else "no", flush=True)
os._exit(0)
"""


@dataclass(frozen=True)
class Trigger:
    """What will wire the overlay at the next ``conda activate``."""

    name: str | None
    """``start-up hook``, ``conda_post_commands``, or None when nothing will."""
    reason: str | None = None
    """Why nothing will."""
    remedy: str | None = None
    """What to type then."""

    def to_json(self) -> dict[str, Any]:
        """All fields, for JSON."""
        return {"name": self.name, "reason": self.reason, "remedy": self.remedy}


def ask() -> subprocess.Popen[str]:
    """Start the Python of the user's conda as activation does; it says what registers itself."""
    return subprocess.Popen(
        [str(_python_of_conda()), "-c", _ASK, "shell.posix", "activate"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={name: value for name, value in os.environ.items() if name != wiring.DISABLE},
    )


def find(asked: subprocess.Popen[str] | None = None) -> Trigger:
    """What will run the engine.

    Args:
        asked: what `ask` returned, when there was something else to do meanwhile.
    """
    import conda

    answer = (asked or ask()).communicate()[0]
    if answer.startswith("yes"):
        return Trigger("start-up hook")
    try:
        version = Version(conda.__version__)
    except InvalidVersion:
        version = _FIRST_WITHOUT_HOOK
    if _FIRST_WITH_HOOK <= version < _FIRST_WITHOUT_HOOK and not os.environ.get("CONDA_NO_PLUGINS"):
        return Trigger("conda_post_commands")
    if os.environ.get("PYTHONNOUSERSITE"):
        reason = "PYTHONNOUSERSITE keeps conda's Python from your own site-packages"
        return Trigger(None, reason, "unset PYTHONNOUSERSITE")
    reason = f"{_python_of_conda()} does not load the start-up hook of conda-overlay"
    return Trigger(None, reason, by_hand())


def by_hand() -> str:
    """The line that wires the calling shell, for this time."""
    shell = os.path.basename(os.environ.get("SHELL", "sh"))
    if shell not in shells.SHELLS:
        shell = "sh"
    settings = observe()
    words = startup.command(shell, settings.overlay_dirs, settings.overlay_trusted_owners)
    return shells.SHELLS[shell].line(words).strip(";")


def _python_of_conda() -> Path:
    """The interpreter of the conda that the user's shell calls."""
    executable = os.environ.get("CONDA_EXE")
    if executable:
        python = Path(executable).parent / "python"
        if python.exists():
            return python
    return Path(sys.executable)


@contextmanager
def asking(needed: bool) -> Iterator[subprocess.Popen[str] | None]:
    """Ask in the background, and leave no child behind."""
    asked = ask() if needed else None
    try:
        yield asked
    finally:
        if asked is not None:
            asked.wait()
