"""Files in an overlay that its user cannot read: named, and an obstacle with the command."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.bench import Bench


@pytest.fixture(params=["file", "recorded file", "directory"])
def closed(quick: Bench, request: pytest.FixtureRequest) -> tuple[Bench, Path]:
    """An overlay with one; and its path."""
    quick.given("install", "new")
    place = quick.overlay / "secret.dat"
    make = 'mkdir "$1"; echo x > "$1/more"' if request.param == "directory" else 'echo x > "$1"'
    assert quick.user.run(["sh", "-ec", make, "sh", place]).returncode == 0
    if request.param == "recorded file":
        quick.given("record")
    assert quick.user.run(["chmod", "000", place]).returncode == 0
    return quick, place


def test_status_names_it_and_the_command_helps(closed: tuple[Bench, Path]) -> None:
    bench, place = closed
    [overlay] = bench.json("status")["overlays"]
    [found] = [one for one in overlay["findings"] if one["kind"] == "unreadable"]
    assert found["text"] == "secret.dat cannot be read, so nothing can be changed"
    mode = "u+rwx" if place.is_dir() else "u+rw"
    assert found["remedies"] == [shlex.join(["chmod", mode, str(place)])]
    for command in (["record"], ["install", "alpha==1.5"], ["undo"]):
        told = bench.refuse(*command, "--yes")
        assert "secret.dat in the overlay cannot be read, so nothing is changed." in told
        assert f"Hint: {found['remedies'][0]}" in told
    assert bench.user.run(["sh", "-c", found["remedies"][0]]).returncode == 0
    bench.change("install", "alpha==1.5")


def test_delete_names_it_and_by_force_removes_it(closed: tuple[Bench, Path]) -> None:
    bench, _ = closed
    assert "secret.dat" in bench.refuse("delete", "--yes")
    bench.change("delete", "--force")
    assert not bench.state.exists()


def test_a_file_of_another_user_is_to_be_looked_at(quick: Bench) -> None:
    quick.given("install", "new")
    place = quick.overlay / "root.dat"
    place.write_text("x")
    place.chmod(0o600)
    told = quick.refuse("record", "--yes")
    assert f"Hint: {shlex.join(['ls', '-ld', str(place)])}" in told
    quick.change("delete", "--force")
    assert not quick.state.exists()
