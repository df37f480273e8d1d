"""Talks to `tests.bed.serve`: runs commands of conda by the hundred, and kills them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lifecycle.bench import Bench

KILLED = -9


@dataclass(frozen=True)
class Ended:
    """How a command has ended."""

    code: int
    """The exit code; `KILLED` if it was."""
    out: str
    err: str
    steps: tuple[str, ...]
    """What it did to the file system, if it was watched."""
    took: float
    """Seconds."""

    @property
    def told(self) -> str:
        """All that it printed; there is no traceback in it."""
        text = self.out + self.err
        assert "Traceback" not in text and "unexpected error" not in text.lower(), text
        return text


class Server:
    """A conda whose start is paid once."""

    def __init__(self, bench: Bench, process: subprocess.Popen[str]) -> None:
        self.bench = bench
        self._process = process

    def at_once(self, commands: Sequence[Sequence[str | Path]], **request: Any) -> list[Ended]:
        """Run commands of ``conda overlay`` side by side."""
        assert self._process.stdin is not None and self._process.stdout is not None
        argvs = [["overlay", *map(str, words)] for words in commands]
        request["env"] = {**self.bench.environ, **request.get("env", {})}
        self._process.stdin.write(json.dumps({"argvs": argvs, **request}) + "\n")
        self._process.stdin.flush()
        ended = []
        for answer in json.loads(self._process.stdout.readline()):
            answer["steps"] = tuple(answer["steps"].splitlines())
            ended.append(Ended(**answer))
        return ended

    def run(self, command: str, *words: str | Path, **request: Any) -> Ended:
        """Run one command for the host of the bench."""
        return self.at_once([[command, *self.bench.where, *words]], **request)[0]

    def change(self, command: str, *words: str | Path, **request: Any) -> Ended:
        """Run a changing command without being asked."""
        return self.run(command, "--yes", *words, **request)

    def done(self, command: str, *words: str | Path, **request: Any) -> Ended:
        """Run a changing command, which succeeds."""
        ended = self.change(command, *words, **request)
        assert ended.code == 0, ended.told
        return ended


@contextmanager
def served(bench: Bench, launcher: Sequence[str] = ()) -> Iterator[Server]:
    """Start a conda for a bench, and end it.

    Args:
        bench: whose conda and user.
        launcher: what starts it, and makes it the user's, instead.
    """
    user = bench.user
    options: dict[str, Any] = (
        {"user": user.uid, "group": user.gid, "extra_groups": [user.gid]}
        if os.geteuid() == 0 and not launcher
        else {}
    )
    environ = {"HOME": str(user.home), "USER": user.name, "LOGNAME": user.name}
    environ |= {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "TERM": "dumb"}
    with subprocess.Popen(
        [
            *launcher,
            bench.conda.prefix / "bin" / "python",
            "-I",
            Path(__file__).with_name("bed") / "serve.py",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environ,
        cwd=user.home,
        umask=0o022,
        text=True,
        **options,
    ) as process:
        try:
            yield Server(bench, process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(60)
