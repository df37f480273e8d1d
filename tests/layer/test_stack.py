"""Where the writable layer of a host is, whoever else begins to write at the same time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conda_overlay.activation import locate
from conda_overlay.activation.settings import Settings
from conda_overlay.host.host import Host
from conda_overlay.layer.stack import Stack


@pytest.mark.parametrize("whose", ["mine", "another's"])
def test_a_first_command_that_began_since_the_look_shares_its_place_with_those_of_its_host_alone(
    science: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whose: str
) -> None:
    host, look = Host(science, science.name), locate.find_in
    hashed = locate.hashed_name(science.name, str(host.real))

    def then_claimed(*words: Any) -> Iterator[tuple[str, str | None]]:
        yield from look(*words)
        (state := tmp_path / f".{science.name}").mkdir()
        claimed = host.real if whose == "mine" else "/another/science"
        (state / "host").write_text(f"{claimed}\n")

    monkeypatch.setattr(locate, "find_in", then_claimed)
    stack = Stack(host, Settings(overlay_dirs=(str(tmp_path),)))
    assert stack.store.overlay == tmp_path / (science.name if whose == "mine" else hashed)
