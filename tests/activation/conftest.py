"""Fixtures: shells, overlays on disk; and hypothesis without deadlines, for a busy machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.activation.made import Overlay, overlay
from tests.activation.run import Shell
from tests.bed import environment, place, pypi, shells
from tests.bed.command import checked
from tests.bed.condas import Conda, copy
from tests.bed.users import User
from tests.long import few

settings.register_profile("bed", deadline=None, database=None)
settings.load_profile("bed")


@pytest.fixture(params=few(shells.ACTIVATING, "bash"))
def shell(request: pytest.FixtureRequest, conda: Conda, alice: User) -> Shell:
    return Shell(request.param, conda, alice)


@pytest.fixture
def bash(conda: Conda, alice: User) -> Shell:
    return Shell("bash", conda, alice)


@pytest.fixture
def over_science(conda: Conda, alice: User) -> Overlay:
    return overlay(alice.home / ".conda" / "overlays", conda.env("science"), alice)


@pytest.fixture
def over_daq(conda: Conda, alice: User) -> Overlay:
    return overlay(alice.home / ".conda" / "overlays", conda.env("daq"), alice)


@pytest.fixture(scope="module")
def bare(conda: Conda) -> Iterator[Conda]:
    """A copy of the conda without the plugin."""
    with place.scratch() as directory:
        prefix = copy(conda, directory)
        checked([*pypi.pip(prefix), "uninstall", "--quiet", "--yes", "conda-overlay"])
        environment.protect(prefix)
        yield Conda(prefix, conda.version)
