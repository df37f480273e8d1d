"""``conda overlay rebase`` makes an overlay right for the host as it is now, or the next one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests import sources
from tests.bed import cpython, dists, environment, place
from tests.bench import Bench
from tests.lifecycle import edited
from tests.lifecycle.patches import PLAN
from tests.long import LONG


def wheel(wheels: Path, name: str, version: str) -> Path:
    return wheels / f"{name}-{version}-py3-none-any.whl"


def reasons(plan: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {change["name"]: (change["kind"], change["why"]) for change in plan["changes"]}


def test_what_the_host_has_now_is_dropped_with_what_only_it_needed(
    own: Bench, wheels: Path
) -> None:
    own.given("install", "alpha>=1.5", "new")
    sources.administrate(own.host, wheel(wheels, "alpha", "2.0"), wheel(wheels, "beta", "2.0"))
    plan = own.json("rebase")
    assert reasons(plan) == {"alpha": ("remove", "not needed: the environment has 2.0")}
    assert own.see("alpha", "beta", "new") == {"alpha": "2.0", "beta": "2.0", "new": "1.0"}
    assert own.distributions() == ["new-1.0"]


@LONG
def test_dependents_that_moved_along_go_too(own: Bench, wheels: Path) -> None:
    own.given("install", "alpha>=2.0")
    assert own.distributions() == ["alpha-2.0", "beta-2.0"]
    sources.administrate(own.host, wheel(wheels, "alpha", "2.0"), wheel(wheels, "beta", "2.0"))
    assert reasons(own.json("rebase")) == {
        "alpha": ("remove", "not needed: the environment has 2.0"),
        "beta": ("remove", "nothing depends on it"),
    }
    assert own.distributions() == []


def test_hold_and_dev_are_kept(own: Bench, wheels: Path) -> None:
    own.given("install", "alpha==1.5", "--intent", "hold", "--allow-conflicts")
    own.install("-e", sources.project(own.user, "mine"))
    sources.administrate(own.host, wheel(wheels, "alpha", "2.0"), dists.wheel(
        own.host.parent / "links", "mine", "9.0"))  # fmt: skip
    own.given("rebase")
    assert own.see("alpha", "mine") == {"alpha": "1.5", "mine": "0.1"}


@LONG
def test_a_requested_downgrade_is_held_by_itself(own: Bench, wheels: Path) -> None:
    sources.administrate(own.host, wheel(wheels, "delta", "2.0"))
    own.given("install", "delta==1.0", "new")
    entries = own.record()["distributions"]
    assert (entries["delta"]["intent"], entries["new"]["intent"]) == ("hold", "fix")
    own.given("rebase")
    assert own.version("delta") == "1.0"


def test_what_is_broken_is_resolved_anew(own: Bench, wheels: Path) -> None:
    sources.administrate(own.host, wheel(wheels, "delta", "2.0"))
    own.given("install", "gamma==2.0")
    assert own.distributions() == ["gamma-2.0"]
    sources.administrate(own.host, wheel(wheels, "delta", "1.0"))
    plan = own.json("rebase", "--allow-conflicts")
    assert reasons(plan) == {"delta": ("upgrade", "gamma 2.0 requires delta>=2")}
    assert own.distributions() == ["delta-2.0", "gamma-2.0"]
    assert own.record()["distributions"]["delta"]["requested"] is False


@LONG
def test_what_an_editable_requires_is_resolved_anew(own: Bench, wheels: Path) -> None:
    sources.administrate(own.host, wheel(wheels, "new", "1.0"))
    source = sources.project(own.user, "mine", requires=("new",))
    own.install("-e", source)
    assert own.distributions() == ["mine-0.1"]
    environment_without_new(own)
    own.given("rebase")
    assert own.see("mine", "new") == {"mine": "0.1", "new": "1.0"}


def environment_without_new(own: Bench) -> None:
    for path in own.host.glob("lib/python*/site-packages/new*"):
        place.remove(path)


@LONG
def test_twice_is_once_and_what_has_been_looked_at_is_no_news(own: Bench, wheels: Path) -> None:
    own.given("install", "new", "--reason", "ticket 7")
    before = own.record()["distributions"]
    assert "Nothing to " in own.change("rebase")
    assert own.revision == 1
    sources.administrate(own.host, wheel(wheels, "delta", "2.0"))
    assert "drift" in kinds(own)
    own.given("rebase")
    assert own.revision == 2
    assert kinds(own) == set()
    assert own.record()["distributions"] == before
    assert "Nothing to " in own.change("rebase")
    assert own.revision == 2


def kinds(bench: Bench) -> set[str]:
    [overlay] = bench.json("status")["overlays"]
    return {finding["kind"] for finding in overlay["findings"]}


@LONG
def test_dry_run_shows_each_line_with_its_reason_and_changes_nothing(
    own: Bench, wheels: Path
) -> None:
    own.given("install", "alpha>=1.5")
    sources.administrate(own.host, wheel(wheels, "alpha", "2.0"))
    before = own.content()
    shown = own.ask("rebase", "--dry-run", "--allow-conflicts")
    assert "alpha  1.5 -> 2.0  not needed: the environment has 2.0" in shown
    assert own.content() == before


@LONG
def test_it_can_be_undone(own: Bench, wheels: Path) -> None:
    own.given("install", "alpha>=1.5")
    sources.administrate(own.host, wheel(wheels, "alpha", "2.0"), wheel(wheels, "beta", "2.0"))
    own.given("rebase")
    assert own.version("alpha") == "2.0"
    told = own.refuse("undo", "--yes")
    assert "beta 2.0 (environment) requires alpha>=2, but 1.5 (overlay) would be in effect" in told
    own.given("undo", "--allow-conflicts")
    assert own.version("alpha") == "1.5"


def test_the_keys_of_the_json_stay(own: Bench) -> None:
    own.given("install", "new")
    assert own.json("rebase").keys() == PLAN


@LONG
def test_what_was_made_by_hand_is_kept(own: Bench, wheels: Path) -> None:
    own.make_by_hand(wheel(wheels, "new", "1.0"))
    own.given("rebase")
    assert own.version("new") == "1.0"


def test_without_an_overlay_it_says_so(quick: Bench) -> None:
    assert "has no revision yet" in quick.refuse("rebase", "--yes")


@LONG
@pytest.mark.skipif(not cpython.available(), reason="no second Python on this machine")
def test_for_another_python_it_is_built_again(quick: Bench, science: Path, wheels: Path) -> None:
    template = environment.template(
        python=cpython.available()[-1],
        pip="ensurepip",
        wheels=[wheel(wheels, "alpha", "1.0"), wheel(wheels, "delta", "1.0")],
    )
    with place.scratch() as directory:
        own = replace(quick, name=str(environment.clone(science, directory / "own")))
        own.ask("edit", "delta", "--no-editor", "--yes")
        module = own.site / "delta" / "__init__.py"
        own.edit(module, module.read_text() + "MINE = 1\n")
        own.change("record")
        source = sources.project(own.user, "mine")
        own.install("alpha==2.0", "new", "--reason", "ticket 7", "--allow-conflicts")
        own.install("-e", source)
        before = own.record()["distributions"]
        place.remove(own.host)
        environment.clone(template, own.host)
        [overlay] = own.json("status")["overlays"]
        assert {row["name"]: row["meaning"] for row in overlay["distributions"]} == {
            "alpha": "stale", "beta": "stale", "delta": "stale", "mine": "stale", "new": "stale",
        }  # fmt: skip
        assert own.version("new") is None
        plan = own.json("rebase")
        assert {change["why"] for change in plan["changes"]} == {
            "stale: built for another Python", "edited: __init__.py +1 -0",
        }  # fmt: skip
        assert own.python("-c", "import delta; print(delta.MINE)").stdout == "1\n"
        assert own.see("alpha", "new", "mine") == {"alpha": "2.0", "new": "1.0", "mine": "0.1"}
        assert own.script("new") == "new 1.0"
        after = own.record()["distributions"]
        assert after == {key: entry for key, entry in before.items() if key != "beta"}
        assert "Nothing to " in own.change("rebase")


def test_from_carries_the_overlay_of_another_environment(bench: Bench) -> None:
    bench.given("install", "alpha==2.0", "--reason", "ticket 7", "--intent", "hold")
    bench.given("install", "new", "--until", "2030-01-31")
    daq = replace(bench, name="daq")
    daq.given("install", "delta==2.0", "--allow-conflicts")
    plan = daq.json("rebase", "--from", "science")
    assert {key: why for key, (_, why) in reasons(plan).items()} == {
        "alpha": "carried over from science: the environment has 1.0, which is older",
        "beta": "beta 1.0 requires alpha<2",
        "new": "carried over from science",
    }
    entries = daq.record()["distributions"]
    assert (entries["alpha"]["reason"], entries["alpha"]["intent"]) == ("ticket 7", "hold")
    assert (entries["new"]["until"], entries["new"]["requirement"]) == ("2030-01-31", "new")
    assert daq.see("alpha", "new", "delta") == {"alpha": "2.0", "new": "1.0", "delta": "2.0"}
    assert "Nothing to " in daq.change("rebase", "--from", str(bench.host))


def test_from_keeps_the_pins_reasons_and_dates_of_ones_own(quick: Bench, own: Bench) -> None:
    quick.given("install", "alpha==2.0", "beta==2.0", "--reason", "theirs")
    quick.given("install", "new", "--reason", "other")
    own.given("install", "alpha==1.5", "--reason", "mine", "--until", "2999-01-31")
    own.given("install", "new", "--reason", "first", "--until", "2999-01-31")
    told = own.refuse("rebase", "--from", "science")  # their beta needs their alpha
    assert "alpha==1.5" in told and own.record()["distributions"]["alpha"]["version"] == "1.5"
    quick.given("remove", "beta", "--allow-conflicts")
    plan = own.json("rebase", "--from", "science")
    said = "alpha==2.0 is not carried over, because alpha==1.5 was requested"
    assert f"{said}: conda overlay install alpha==2.0" in plan["notes"]
    entries = own.record()["distributions"]
    assert entries["alpha"]["requirement"] == "alpha==1.5" and entries["alpha"]["reason"] == "mine"
    assert (entries["new"]["reason"], entries["new"]["until"]) == ("first; other", "2999-01-31")


def test_from_adds_the_reason_of_edits_to_those_of_ones_own(quick: Bench, own: Bench) -> None:
    for bench, name in ((quick, "theirs"), (own, "mine")):
        bench.given("edit", "alpha", "--no-editor", "--reason", name)
        bench.edit(bench.site / f"alpha/{name}.py", "X = 1\n")
        bench.given("record")
    own.given("note", "alpha", "--until", "2999-01-31", "--intent", "fix")
    own.given("rebase", "--from", "science")
    entry = own.record()["distributions"]["alpha"]
    found = entry["reason"], entry["until"], entry["intent"]
    assert found == ("mine; theirs", "2999-01-31", "fix")


def test_from_names_own_files_that_no_package_has(quick: Bench, own: Bench) -> None:
    quick.given("install", "new")
    quick.edit(quick.site / "mine.py", "MINE = 1\n")
    notes = own.json("rebase", "--from", "science", "--dry-run")["notes"]
    assert "no package has mine.py, so that is not carried over" in notes


def test_from_leaves_behind_what_the_next_environment_has(
    quick: Bench, own: Bench, wheels: Path
) -> None:
    quick.given("install", "alpha>=1.5", "new")
    sources.administrate(own.host, wheel(wheels, "alpha", "2.0"), wheel(wheels, "beta", "2.0"))
    told = own.change("rebase", "--from", "science")
    assert "alpha 1.5 is not carried over: the environment has 2.0 already" in told
    assert own.distributions() == ["new-1.0"]


def test_from_carries_edits_of_what_is_redundant_in_the_next_overlay(
    quick: Bench, own: Bench, wheels: Path
) -> None:
    own = replace(own, name=str(own.host.rename(own.host.with_name("next"))))
    own.given("install", "alpha>=1.5")
    sources.administrate(own.host, wheel(wheels, "alpha", "2.0"), wheel(wheels, "beta", "2.0"))
    quick.given("edit", "alpha", "--no-editor")
    quick.edit(quick.site / "alpha" / "fix.py", "FIX = 1\n")
    quick.change("record")
    own.change("rebase", "--from", "science")
    assert own.version("alpha") == "2.0"
    assert own.python("-c", "import alpha.fix").returncode == 0


def test_from_is_no_downgrade_to_an_older_version_of_the_next_environment(
    quick: Bench, own: Bench, tmp_path: Path
) -> None:
    """Although the request has no version, as the earlier environment had none of it."""
    quick.given("install", "new")
    sources.administrate(own.host, dists.wheel(tmp_path, "new", "0.5"))
    plan = own.json("rebase", "--from", "science")
    why = "carried over from science: the environment has 0.5, which is older"
    assert reasons(plan) == {"new": ("upgrade", why)}
    assert own.version("new") == "1.0"
    assert own.record()["distributions"]["new"]["requirement"] == "new>=1.0"


def test_from_names_each_downgrade_and_each_conflict(
    quick: Bench, own: Bench, wheels: Path, tmp_path: Path
) -> None:
    quick.given("install", "alpha==1.5", "new")
    needs = dists.wheel(tmp_path, "needs", "1.0", requires=["alpha>=2"])
    sources.administrate(own.host, wheel(wheels, "alpha", "2.0"), needs)
    told = own.refuse("rebase", "--from", "science", "--yes")
    assert "needs 1.0 (environment) requires alpha>=2, but 1.5 (overlay) would be in effect" in told
    plan = own.json("rebase", "--from", "science", "--allow-conflicts")
    why = "carried over from science: hold, although the environment has 2.0, which is newer"
    assert reasons(plan)["alpha"] == ("downgrade", why)
    assert reasons(plan)["new"] == ("add", "carried over from science")
    assert {conflict["name"] for conflict in plan["conflicts"]} >= {"needs"}


@LONG
def test_from_takes_the_overlay_of_an_environment_that_is_gone(quick: Bench, science: Path) -> None:
    old = replace(quick, name=str(environment.clone(science, quick.conda.env("of-2026"))))
    old.install("new", "--reason", "ticket 7")
    place.remove(old.host)
    for source in ("of-2026", str(old.overlay)):
        quick.change("rebase", "--from", source)
        assert quick.record()["distributions"]["new"]["reason"] == "ticket 7"
        quick.change("undo", "0")
    assert "of-1999" in quick.refuse("rebase", "--from", "of-1999", "--yes")


@pytest.mark.parametrize(
    ("has", "more"),
    [("another version", ()), ("edits", ("new",)), ("another version in the overlay", ())],
)
def test_from_with_force_names_the_edits_that_it_leaves_behind(
    tool: Bench, own: Bench, links: Path, has: str, more: tuple[str, ...]
) -> None:
    own = replace(own, name=str(own.host.rename(own.host.with_name("next"))))
    tool.given("edit", "tool", "--no-editor")
    edited.edit(tool, tool.site / "tool/core.py", edited.FIXED)
    tool.given("record")
    for name in more:
        tool.given("install", name)
    version = "1.0" if has == "edits" else "2.0"
    broken = edited.wheel(links, version, edited.BROKEN)
    if has == "another version":
        sources.administrate(own.host, broken)
    elif has == "edits":
        sources.administrate(own.host, edited.wheel(links))
        own.given("edit", "tool", "--no-editor")
        edited.edit(own, own.site / "tool/core.py", edited.BROKEN)
        own.given("record")
    else:
        sources.administrate(own.host, edited.wheel(links))
        own.install("--find-links", links, "tool>=2.0")
    words = ("rebase", "--from", tool.host)
    assert f"do not apply to tool {version}" in own.refuse(*words, "--yes")
    note = f"the edits of tool are left behind: they do not apply to tool {version}"
    assert own.json(*words, "--force", "--dry-run")["notes"] == [note]
    assert note in own.change(*words, "--force")
    assert own.distributions() == [
        *(f"{name}-1.0" for name in more),
        *([f"tool-{version}"] if "overlay" in has or has == "edits" else []),
    ]
    assert own.version("tool") == version
