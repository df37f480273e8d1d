"""A user who makes forks, and what they are made of."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.bed import channel, packages
from tests.bench import Bench, Done

KEYS = {
    *("success", "dry_run", "prefix", "baseline", "channels", "fingerprint", "packages", "dropped"),
    *("dependents", "added", "changed", "distributions", "notes"),
}
"""The keys of what fork prints with ``--json``."""


def url(name: str, platform: str = "", hashed: bool = True) -> str:
    """A line of an explicit list: of a package of the channel, such as ``lib-1.0``."""
    import hashlib

    file = packages.channel() / (platform or channel.subdir()) / f"{name}-0.tar.bz2"
    md5 = hashlib.md5(file.read_bytes()).hexdigest() if file.exists() else "0" * 32
    return file.as_uri() + f"#{md5}" * hashed


def listed(*lines: str) -> str:
    """An explicit list."""
    return "".join(f"{line}\n" for line in ("# platform: any", "@EXPLICIT", *lines))


def python(directory: Path, script: str) -> str:
    """The URL of a package whose Python is a script of sh."""
    program = directory / "tree" / "bin" / "python"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    about = {"name": "python", "version": "3.0"}
    return channel.pack(directory / "tree", directory / "channel", **about).as_uri()


@dataclass(frozen=True)
class Forker:
    """A user who can fork an environment of root's."""

    bench: Bench
    """Whose host is that environment."""

    @property
    def home(self) -> Path:
        return self.bench.user.home

    def env(self, name: str) -> Path:
        """Where a fork of this name is."""
        return self.home / ".conda" / "envs" / name

    def shared(self) -> Path:
        """A directory in the home where everybody may make files."""
        if os.geteuid() != 0:
            pytest.skip("only root can be two users")
        shared = self.home / "shared"
        self.bench.user.run(["mkdir", "-m", "1777", shared])
        return shared

    def spec(self, *lines: str, name: str = "baseline.txt") -> Path:
        """Write an explicit list into the home."""
        return self.write(name, listed(*lines))

    def write(self, name: str, text: str) -> Path:
        """Write a file into the home."""
        self.bench.edit(self.home / name, text)
        return self.home / name

    def run(self, *words: str | Path, **options: Any) -> Done:
        """Run ``conda overlay fork``."""
        return self.bench.run("fork", *words, **options)

    def fork(self, *words: str | Path, env: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Make a fork, and return what ``--json`` prints."""
        done = self.run("--json", *words, env=env)
        assert done.returncode == 0, done.stdout + done.stderr
        told: dict[str, Any] = json.loads(done.stdout)
        assert told.keys() == KEYS
        return told

    def refused(self, *words: str | Path, **options: Any) -> str:
        """Fail to make one, with a sentence: all environments are as they were."""
        before = self.content()
        done = self.run("--yes", *words, **options)
        assert done.returncode in (1, 2), done.stdout + done.stderr
        told = done.stdout + done.stderr
        assert "Traceback" not in told and "unexpected error" not in told.lower(), told
        assert self.content() == before
        return done.stderr

    def content(self) -> dict[str, tuple[int, int]]:
        """All that is where environments are, the size and time of each."""
        found = sorted((self.home / ".conda" / "envs").rglob("*"))
        return {
            str(path): (path.lstat().st_size, path.lstat().st_mtime_ns)
            for path in found
            if path.name != ".conda_envs_dir_test" and path.is_file()
        } | {str(path): (0, 0) for path in found if path.is_dir()}

    def conda(self, *words: str | Path) -> str:
        """Run conda itself."""
        argv = [self.bench.conda.executable, *words]
        done = self.bench.user.run(argv, env=self.bench.environ)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def packages(self, name: str) -> dict[str, str]:
        """The conda packages of a fork, with their versions."""
        metas = self.env(name).glob("conda-meta/*.json")
        return {m["name"]: m["version"] for m in (json.loads(p.read_text()) for p in metas)}

    def python(self, name: str, *words: str) -> str:
        """Run the Python of a fork."""
        done = self.bench.user.run([self.env(name) / "bin" / "python", "-B", *words])
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()
