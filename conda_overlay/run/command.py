"""Runs a command in a host as activated, with its overlay, without any shell having been set up."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn
from urllib.parse import unquote

from conda_overlay.activation import locate, shells, startup, wiring
from conda_overlay.activation.settings import Settings
from conda_overlay.change.install import install
from conda_overlay.change.overlay import Overlay
from conda_overlay.core.errors import OverlayError
from conda_overlay.core.models import Log, Request
from conda_overlay.distributions import dependencies
from conda_overlay.layer import retention
from conda_overlay.resolve.pip import Pip

_KEPT = 30 * 24 * 3600
"""Seconds for which an unused transient layer is kept."""

_PRINT = """
import json, os, sys
names = {os.fsdecode(name): os.fsdecode(value) for name, value in os.environb.items()}
sys.stdout.write("\\x1e" + json.dumps(names))
"""


def execute(overlay: Overlay, command: Sequence[str], *, bare: bool = False) -> NoReturn:
    """Become a command, which thus has this process's stdin, terminal, signals and exit code.

    Args:
        overlay: of the host.
        command: with its arguments.
        bare: activate the host without its overlay.
    """
    argv, environ = _call(overlay, command, bare)
    os.execve(argv[0], argv, environ)


def environ(overlay: Overlay) -> dict[str, str]:
    """The variables that a command would have, with what the scripts of activate.d do to them.

    Raises:
        OverlayError: the scripts fail.
    """
    argv, before = _call(overlay, [sys.executable, "-I", "-S", "-c", _PRINT], bare=False)
    done = subprocess.run(argv, env=before, capture_output=True, text=True, check=False)
    try:
        found: dict[str, str] = json.loads(done.stdout.rpartition("\x1e")[2])
    except ValueError:
        sentence = f"{overlay.host.prefix} could not be activated."
        raise OverlayError(sentence, details=done.stderr.splitlines()[-3:]) from None
    return found


def with_transient_layer(overlay: Overlay, requirements: Sequence[str]) -> Overlay:
    """Put a layer on top that has some more distributions, made at the first use, and then kept.

    Nothing of it is in the overlay. It is made anew when the host or the overlay has changed; what
    a requirement names as a local file or directory is installed each time.

    Raises:
        ResolutionError: no consistent set of distributions exists.
        PipError: pip failed.
    """
    layers = [os.path.realpath(layer) for layer in overlay.layers]
    facts = [sorted(requirements), overlay.host.fingerprint()["sha256"], layers]
    sources = sorted(filter(None, map(_source, requirements)))
    facts += [str(overlay.host.real), sources]
    key = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    cache = home / "conda-overlay" / "run"
    place = cache / key
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    _drop_old(cache)
    dirs = overlay.settings.overlay_dirs or (locate.DEFAULT_DIR,)
    settings: Settings = overlay.settings._replace(overlay_dirs=(str(place), *dirs))
    top = Overlay(overlay.host, settings, overlay.tell)
    if sources or not (place / "complete").exists():
        words = ("--", *requirements)
        log = Log(("conda", "overlay", "run", "--with", *requirements))
        pip = Pip(top.host, verbosity=-1, to_stderr=True)
        request = Request(words, tuple(requirements))
        try:
            top.change(lambda draft: install(draft, request), log=log, pip=pip)
        except BaseException:
            with suppress(OSError):  # what was made there before stays
                place.rmdir()
            raise
        retention.drop(top, retention.droppable(top, 1, force=True)[0])
        (place / "complete").touch()
    os.utime(place)
    return top


def _source(requirement: str) -> str | None:
    """The local file or directory that a requirement names, with all links resolved."""
    parsed = dependencies.parse(requirement)
    text = (parsed and parsed.url) or requirement
    path = re.sub(r"\[[^]]*\]$", "", text)  # less extras
    if url := re.match("file:(?://[^/]*)?([^#]*)", text):
        path = unquote(url[1])
    is_name = parsed and not parsed.url  # which that of a wheel looks like
    found = os.path.isfile(path) if is_name else os.path.exists(path)
    return os.path.realpath(path) if found else None


def _drop_old(cache: Path) -> None:
    for place in cache.iterdir():
        if place.lstat().st_mtime < time.time() - _KEPT:
            shutil.rmtree(place, ignore_errors=True)


def _call(
    overlay: Overlay, command: Sequence[str], bare: bool
) -> tuple[list[str], Mapping[str, str]]:
    """The shell that activates as conda does, wires, and then becomes the command."""
    from conda.activate import PosixActivator

    unwired = wiring.unwire(os.environ)
    for name in os.environ.keys() - unwired.keys():
        del os.environ[name]
    os.environ.update(unwired)  # which conda computes from
    if bare:
        os.environ[wiring.DISABLE] = "1"
    code = PosixActivator(["activate", str(overlay.host.prefix)]).execute()
    line = shells.SHELLS["posix"].line(startup.command("posix", overlay.settings))
    # As in conda's own function, so that the scripts cannot change the arguments.
    script = f'_activate() {{\n{code}\n}}\n_activate\n{"" if bare else line}\n\\exec "$@"\n'
    shell = shutil.which("bash", path=os.defpath) or "/bin/sh"
    return [shell, "-c", script, "conda-overlay", *command], dict(os.environ)
