"""Runs a command in an activated host with its overlay, without a shell that has been set up."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from conda_overlay.activation import shells, startup, wiring
from conda_overlay.activation.settings import Settings
from conda_overlay.core.errors import OverlayError
from conda_overlay.layer.stack import Stack

_PRINT = """
import json, os, sys
names = {os.fsdecode(name): os.fsdecode(value) for name, value in os.environb.items()}
sys.stdout.write("\\x1e" + json.dumps(names))
"""

_FAIL = """
import os, shlex, signal, sys
prefix, *argv = sys.argv[1:]
name = argv[0]
for number in (signal.SIGPIPE, signal.SIGXFSZ):
    signal.signal(number, signal.SIG_DFL)
path = [""] if "/" in name else os.environ.get("PATH", os.defpath).split(":")
there = [place for place in (os.path.join(one, name) for one in path) if os.path.isfile(place)]
if "/" in name or there:
    place = ([one for one in there if os.access(one, os.X_OK)] or there or [name])[0]
    try:
        os.execv(place, argv)  # not the next one on PATH, which is another program
    except (OSError, ValueError) as error:
        failure = getattr(error, "strerror", None) or str(error)
    said, hint = f"{place}: {failure}.", shlex.join(["ls", "-ld", place])
    try:
        with open(place, "rb") as file:
            start = os.fsdecode(file.readline(256))
    except OSError:
        start = ""
    if start.startswith("#!") and os.access(place, os.X_OK):
        interpreter = start[2:].strip(" \\t\\n").split(" ")[0]
        said, hint = f"{place}: {interpreter}: {failure}.", shlex.join(["head", "-1", place])
else:
    said, hint = f"{name}: command not found in {prefix}.", shlex.join(["ls", f"{prefix}/bin"])
text = f"OverlayError: {said}\\nHint: {hint}"
text = "".join(c if c.isprintable() or c == "\\n" else ascii(c)[1:-1] for c in text)
print(f"\\n{text}\\n", file=sys.stderr)
sys.exit(126 if os.path.lexists(name) and "/" in name or there else 127)
"""
"""Becomes a command that the shell does not find, or says why that fails, as conda's errors do."""


def become(
    prefix: Path, command: Sequence[str], settings: Settings, *, bare: bool = False
) -> NoReturn:
    """Replace this process with a command; its stdin, terminal, signals and exit code are shared.

    Args:
        prefix: of the environment to activate.
        command: the command and its arguments.
        settings: of its overlay.
        bare: activate the environment without its overlay.
    """
    argv, environ = _call(prefix, command, settings, bare)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # which Python ignores; exec hands that on
        signal.signal(number, signal.SIG_DFL)
    os.execve(argv[0], argv, environ)


def environ(stack: Stack) -> dict[str, str]:
    """The environ that a command would have, including the effects of the activate.d scripts.

    Raises:
        OverlayError: the scripts fail.
    """
    words = [sys.executable, "-I", "-S", "-c", _PRINT]
    argv, before = _call(stack.host.prefix, words, stack.settings, bare=False)
    done = subprocess.run(argv, env=before, capture_output=True, text=True, check=False)
    try:
        found: dict[str, str] = json.loads(done.stdout.rpartition("\x1e")[2])
    except ValueError:
        sentence = f"{stack.host.prefix} could not be activated."
        raise OverlayError(sentence, details=done.stderr.splitlines()[-3:]) from None
    return found


def _without_venv(environ: Mapping[str, str]) -> dict[str, str]:
    """The environ without a virtual environment on top, whose Python would come first."""
    found = dict(environ)
    if venv := found.pop("VIRTUAL_ENV", None):
        place = os.path.join(venv, "bin")
        path = found.get("PATH", "").split(os.pathsep)
        found["PATH"] = os.pathsep.join(entry for entry in path if entry != place)
    return found


def _call(
    prefix: Path, command: Sequence[str], settings: Settings, bare: bool
) -> tuple[list[str], Mapping[str, str]]:
    """The shell that activates as conda does, wires, and then becomes the command."""
    from conda.activate import PosixActivator

    unwired = _without_venv(wiring.unwire(os.environ))
    for name in os.environ.keys() - unwired.keys():
        del os.environ[name]
    os.environ.update(unwired)  # conda computes the activation from it
    if bare:
        os.environ[wiring.DISABLE] = "run"  # as no environment sets it: see `switch`
    code = PosixActivator(["activate", str(prefix)]).execute()
    line = shells.SHELLS["posix"].line(startup.command("posix", settings))
    shell = shutil.which("bash", path=os.defpath) or "/bin/sh"
    # In a function, as in conda, so that the activate.d scripts cannot change the arguments.
    script = f"_activate() {{\n{code}\n}}\n_activate\n{'' if bare else line}\n"
    if shell != "/bin/sh":  # whose exec knows no options, and which has no such search
        # In POSIX mode, exec is never a function, which a user may have exported.
        script += "\\declare -F exec > /dev/null && POSIXLY_CORRECT=1\n"
        script += '\\shopt -s execfail; [ -x "$(\\type -P -- "$1")" ] && \\exec -- "$@"\n'
    fail = [sys.executable, "-I", "-S", "-c", _FAIL, str(prefix)]
    script += f'\\exec {shlex.join(fail)} "$@"\n'
    return [shell, "-c", script, "conda-overlay", *command], dict(os.environ)
