"""A version that was requested stays, whatever else is installed or updated."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests import sources
from tests.bed import dists
from tests.bench import Bench

PINS = ("pinned==1.5", "pinned<1.6", "pinned~=1.5.0")
REASON = "needs 1.0 requires pinned>=1.6"


@pytest.fixture
def offered(wheels: Path, links: Path) -> Path:
    """Versions of `pinned`; `needs`, and `tool` since 2.0, require a newer one than the pins."""
    shutil.copytree(wheels, links, dirs_exist_ok=True)
    for version in ("1.5", "1.7"):
        dists.wheel(links, "pinned", version)
    dists.wheel(links, "needs", "1.0", requires=["pinned>=1.6"])
    dists.wheel(links, "tool", "1.0")
    return dists.index(links)


@pytest.fixture(params=["pip", "uv"])
def pinning(request: pytest.FixtureRequest, quick: Bench, offered: Path) -> Bench:
    environ = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": offered.as_uri()}
    environ["CONDA_PLUGINS_OVERLAY_INSTALLER"] = request.param
    return replace(quick, environ=environ)


def add_tool_2(links: Path) -> None:
    dists.wheel(links, "tool", "2.0", requires=["pinned>=1.6"])
    dists.index(links)


@pytest.mark.parametrize("pin", PINS)
def test_pin_is_not_given_up_for_another_distribution(pinning: Bench, pin: str) -> None:
    pinning.install(pin, "--reason", "ticket 7")
    told = pinning.refused("needs")
    assert f"{pin} was requested, but {REASON}\n" in told
    assert "conda overlay install --allow-conflicts" in told
    printed = json.loads(pinning.try_install("--json", "needs").stdout)
    assert (printed["conflicts"], len(printed["pins"])) == ([], 1)
    told = pinning.install("--allow-conflicts", "needs")
    assert f"  pinned  1.5 -> 1.7  {REASON}, kept until removed\n" in told.replace("~ ", "")
    assert f"{pin}, which was requested, is given up: {REASON}\n" in told
    entry = pinning.record()["distributions"]["pinned"]
    assert (entry["requirement"], entry["reason"]) == ("pinned>=1.7", "ticket 7")


def test_pin_that_is_named_again_may_move(pinning: Bench) -> None:
    pinning.install("pinned==1.5")
    pinning.install("needs", "pinned")
    assert pinning.see("pinned", "needs") == {"pinned": "1.7", "needs": "1.0"}


def test_pin_that_is_not_held_is_given_up_in_a_note(pinning: Bench) -> None:
    pinning.install("pinned==1.5", "--intent", "fix")
    assert f"pinned==1.5, which was requested, is given up: {REASON}\n" in pinning.install("needs")


@pytest.mark.parametrize("command", [["update"], ["install", "-U", "tool"], ["update", "tool"]])
def test_update_takes_what_goes_with_the_pins(
    pinning: Bench, links: Path, command: list[str]
) -> None:
    pinning.install("pinned==1.5", "tool")
    add_tool_2(links)
    told = pinning.change(*command)
    assert pinning.see("pinned", "tool") == {"pinned": "1.5", "tool": "1.0"}
    assert (
        "tool 2.0 is held back, perhaps by pinned==1.5 or what is there; conda overlay install -n"
        in told
    )
    assert ("pinned 1.5 is held, so it is not updated." in told) == (command == ["update"])


def test_update_of_both_moves_both(pinning: Bench, links: Path) -> None:
    pinning.install("pinned==1.5", "tool")
    add_tool_2(links)
    pinning.change("update", "tool", "pinned")
    assert pinning.see("pinned", "tool") == {"pinned": "1.7", "tool": "2.0"}


def test_source_that_is_held_stays(pinning: Bench, links: Path) -> None:
    wheel = links / "pinned-1.5-py3-none-any.whl"
    pinning.install(wheel)
    assert f"was requested, but {REASON}\n" in pinning.refused("needs")
    newer = links / "pinned-1.7-py3-none-any.whl"
    pinning.install(newer)  # named by its path
    assert pinning.see("pinned") == {"pinned": "1.7"}


def test_file_without_the_pin_is_applied(pinning: Bench) -> None:
    pinning.install("needs")
    exported = pinning.export()
    pinning.change("undo", "0")
    pinning.install("pinned==1.5")
    pinning.change("apply", exported)
    assert pinning.see("pinned", "needs") == {"pinned": "1.7", "needs": "1.0"}


def test_requirements_of_a_requested_extra_hold_others_back(pinning: Bench, links: Path) -> None:
    dists.wheel(links, "extra", "1.0", extras={"old": ["pinned<1.6"]})
    dists.index(links)
    pinning.install("extra[old]")
    assert pinning.see("pinned") == {"pinned": "1.5"}
    told = pinning.refused("needs")
    assert "extra 1.0 (overlay) requires pinned<1.6, but 1.7 (overlay) would be in effect" in told


@pytest.mark.parametrize("needed", ["alpha<1.2", "lower>=2"])
@pytest.mark.parametrize("names", [[], ["tool"]])
def test_what_is_held_without_a_version_may_move(
    quick: Bench, links: Path, needed: str, names: list[str]
) -> None:
    for name in ("tool", "lower"):
        dists.wheel(links, name, "1.0")
    quick.install("--find-links", links, "tool")
    quick.install("--find-links", links, "alpha>=1.5", "lower", "--intent", "hold")
    dists.wheel(links, "lower", "2.0")
    dists.wheel(links, "tool", "2.0", requires=[needed])
    told = quick.change("update", *names)
    assert f"tool 2.0 requires {needed}" in told and "is given up" not in told
    held = {"alpha 1.5", "lower 1.0"} - {"alpha 1.5" if "alpha" in needed else "lower 1.0"}
    assert re.findall(r"(\w+ \S+) is held, so", told) == ([] if names else [*held])


def lock(bench: Bench, links: Path, *lines: str) -> Path:
    """A requirements file with these lines, each with the hash of its wheel."""

    def hashed(line: str) -> str:
        name, version = line.partition(" ")[0].split("==")
        wheel = links / f"{name}-{version}-py3-none-any.whl"
        return f"{line} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"

    return sources.write(bench.user, bench.user.home / "lock.txt", "".join(map(hashed, lines)))


def recorded(bench: Bench, name: str = "pinned") -> tuple[str, str, str]:
    entry = bench.record()["distributions"][name]
    return entry["version"], entry["requirement"], entry["intent"]


def test_line_for_another_python_neither_drops_a_pin_nor_gives_it_up(
    pinning: Bench, links: Path
) -> None:
    pinning.install("pinned==1.5")
    file = lock(pinning, links, "pinned==1.7 ; python_version<'3'", "alpha==1.5")
    pinning.install("-r", file)
    assert recorded(pinning) == ("1.5", "pinned==1.5", "hold")
    file.write_text("needs\npinned<1.6 ; python_version<'3'\n")
    assert f"pinned==1.5 was requested, but {REASON}" in pinning.refused("-r", file)
    assert f"pinned==1.5 was requested, but {REASON}" in pinning.refused(
        "needs", "pinned<1.6 ; python_version<'3'"
    )


@pytest.mark.parametrize("order", [1, -1])
def test_lines_for_several_pythons_are_recorded_as_the_one_for_this(
    pinning: Bench, links: Path, order: int
) -> None:
    lines = ["pinned==1.7 ; python_version>='3'", "pinned==1.5 ; python_version<'3'"]
    file = lock(pinning, links, *lines[::order])
    for _ in range(2):
        pinning.install("-r", file)
        assert recorded(pinning) == ("1.7", 'pinned==1.7; python_version >= "3"', "hold")
    (given,) = pinning.record()["distributions"]["pinned"]["options"]
    assert given in file.read_text().splitlines()[lines[::order].index(lines[0])]
    exported = pinning.export()
    pinning.change("undo", "0")
    pinning.change("apply", exported)
    assert pinning.see("pinned") == {"pinned": "1.7"}


def test_requirements_of_one_name_are_recorded_together(pinning: Bench, links: Path) -> None:
    base = sources.write(pinning.user, pinning.user.home / "base.txt", "pinned==1.5\n")
    dev = sources.write(pinning.user, pinning.user.home / "dev.txt", "-r base.txt\ntool\npinned\n")
    for words in (["-r", dev], ["-r", base, "pinned"], ["pinned", "pinned==1.5"]):
        pinning.install(*words)
        assert recorded(pinning) == ("1.5", "pinned==1.5", "hold")
        pinning.change("undo", "0")
    pinning.install("pinned>=1.5", "pinned<1.7")
    assert recorded(pinning) == ("1.5", "pinned<1.7,>=1.5", "hold")
    dists.wheel(links, "extra", "1.0", extras={"old": ["pinned<1.6"], "more": ["alpha==1.5"]})
    dists.index(links)
    dev.write_text("extra[old]\nextra[more]\n")
    pinning.install("-r", dev)
    assert recorded(pinning, "extra")[1] == "extra[more,old]"


@pytest.mark.parametrize("option", ["--force-reinstall", "-I"])
def test_source_is_not_replaced_by_another_build(
    pinning: Bench, links: Path, scratch: Path, option: str
) -> None:
    dists.wheel(links, "user", "1.0", requires=["pinned"])
    dists.index(links)
    (scratch / "mine").mkdir()
    wheel = dists.wheel(scratch / "mine", "pinned", "1.5", files={"pinned/fixed.py": ""})
    pinning.install(wheel)
    dists.wheel(links, "user", "1.1", requires=["pinned<1.6"])
    dists.index(links)
    why = "the request needs another build of pinned 1.5"
    assert f"{wheel.as_uri()} was requested, but {why}" in pinning.refused(option, "user")
    told = pinning.install(option, "user", "--allow-conflicts")
    assert f"which was requested, is given up: {why}\n" in told
    assert recorded(pinning)[1] == "pinned>=1.5"
    pinning.change("undo")
    pinning.install(option, "user", wheel)
    assert (pinning.site / "pinned" / "fixed.py").exists()


def test_editable_is_replaced_by_another_build_in_a_note(pinning: Bench, links: Path) -> None:
    dists.wheel(links, "user", "1.0", requires=["pinned<1.6"])
    dists.index(links)
    source = sources.project(pinning.user, "pinned", "1.5")
    pinning.install("--no-build-isolation", "--editable", source)
    told = pinning.install("--force-reinstall", "user")
    assert "is given up: the request needs another build of pinned 1.5\n" in told


def test_file_for_another_python_leaves_what_is_there(pinning: Bench, links: Path) -> None:
    pinning.install("-r", lock(pinning, links, "pinned==1.7 ; python_version>='3'", "tool==1.0"))
    exported = pinning.export()
    exported.write_text(exported.read_text().replace("python_version >= ", "python_version < "))
    pinning.change("undo", "0")
    pinning.install("pinned==1.5")
    pinning.change("apply", exported)
    assert recorded(pinning) == ("1.5", "pinned==1.5", "hold")
    assert pinning.see("tool") == {"tool": "1.0"}


def test_what_an_updated_pin_holds_back_is_named(pinning: Bench, links: Path) -> None:
    pinning.install("pinned==1.5", "--intent", "fix")
    pinning.install("tool")
    add_tool_2(links)
    told = pinning.change("update", "tool", "pinned")
    assert (
        "tool 2.0 is held back, perhaps by pinned==1.5 or what is there; conda overlay install -n"
        in told
    )
    assert recorded(pinning) == ("1.5", "pinned==1.5", "fix")


def test_pin_of_what_the_environment_has_is_not_recorded_in_a_note(quick: Bench) -> None:
    done = quick.try_install("alpha==1.0")
    note = "alpha 1.0 is the environment's, so the pin is not recorded: it changes with it"
    assert done.returncode == 0 and f"note: {note}\n" in done.stdout, done
    assert quick.revision is None
    assert "pin is not recorded" not in quick.try_install("alpha>=1.0").stdout


def test_version_of_a_lock_file_is_a_pin(pinning: Bench) -> None:
    pinning.install("pinned==1.5", "tool")
    lock_file = pinning.export("pylock.toml")
    pinning.change("undo", "0")
    pinning.install("-r", lock_file)
    assert recorded(pinning) == ("1.5", "pinned==1.5", "hold")
    assert f"pinned==1.5 was requested, but {REASON}\n" in pinning.refused("needs")


def test_rebase_names_the_conflict_that_a_pin_keeps_up(own: Bench, wheels: Path) -> None:
    own.change("install", "alpha==1.5")
    files = (wheels / f"{name}-2.0-py3-none-any.whl" for name in ("alpha", "beta"))
    sources.administrate(own.host, *files)
    broken = "beta 2.0 (environment) requires alpha>=2, but 1.5 (overlay) is in effect"
    told = own.change("rebase")
    assert f"{broken}, as before; to end it, see: conda overlay status" in told
    assert "Your overlay stays as it is. The environment as it is now will be recorded" in told
    told = own.ask("rebase", "--yes")
    assert f"note: {broken}" in told and "fits" not in told and "Nothing to do" in told
