"""The start-up hook: what runs in a Python of conda before conda does.

A ``.pth`` file beside the package calls `main` in every start of the interpreters that see the
plugin, but only where it may have something to do. It takes the wired overlays out of ``sys.path``
first, so that nothing in one can pass for the plugin; a ``.start`` file (PEP 829), which Python
needs from 3.18 on, could not. conda's activation commands print shell code; the hook adds one line
behind that code, which runs the engine in the user's shell, after everything that conda does there.
It touches nothing of conda's own.
"""

from __future__ import annotations

import os
import sys

from conda_overlay.activation import locate, shells, wiring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

VERBS = ("activate", "deactivate", "reactivate", "hook")

_registered = False


def main(path: Sequence[str] | None = None) -> None:
    """Protect conda from the overlay, and see that the engine runs behind conda's own code.

    Never raises: a fault here must not keep anybody from using conda.

    Args:
        path: ``sys.path`` with the overlays, which is restored where they are to be used.
    """
    global _registered
    try:
        state = wiring.State.decode(os.environ.get(wiring.STATE))
        if state.layers and (_is_conda() or _is_another_conda_prefix(state)):
            for layer in state.layers:
                _forget(layer.site)
        elif path is not None:
            sys.path[:] = path
        shell = activation_request(sys.argv)
        idle = wiring.disabled(os.environ) and wiring.STATE not in os.environ
        if shell and not idle and not _registered:
            import atexit

            atexit.register(_print_line, shell, _take_out_of_path() if state.layers else None)
            _registered = True
    except Exception:
        return


def activation_request(argv: Sequence[str]) -> str | None:
    """The shell that asks conda for activation code and can run our line; None otherwise."""
    if len(argv) < 3 or not argv[1].startswith("shell.") or argv[2] not in VERBS:
        return None
    shell = argv[1][len("shell.") :]
    return shell if shell in shells.SHELLS else None


def command(shell: str, overlay_dirs: Sequence[str] = (), owners: Sequence[str] = ()) -> list[str]:
    """The command that prints what a shell has to do to be wired right."""
    here = os.path.dirname(os.path.abspath(__file__))
    words = [sys.executable, "-I", "-S", here, shell]
    for option, values in (("--dir", overlay_dirs), ("--owner", owners)):
        for value in values:
            words += [option, shells.encode(value)]
    return words


def _print_line(shell: str, wired_path: str | None) -> None:
    """When this process ends; with the checksum of the PATH that the shell has, with the wiring."""
    try:
        from conda_overlay.settings import at_activation

        settings = at_activation()
        directories = locate.expand(settings.overlay_dirs, os.environ)
        if wiring.STATE in os.environ or any(map(os.path.isdir, directories)):
            words = command(shell, settings.overlay_dirs, settings.overlay_trusted_owners)
            if wired_path is not None:
                words += ["--path", wired_path]
            sys.stdout.write(shells.SHELLS[shell].line(words) + "\n")
            sys.stdout.flush()
    except Exception:
        return


def _take_out_of_path() -> str | None:
    """Hide the wiring from conda, which computes PATH from this one and quotes nothing in it.

    Returns:
        The checksum of the PATH before, for the commands that replace it.
    """
    before = os.environ.get("PATH", "")
    after = wiring.unwire(os.environ).get("PATH", "")
    if after != before:
        os.environ["PATH"] = after
    return None if sys.argv[2] == "hook" else wiring.checksum(before)


def _forget(site: str) -> None:
    """Hide an overlay from this process, even if start-up files have imported from it."""
    sys.path[:] = [entry for entry in sys.path if entry != site]
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(site + os.sep):
            del sys.modules[name]


def _is_conda() -> bool:
    """Whether this process is conda, which must survive even an overlay of its own environment."""
    if sys.argv[0] == "-m":  # what runs as a module is not known yet, but how it was started is
        module = sys.orig_argv[-len(sys.argv)]
        if module.startswith("-"):  # as in -mconda
            module = module.partition("m")[2]
        return module in ("conda", "conda_overlay")
    return os.path.basename(sys.argv[0]) == "conda"


def _is_another_conda_prefix(state: wiring.State) -> bool:
    """Whether this interpreter is conda's own or another environment's; a venv has its guard."""
    real = os.path.realpath(sys.prefix)
    hosts = {os.path.realpath(layer.prefix) for layer in state.layers}
    return real not in hosts and os.path.isdir(os.path.join(real, "conda-meta"))
