"""Benches: an overlay in its life, at the floor conda or at every conda under test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bed import place
from tests.bed.condas import Conda, Condas
from tests.bed.users import User
from tests.lifecycle.bench import Bench


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
def links() -> Iterator[Path]:
    """A directory for wheels of one test, which every user can read."""
    with place.scratch() as directory:
        yield directory
