"""Leaves cases that take long to ``python3 -m tests --all``; the others stand for their kind."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

LONG = pytest.mark.long


def first(count: int) -> pytest.MarkDecorator:
    """Leave only the first cases of a test in the short run; `tests.conftest` does it."""
    return pytest.mark.first(count)


def few(cases: Iterable[Any], *short: Any) -> list[Any]:
    """The cases of a test, of which only these few belong to the short run, too."""
    every = [*cases]
    assert all(case in every for case in short), short
    return [case if case in short else pytest.param(case, marks=LONG) for case in every]
