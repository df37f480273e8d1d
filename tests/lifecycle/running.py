"""Runs commands that wait: at their question, for a build, for the lock."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Condition, Thread
from typing import IO

from tests.bench import PATIENCE, Bench


class Running:
    """A command of ``conda overlay`` that has not ended."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._changed = Condition()
        self._texts = {"out": "", "err": ""}
        self._open = {*self._texts}
        assert process.stdout is not None and process.stderr is not None
        self._threads = [
            Thread(target=self._read, args=(name, stream), daemon=True)
            for name, stream in (("out", process.stdout), ("err", process.stderr))
        ]
        for thread in self._threads:
            thread.start()

    @property
    def out(self) -> str:
        """What it has printed to stdout so far."""
        return self._texts["out"]

    @property
    def err(self) -> str:
        """And to stderr."""
        return self._texts["err"]

    @property
    def ended(self) -> bool:
        """Whether it has."""
        return self._process.poll() is not None

    def wait_for(self, text: str, times: int = 1) -> None:
        """Wait until it has printed a text so many times, to stdout and stderr taken together."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._count(text) >= times or not self._open, timeout=PATIENCE
            )
        assert self._count(text) >= times, (
            f"{text!r} was not printed {times} times:\n{self.out}{self.err}"
        )

    def answer(self, text: str) -> None:
        """Type a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{text}\n".encode())
        self._process.stdin.flush()

    def end(self) -> int:
        """Close its stdin, wait for its end, and return the exit code."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        code = self._process.wait(PATIENCE)
        for thread in self._threads:
            thread.join(PATIENCE)
        return code

    def kill(self) -> None:
        """Kill it, and whatever it has started."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _count(self, text: str) -> int:
        return (self.out + self.err).count(text)

    def _read(self, name: str, stream: IO[bytes]) -> None:
        while piece := os.read(stream.fileno(), 65536):
            with self._changed:
                self._texts[name] += piece.decode(errors="replace")
                self._changed.notify_all()
        with self._changed:
            self._open.remove(name)
            self._changed.notify_all()


@contextmanager
def running(
    bench: Bench, command: str, *words: str | Path, env: Mapping[str, str] | None = None
) -> Iterator[Running]:
    """Start a command as the user of a bench; at the end it is killed if it still runs."""
    user = bench.user
    environ = {"HOME": str(user.home), "USER": user.name, "LOGNAME": user.name}
    environ |= {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "TERM": "dumb"}
    command_line = [bench.conda.executable, "overlay", command, *bench.where, *words]
    root = os.geteuid() == 0
    with subprocess.Popen(
        command_line,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**environ, **bench.environ, **(env or {})},
        cwd=user.home,
        umask=0o022,
        user=user.uid if root else None,
        group=user.gid if root else None,
        extra_groups=[user.gid] if root else None,
        start_new_session=True,
    ) as process:
        found = Running(process)
        try:
            yield found
        finally:
            if not found.ended:
                found.kill()


def wait_for_file(path: Path) -> None:
    """Wait until a file is there."""
    end = time.monotonic() + PATIENCE
    while not path.exists():
        assert time.monotonic() < end, f"{path} does not come"
        time.sleep(0.02)
