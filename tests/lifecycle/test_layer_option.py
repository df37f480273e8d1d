"""``--layer``: one of the overlay directories, and only what lies behind it."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest

from tests import sources
from tests.bed import users
from tests.bench import Bench
from tests.lifecycle.shared import SERVICE, by_owner, can_sudo, change, layer_of, typed

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")


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
    change(shared, "install", "new", "--reason", "ticket 1")
    for name in ("beamline", str(layer_of(shared))):
        assert "ticket 1" in shared.ask("history", "--layer", name)
        assert "new" in shared.ask("export", "--layer", name)
        assert str(layer_of(shared)) in shared.ask("why", "--layer", name, "new")
    assert shared.json("status")["overlays"][0]["overlay"].startswith(str(layer_of(shared)))


def test_why_names_the_layer_of_a_copy(shared: Bench) -> None:
    change(shared, "install", "alpha==1.5")
    ours = "alpha 1.5 runs from the layer beamline, instead of 1.0 from the environment.\n"
    assert shared.ask("why", "alpha").startswith(ours)
    assert shared.json("why", "alpha")["runs"]["layer"] == "beamline"
    shared.change("install", "--allow-conflicts", "alpha==2.0")
    said = shared.ask("why", "alpha")
    assert said.startswith(
        "alpha 2.0 runs from the overlay, instead of 1.5 from the layer beamline"
    )


@pytest.mark.parametrize("name", ["link.py", "dir/secret"])
def test_edit_copies_no_file_of_the_user_that_a_layer_links_to(shared: Bench, name: str) -> None:
    """The copy would be readable by everybody."""
    change(shared, "install", "new")
    [record] = layer_of(shared).glob("*/lib/python3*/site-packages/new-1.0.dist-info/RECORD")
    secret, package = shared.user.home / "secret", record.parents[1].resolve() / "new"
    script = f"umask 077; echo SECRET > {secret}"
    assert shared.user.run(["sh", "-c", script]).returncode == 0
    for link, target in (("link.py", secret), ("dir", shared.user.home)):
        os.symlink(target, package / link)
    with open(record, "a") as rows:
        rows.write(f"new/{name},,\n")
    told = shared.refuse("edit", "--no-editor", "new", "--yes")
    assert f"new links to {secret}, which another user owns." in told
    assert not shared.overlay.exists()


def test_diff_of_a_copy_of_a_layers_package_is_what_was_edited(shared: Bench) -> None:
    change(shared, "install", "new")
    shared.given("edit", "--no-editor", "new")
    shared.edit(shared.site / "new" / "__init__.py", "FIX = 1\n")
    shared.given("record")
    text = shared.ask("diff", "new", "--text")
    assert "+FIX = 1\n" in text and text.count("\n+++ ") == 1 and "METADATA" not in text


@pytest.mark.parametrize("words", [["install", "new"], ["remove", "new"], ["clean"], ["undo"]])
@pytest.mark.parametrize("dry_run", [[], ["--dry-run"]])
def test_a_layer_of_others_is_refused_with_the_command_for_sudo(
    shared: Bench, words: list[str], dry_run: list[str]
) -> None:
    change(shared, "install", "new")
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


@pytest.mark.skipif(not can_sudo(), reason="needs sudo, and a mount of one's own")
def test_the_command_for_sudo_works_as_typed(shared: Bench) -> None:
    refusal = typed(shared, f"{shared.conda.executable} overlay install -n science "
                    "--layer beamline new --reason 'ticket 1' --no-index "
                    f"--find-links {shared.environ['PIP_FIND_LINKS']}")  # fmt: skip
    assert refusal.returncode == 1
    command = refusal.stderr.partition("Hint: ")[2].strip()
    assert command.startswith(f"sudo -u {SERVICE} {shared.conda.executable} overlay install -p ")
    done = typed(shared, f"echo y | {command}")
    assert done.returncode == 0, done.stdout + done.stderr
    told = shared.ask("history", "--layer", "beamline")
    assert f"{SERVICE} (sudo: {shared.user.name})" in told and "ticket 1" in told


def test_a_layer_whose_owner_not_everybody_trusts_is_not_written(shared: Bench) -> None:
    condarc = Path(shared.environ["CONDARC"])
    text = condarc.read_text()
    condarc.write_text(text.replace(f"[{SERVICE}]", "[]"))
    bob = by_owner(shared)
    mine = {"CONDA_PLUGINS_OVERLAY_TRUSTED_OWNERS": SERVICE}  # which counts for bob alone
    for env in ({}, mine):
        told = bob.refuse("install", "--layer", "beamline", "new", "--yes", env=env)
        assert f"Others would not use the layer {layer_of(shared)}: it belongs to {SERVICE}" in told
        assert f"add {SERVICE} to overlay_trusted_owners in /etc/conda/.condarc" in told
    condarc.write_text(text)
    condarc.chmod(0o666)  # then it is not root's word
    bob.refuse("install", "--layer", "beamline", "new", "--yes")


def test_a_layer_that_others_cannot_read_is_not_written(shared: Bench) -> None:
    layer, bob = layer_of(shared), by_owner(shared)
    layer.chmod(0o750)
    told = bob.refuse("install", "--layer", "beamline", "new", "--yes")
    hint = f"chmod o+rx {layer}"
    assert f"Others cannot read the layer {layer}" in told and f"Hint: {hint}" in told
    assert bob.user.run(shlex.split(hint)).returncode == 0
    change(shared, "install", "new")


def test_a_plan_names_an_editable_of_a_layer_that_not_everybody_can_use_or_trust(
    shared: Bench,
) -> None:
    theirs, bob = sources.project(shared.user, "mytool"), by_owner(shared)
    argv = ["install", "--layer", "beamline", "--yes", "--dry-run", "-e"]
    theirs.parent.chmod(0o755)
    said = bob.ask(*argv, theirs)
    fault = f"{theirs.parent} belongs to {shared.user.name}"
    assert f"everybody with the layer would run mytool 0.1 from its source: {fault}" in said
    own = sources.project(bob.user, "mytool")
    for place, mode in ((own, 0o755), (own.parent, 0o700), (own, 0o777)):
        before = place.stat().st_mode
        place.chmod(mode)
        said = bob.ask(*argv, own)
        assert ("would run" in said) == (mode == 0o777)
        assert (f"others cannot read the source of mytool 0.1: chmod o+rx {place}" in said) == (
            mode == 0o700
        )
        place.chmod(before if mode == 0o755 else 0o755)
    assert "would run" not in bob.ask("install", "--yes", "--dry-run", "-e", theirs)


def test_others_read_a_layer_whatever_the_umask_of_its_owner_is(shared: Bench) -> None:
    bob = by_owner(shared)
    words = ["install", *bob.where, "--yes", "--layer", "beamline", "new"]
    command = shlex.join([str(shared.conda.executable), "overlay", *words])
    done = bob.user.run(["sh", "-c", f"umask 077 && {command}"], env=bob.environ)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "new" in shared.ask("export", "--layer", "beamline")
    closed = [
        path for path in layer_of(shared).rglob("*")
        if path.name != "lock" and not path.is_symlink() and not path.stat().st_mode & 0o004
    ]  # fmt: skip
    assert not closed


def test_a_layer_that_its_group_can_write_is_refused_with_the_way_to_one_account(
    shared: Bench,
) -> None:
    layer = layer_of(shared)
    os.chown(layer, -1, users.user("overlay-alice").gid)
    layer.chmod(0o775)
    told = by_owner(shared).refuse("install", "--layer", "beamline", "new", "--yes")
    assert f"{layer} is writable by its group" in told
    for word in ("useradd --system", "install -d -o ACCOUNT", "NOPASSWD", "docs/staff.md"):
        assert word in told


def test_status_shows_the_layer_of_each_distribution_and_what_it_hides_where(
    shared: Bench,
) -> None:
    change(shared, "install", "alpha==1.5")
    shared.change("install", "alpha==2.0", "new", "--allow-conflicts")
    mine, layer = shared.json("status")["overlays"]
    assert (mine["label"], layer["label"]) == (None, "beamline")
    rows = {row["name"]: (row["host_version"], row["hides"]) for row in mine["distributions"]}
    assert rows["alpha"] == ("1.5", layer["overlay"]) and rows["new"] == (None, None)
    [row] = layer["distributions"]
    assert (row["name"], row["host_version"], row["hides"]) == ("alpha", "1.0", "host")
    shown = shared.ask("status")
    assert f"{layer['overlay']} (beamline, for everybody)" in shown
    assert "alpha  1.5 -> 2.0 (over beamline)" in shown


def test_a_changed_layer_is_drift_of_what_is_in_front_of_it(shared: Bench) -> None:
    change(shared, "install", "alpha==1.5")
    shared.change("install", "new")
    assert [one["findings"] for one in shared.json("status")["overlays"]] == [[], []]
    change(shared, "install", "alpha==2.0", "--reason", "ticket 7")
    mine, layer = shared.json("status")["overlays"]
    [found] = mine["findings"]
    path = layer_of(shared) / "science"
    text = f"the layers below have changed since revision 1: alpha 1.5 -> 2.0 ({path})"
    assert (found["kind"], found["text"][: len(text)]) == ("drift", text)
    assert layer["findings"] == []
    shared.change("rebase")
    assert shared.json("status")["overlays"][0]["findings"] == []
    assert shared.revision == 2


def test_rebase_drops_what_the_layer_has_now(shared: Bench) -> None:
    shared.change("install", "new")
    change(shared, "install", "new")
    plan = shared.json("rebase")
    assert [(one["name"], one["why"]) for one in plan["changes"]] == [
        ("new", "not needed: the environment has 1.0")
    ]


def test_the_commands_of_findings_of_a_layer_name_it(shared: Bench) -> None:
    change(shared, "install", "new", "--until", "2020-01-01")
    [layer] = by_owner(shared).json("status")["overlays"]
    [found] = layer["findings"]
    assert found["kind"] == "overdue"
    for remedy in found["remedies"]:
        assert remedy.endswith(f" --layer {layer_of(shared)}")
        command = f"CONDARC={shared.environ['CONDARC']} {shared.conda.prefix}/bin/{remedy}"
        done = by_owner(shared).user.run(["sh", "-c", f"{command} --dry-run"], env=shared.environ)
        assert done.returncode == 0, done.stderr


def test_what_a_layer_has_is_not_called_the_environment_s(shared: Bench) -> None:
    newer = ("--allow-conflicts", "--no-deps", "alpha==2.0")
    plan = shared.json("install", *newer, "--dry-run")
    assert [one["hides"] for one in plan["changes"]] == ["host"]
    change(shared, "install", "alpha==1.5")
    told = shared.install("alpha==1.5")
    assert "alpha 1.5 is of a layer below, so the pin is not recorded" in told
    assert "instead of a layer's:\n  ~ alpha  1.5 -> 2.0" in shared.install(*newer)
    assert "instead of a layer's:\n  alpha  1.5 -> 2.0 (over beamline)" in shared.ask("status")
    plan = shared.json("install", "alpha==1.5", "--dry-run")
    [back] = plan["changes"]
    assert (back["hides"], back["why"]) == (f"{layer_of(shared)}/science", "a layer below has it")
    told = shared.change("remove", "alpha")
    assert "back to a layer's:\n  - alpha  2.0 -> 1.5" in told
    assert "alpha back to a layer's.\n" in told
