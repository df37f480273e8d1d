"""Fixtures: real condas with the plugin, protected environments, and an unprivileged user."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bed import base, dists, environment, place, users
from tests.bed.condas import Conda, Condas
from tests.bed.users import User


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
