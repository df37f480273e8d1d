"""A patch that is taken back leaves the other edits of a copy, and what nobody else has."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests import sources
from tests.bench import Bench
from tests.lifecycle import edited


def test_an_edit_of_no_text_outlives_a_patch_that_is_taken_back(fixed: Bench, fix: Path) -> None:
    fixed.edit(fixed.site / "tool/data/table.bin", "mine\udcff")
    fixed.change("record")
    done = fixed.run("patch", *fixed.where, "-y", "tool", fix, "--reverse")
    place = fixed.site / "tool/data/table.bin"
    assert place.exists() or "table.bin" in done.stderr, done.stdout + done.stderr
    assert place.exists() or done.returncode, done.stdout + done.stderr


def test_an_unrecorded_edit_of_no_text_outlives_it_too(fixed: Bench, fix: Path) -> None:
    fixed.edit(fixed.site / "tool/data/table.bin", "mine\udcff")
    done = fixed.run("patch", *fixed.where, "-y", "tool", fix, "--reverse")
    place = fixed.site / "tool/data/table.bin"
    assert place.exists() or done.returncode, done.stdout + done.stderr


def test_an_edit_of_latin_text_outlives_it(fixed: Bench, fix: Path) -> None:
    fixed.edit(fixed.site / "tool/latin.py", "# -*- coding: latin-1 -*-\nNAME = 'mine \udcfc'\n")
    fixed.change("record")
    done = fixed.run("patch", *fixed.where, "-y", "tool", fix, "--reverse")
    place = fixed.site / "tool/latin.py"
    assert place.exists() or done.returncode, done.stdout + done.stderr


def test_a_removed_script_edit_outlives_it(fixed: Bench, fix: Path) -> None:
    script = fixed.overlay / "bin/tool"
    text = script.read_text()
    fixed.edit(script, text + "# mine\n")
    fixed.change("record")
    done = fixed.run("patch", *fixed.where, "-y", "tool", fix, "--reverse")
    there = script.exists() and "# mine" in script.read_text()
    assert there or done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["tool/data/table.bin", "tool/latin.py"])
@pytest.mark.parametrize("is_recorded", [True, False])
def test_a_removed_file_of_no_text_stays_removed(
    fixed: Bench, fix: Path, name: str, is_recorded: bool
) -> None:
    (fixed.site / name).unlink()
    if is_recorded:
        fixed.change("record")
    fixed.change("patch", "tool", fix, "--reverse")
    assert (fixed.site / "tool/core.py").exists() and not (fixed.site / name).exists()


@pytest.mark.parametrize("name", ["METADATA", "entry_points.txt"])
@pytest.mark.parametrize("is_recorded", [True, False])
def test_an_edit_of_the_metadata_outlives_it(
    fixed: Bench, fix: Path, name: str, is_recorded: bool
) -> None:
    [place] = fixed.site.glob(f"tool-*.dist-info/{name}")
    text = place.read_text() + "\n"
    fixed.edit(place, text)
    if is_recorded:
        fixed.change("record")
    fixed.change("patch", "tool", fix, "--reverse")
    assert place.read_text() == text
    assert edited.steps(fixed) == [4, 7]


@pytest.fixture
def bare(own: Bench, links: Path) -> Bench:
    """With a patched copy of `tool`, which its environment has lost since."""
    sources.administrate(own.host, edited.wheel(links))
    fix = sources.write(own.user, own.user.home / "fix.patch", edited.FIX)
    own.change("patch", "tool", fix, "--reason", "ticket 1234")
    own.change("install", "new")
    lose(own)
    return own


def lose(own: Bench) -> None:
    """Take `tool` out of the environment, as its administrator would."""
    for path in [*own.host.glob("lib/python3*/site-packages/tool*"), *own.host.glob("bin/tool*")]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_what_the_environment_has_lost_stays_without_edits(bare: Bench) -> None:
    fix = bare.user.home / "fix.patch"
    plan = bare.json("patch", "tool", fix, "--reverse")
    [change] = plan["changes"]
    assert (change["after"], change["why"]) == ("1.0", "no edits are left")
    assert any("your copy of it stays, unedited" in note for note in plan["notes"])
    assert edited.steps(bare) == [4, 7]
    entry = bare.record()["distributions"]["tool"]
    assert (entry["copied"], entry["patch"], entry.get("reason")) == (True, "", None)


def test_undo_brings_the_edits_back_in_what_its_hint_installs(bare: Bench, links: Path) -> None:
    bare.change("patch", "tool", bare.user.home / "fix.patch", "--reverse")
    bare.change("remove", "tool", "--force")
    bare.change("clean", "--force")
    told = bare.refuse("undo", "2", "--yes")
    assert "no longer in the environment" in told and f"install -p {bare.host} tool==1.0\n" in told
    bare.change("install", "tool==1.0", "--find-links", str(links))
    bare.change("undo", "2")
    assert edited.steps(bare) == [44, 7]
    entry = bare.record()["distributions"]["tool"]
    assert entry["copied"] and entry["patch"] == bare.record(2)["distributions"]["tool"]["patch"]
    bare.change("patch", "tool", bare.user.home / "fix.patch", "--reverse")
    assert edited.steps(bare) == [4, 7]


def test_undo_brings_the_edits_back_in_the_copy_that_stayed(bare: Bench) -> None:
    bare.change("patch", "tool", bare.user.home / "fix.patch", "--reverse")
    bare.change("clean", "--force")
    bare.change("undo", "2")
    assert edited.steps(bare) == [44, 7]


@pytest.fixture
def taken_back(quick: Bench) -> Bench:
    """With a copy of an installed `alpha`, of which no edit is left."""
    quick.given("install", "alpha==1.5")
    quick.given("edit", "alpha", "--no-editor")
    place = quick.site / "alpha/__init__.py"
    text = place.read_text()
    for content in (text + "X = 1\n", text):
        edited.edit(quick, place, content)
        quick.change("record")
    return quick


def test_plan_and_history_say_that_no_edits_are_left(taken_back: Bench) -> None:
    plans = [taken_back.record(number)["plan"]["changes"] for number in (3, 4)]
    assert [change["why"] for [change] in plans] == [
        "edited: __init__.py +1 -0",
        "no edits are left",
    ]
    assert taken_back.ask("history").count("edited: __init__.py") == 1
    assert taken_back.json("why", "alpha")["edited"] == []


def test_an_edit_in_place_of_no_copy_that_is_taken_back_is_none_either(quick: Bench) -> None:
    quick.given("install", "alpha==1.5")
    place = quick.site / "alpha/__init__.py"
    text, whys = place.read_text(), []
    for content in (text + "X = 1\n", text):
        quick.edit(place, content)
        [change] = quick.json("record")["changes"]
        whys.append(change["why"])
    assert whys == ["edited: __init__.py", "no edits are left"]


def test_a_new_file_that_is_gone_again_is_no_edit(tool: Bench) -> None:
    tool.given("edit", "tool", "--no-editor")
    tool.edit(tool.site / "tool/more.py", "X = 1\n")
    assert tool.json("record")["changes"][0]["why"] == "edited: more.py +1 -0"
    (tool.site / "tool/more.py").unlink()
    assert tool.json("record")["changes"][0]["why"] == "no edits are left"
    (tool.site / "tool/extra.py").unlink()
    assert tool.json("record")["changes"][0]["why"].startswith("edited: extra.py")


def test_what_is_applied_without_edits_is_installed_and_nothing_retires(taken_back: Bench) -> None:
    file = taken_back.export()
    taken_back.change("undo", "0")
    plan = taken_back.json("apply", file)
    [change] = plan["changes"]
    assert (change["after"], change["why"]) == ("1.5", "from the file")
    assert plan["notes"] == []
    assert taken_back.json("apply", file)["changes"] == []


def test_a_file_without_edits_takes_those_of_an_installed_copy_back(taken_back: Bench) -> None:
    file = taken_back.export()
    taken_back.change("undo", "3")
    assert "alpha/__init__.py" in taken_back.refuse("apply", file, "--yes")
    taken_back.change("apply", file, "--force")
    assert "X = 1" not in (taken_back.site / "alpha/__init__.py").read_text()


def test_a_copy_without_edits_that_the_environment_has_lost_is_not_called_edited(
    bare: Bench,
) -> None:
    bare.change("patch", "tool", bare.user.home / "fix.patch", "--reverse")
    file, text = bare.export(), bare.ask("export", "--format", "requirements.txt")
    assert "\ntool==1.0\n" in text and "edited" not in text
    assert "source file unknown for tool 1.0" in bare.refuse("export", "--format", "pylock.toml")
    bare.change("remove", "tool")
    told = bare.refuse("apply", file)
    assert "tool was copied and is no longer in the environment." in told


def test_edits_are_left_as_long_as_another_file_is_edited(tool: Bench) -> None:
    core, table, script = "tool/core.py", "tool/data/table.bin", "../../../bin/tool"
    tool.given("edit", "tool", "--no-editor")
    program = (tool.site / script).read_text()
    whys = []
    for name, content in [
        (core, edited.FIXED),
        (table, "mine\udcff"),
        (core, edited.CORE),
        (script, program + "# mine\n"),
        (table, None),
        (script, program),
    ]:
        if content is None:
            (tool.site / name).unlink()
        else:
            tool.edit(tool.site / name, content)
        whys.append(tool.json("record")["changes"][0]["why"])
        assert whys[-1] == f"edited: {', '.join(tool.json('why', 'tool')['edited'])}"
    assert whys == [
        "edited: core.py +1 -1",
        "edited: core.py +1 -1, table.bin",
        "edited: table.bin",
        "edited: tool, table.bin",
        "edited: tool, table.bin",
        "edited: table.bin",
    ]
    assert "no edits are left" not in tool.ask("history")


def test_edits_of_no_copy_are_left_as_long_as_another_file_is_edited(quick: Bench) -> None:
    quick.given("install", "alpha==1.5")
    module, script = quick.site / "alpha/__init__.py", quick.overlay / "bin/alpha"
    texts, whys = {place: place.read_text() for place in (module, script)}, []
    for place, more in [(module, "X = 1\n"), (script, "# mine\n"), (module, ""), (script, "")]:
        quick.edit(place, texts[place] + more)
        whys.append(quick.json("record")["changes"][0]["why"])
    assert whys == [
        "edited: __init__.py",
        "edited: __init__.py, alpha",
        "edited: alpha",
        "no edits are left",
    ]


def test_a_file_without_edits_says_so_of_those_of_a_copy_that_goes(tool: Bench, fix: Path) -> None:
    tool.given("edit", "tool", "--no-editor")
    file = tool.export()
    tool.change("patch", "tool", fix)
    plan = tool.json("apply", file, "--force")
    [change] = plan["changes"]
    assert (change["after"], change["why"]) == (None, "retired: the file has no edits of it")
    assert [path.endswith("/tool/core.py") for path in plan["lost"]] == [True]


def test_a_file_with_edits_of_no_text_says_that_it_cannot_have_them(tool: Bench, fix: Path) -> None:
    tool.given("edit", "tool", "--no-editor")
    tool.edit(tool.site / "tool/data/table.bin", "mine\udcff")
    file = tool.export()
    tool.change("patch", "tool", fix)
    plan = tool.json("apply", file, "--force")
    [change] = plan["changes"]
    assert (change["after"], change["why"]) == (None, "retired: the file has no edits of its text")
    assert any("table.bin was edited, which an exported file" in note for note in plan["notes"])


def test_a_pull_request_of_several_commits_is_taken_back_as_a_whole(
    tool: Bench, scratch: Path
) -> None:
    new = edited.new_file("tool/plug/__init__.py")
    head = "diff --git a/tool/plug/__init__.py b/tool/plug/{}.py\n"
    move = head.format("one") + "rename from tool/plug/__init__.py\nrename to tool/plug/one.py\n"
    edit = "--- a/tool/plug/one.py\n+++ b/tool/plug/one.py\n@@ -1 +1 @@\n-X = 1\n+X = 2\n"
    patch = scratch / "pr.patch"
    patch.write_text("-- \n\nFrom 1234567 Mon Sep 17\n".join([new, move, edit]))
    tool.change("patch", "tool", patch)
    assert (tool.site / "tool/plug/one.py").read_text() == "X = 2\n"
    assert not (tool.site / "tool/plug/__init__.py").exists()
    assert "is already in tool 1.0" in tool.change("patch", "tool", patch)
    tool.change("patch", "tool", patch, "--reverse")
    assert tool.distributions() == []
