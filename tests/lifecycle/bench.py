"""Runs the commands of an overlay's life as a user does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests import bench
from tests.bench import Done


class Bench(bench.Bench):
    """One user, one conda, one host."""

    def change(
        self, command: str, *words: str | Path, env: Mapping[str, str | None] | None = None
    ) -> str:
        """Run a changing command without being asked, and return what was printed."""
        return self._succeed(self.run(command, *self.where, "--yes", *words, env=env))

    def ask(
        self, command: str, *words: str | Path, env: Mapping[str, str | None] | None = None
    ) -> str:
        """Run a command that changes nothing, and return what was printed."""
        return self._succeed(self.run(command, *self.where, *words, env=env))

    def json(
        self, command: str, *words: str | Path, env: Mapping[str, str | None] | None = None
    ) -> Any:
        """Run a command with ``--json``; stdout is one value and nothing else."""
        return json.loads(self._succeed(self.run(command, *self.where, "--json", *words, env=env)))

    def refuse(
        self,
        command: str,
        *words: str | Path,
        env: Mapping[str, str | None] | None = None,
        code: int = 1,
    ) -> str:
        """Fail to run a command: nothing has changed, and the error is said, without a traceback.

        Returns:
            What was printed to stderr.
        """
        before = self.content()
        done = self.run(command, *self.where, *words, env=env)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        assert "unexpected error" not in done.stderr.lower(), done.stderr
        assert self.content() == before
        return done.stderr

    def tree(self, number: int) -> Path:
        """Where the files of a revision are."""
        return self.state / "revisions" / str(number) / "tree"

    def files(self, number: int) -> dict[str, bytes]:
        """The files of a revision and what is in them, but for bytecode."""
        tree = self.tree(number)
        return {
            str(path.relative_to(tree)): path.read_bytes()
            for path in tree.rglob("*")
            if path.is_file() and path.suffix != ".pyc"
        }

    def edit(self, path: Path, text: str) -> None:
        """Change a file as an editor does that writes a new one in its place."""
        script = 'printf %s "$2" > "$1.new" && mv -f "$1.new" "$1"'
        self._succeed(self.user.run(["sh", "-c", script, "sh", path, text]))

    def make_by_hand(self, *wheels: Path) -> None:
        """Lay an overlay as people did before there were commands for it."""
        command: list[str | Path] = [self.host / "bin" / "python", "-m", "pip", "install", "-I"]
        command += ["--no-deps", "--no-index", "--prefix", self.overlay, *wheels]
        self._succeed(self.user.run(command, env={"PYTHONDONTWRITEBYTECODE": "1"}))

    def _succeed(self, done: Done) -> str:
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
