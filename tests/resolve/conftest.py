"""Fixtures of pip's runs."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory in which the output of failed builds is kept."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path
