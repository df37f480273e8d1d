"""Wires overlays in the shells of ``conda spawn``.

conda-spawn computes an activation in conda's own process, and has no hook behind it. So the method
that returns its script is replaced in that process, by one that adds the line that runs the engine.
Nothing else of another package is replaced anywhere.
"""

from __future__ import annotations

import sys

from conda_overlay.activation import shells, startup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SHELLS = {"Posix": "posix", "Fish": "fish", "Csh": "csh", "Xonsh": "xonsh"}
"""Our names of shells, by the start of the name of conda's class that activates in them."""


def wire_spawn() -> None:
    """Take the wiring out of this process, and let the scripts of conda-spawn end with our line."""
    unwiring = startup.unwire_process()
    from importlib import import_module

    try:
        unix: Any = import_module("conda_spawn.shell").UnixShell
        original = unix.script
    except (ImportError, AttributeError):
        say = "this version of conda-spawn is not supported, so no overlay is used"
        sys.stderr.write(f"conda-overlay: {say}\n")
        return

    def script(self: Any) -> str:
        names = [one.__name__ for one in type(self).Activator.__mro__]
        shell = next((s for start, s in _SHELLS.items() if f"{start}Activator" in names), None)
        text: str = original(self)
        if shell is None:
            return text
        before = shells.SHELLS[shell].render(unwiring)
        line = startup.line(shell, bool(unwiring), sys.argv[2:])
        return f"{before}{text.rstrip()}\n{line}"

    unix.script = script
