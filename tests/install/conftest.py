"""Benches: an overlay to be, at the floor conda or at every conda under test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bed import environment, place
from tests.bed.condas import Conda, Condas
from tests.bed.users import User
from tests.bench import Bench


@pytest.fixture
def bench(conda: Conda, alice: User, hermetic: dict[str, str], hosts_unchanged: None) -> Bench:
    """Of every conda; the host is ``science``."""
    return Bench(conda, alice, hermetic)


@pytest.fixture
def quick(floor: Conda, alice: User, hermetic: dict[str, str], condas: Condas) -> Bench:
    """Of the floor conda alone."""
    condas.watch(floor)
    return Bench(floor, alice, hermetic)


@pytest.fixture
def online(quick: Bench) -> Bench:
    """As `quick`, but with PyPI."""
    return replace(quick, environ={}, network=True)


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A directory that every user can read."""
    with place.scratch() as directory:
        yield directory


@pytest.fixture
def links(scratch: Path) -> Path:
    """A directory for wheels of one test."""
    return scratch / "links"


@pytest.fixture(scope="session")
def broken_host(floor: Conda, wheels: Path) -> Path:
    """A protected host whose beta 1.0 requires what is not there, and has stuck 1.0 alone."""
    names = ("alpha-1.0", "gamma-1.0", "stuck-1.0")
    template = environment.template(
        pip="ensurepip", wheels=[wheels / f"{name}-py3-none-any.whl" for name in names]
    )
    return environment.clone(template, floor.prefix / "envs" / "broken")
