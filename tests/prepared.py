"""Overlays that tests begin with: made once by our own commands, and copied after that.

A test says by which steps it comes to its overlay. Tests run in one home, at the same path and
empty at first, so the home that the same steps have led to before is that state, absolute paths
included. Steps that a test takes without telling, or that come after a change by hand, are taken.
"""

from __future__ import annotations

import atexit
import subprocess
from collections.abc import Callable, Hashable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.bed import place

_Look = frozenset[tuple[str, int, int, int]]


@dataclass(frozen=True)
class _Known:
    """The steps that a home has seen, and what it looked like after the last of them."""

    steps: tuple[Hashable, ...]
    look: _Look


_KNOWN: dict[Path, _Known] = {}
_COPIES: dict[tuple[Path, tuple[Hashable, ...]], Path] = {}


def lead(home: Path, step: Hashable, take: Callable[[], object]) -> None:
    """Take a step in a home, or copy what it has led to before.

    Args:
        home: the directory that the step changes, and nothing else.
        step: what tells the step from all others; all that its result depends on, but the home.
        take: takes the step.
    """
    known = _KNOWN.get(home, _Known((), frozenset()))
    if known.look != _look(home):  # somebody has changed it without telling
        take()
        return
    steps = (*known.steps, step)
    if copy := _COPIES.get((home, steps)):
        place.empty(home)
        _copy(copy, home)
    else:
        take()
        _COPIES[home, steps] = copy = _place() / str(len(_COPIES))
        copy.mkdir()
        _copy(home, copy)
    _KNOWN[home] = _Known(steps, _look(home))


def forget(home: Path) -> None:
    """Note that a home is empty again."""
    _KNOWN.pop(home, None)


@cache
def _place() -> Path:
    """Where the copies are, until this process ends."""
    exits = ExitStack()
    atexit.register(exits.close)
    return exits.enter_context(place.scratch())


def _copy(source: Path, target: Path) -> None:
    """Copy all below a directory, with links among its files, owners and times."""
    subprocess.run(["cp", "-a", f"{source}/.", target], check=True)


def _look(home: Path) -> _Look:
    found = ((path, path.lstat()) for path in home.rglob("*"))
    return frozenset((str(path), s.st_mode, s.st_size, s.st_mtime_ns) for path, s in found)
