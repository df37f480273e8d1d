"""What activation tells of the layers of others; and when."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conda_overlay.activation import layer_news
from tests.bed import dists, terminal
from tests.bench import Bench
from tests.lifecycle.shared import by_owner, change

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")


def told(bench: Bench, *, on_terminal: bool = True) -> list[str]:
    """Activate the host in a new shell; return what conda-overlay says."""
    hook = f'eval "$({bench.conda.executable} shell.posix hook)"; conda activate {bench.host.name}'
    argv = ["bash", "--norc", "-c", hook]
    if on_terminal:
        run = terminal.on_terminal(argv, bench.environ_of(), bench.user)
    else:
        run = bench.user.run(argv, env=bench.environ).stderr
    return re.findall("conda-overlay: (.*?)\r?\n", run)


def test_a_new_revision_of_a_layer_is_told_once_where_somebody_sees_it(shared: Bench) -> None:
    change(shared, "install", "new")
    assert told(shared) == []  # a layer that is new to the user has no news
    change(shared, "install", "alpha==1.5", "--reason", "ticket 4711")
    line = "beamline: alpha 1.0 -> 1.5 by overlay-bob, 'ticket 4711'"
    assert told(shared, on_terminal=False) == [line]
    assert told(shared) == [line]
    assert told(shared) == []
    change(shared, "remove", "new")
    change(shared, "install", "delta==2.0", "--allow-conflicts")
    assert told(shared) == [
        "beamline: new 1.0 removed by overlay-bob; delta 1.0 -> 2.0 by overlay-bob"
    ]


def test_what_hides_it_is_named_with_the_command_that_lets_it_through(shared: Bench) -> None:
    change(shared, "install", "new")
    shared.change("install", "alpha==2.0", "--allow-conflicts")
    assert told(shared) == []
    change(shared, "install", "alpha==1.5")
    [line] = told(shared)
    assert line == (
        "beamline: alpha 1.0 -> 1.5 by overlay-bob; alpha 2.0 of yours hides it: "
        "conda overlay remove alpha"
    )
    shared.change("remove", "alpha")
    assert shared.json("status")["overlays"][-1]["distributions"][0]["version"] == "1.5"


def test_who_became_the_owner_by_sudo_is_named(shared: Bench) -> None:
    change(shared, "install", "new")
    assert told(shared) == []
    words = ("install", "--layer", "beamline", "alpha==1.5")
    by_owner(shared).change(*words, env={"SUDO_USER": "sci1"})
    assert told(shared) == ["beamline: alpha 1.0 -> 1.5 by sci1"]


def test_no_control_character_of_a_layer_reaches_the_terminal(shared: Bench) -> None:
    change(shared, "install", "new")
    assert told(shared) == []
    change(shared, "install", "alpha==1.5", "--reason", "x\x1b]0;y\x07\u202ez")
    [line] = told(shared)
    assert "\x1b" not in line and "\\x1b]0;y\\x07\\u202ez" in line


@given(st.binary(max_size=200))
def test_a_damaged_memory_raises_nothing(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, layer_news.MEMORY).write_bytes(content)
        assert layer_news.news([], directory, {}) == []
        found = layer_news._memory(directory)
        assert all(number >= 0 for number, _ in found.values())


def test_a_layer_that_was_deleted_and_made_again_is_told_from_its_beginning(
    shared: Bench,
) -> None:
    change(shared, "install", "new")
    assert told(shared) == []
    change(shared, "install", "alpha==1.5")
    assert told(shared)
    change(shared, "delete")
    change(shared, "install", "new")
    change(shared, "install", "delta==2.0", "--allow-conflicts")
    [line] = told(shared)
    assert "new 1.0 added" in line and "delta 1.0 -> 2.0" in line
    assert told(shared) == []


def test_of_many_changes_the_first_are_told(shared: Bench, links: Path) -> None:
    change(shared, "install", "new")
    assert told(shared) == []
    change(shared, "install", *(dists.wheel(links, f"many{n}", "1.0") for n in range(5)))
    assert told(shared) == [
        "beamline: many0 1.0 added; many1 1.0 added; many2 1.0 added and 2 more by overlay-bob"
    ]
