"""Fixtures of other hosts than the usual one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bed import environment, place
from tests.bench import Bench


@pytest.fixture
def own(quick: Bench, science: Path) -> Iterator[Bench]:
    """Over a host of the test's own, which its administrator may change."""
    with place.scratch() as directory:
        yield replace(quick, name=str(environment.clone(science, directory / "own")))


@pytest.fixture
def daq(quick: Bench) -> Bench:
    """The same user, another host that is like the first."""
    return replace(quick, name="daq")
