"""What a distribution is there for is a part of it: fix, hold or dev, until when and why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests import sources
from tests.bed import dists
from tests.bench import Bench
from tests.lifecycle import patches
from tests.lifecycle.patches import change, revision, row
from tests.long import LONG, few, first

MEANT = ["--intent", "hold", "--until", "2030-01-31", "--reason", "ticket 7"]


@pytest.fixture
def tools(links: Path) -> Path:
    """The index has tool 1.0, and the host, once its administrator is at it, tool 1.1."""
    dists.wheel(links, "tool", "1.0")
    dists.wheel(links / "host", "tool", "1.1")
    return links


@LONG
@pytest.mark.parametrize(
    "pin",
    few(
        ["tool==1.0", "tool<1.1", "tool<=1.0", "tool~=1.0.0", "tool>=0.5,<1.1", "tool===1.0"],
        *("tool==1.0", "tool>=0.5,<1.1"),
    ),
)
def test_a_typed_pin_is_held_when_the_host_gets_a_newer_version(
    own: Bench, tools: Path, pin: str
) -> None:
    own.install("--find-links", tools, pin)
    sources.administrate(own.host, *(tools / "host").glob("*.whl"))
    meaning = row(own, "tool")["meaning"]
    own.given("rebase")
    assert own.version("tool") == "1.0"
    assert (row(own, "tool")["intent"], meaning != "redundant") == ("hold", True)


NO_PINS = [["tool"], ["tool>=1.0"], ["tool==1.0", "--intent", "fix"]]


@LONG
@pytest.mark.parametrize("words", few(NO_PINS, ["tool>=1.0"]))
def test_what_is_no_pin_or_said_to_be_a_fix_is_redundant(
    own: Bench, tools: Path, words: list[str]
) -> None:
    own.install("--find-links", tools, *words)
    sources.administrate(own.host, *(tools / "host").glob("*.whl"))
    assert (row(own, "tool")["intent"], row(own, "tool")["meaning"]) == ("fix", "redundant")
    own.given("rebase")
    assert own.distributions() == []


@LONG
def test_an_editable_is_dev_and_a_source_is_hold(quick: Bench, links: Path) -> None:
    quick.install("-e", patches.source(quick.user, "mine", "1.0", "dev"))
    quick.install(patches.patched(quick, links, "wheel", "other", "1.0", "hold"))
    assert [row(quick, name)["intent"] for name in ("mine", "other")] == ["dev", "hold"]


@first(1)
@pytest.mark.parametrize(
    ("words", "differs"),
    [
        (MEANT, {"intent", "until", "reason"}),
        (MEANT[:2], {"intent"}),
        (MEANT[2:4], {"until"}),
        (MEANT[4:], {"reason"}),
    ],
    ids=["all", "intent", "until", "reason"],
)
def test_what_is_meant_can_be_said_of_what_is_installed_already(
    quick: Bench, words: list[str], differs: set[str]
) -> None:
    quick.given("install", "new")
    plan = quick.json("install", "new", *words, "--dry-run")
    assert plan["changes"], plan
    quick.change("install", "new", *words)
    assert revision(quick) == 2
    found = row(quick, "new")
    if "intent" in differs:
        assert found["intent"] == "hold"
    if "until" in differs:
        assert found["until"] == "2030-01-31"
    if "reason" in differs:
        assert found["reason"] == "ticket 7"
    assert "othing to do" in quick.change("install", "new", *words)
    assert revision(quick) == 2
    assert set(change(plan, "new")["differs"]) == differs
    assert (change(plan, "new")["before"], change(plan, "new")["after"]) == ("1.0", "1.0")


def test_what_is_meant_of_what_is_installed_is_asked_and_shown(quick: Bench) -> None:
    quick.given("install", "new")
    before = quick.content()
    done = quick.try_install("new", *MEANT, input="n\n")
    assert quick.content() == before
    assert "Proceed" in done.stdout
    for word in ("new", "hold", "2030-01-31", "ticket 7"):
        assert word in done.stdout


@LONG
def test_what_was_meant_stays_when_it_is_named_again(quick: Bench) -> None:
    quick.install("new", *MEANT)
    assert "othing to do" in quick.change("install", "new")
    quick.given("install", "alpha==2.0")
    found = row(quick, "new")
    assert (found["intent"], found["until"], found["reason"]) == ("hold", "2030-01-31", "ticket 7")


@LONG
def test_what_is_asked_for_by_name_stays_when_what_needed_it_goes(
    quick: Bench, links: Path
) -> None:
    dists.wheel(links, "bottom", "1.0")
    dists.wheel(links, "top", "1.0", requires=["bottom"])
    quick.install("--find-links", links, "top")
    plan = quick.json("install", "--find-links", links, "bottom")
    assert revision(quick) == 2
    quick.given("remove", "top")
    assert quick.distributions() == ["bottom-1.0"]
    assert "requested" in change(plan, "bottom")["differs"]


@LONG
def test_a_file_that_changes_only_intents_is_planned_asked_and_then_applied(quick: Bench) -> None:
    quick.given("install", "new")
    file = quick.user.home / "mine.toml"
    text = 'format = 1\n[[wanted]]\nrequirement = "new"\nintent = "hold"\nuntil = "2030-01-31"\n'
    sources.write(quick.user, file, text)
    before = quick.content()
    shown = quick.ask("apply", file, "--dry-run")
    assert "othing to do" not in shown
    assert "hold" in shown
    plan = quick.json("apply", file, "--dry-run")
    done = quick.run("apply", *quick.where, file, input="n\n")
    assert quick.content() == before
    assert "Proceed" in done.stdout
    printed = quick.change("apply", file)
    assert (row(quick, "new")["intent"], row(quick, "new")["until"]) == ("hold", "2030-01-31")
    assert " 0 distributions" not in printed
    assert set(change(plan, "new")["differs"]) == {"intent", "until"}
    assert (change(plan, "new")["intent"], change(plan, "new")["until"]) == ("hold", "2030-01-31")
    assert "othing to do" in quick.change("apply", file)


def test_an_intent_that_undo_brings_back_is_in_its_plan(quick: Bench) -> None:
    quick.given("install", "new")
    quick.change("install", "new", *MEANT)
    plan = quick.json("undo")
    assert revision(quick) == 3
    assert row(quick, "new")["intent"] == "fix"
    assert set(change(plan, "new")["differs"]) == {"intent", "until", "reason"}


@LONG
def test_an_intent_is_carried_to_another_environment(quick: Bench) -> None:
    quick.given("install", "new")
    daq = replace(quick, name="daq")
    daq.given("rebase", "--from", "science")
    quick.change("install", "new", *MEANT)
    plan = daq.json("rebase", "--from", "science")
    assert (row(daq, "new")["intent"], row(daq, "new")["reason"]) == ("hold", "ticket 7")
    assert {"intent", "until", "reason"} <= set(change(plan, "new")["differs"])


GIVEN = {
    "noted on the copy": (["edit", "tool", "--no-editor"], ["note", "tool", "--intent", "dev"]),
    "a fix that is a copy": (["edit", "tool", "--no-editor"], ["note", "tool", "--intent", "fix"]),
    "typed at an install": (["install", "tool", "--no-deps", "-I", "--intent", "dev"],),
    "a pin that is a fix": (["install", "tool==1.0", "-I", "--no-deps", "--intent", "fix"],),
}


@pytest.mark.parametrize("commands", GIVEN.values(), ids=GIVEN)
def test_a_patch_keeps_the_intent_that_was_given(
    tool: Bench, fix: Path, prefix: Path, commands: tuple[list[str], ...]
) -> None:
    for command, *words in commands:
        places: list[str | Path] = ["--find-links", prefix.parent] if command == "install" else []
        tool.given(command, *words, *places)
    tool.change("patch", "tool", fix)
    assert row(tool, "tool")["intent"] == commands[-1][-1]


def test_a_patch_of_an_install_without_an_intent_is_held(
    tool: Bench, fix: Path, prefix: Path
) -> None:
    tool.given("install", "tool", "-I", "--no-deps", "--find-links", prefix.parent)
    assert row(tool, "tool")["intent"] == "fix"
    tool.change("patch", "tool", fix)
    assert row(tool, "tool")["intent"] == "hold"


TYPED: dict[str, tuple[list[list[str]], str]] = {
    "hold": ([["install", "tool", "--intent", "hold"]], "hold"),
    "noted": ([["install", "tool"], ["note", "tool", "--intent", "dev"]], "dev"),
    "a pin that is a fix": ([["install", "tool==1.0", "--intent", "fix"]], "fix"),
}
AGAIN = {
    "upgrade": ["install", "-U", "tool"],
    "bound": ["install", "tool>=1.1"],
    "pin": ["install", "tool==1.1"],
    "same version": ["install", "--force-reinstall", "tool==1.0"],
    "nothing to install": ["install", "tool>=0.5"],
    "a pin, and nothing to install": ["install", "tool==1.0"],
    "update": ["update", "tool"],
    "update to a pin": ["update", "tool==1.1"],
}


@pytest.fixture
def newer(quick: Bench, links: Path) -> Bench:
    """The index has tool 1.0, and gets tool 1.1 from `add_tool_1_1`."""
    dists.wheel(links, "tool", "1.0")
    found = f"{quick.environ['PIP_FIND_LINKS']} {links}"
    return replace(quick, environ={**quick.environ, "PIP_FIND_LINKS": found})


def add_tool_1_1(links: Path) -> None:
    dists.wheel(links, "tool", "1.1")


@pytest.mark.parametrize("again", AGAIN.values(), ids=AGAIN)
@pytest.mark.parametrize(("commands", "intent"), TYPED.values(), ids=TYPED)
def test_an_intent_that_was_typed_stays(
    newer: Bench, links: Path, commands: list[list[str]], intent: str, again: list[str]
) -> None:
    for command, *words in commands:
        newer.given(command, *words)
    add_tool_1_1(links)
    command, *words = again
    assert "intent " not in newer.change(command, *words)
    assert row(newer, "tool")["intent"] == intent


@pytest.mark.parametrize(
    ("first", "then", "shown"),
    [
        ("tool==1.0", ["install", "tool>=1.1"], "hold -> fix (until the environment has it)"),
        ("tool==1.0", ["install", "tool>=0.5"], "hold -> fix"),
        ("tool<1.1", ["install", "-U", "tool"], "hold -> fix (until the environment has it)"),
        ("tool>=1", ["install", "tool==1.0"], "fix -> hold"),
        ("tool>=1", ["install", "tool==1.1"], "fix -> hold"),
        ("tool>=1", ["update", "tool==1.1"], "fix -> hold (kept until removed)"),
        ("tool==1.0", ["install", "-U", "tool", "--intent", "dev"], "hold -> dev (kept forever)"),
        ("{wheel}", ["install", "-U", "tool"], "hold -> fix (until the environment has it)"),
        ("{wheel}", ["install", "tool>=1.0"], "hold -> fix"),
    ],
)
def test_an_intent_that_was_not_typed_follows_the_request(
    newer: Bench, links: Path, first: str, then: list[str], shown: str
) -> None:
    newer.given("install", first.format(wheel=next(links.glob("tool-1.0-*"))))
    add_tool_1_1(links)
    command, *words = then
    assert f"intent {shown}" in newer.change(command, *words)
    assert row(newer, "tool")["intent"] == shown.split()[2]


@pytest.mark.parametrize("again", [["install", "-U", "tool"]], ids=" ".join)
def test_a_downgrade_is_held_only_as_long_as_it_is_one(
    own: Bench, tools: Path, again: list[str]
) -> None:
    own.given("install", "--find-links", tools, "tool==1.0")
    sources.administrate(own.host, *(tools / "host").glob("*.whl"))
    own.given("rebase")
    own.given("install", "tool>=1.0")
    assert row(own, "tool")["intent"] == "hold"
    dists.wheel(tools, "tool", "2.0")
    command, *words = again
    assert "intent hold -> fix" in own.change(command, "--find-links", tools, *words)
    assert (own.version("tool"), row(own, "tool")["intent"]) == ("2.0", "fix")


def test_ones_own_typed_intent_stays_when_the_same_request_is_carried_over(newer: Bench) -> None:
    newer.given("install", "tool")
    daq = replace(newer, name="daq")
    daq.change("install", "tool", "--intent", "hold")
    daq.change("rebase", "--from", "science")
    assert row(daq, "tool")["intent"] == "hold"
