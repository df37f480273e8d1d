"""The user's running programs that use a host: they still run the code that they have loaded."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from conda_overlay.core.models import Program

_PROC = Path("/proc")


def running_programs(prefix: Path) -> tuple[Program, ...]:
    """The user's processes that run an executable of an environment, newest first.

    This process, its ancestors and other commands of conda-overlay are left out.
    """
    family = {os.getpid(), *_ancestors()}
    found = []
    for process in _PROC.glob("[0-9]*"):
        try:
            pid = int(process.name)
            mine = process.stat().st_uid == os.geteuid() and pid not in family
            if mine and Path(os.readlink(process / "exe")).is_relative_to(prefix):
                words = (process / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
                when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(_started(process)))
                words[0] = os.path.basename(words[0])
                if _is_ours(words):
                    continue
                found.append(Program(pid, shlex.join(map(os.fsdecode, words)), when))
        except OSError:  # it has ended, or may not be read
            continue
    return tuple(sorted(found, key=lambda program: program.started, reverse=True))


def _is_ours(words: Sequence[bytes]) -> bool:
    """Whether a command line is that of a command of conda-overlay, or of a program of its own."""
    ours = (b"conda_overlay" in word for word in words)
    commands = (os.path.basename(a) == b"conda" and b == b"overlay" for a, b in pairwise(words))
    return any(ours) or any(commands)


def _started(process: Path) -> float:
    """The start time of a process in seconds since the epoch; proc(5) counts from boot."""
    lines = (_PROC / "stat").read_text().splitlines()
    boot = next(int(line.split()[1]) for line in lines if line.startswith("btime "))
    return boot + int(_fields(process)[19]) / os.sysconf("SC_CLK_TCK")


def _fields(process: Path) -> list[str]:
    """The fields of proc(5) after the name of a process, which may contain any character."""
    return (process / "stat").read_text(errors="replace").rpartition(")")[2].split()


def _ancestors() -> Iterator[int]:
    """The processes that started this one: its parent, and so on."""
    pid = os.getpid()
    while pid > 1:
        try:
            pid = int(_fields(_PROC / str(pid))[1])
        except OSError:
            return
        yield pid
