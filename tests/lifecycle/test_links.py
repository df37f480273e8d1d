"""An environment that is reached by a symbolic link is the environment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bed import environment, place
from tests.bench import Bench
from tests.lifecycle import patches
from tests.long import LONG


@pytest.fixture
def ways(quick: Bench, science: Path) -> Iterator[tuple[Bench, Bench, Bench]]:
    """One environment by its real path, by a link to it, and by a link above it."""
    with place.scratch() as directory:
        host = environment.clone(science, directory / "envs" / "own")
        (directory / "own").symlink_to(host)
        (directory / "link").symlink_to(directory / "envs")
        paths = (host, directory / "own", directory / "link" / "own")
        real, short, above = (replace(quick, name=str(path)) for path in paths)
        yield real, short, above


@LONG
@pytest.mark.parametrize("first", range(3), ids=["real", "link", "above"])
def test_status_finds_nothing_wrong_by_whichever_path(
    ways: tuple[Bench, Bench, Bench], first: int
) -> None:
    ways[first].install("new")
    for bench in ways:
        [overlay] = bench.json("status")["overlays"]
        assert overlay["findings"] == []
        assert "othing to do" in bench.change("install", "new")
    for bench in ways:
        assert patches.revision(bench) == 1
        assert bench.see("new") == {"new": "1.0"}


def test_programs_are_found_again_after_the_home_has_moved(quick: Bench) -> None:
    """Those of earlier revisions by undo, too."""
    quick.given("install", "alpha==2.0")
    quick.given("install", "new")
    moved = quick.user.home / "moved"
    sites = {"CONDA_PLUGINS_OVERLAY_DIRS": str(moved)}
    assert quick.user.run(["mv", quick.overlays, moved]).returncode == 0
    there = replace(quick, environ={**quick.environ, **sites})
    [finding] = there.json("status")["overlays"][0]["findings"]
    assert finding["kind"] == "moved" and str(quick.overlays) in finding["text"]
    assert finding["remedies"] == ["conda overlay repair -n science"]

    def runs() -> bool:
        done = quick.user.run(["sh", "-c", '"$1"', "sh", moved / "science" / "bin" / "alpha"])
        return done.stdout.strip() == "alpha 2.0"

    assert not runs()
    there.change("repair")
    assert runs() and there.json("status")["overlays"][0]["findings"] == []
    there.change("undo", "1")
    assert runs() and there.json("status")["overlays"][0]["findings"] == []
