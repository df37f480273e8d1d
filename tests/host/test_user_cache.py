"""Where files are that can be made again."""

from __future__ import annotations

from pathlib import Path

import pytest

from conda_overlay.host.user_cache import user_cache


@pytest.mark.parametrize("variable", [None, ""])
def test_it_is_below_home(monkeypatch: pytest.MonkeyPatch, variable: str | None) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    if variable is not None:
        monkeypatch.setenv("XDG_CACHE_HOME", variable)
    assert user_cache("run") == Path("/home/me/.cache/conda-overlay/run")


def test_another_place_is_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    assert user_cache("uv") == tmp_path / "cache" / "conda-overlay" / "uv"
