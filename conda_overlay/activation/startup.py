"""The start-up hook, which runs in conda's Python before conda itself.

A ``.pth`` file next to the package calls `main` whenever an interpreter that sees the plugin
starts, but only if there may be work to do. While it imports this module, ``sys.path`` lacks what
PYTHONPATH names, except for the interpreter's own directories, so that nothing in an overlay can
pass for the plugin. A ``.start`` file (PEP 829), which Python requires from 3.18 on, cannot do
that.

conda's activation commands print shell code. Before that code, the hook removes the wiring from
this process and prints code that removes it from the shell, so that neither conda nor the scripts
that it runs there see it. After conda's code, it prints one line that runs the engine. It does not
modify conda.
"""

from __future__ import annotations

import os
import sys

from conda_overlay.activation import locate, shells, wiring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from conda_overlay.activation.settings import Settings

VERBS = ("activate", "deactivate", "reactivate", "hook")

_registered = False


def main() -> None:
    """Protect conda from the overlay, and make the engine run after conda's own code.

    This never raises an exception, because a fault here must not keep anybody from using conda.
    """
    global _registered
    try:
        state = wiring.Wiring.decode(os.environ.get(wiring.STATE))
        if state.layers and (_is_conda() or _is_another_conda_prefix(state)):
            for layer in state.layers:
                _forget(layer.site)
        shell = activation_request(sys.argv)
        if shell and not _registered:
            import atexit

            _registered = True
            unwiring = unwire_process() if _is_conda() else wiring.EnvironDiff()
            if shell in shells.SHELLS:
                _print(shells.SHELLS[shell].render(unwiring))
                atexit.register(_print_line, shell, wiring.STATE in os.environ or bool(unwiring))
            elif unwiring:
                from conda_overlay.activation import unwire_only

                unwire_only.unwire_other(shell, unwiring)
    except Exception:
        return


def activation_request(argv: Sequence[str]) -> str | None:
    """The shell that asks conda for activation code; None for any other command."""
    if len(argv) < 3 or not argv[1].startswith("shell.") or argv[2] not in VERBS:
        return None
    return argv[1][len("shell.") :]


def engine_command(shell: str) -> list[str]:
    """The command that starts the engine for a shell, without options."""
    here = os.path.dirname(os.path.abspath(__file__))
    return [sys.executable, "-I", "-S", os.path.join(here, "__main__.py"), shell]


def command(shell: str, settings: Settings) -> list[str]:
    """The command that runs the engine for a shell, and prints the shell's commands."""
    words = engine_command(shell)
    options = (("--dir", settings.overlay_dirs), ("--owner", settings.overlay_trusted_owners))
    for option, values in options:
        for value in values:
            words += [option, shells.percent_encode(value)]
    # This plugin may itself be installed in the user site, which must not be hidden then.
    site = sys.modules.get("site")
    user_site = getattr(site, "USER_SITE", None) or os.devnull
    if settings.overlay_hide_user_site and not os.path.abspath(__file__).startswith(
        user_site + os.sep
    ):
        words += ["--no-user-site", "1"]
    return words


def unwire_process() -> wiring.EnvironDiff:
    """Take the wiring out of this process, so that conda and its scripts never see or save it.

    Returns:
        The changes that the shell has to make before conda's own code.
    """
    bare = wiring.unwire(os.environ)
    diff = wiring.EnvironDiff.between(os.environ, bare)
    for name, value in diff.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value
    return diff


def _print_line(shell: str, is_wired: bool) -> None:
    """Print the line that runs the engine, if it may have something to do."""
    try:
        if text := line(shell, is_wired, sys.argv[3:] if activation_request(sys.argv) else ()):
            _print(text)
    except Exception:
        return


def line(shell: str, is_wired: bool, typed: Sequence[str]) -> str:
    """The line that runs the engine; empty if it has nothing to do.

    Args:
        shell: the name of the shell.
        is_wired: whether an overlay is wired.
        typed: the words of the command line, one of which names the environment to activate.
    """
    from conda_overlay.activation.settings import at_activation

    settings = at_activation()
    directories = locate.expand(settings.overlay_dirs, os.environ)
    if is_wired or any(map(os.path.isdir, directories)) or _activates_fork(typed):
        return shells.SHELLS[shell].line(command(shell, settings)) + "\n"
    return ""


def _activates_fork(typed: Sequence[str]) -> bool:
    """Whether the environment to activate is a fork; checks one path in each possible prefix."""
    from conda_overlay.activation.notice import FORK
    from conda_overlay.activation.settings import prefixes

    words = [word for word in typed if not word.startswith("-")]
    return any(os.path.lexists(f"{prefix}/{FORK}") for name in words for prefix in prefixes(name))


def _print(text: str) -> None:
    sys.stdout.flush()
    sys.stdout.buffer.write(os.fsencode(text))
    sys.stdout.flush()


def _forget(site: str) -> None:
    """Hide an overlay from this process, even if start-up files have imported modules from it."""
    sys.path[:] = [entry for entry in sys.path if entry != site]
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(site + os.sep):
            del sys.modules[name]


def _is_conda() -> bool:
    """Whether this process is conda, which must work even with an overlay of its own prefix."""
    if sys.argv[0] == "-m":  # the module is not in argv yet, but in the original command line
        module = sys.orig_argv[-len(sys.argv)]
        if module.startswith("-"):  # as in -mconda
            module = module.partition("m")[2]
        return module in ("conda", "conda_overlay")
    return os.path.basename(sys.argv[0]) == "conda"


def _is_another_conda_prefix(state: wiring.Wiring) -> bool:
    """Whether this interpreter is of a conda prefix that is not a host; venvs have the guard."""
    real = os.path.realpath(sys.prefix)
    hosts = {os.path.realpath(layer.prefix) for layer in state.layers}
    return real not in hosts and os.path.isdir(os.path.join(real, "conda-meta"))
