"""Condas with the plugin, and protected hosts that are watched."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.bed import base, environment, place, pypi, users


@dataclass(frozen=True)
class Conda:
    """A base with the plugin installed, and hosts in its ``envs``."""

    prefix: Path
    version: str

    @property
    def executable(self) -> Path:
        """What its shell functions call."""
        return self.prefix / "bin" / "conda"

    def env(self, name: str) -> Path:
        """The prefix of an environment."""
        return self.prefix / "envs" / name


def copy(conda: Conda, directory: Path) -> Path:
    """Make a copy of a conda and its hosts, not protected yet, and return its prefix."""
    prefix = base.clone(conda.prefix, directory / "base")
    for name in ("science", "daq"):
        environment.clone(conda.env(name), prefix / "envs" / name)
    return prefix


class Condas:
    """The condas under test, each made when it is first asked for."""

    def __init__(self, science: Path) -> None:
        self.made: dict[Path, Conda] = {}
        self.hosts: dict[Path, str] = {}
        self._science = science
        self._exits = ExitStack()

    def of(self, source: Path) -> Conda:
        """A clone of a base, with the plugin and the hosts, until the session ends."""
        if source not in self.made:
            directory = self._exits.enter_context(place.scratch())
            prefix = base.clone(source, directory / "base")
            base.install_plugin(prefix)
            pypi.put_uv(prefix)
            for name in ("science", "daq"):
                environment.clone(self._science, prefix / "envs" / name)
            environment.protect(prefix)
            asked = users.user("overlay-alice").run([prefix / "bin" / "conda", "--version"])
            self.made[source] = Conda(prefix, asked.stdout.split()[-1])
        return self.made[source]

    def watch(self, conda: Conda) -> None:
        """Take down what its hosts are now."""
        for name in ("science", "daq"):
            host = conda.env(name)
            if host not in self.hosts:
                self.hosts[host] = environment.tree_hash(host)

    def end(self) -> None:
        """Look whether the hosts are what they were, and remove everything."""
        with self._exits:
            assert {host: environment.tree_hash(host) for host in self.hosts} == self.hosts
