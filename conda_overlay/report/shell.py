"""Determines whether the calling shell is wired for a host, and which mechanism will wire it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from packaging.version import InvalidVersion, Version

from conda_overlay.activation import engine, locate, shells, switch, trust, wiring
from conda_overlay.activation.settings import Settings
from conda_overlay.host.host import Host, name_of, option_of
from conda_overlay.host.user_cache import user_cache

_FIRST_WITH_HOOK, _FIRST_WITHOUT_HOOK = Version("24.9"), Version("26.6.99")

_ASK = """
import os, sys
module = sys.modules.get("conda_overlay.activation.startup")
print("yes" if getattr(module, "_registered", False) else "no", flush=True)
os._exit(0)
"""


@dataclass(frozen=True)
class Wired:
    """The wiring of the calling shell for one host."""

    state: str
    """``on``, ``off`` or ``stale``."""
    detail: str


@dataclass(frozen=True)
class Trigger:
    """The mechanism that will wire the overlay at the next ``conda activate``."""

    name: str | None
    """``start-up hook``, ``conda_post_commands``, or None if there is none."""
    reason: str | None = None
    """The reason why there is none."""
    remedy: str | None = None
    """The command to enter in that case."""


def wired(host: Host, settings: Settings) -> Wired:
    """Determine whether an overlay of the host is in effect in the calling shell."""
    environ, for_run = os.environ, here(settings)
    if reason := why_off(host):
        return Wired("off", reason)
    command = activation(host.prefix)
    switch = Wired("off", f"to activate it: {command}")
    if not is_active(host):
        return switch
    outcome = _outcome(environ, for_run or settings)
    mine, should = (
        [layer for layer in layers if os.path.realpath(layer.prefix) == str(host.real)]
        for layers in (wiring.Wiring.decode(environ.get(wiring.STATE)).layers, outcome.layers)
    )
    if mine and mine == should and not outcome.diff:
        return Wired(
            "on", "in this shell, with a layer for this run" if for_run else "in this shell"
        )
    if outcome.refused and not should:
        return Wired("off", "the overlay is not trusted")
    if not should and not mine:
        return Wired("off", "there is no overlay to use")
    return Wired("stale", f"to update it: {command}") if mine else switch


def why_off(host: Host) -> str | None:
    """Why no overlay of a host is in effect where it is active, if all wiring is switched off."""
    prefix, environ = str(host.prefix), os.environ
    off = switch.is_off(environ) if is_active(host) else switch.is_off_in(prefix, environ)
    by = f" for {prefix}" if switch.is_off_by(prefix) else ""
    return f"{wiring.DISABLE} is set{by}" if off else None


def here(settings: Settings) -> Settings | None:
    """The settings with the layer of the ``run --with`` that has started the calling shell.

    Returns:
        None outside of such a run.
    """
    cache = user_cache("run")
    for layer in wiring.Wiring.decode(os.environ.get(wiring.STATE)).layers:
        if (place := Path(layer.overlay).parent).parent == cache:
            dirs = locate.with_first(str(place), settings.overlay_dirs)
            return settings._replace(overlay_dirs=dirs)
    return None


def activation(prefix: Path) -> str:
    """The command that activates an environment, by its path if conda finds it under no name.

    In a shell of ``conda spawn``, where ``conda activate`` fails, it spawns another.
    """
    spawned = os.environ.get("_CONDA_SPAWN", "0") not in ("", "0")
    words = ["spawn"] if spawned or _is_hooked(os.environ) else ["activate"]
    return shlex.join(["conda", *words, *(["--replace"] if spawned else []), name_of(prefix)])


def _is_hooked(environ: Mapping[str, str]) -> bool:
    """Whether the code of ``conda spawn --hook`` has activated, which has no functions of conda's.

    It puts conda first into PATH, and unsets or empties the variables that those functions need.
    """
    first = environ.get("PATH", "").partition(":")[0]
    there = first == str(Path(sys.prefix, "condabin")) and not environ.get("CONDA_EXE")
    return there and "CONDA_PREFIX" in environ and find_spec("conda_spawn") is not None


def overlay_command(host: Host, *words: str) -> str:
    """A command of ``conda overlay`` for a host, to be typed in the calling shell."""
    option = [] if is_active(host) else option_of(name_of(host.prefix))
    return shlex.join(["conda", "overlay", words[0], *option, *words[1:]])


def command_of_owner(host: Host, layer: Path, owner: str, *words: str) -> str:
    """A command for a layer of another account, typed as that, which has neither PATH nor names."""
    conda = str(Path(sys.executable).with_name("conda"))
    where = ["-p", str(host.prefix), "--layer", str(layer)]
    return shlex.join(["sudo", "-u", owner, conda, "overlay", *words[:1], *where, *words[1:]])


def wired_environ(host: Host, settings: Settings) -> dict[str, str]:
    """The environ of this process as if the host had just been activated."""
    environ = wiring.unwire(os.environ)
    environ.pop(wiring.DISABLE, None)
    prefix = str(host.prefix)
    path = f"{prefix}/bin:{environ.get('PATH') or os.defpath}"
    environ |= {"CONDA_PREFIX": prefix, "CONDA_SHLVL": "1", "PATH": path}
    environ |= {"CONDA_DEFAULT_ENV": host.name}
    after = {**environ, **_outcome(environ, settings).diff}
    return {name: value for name, value in after.items() if value is not None}


def _outcome(environ: Mapping[str, str], settings: Settings) -> engine.EngineResult:
    """Run the engine on an environ, as activation would."""
    dirs, owners = settings.overlay_dirs, settings.overlay_trusted_owners
    return engine.reconcile(environ, dirs, owners, settings.overlay_hide_user_site)


def is_active(host: Host) -> bool:
    """Whether a host is activated in the calling shell."""
    return str(host.real) in map(os.path.realpath, wiring.active_prefixes(os.environ))


def rehash(bin: Path, before: set[str], after: set[str]) -> str | None:
    """The command that makes the calling shell look up its programs again, if that is necessary.

    bash and zsh remember the path of a program that they have run, so they miss one of the same
    name in another directory; tcsh also misses new programs.

    Args:
        bin: the directory of the overlay's programs.
        before: the names of the overlay's programs before a change.
        after: their names after it.
    """
    shell = _calling_program()
    if shell in ("tcsh", "csh"):
        return "rehash" if before != after else None
    if shell not in ("bash", "zsh"):
        return None
    others = {d for d in os.environ.get("PATH", "").split(":") if d} - {str(bin)}
    hidden = (os.path.exists(os.path.join(d, name)) for d in others for name in after - before)
    return "hash -r" if before - after or any(hidden) else None


def _calling_program() -> str:
    """The name of the program that started this process, or if unknown, of the user's shell."""
    try:
        with open(f"/proc/{os.getppid()}/comm") as file:
            return file.read().strip()
    except OSError:
        return os.path.basename(os.environ.get("SHELL", ""))


@contextmanager
def asked_trigger() -> Iterator[Callable[[], Trigger]]:
    """Start the Python of the user's conda as activation does, to see if it loads the hook.

    Yields:
        A function that waits for the answer, and returns the trigger.
    """
    command, null = [_python_of_conda(), "-c", _ASK, "shell.posix", "activate"], subprocess.DEVNULL
    with subprocess.Popen(
        command, stdin=null, stdout=subprocess.PIPE, stderr=null, text=True
    ) as child:
        try:
            yield lambda: _trigger(child.communicate()[0])
        finally:
            child.kill()


def _trigger(answer: str) -> Trigger:
    """Determine the trigger from the answer of conda's Python."""
    import conda

    if answer.endswith("yes\n"):
        return Trigger("start-up hook")
    try:
        version = Version(conda.__version__)
    except InvalidVersion:
        version = _FIRST_WITHOUT_HOOK
    if _FIRST_WITH_HOOK <= version < _FIRST_WITHOUT_HOOK and not os.environ.get("CONDA_NO_PLUGINS"):
        return Trigger("conda_post_commands")
    if os.environ.get("PYTHONNOUSERSITE"):
        reason = "PYTHONNOUSERSITE hides your user site-packages from conda's Python"
        return Trigger(None, reason, "unset PYTHONNOUSERSITE")
    reason = f"{_python_of_conda()} does not load the start-up hook of conda-overlay"
    shell = _calling_program()
    remedies = {"fish": "conda overlay hook fish | source"}
    remedies |= {name: f'eval "`conda overlay hook {name}`"' for name in ("csh", "tcsh")}
    shell = shell if shell in shells.SHELLS else "sh"
    return Trigger(None, reason, remedies.get(shell, f'eval "$(conda overlay hook {shell})"'))


def _python_of_conda() -> str:
    """The interpreter of the conda that the user's shell calls, if it is trusted; else this one."""
    python = os.path.join(os.path.dirname(os.environ.get("CONDA_EXE") or sys.executable), "python")
    trusted = os.path.isabs(python) and not trust.distrust(python, [], trust.trusted_owners())
    return python if trusted else sys.executable
