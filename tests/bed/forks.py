"""Talks to `tests.bed.serve`: runs commands of conda by the hundred, and kills them."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, Timer
from typing import Any

from tests.bed import place
from tests.bed.condas import Conda
from tests.bed.users import User

KILLED = -9
_PATIENCE = 600
"""Seconds after which a request is given up: long, for a busy machine."""


@dataclass(frozen=True)
class Ended:
    """How a command has ended."""

    code: int
    """The exit code; `KILLED` if it was."""
    out: str
    err: str
    steps: tuple[str, ...]
    """What it did to the file system, if it was watched."""
    times: tuple[float, ...]
    """When it did that, in seconds."""
    took: float
    """Seconds."""

    @property
    def told(self) -> str:
        """All that it printed; there is no traceback in it."""
        text = self.out + self.err
        assert "Traceback" not in text and "unexpected error" not in text.lower(), text
        return text


class Forks:
    """A conda whose start is paid once: each command is a fork of it."""

    def __init__(self, conda: Conda, process: subprocess.Popen[str]) -> None:
        self._conda = conda
        self._process = process
        self._lock = Lock()

    def run(self, argvs: Sequence[Sequence[str]], **request: Any) -> list[Ended]:
        """Run commands of conda side by side.

        Args:
            argvs: The words after ``conda`` of each.
            request: How: ``environ``, all of it; ``cwd``; ``input``; and what to watch and when to
                kill, as `tests.bed.serve` has it.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        line = json.dumps({"argvs": argvs, "conda": str(self._conda.executable), **request})
        with self._lock:
            alarm = Timer(_PATIENCE, self._process.kill)
            alarm.start()
            try:
                self._process.stdin.write(line + "\n")
                self._process.stdin.flush()
                answers = json.loads(self._process.stdout.readline())
            finally:
                alarm.cancel()
        return [_ended(**answer) for answer in answers]


def _ended(steps: str, **facts: Any) -> Ended:
    timed = [line.split(" ", 1) for line in steps.splitlines()]
    times = tuple(float(time) for time, _ in timed)
    return Ended(steps=tuple(step for _, step in timed), times=times, **facts)


@contextmanager
def started(conda: Conda, user: User, launcher: Sequence[str] = ()) -> Iterator[Forks]:
    """Start a conda as a user, and end it.

    Args:
        conda: What to run.
        user: As whom.
        launcher: What starts it, and makes it the user's, instead.
    """
    options: dict[str, Any] = (
        {"user": user.uid, "group": user.gid, "extra_groups": [user.gid]}
        if os.geteuid() == 0 and not launcher
        else {}
    )
    with subprocess.Popen(
        [*launcher, conda.prefix / "bin" / "python", "-I", program()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=user.environ(),
        cwd="/",
        umask=0o022,
        text=True,
        **options,
    ) as process:
        try:
            yield Forks(conda, process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(_PATIENCE)


def program() -> Path:
    """Return a copy of `serve.py` that the user can read, who may not reach the checkout."""
    name = "serve.py"

    def build(target: Path) -> None:
        target.mkdir()
        shutil.copyfile(Path(__file__).with_name(name), target / name)

    return place.built("server", (place.sources(name),), build) / name


_SHARED: dict[tuple[Conda, int], Forks] = {}
_EXITS = ExitStack()
atexit.register(_EXITS.close)


def shared(conda: Conda, user: User) -> Forks:
    """The one of a conda and a user that ends with the tests."""
    key = (conda, user.uid)
    if key not in _SHARED:
        _SHARED[key] = _EXITS.enter_context(started(conda, user))
    return _SHARED[key]
