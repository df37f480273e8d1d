"""Runs commands for a bench in forks of one conda: side by side, watched, and killed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bed import forks
from tests.bed.forks import KILLED, Ended, Forks
from tests.bench import Bench

__all__ = ["KILLED", "Ended", "Server", "served"]


class Server:
    """A conda whose start is paid once, for a bench."""

    def __init__(self, bench: Bench, forks: Forks) -> None:
        self.bench = bench
        self._forks = forks

    def at_once(self, commands: Sequence[Sequence[str | Path]], **request: Any) -> list[Ended]:
        """Run commands of ``conda overlay`` side by side."""
        argvs = [["overlay", *map(str, words)] for words in commands]
        request["environ"] = self.bench.environ_of(request.pop("env", {}))
        return self._forks.run(argvs, cwd=str(self.bench.user.home), **request)

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
    """Start a conda for a bench, and end it; the arguments are those of `forks.started`."""
    with forks.started(bench.conda, bench.user, launcher) as started:
        yield Server(bench, started)
