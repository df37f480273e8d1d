"""The start-up hook: what runs in a Python of conda before conda does.

A ``.pth`` file (and a ``.start`` file, PEP 829) beside the package calls `main` in every start of
the interpreters that see the plugin, but only where it may have something to do. conda's activation
commands print shell code; the hook adds one line behind that code, which runs the engine in the
user's shell, after everything that conda does there. It touches nothing of conda's own.
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


def main() -> None:
    """Protect conda from the overlay, and see that the engine runs behind conda's own code.

    Never raises: a fault here must not keep anybody from using conda.
    """
    try:
        state = wiring.State.decode(os.environ.get(wiring.STATE))
        if state.layers and (_is_conda() or _is_another_conda_prefix(state)):
            sites = {layer.site for layer in state.layers}
            sys.path[:] = [entry for entry in sys.path if entry not in sites]
        request = activation_request(sys.argv)
        if request:
            # conda computes the new PATH from this one, and does not quote what it finds there.
            path = wiring.unwire(os.environ).get("PATH")
            if path is not None:
                os.environ["PATH"] = path
            register(request)
    except Exception:
        return


def activation_request(argv: Sequence[str]) -> str | None:
    """The shell that asks conda for activation code and can run our line; None otherwise."""
    if len(argv) < 3 or not argv[1].startswith("shell.") or argv[2] not in VERBS:
        return None
    shell = argv[1][len("shell.") :]
    return shell if shell in shells.SHELLS else None


def register(shell: str) -> None:
    """Print the line when this process ends, once, however often this is called."""
    global _registered
    if not _registered:
        import atexit

        _registered = True
        atexit.register(_print_line, shell)


def command(shell: str, overlay_dirs: Sequence[str] = (), owners: Sequence[str] = ()) -> list[str]:
    """The command that prints what a shell has to do to be wired right."""
    here = os.path.dirname(os.path.abspath(__file__))
    result = [sys.executable, "-I", "-S", here, shell]
    for overlay_dir in overlay_dirs:
        result += ["--dir", shells.encode(overlay_dir)]
    for owner in owners:
        result += ["--owner", shells.encode(owner)]
    return result


def _print_line(shell: str) -> None:
    try:
        from conda_overlay.settings import observe

        settings = observe()
        directories = locate.expand(settings.overlay_dirs, os.environ)
        if wiring.STATE in os.environ or any(map(os.path.isdir, directories)):
            words = command(shell, settings.overlay_dirs, settings.overlay_trusted_owners)
            sys.stdout.write(shells.SHELLS[shell].line(words) + "\n")
            sys.stdout.flush()
    except Exception:
        return


def _is_conda() -> bool:
    """Whether this process is conda, which must survive even an overlay of its own environment."""
    if sys.argv[0] == "-m":  # what runs as a module is not known yet, but how it was started is
        return sys.orig_argv[sys.orig_argv.index("-m") + 1 :][:1] == ["conda"]
    return os.path.basename(sys.argv[0]) == "conda"


def _is_another_conda_prefix(state: wiring.State) -> bool:
    """Whether this interpreter is conda's own or another environment's; a venv has its guard."""
    real = os.path.realpath(sys.prefix)
    hosts = {os.path.realpath(layer.prefix) for layer in state.layers}
    return real not in hosts and os.path.isdir(os.path.join(real, "conda-meta"))
