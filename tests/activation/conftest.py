"""Fixtures: shells, overlays on disk; and hypothesis without deadlines, for a busy machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.activation.made import Overlay, overlay
from tests.activation.run import FLAGS, Shell, needs
from tests.bed import place
from tests.bed.users import User
from tests.conftest import Conda

settings.register_profile("bed", deadline=None, database=None)
settings.load_profile("bed")


@pytest.fixture(params=FLAGS)
def shell(request: pytest.FixtureRequest, conda: Conda, alice: User) -> Shell:
    needs(request.param)
    return Shell(request.param, conda, alice)


@pytest.fixture
def over_science(conda: Conda, alice: User) -> Overlay:
    return overlay(alice.home / ".conda" / "overlays", conda.env("science"), alice)


@pytest.fixture
def over_daq(conda: Conda, alice: User) -> Overlay:
    return overlay(alice.home / ".conda" / "overlays", conda.env("daq"), alice)


@pytest.fixture
def scratch() -> Iterator[Path]:
    with place.scratch() as directory:
        yield directory
