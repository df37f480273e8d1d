"""Fixtures of other hosts than the usual one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests import sources
from tests.bed import environment, packages, place, users
from tests.bed.condas import Conda, Condas
from tests.bench import Bench
from tests.lifecycle import edited
from tests.lifecycle import shared as layers
from tests.lifecycle.forks import Forker


@pytest.fixture(scope="session")
def own_place() -> Iterator[Path]:
    """Where the hosts of tests are, one after the other, at the same path."""
    with place.scratch() as directory:
        yield directory


@pytest.fixture
def own(quick: Bench, science: Path, own_place: Path) -> Iterator[Bench]:
    """Over a host of the test's own, which its administrator may change."""
    yield replace(quick, name=str(environment.clone(science, own_place / "own")))
    place.empty(own_place)


@pytest.fixture
def daq(quick: Bench) -> Bench:
    """The same user, another host that is like the first."""
    return replace(quick, name="daq")


@pytest.fixture(scope="module")
def forker(floor: Conda, hermetic: dict[str, str], condas: Condas) -> Forker:
    """A user whose home, and package cache, the tests of a file share."""
    condas.watch(floor)
    # A fork of a running conda does not know where its own configuration is.
    environ = {**hermetic, "CONDA_ROOT": str(floor.prefix)}
    environ["CONDA_CHANNELS"] = packages.channel().as_uri()
    return Forker(Bench(floor, users.user("overlay-alice"), environ))


@pytest.fixture(scope="module")
def prefix(science: Path, wheels: Path) -> Iterator[Path]:
    """A host with `tool`, which no test changes."""
    with place.scratch() as directory:
        yield edited.host(science, directory, directory)


@pytest.fixture
def tool(quick: Bench, prefix: Path) -> Bench:
    """Over that."""
    return replace(quick, name=str(prefix))


@pytest.fixture
def fix(quick: Bench) -> Path:
    """A patch of `tool`."""
    return sources.write(quick.user, quick.user.home / "fix.patch", edited.FIX)


@pytest.fixture
def fixed(tool: Bench, fix: Path) -> Bench:
    """Whose `tool` is patched, for a reason."""
    tool.given("patch", "tool", fix, "--reason", "ticket 1234")
    return tool


@pytest.fixture
def shared(quick: Bench, scratch: Path) -> Bench:
    """With a layer of a service account behind the user's own, which is named ``beamline``."""
    return layers.lay(quick, scratch)
