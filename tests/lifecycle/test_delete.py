"""``conda overlay delete``: the overlay and its history are gone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bed import place
from tests.bench import Bench
from tests.lifecycle.running import running
from tests.long import LONG

MINE = "new/__init__.py", "own.py"
"""Files with edits."""

SESSION = """
. '{base}/etc/profile.d/conda.sh'
export CONDA_CHANGEPS1=false PYTHONPATH=/mine
before=$PATH
conda activate science
echo "on  $PYTHONPATH"
conda overlay delete --yes >/dev/null
{then}
echo "off $PYTHONPATH"
conda deactivate
[ "$PATH" = "$before" ] && echo "$PYTHONPATH, PATH as before, ${{_CONDA_OVERLAY-no state}}"
"""


def told(bench: Bench, *, dry_run: bool, deleted: bool) -> dict[str, object]:
    """What ``--json`` prints."""
    place = str(bench.overlay)
    told = {"success": True, "dry_run": dry_run, "overlay": place, "deleted": deleted}
    return {**told, "checkouts": [], "lost": []}


def test_files_that_cannot_be_removed_are_told_with_the_command_to_type(quick: Bench) -> None:
    quick.given("install", "new")
    place = quick.site / "of_root"
    place.mkdir()
    (place / "file").touch()
    done = quick.run("delete", *quick.where, "--yes", "--force")
    assert f"{quick.overlay} is deleted, but some of its files cannot be removed." in done.stderr
    assert f"Hint: rm -r {quick.state}" in done.stderr and done.returncode == 1
    assert not quick.overlay.exists()


def test_it_asks_and_leaves_nothing(bench: Bench) -> None:
    bench.given("install", "alpha==2.0")
    bench.given("undo", "0")
    bench.given("redo")
    before = bench.content()
    says = f"The overlay {bench.overlay} and its history will be deleted permanently.\n"
    assert bench.ask("delete", "--dry-run") == f"{says}Nothing was deleted.\n"
    assert bench.json("delete", "--dry-run") == told(bench, dry_run=True, deleted=False)
    assert bench.content() == before
    for answer in ("n\n", "\n"):
        done = bench.run("delete", *bench.where, input=answer)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == f"{says}Proceed (y/[n])? Nothing was deleted.\n"
        assert bench.content() == before
    assert "No answer was given, so nothing was changed." in bench.refuse("delete")
    done = bench.run("delete", *bench.where, input="y\n")
    assert done.stdout == f"{says}Proceed (y/[n])? Deleted.\n"
    assert done.returncode == 0, done.stderr
    assert list(bench.overlay.parent.iterdir()) == []
    assert bench.version("alpha") == "1.0"
    assert bench.change("delete") == f"No overlay at {bench.overlay}.\n"
    assert bench.json("delete") == told(bench, dry_run=False, deleted=False)
    assert list(bench.overlay.parent.iterdir()) == []
    bench.given("install", "new")
    assert bench.revision == 1


def test_json_deletes_and_says_so(quick: Bench) -> None:
    quick.given("install", "new")
    assert quick.json("delete") == told(quick, dry_run=False, deleted=True)
    assert not quick.state.exists()


def test_overlay_made_by_hand_is_deleted_too(quick: Bench, wheels: Path) -> None:
    quick.make_by_hand(wheels / "alpha-1.5-py3-none-any.whl")
    quick.given("delete")
    assert list(quick.overlay.parent.iterdir()) == []


def test_own_modules_in_an_overlay_made_by_hand_need_force(quick: Bench, wheels: Path) -> None:
    quick.make_by_hand(wheels / "alpha-1.5-py3-none-any.whl")
    quick.edit(quick.site / "mine.py", "MINE = 1\n")
    path = str((quick.site / "mine.py").relative_to(quick.overlay))
    told = quick.refuse("delete", "--yes")
    assert f"\n  {path}\n" in told and "--force proceeds anyway" in told
    assert quick.json("delete", "--force")["lost"] == [path]


def test_edits_are_named_and_need_force(quick: Bench) -> None:
    quick.given("install", "new")
    quick.edit(quick.site / "new/__init__.py", "FIX = 1\n")
    name = str((quick.site / "new/__init__.py").relative_to(quick.overlay))
    for step in ("edited", "recorded"):
        told = quick.refuse("delete", "--yes")
        assert name in told and "--force proceeds anyway" in told, step
        quick.change("record")
    assert name in quick.ask("delete", "--dry-run")
    assert quick.json("delete", "--force")["lost"] == [name]
    assert not quick.state.exists()


def test_edits_in_a_revision_that_redo_would_bring_back_are_named_too(quick: Bench) -> None:
    quick.given("install", "new")
    quick.edit(quick.site / "new/__init__.py", "FIX = 1\n")
    quick.change("record")
    quick.change("undo", "0")
    told = quick.refuse("delete", "--yes")
    assert "\n  new in revision 2\n" in told and "--force proceeds anyway" in told
    assert "With it go your edits: new in revision 2.\n" in quick.ask("delete", "--dry-run")
    quick.change("redo")
    assert quick.json("delete", "--force")["deleted"]


@pytest.mark.parametrize("name", ["new/extra.py", "mine.py"])
def test_own_files_stay_named_when_they_are_recorded(quick: Bench, name: str) -> None:
    quick.given("install", "new")
    quick.edit(quick.site / name, "MINE = 1\n")
    path = str((quick.site / name).relative_to(quick.overlay))
    for step in ("by hand", "recorded"):
        told = quick.refuse("delete", "--yes")
        assert f"\n  {path}\n" in told and "--force proceeds anyway" in told, step
        quick.change("record")
    assert quick.json("delete", "--dry-run")["lost"] == [path]
    quick.change("undo", "0")
    assert f"\n  {path} in revision 2\n" in quick.refuse("delete", "--yes")
    quick.change("undo", "2")
    assert quick.json("delete", "--force")["lost"] == [path]


@pytest.mark.parametrize("how", ["path", "name", "link removed"])
def test_unrecorded_work_needs_force_however_the_overlay_is_named(own: Bench, how: str) -> None:
    own.given("install", "new")
    own.edit(own.site / "new/__init__.py", "FIX = 1\n")
    own.edit(own.site / "own.py", "MINE = 1\n")
    names = [str((own.site / name).relative_to(own.overlay)) for name in MINE]
    by_path = ["-p", str(own.overlay)]
    if how == "name":
        place.remove(own.host)
    if how == "link removed":
        own.overlay.unlink()
    where = ["-n", own.host.name] if how == "name" else by_path
    told = own.run("delete", *where, "--yes")
    assert told.returncode == 1 and "--force proceeds anyway" in told.stderr, told
    assert all(f"\n  {name}\n" in told.stderr for name in names) and own.state.exists()
    done = own.run("delete", *where, "--json", "--force")
    assert json.loads(done.stdout)["lost"] == names and not own.state.exists()


def test_unrecorded_edits_of_a_copy_are_named_by_the_path_of_the_overlay(tool: Bench) -> None:
    tool.given("edit", "tool", "--no-editor")
    where = "-p", tool.overlay
    (tool.site / "tool/new.bin").write_bytes(b"\0\1")
    (tool.site / "tool/latin.py").unlink()
    told = tool.run("delete", *where, "--yes")
    assert told.returncode == 1 and tool.state.exists()
    assert "/tool/new.bin\n" in told.stderr and "/tool/latin.py\n" in told.stderr


@pytest.mark.parametrize("recorded", [False, True], ids=["by hand", "recorded"])
def test_edits_that_are_made_while_it_asks_are_not_deleted(quick: Bench, recorded: bool) -> None:
    quick.given("install", "new")
    with running(quick, "delete") as waiting:
        waiting.wait_for("Proceed")
        quick.edit(quick.site / "new/__init__.py", "FIX = 1\n")
        if recorded:
            quick.change("record")
        waiting.answer("y")
        assert waiting.end() == 1
    assert "would be lost that are new since then:" in waiting.err
    assert "new/__init__.py\n" in waiting.err and "--force proceeds anyway" in waiting.err
    assert quick.python("-c", "import new; new.FIX").returncode == 0


@LONG
def test_shell_that_has_it_active_is_unwired_cleanly(bench: Bench) -> None:
    for then in ("conda activate science", ""):
        bench.install("new")
        script = SESSION.format(base=bench.conda.prefix, then=then)
        done = bench.user.run(["bash", "--norc", "-c", script], env=bench.environ)
        assert done.stderr == ""
        lines = done.stdout.splitlines()
        assert lines[0] == f"on  {bench.site}:/mine"
        assert lines[1] == ("off /mine" if then else f"off {bench.site}:/mine")
        assert lines[2] == "/mine, PATH as before, no state"


def test_an_overlay_whose_link_was_removed_is_named_with_the_ways_out(quick: Bench) -> None:
    """As after ``rm -rf ~/.conda/overlays/science``, which removes a link."""
    quick.given("install", "new")
    quick.overlay.unlink()
    shown = quick.ask("status")
    ways = ["conda overlay repair -n science", f"conda overlay delete -p {quick.overlay}"]
    assert "its link is gone" in shown and all(f"  {way}\n" in shown for way in ways)
    [listed] = json.loads(quick.run("list", "--json").stdout)["overlays"]
    assert (listed["state"], listed["host"]) == ("its link is gone", str(quick.host))
    assert f"  {ways[1]}\n" in quick.run("list").stdout
    done = quick.run("repair", *quick.where, "--yes")
    assert f"{quick.overlay} was gone; revision 1 is current again." in done.stderr
    assert quick.version("new") == "1.0"
    quick.overlay.unlink()
    assert quick.run("delete", "-p", quick.overlay, "--json").returncode == 0
    assert quick.run("list", "--json").stdout.split() == ["{", '"overlays":', "[]", "}"]


def test_a_shell_in_which_it_is_active_is_told_how_to_forget_it(bench: Bench) -> None:
    bench.given("install", "new")
    source = f"source {bench.conda.prefix}/etc/profile.d/conda.sh; conda activate science"
    script = f"{source}; conda overlay delete --yes"
    done = bench.user.run(["bash", "--norc", "-c", script], env=bench.environ)
    assert "Deleted.\nTo clear it from this shell: conda activate science\n" in done.stdout, done
