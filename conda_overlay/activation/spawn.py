"""Wires overlays in the shells of ``conda spawn``.

conda-spawn computes an activation in conda's own process, and has no hook behind it. So the method
that returns its script is replaced in that process, by one that adds the line that runs the engine.
Nothing else of another package is replaced anywhere.
"""

from __future__ import annotations

import os
import sys

from conda_overlay.activation import locate, shells, startup, wiring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SHELLS = {"Posix": "posix", "Fish": "fish", "Csh": "csh", "Xonsh": "xonsh"}
"""Our names of shells, by the start of the name of conda's class that activates in them."""


def wire_spawn() -> None:
    """Take the wiring out of this process, and let the scripts of conda-spawn end with our line."""
    unwiring = startup.unwire_process()
    if wiring.disabled(os.environ) and not unwiring:
        return
    from importlib import import_module

    try:
        unix: Any = import_module("conda_spawn.shell").UnixShell
        original = unix.script
    except (ImportError, AttributeError):
        say = "conda-spawn is made otherwise than conda-overlay knows, so no overlay is used"
        sys.stderr.write(f"conda-overlay: {say}\n")
        return

    def script(self: Any) -> str:
        names = [one.__name__ for one in type(self).Activator.__mro__]
        shell = next((s for start, s in _SHELLS.items() if f"{start}Activator" in names), None)
        text: str = original(self)
        if shell is None:
            return text
        before = shells.SHELLS[shell].render(unwiring)
        return f"{before}{text.rstrip()}\n{_line(shell, is_wired=bool(unwiring))}"

    unix.script = script


def _line(shell: str, *, is_wired: bool) -> str:
    """The line that runs the engine, if it may have something to do."""
    from conda_overlay.activation.settings import at_activation

    if wiring.disabled(os.environ):
        return ""
    settings = at_activation()
    directories = locate.expand(settings.overlay_dirs, os.environ)
    if is_wired or any(map(os.path.isdir, directories)):
        return shells.SHELLS[shell].line(startup.command(shell, settings)) + "\n"
    return ""
