"""The user's running programs that use a host: they keep the code that they have loaded."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")


class Program(NamedTuple):
    """A running process."""

    pid: int
    command: str
    started: str
    """When, ISO 8601, UTC."""


def programs(prefix: Path) -> list[Program]:
    """The user's processes that run an executable of an environment, the newest first.

    Linux alone tells; elsewhere there are none. Not this process, nor what it was started by.
    """
    if not (_PROC / "self" / "exe").exists():
        return []
    family = {os.getpid(), *_ancestors()}
    found = []
    for process in _PROC.glob("[0-9]*"):
        try:
            pid = int(process.name)
            mine = process.stat().st_uid == os.geteuid() and pid not in family
            if mine and Path(os.readlink(process / "exe")).is_relative_to(prefix):
                words = (process / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
                when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(process.stat().st_ctime))
                words[0] = os.path.basename(words[0])
                found.append(Program(pid, shlex.join(map(os.fsdecode, words)), when))
        except OSError:  # it has ended, or hides
            continue
    return sorted(found, key=lambda program: program.started, reverse=True)


def _ancestors() -> Iterator[int]:
    """The processes that started this one."""
    pid = os.getpid()
    while pid > 1:
        try:
            stat = (_PROC / str(pid) / "stat").read_text(errors="replace")
        except OSError:
            return
        pid = int(stat.rpartition(")")[2].split()[1])
        yield pid
