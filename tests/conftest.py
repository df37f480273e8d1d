"""Fixtures: real condas with the plugin, protected environments, and an unprivileged user."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.bed import base, dists, environment, place, users
from tests.bed.users import User


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


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory for ``--find-links``.

    ``alpha`` (1.0, 1.5, 2.0) has a script; ``beta`` 1.0 requires alpha<2 and 2.0 alpha>=2;
    ``gamma`` 1.0 requires delta>=1 and 2.0 delta>=2; ``delta`` (1.0, 2.0); ``stuck`` 1.0 requires
    delta<2 and has no other version; ``new`` 1.0 requires alpha and has a script.
    """
    links = place.root() / "wheels-of-tests"
    for version in ("1.0", "1.5", "2.0"):
        dists.wheel(links, "alpha", version, scripts={"alpha": "alpha:main"})
    dists.wheel(links, "beta", "1.0", requires=["alpha<2"], scripts={"beta": "beta:main"})
    dists.wheel(links, "beta", "2.0", requires=["alpha>=2"], scripts={"beta": "beta:main"})
    dists.wheel(links, "gamma", "1.0", requires=["delta>=1"])
    dists.wheel(links, "gamma", "2.0", requires=["delta>=2"])
    dists.wheel(links, "delta", "1.0")
    dists.wheel(links, "delta", "2.0")
    dists.wheel(links, "stuck", "1.0", requires=["delta<2"])
    dists.wheel(links, "new", "1.0", requires=["alpha"], scripts={"new": "new:main"})
    return links


@pytest.fixture(scope="session")
def science(wheels: Path) -> Path:
    """The template of a protected environment: alpha, beta, gamma, delta, stuck, all at 1.0."""
    names = ("alpha", "beta", "gamma", "delta", "stuck")
    return environment.template(
        pip="ensurepip", wheels=[wheels / f"{name}-1.0-py3-none-any.whl" for name in names]
    )


_NAMED = os.environ.get("CONDA_OVERLAY_TEST_CONDAS", "").split(os.pathsep)


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


@pytest.fixture(scope="session")
def condas(science: Path) -> Iterator[Condas]:
    """The condas of this session."""
    condas = Condas(science)
    yield condas
    condas.end()


@pytest.fixture(scope="session", params=["floor", *filter(None, _NAMED)], ids=os.path.basename)
def conda(request: pytest.FixtureRequest, condas: Condas) -> Conda:
    """Every conda under test, with the plugin, and the protected hosts ``science`` and ``daq``."""
    return condas.of(base.floor_base() if request.param == "floor" else Path(request.param))


@pytest.fixture(scope="session")
def floor(condas: Condas) -> Conda:
    """The floor conda alone: for promises that do not depend on conda's version."""
    return condas.of(base.floor_base())


@pytest.fixture(scope="session")
def hosts_unchanged(conda: Conda, condas: Condas) -> None:
    """At the end of the session the hosts are what they were, byte for byte."""
    condas.watch(conda)


@pytest.fixture
def alice() -> User:
    """An unprivileged user with an empty home."""
    user = users.user("overlay-alice")
    return replace(user, home=user.fresh_home())


@pytest.fixture(scope="session")
def hermetic(wheels: Path) -> dict[str, str]:
    """Variables that keep pip from the network: it sees the test's own wheels alone."""
    return {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheels),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_CONFIG_FILE": os.devnull,
    }
