"""What every changing command prints with ``--json``: one object, the same before and after."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import sources
from tests.bed import dists
from tests.bench import Bench
from tests.lifecycle.patches import CHANGE, PLAN, change, files, revision
from tests.long import LONG, few, first

COMMANDS = {
    "install": ["beta==2.0", "alpha"],
    "remove": ["new"],
    "undo 0": ["0"],
    "undo": [],
    "redo": [],
    "apply": ["empty.toml"],
    "rebase": ["--from", "daq"],
}


@pytest.fixture
def ready(quick: Bench) -> Bench:
    """Each of the commands has something to do."""
    Bench(quick.conda, quick.user, quick.environ, "daq").given("install", "alpha==2.0")
    quick.given("install", "alpha==1.5", "--intent", "fix")
    quick.given("install", "new")
    quick.given("install", "delta==2.0", "--allow-conflicts")
    quick.given("undo")
    sources.write(quick.user, quick.user.home / "empty.toml", "format = 1\n")
    return quick


@pytest.mark.parametrize("command", few(COMMANDS, "install", "undo"))
def test_a_dry_run_prints_what_the_command_does(ready: Bench, command: str) -> None:
    words = [*COMMANDS[command], *(["--allow-conflicts"] if command == "redo" else [])]
    command, before = command.split()[0], ready.content()
    dry = ready.json(command, *words, "--dry-run")
    assert ready.content() == before
    done = ready.json(command, *words)
    assert dry["changes"] == done["changes"] != []
    differing = {key for key in done if done[key] != dry.get(key)}
    assert differing == {"dry_run", "revision"}
    assert (dry["dry_run"], dry["revision"], done["dry_run"]) == (True, None, False)
    assert done["revision"] == revision(ready) == 5
    assert done.keys() == PLAN
    assert all(found.keys() == CHANGE for found in done["changes"])
    assert done["files"].keys() == {"added", "changed", "removed"}


@first(1)
@pytest.mark.parametrize("command", ["install", "rebase", "apply"])
def test_nothing_to_do_is_an_empty_plan(quick: Bench, command: str) -> None:
    quick.given("install", "new")
    quick.ask("export", "-f", quick.user.home / "mine.toml")
    words = {"install": ["new"], "rebase": [], "apply": ["mine.toml"]}[command]
    plan = quick.json(command, *words)
    assert plan.keys() == PLAN
    assert plan["revision"] is None
    assert plan["files"] == {"added": [], "changed": [], "removed": []}
    for key in ("changes", "lost", "conflicts", "resolved"):
        assert plan[key] == []


def test_files_of_no_distribution_are_in_the_plan_of_undo(quick: Bench) -> None:
    quick.given("install", "new")
    name = str((quick.site / "mine.py").relative_to(quick.overlay))
    quick.edit(quick.site / "mine.py", "old = 1\n")
    quick.given("install", "alpha==1.5")
    quick.given("remove", "alpha")
    quick.edit(quick.site / "mine.py", "new = 1\n")
    before = files(quick)
    for number, mine in ((2, "changed"), (0, "removed")):
        plan = quick.json("undo", str(number), "--dry-run")
        assert plan["files"][mine] == [name]
        assert plan["lost"] == [name]
    assert files(quick) == before


def test_an_undo_that_changes_files_only_does_not_look_like_nothing(quick: Bench) -> None:
    quick.given("install", "new")
    quick.edit(quick.site / "mine.py", "")
    name = str((quick.site / "mine.py").relative_to(quick.overlay))
    plan = quick.json("undo", "1", "--dry-run")
    assert plan["changes"] == []
    assert plan["files"] == {"added": [], "changed": [], "removed": [name]}
    assert name in quick.ask("undo", "1", "--dry-run")


@pytest.mark.parametrize("dry", [True, False])
@pytest.mark.parametrize("command", ["delete", "clean"])
def test_delete_and_clean_say_whether_it_was_a_dry_run(
    quick: Bench, command: str, dry: bool
) -> None:
    quick.given("install", "new")
    quick.given("undo", "0")
    told = quick.json(command, *(["--dry-run"] if dry else []))
    assert (told["success"], told["dry_run"]) == (True, dry)


@LONG
def test_a_distribution_that_was_there_is_changed_and_not_added(quick: Bench, links: Path) -> None:
    for version in ("5.0", "6.1"):
        dists.wheel(links, "cowsay", version)
    quick.install("--find-links", links, "cowsay==6.1")
    words = ["--find-links", str(links), "cowsay==5.0"]
    shown = quick.ask("install", *words, "--dry-run")
    assert "6.1 -> 5.0" in shown
    assert "added:\n  + cowsay" not in shown
    found = change(quick.json("install", *words), "cowsay")
    assert (found["kind"], found["before"], found["after"]) == ("add", "6.1", "5.0")
    assert "version" in found["differs"]


def test_each_kind_is_what_the_overlays_is_to_the_hosts(quick: Bench, links: Path) -> None:
    dists.wheel(links, "alpha", "0.5")
    dists.wheel(links, "delta", "1.0", files={"delta/fix.py": ""})
    fix = str(links / "delta-1.0-py3-none-any.whl")
    words = ["alpha==0.5", fix, "gamma==2.0", "new"]
    plan = quick.json("install", "--no-deps", "--allow-conflicts", "--find-links", links, *words)
    kinds = {found["name"]: found["kind"] for found in plan["changes"]}
    assert kinds == {**{"alpha": "downgrade", "delta": "replace", "gamma": "upgrade", "new": "add"}}
    plan = quick.json("undo", "0")
    assert {found["kind"] for found in plan["changes"]} == {"remove"}


@LONG
def test_conflicts_that_come_and_that_go_are_in_the_plan(quick: Bench) -> None:
    plan = quick.json("install", "delta==2.0", "--allow-conflicts")
    [conflict] = plan["conflicts"]
    assert (conflict["name"], conflict["requirement"]) == ("stuck", "delta<2")
    again = quick.json("remove", "delta")
    assert again["conflicts"] == []
    [resolved] = again["resolved"]
    assert resolved["name"] == "stuck"
    assert plan["resolved"] == []


def test_remove_takes_the_version_that_is_installed(quick: Bench, links: Path) -> None:
    for version in ("5.0", "6.1"):
        dists.wheel(links, "cowsay", version)
    quick.install("--find-links", links, "cowsay==5.0")
    assert "cowsay 5.0 is installed" in quick.refuse("remove", "--yes", "cowsay==6.1")
    quick.given("remove", "cowsay==5.0")
    assert quick.distributions() == []
