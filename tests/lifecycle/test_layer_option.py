"""``--layer``: one of the overlay directories, and only what lies behind it."""

from __future__ import annotations

import os
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bed import users
from tests.bench import Bench


@pytest.fixture
def shared(quick: Bench, scratch: Path) -> Bench:
    """A layer of a service account behind the user's own, with a label."""
    owner = users.user("overlay-bob")
    directory = scratch / "layer"
    directory.mkdir()
    os.chown(directory, owner.uid, owner.gid)
    dirs = f"~/.conda/overlays{os.pathsep}beamline={directory}"
    environ = {
        **quick.environ,
        "CONDA_PLUGINS_OVERLAY_DIRS": dirs,
        "CONDA_PLUGINS_OVERLAY_TRUSTED_OWNERS": owner.name,
    }
    return replace(quick, environ=environ)


def by_owner(shared: Bench) -> Bench:
    return replace(shared, user=users.user("overlay-bob"))


def layer_of(shared: Bench) -> Path:
    text = shared.environ["CONDA_PLUGINS_OVERLAY_DIRS"]
    return Path(text.rpartition("=")[2])


def test_a_change_of_a_layer_is_worked_out_against_what_lies_behind_it_alone(
    shared: Bench,
) -> None:
    """The owner's own layer in front has beta 2.0, which needs a newer alpha."""
    bob = by_owner(shared)
    bob.change("install", "beta==2.0")
    plan = bob.json("install", "--layer", "beamline", "alpha==1.5")
    assert plan["overlay"] == str(layer_of(shared) / bob.host.name)
    assert [one["name"] for one in plan["changes"]] == ["alpha"] and not plan["conflicts"]
    [layer] = shared.json("status", "--layer", "beamline")["overlays"]
    assert [one["name"] for one in layer["distributions"]] == ["alpha"]


def test_everybody_reads_a_layer_by_its_label_or_its_path(shared: Bench) -> None:
    by_owner(shared).change("install", "--layer", "beamline", "new", "--reason", "ticket 1")
    for name in ("beamline", str(layer_of(shared))):
        assert "ticket 1" in shared.ask("history", "--layer", name)
        assert "new" in shared.ask("export", "--layer", name)
        assert str(layer_of(shared)) in shared.ask("why", "--layer", name, "new")
    assert shared.json("status")["overlays"][0]["overlay"].startswith(str(layer_of(shared)))


@pytest.mark.parametrize("words", [["install", "new"], ["remove", "new"], ["clean"], ["undo"]])
@pytest.mark.parametrize("dry_run", [[], ["--dry-run"]])
def test_a_layer_of_others_is_refused_with_the_command_for_sudo(
    shared: Bench, words: list[str], dry_run: list[str]
) -> None:
    by_owner(shared).change("install", "--layer", "beamline", "new")
    done = shared.run(*words, *shared.where, "--layer", "beamline", *dry_run)
    assert done.returncode == 1
    layer = layer_of(shared)
    assert f"The layer {layer} belongs to overlay-bob, and you cannot write to it." in done.stderr
    conda = str(shared.conda.executable)
    command = ["sudo", "-u", "overlay-bob", conda, "overlay", words[0]]
    command += ["-p", str(shared.host), "--layer", str(layer), *words[1:], *dry_run]
    assert f"Hint: {shlex.join(command)}" in done.stderr


def test_another_directory_is_no_layer(shared: Bench) -> None:
    told = shared.refuse("status", "--layer", "elsewhere")
    assert "elsewhere is not one of overlay_dirs: beamline, " in told
