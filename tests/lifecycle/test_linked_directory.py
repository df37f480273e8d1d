"""A link in place of a directory above the packages: named, and an obstacle with the way out."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.bench import Bench

MOVE = 'mv "$1" ~/elsewhere; ln -s ~/elsewhere "$1"'


@pytest.fixture(params=[0, 1, 2], ids=["site-packages", "lib/pythonX.Y", "lib"])
def moved(quick: Bench, request: pytest.FixtureRequest) -> tuple[Bench, Path]:
    """An overlay with one, as for a quota; and its path."""
    quick.given("install", "new")
    quick.given("install", "alpha==1.5")
    place = [quick.site, *quick.site.parents][request.param]
    assert quick.user.run(["sh", "-ec", MOVE, "sh", place]).returncode == 0
    return quick, place


def test_status_names_it_and_the_command_helps(moved: tuple[Bench, Path]) -> None:
    bench, place = moved
    target, path = bench.user.home / "elsewhere", place.relative_to(bench.overlay)
    [overlay] = bench.json("status")["overlays"]
    [found] = overlay["findings"]
    assert found["text"] == f"{path} is a link, so nothing can be changed"
    words = ["rm", str(place)], ["cp", "-a", str(target), str(place)]
    assert found["remedies"] == [" && ".join(map(shlex.join, words))]
    before = {*target.rglob("*")}
    changes = ["record", "repair", "undo", "rebase"], ["remove", "new"], ["install", "beta"]
    for command in [*([one] for one in changes[0]), *changes[1:]]:
        told = bench.refuse(*command, "--yes")
        assert f"{path} in the overlay is a link, so nothing is changed." in told
        assert f"Hint: {found['remedies'][0]}" in told
    assert place.is_symlink() and {*target.rglob("*")} == before
    assert bench.user.run(["sh", "-c", found["remedies"][0]]).returncode == 0
    assert "Nothing to record" in bench.ask("record", "--yes")
    bench.change("remove", "alpha")
    assert bench.see("new", "alpha") == {"new": "1.0", "alpha": "1.0"}


def test_a_link_to_nothing_is_to_be_looked_at(quick: Bench) -> None:
    quick.given("install", "new")
    place = quick.overlay / "lib"
    assert quick.user.run(["sh", "-ec", f"{MOVE}; rm -r ~/elsewhere", "sh", place]).returncode == 0
    told = quick.refuse("record", "--yes")
    assert f"Hint: {shlex.join(['ls', '-ld', str(place)])}" in told
