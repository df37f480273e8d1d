"""Hosts for the tests of installing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bed import environment
from tests.bed.condas import Conda


@pytest.fixture(scope="session")
def broken_host(floor: Conda, wheels: Path) -> Path:
    """A protected host whose beta 1.0 requires what is not there, and has stuck 1.0 alone."""
    names = ("alpha-1.0", "gamma-1.0", "stuck-1.0")
    template = environment.template(
        pip="ensurepip", wheels=[wheels / f"{name}-py3-none-any.whl" for name in names]
    )
    return environment.clone(template, floor.prefix / "envs" / "broken")
