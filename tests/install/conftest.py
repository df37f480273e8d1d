"""Benches: an overlay to be, at the floor conda or at every conda under test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bed import environment, place
from tests.bed.users import User
from tests.conftest import Conda
from tests.install.bench import Bench


@pytest.fixture
def bench(
    conda: Conda, alice: User, hermetic: dict[str, str], hosts_unchanged: None
) -> Bench:
    """Of every conda; the host is ``science``."""
    return Bench(conda, alice, hermetic)


@pytest.fixture
def quick(
    floor: Conda, alice: User, hermetic: dict[str, str], floor_hosts_unchanged: None
) -> Bench:
    """Of the floor conda alone."""
    return Bench(floor, alice, hermetic)


@pytest.fixture
def online(quick: Bench) -> Bench:
    """As `quick`, but with PyPI."""
    return replace(quick, environ={}, network=True)


@pytest.fixture(scope="session")
def floor_hosts_unchanged(floor: Conda) -> Iterator[None]:
    """At the end of the session the hosts are what they were, byte for byte."""
    names = ("science", "daq")
    before = {name: environment.tree_hash(floor.env(name)) for name in names}
    yield
    assert {name: environment.tree_hash(floor.env(name)) for name in names} == before


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A directory that every user can read."""
    with place.scratch() as directory:
        yield directory


@pytest.fixture
def links(scratch: Path) -> Path:
    """A directory for wheels of one test."""
    return scratch / "links"
