"""Overlays that tests begin with: made once by our own commands, and copied after that.

A test says by which commands it comes to its overlay. All tests run in one home, which is empty at
first, so that a command finds the same there as in another test before; then the home as that one
left it, absolute paths and times included, is copied back instead.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from pathlib import Path

from tests.bed import place

_COPIES: dict[tuple[Path, str, object], Path] = {}


def lead(home: Path, step: object, take: Callable[[], object]) -> None:
    """Take a step in a home, or copy what it has led to before.

    Args:
        home: the directory that the step changes, and nothing else.
        step: what tells the step from all others: all that its result depends on, but the home.
        take: takes the step.
    """
    key = home, _content(home), step
    if copy := _COPIES.get(key):
        place.empty(home)
        _copy(copy, home)
        return
    take()
    copy = _place() / str(len(_COPIES))
    copy.mkdir()
    _copy(home, copy)
    _COPIES[key] = copy


def installed(host: Path) -> str:
    """A hash of what is installed in a host, which a test may change."""
    whole = hashlib.sha256()
    for path in sorted(host.glob("lib/python*/site-packages/*.*-info")):
        metadata = path / "METADATA"
        whole.update(os.fsencode(path) + (metadata.read_bytes() if metadata.exists() else b""))
    whole.update(os.fsencode("".join(sorted(map(str, host.glob("conda-meta/*"))))))
    return whole.hexdigest()


@cache
def _place() -> Path:
    """Where the copies are, until this process ends."""
    exits = ExitStack()
    atexit.register(exits.close)
    return exits.enter_context(place.scratch())


def _copy(source: Path, target: Path) -> None:
    """Copy all below a directory, with links among its files, owners and times."""
    subprocess.run(["cp", "-a", f"{source}/.", target], check=True)


def _content(home: Path) -> str:
    """A hash of the names, modes and content of all files, but for locks and for bytecode."""
    whole = hashlib.sha256()
    for path in sorted(home.rglob("*")):
        status = path.lstat()
        whole.update(f"{path} {status.st_mode}\n".encode("utf-8", "surrogateescape"))
        if path.is_symlink():
            whole.update(os.fsencode(os.readlink(path)))
        elif path.is_file() and path.suffix != ".pyc" and path.name != "lock":
            whole.update(path.read_bytes())
    return whole.hexdigest()
