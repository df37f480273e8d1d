"""New files and removals in copies stay, whatever is made of the copies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from conda_overlay.edits.patch import NO_TEXT
from tests import sources
from tests.bed import dists
from tests.bench import Bench
from tests.lifecycle import edited
from tests.lifecycle import shared as layers


@pytest.mark.parametrize("is_copy", [True, False])
def test_a_patch_does_not_replace_a_new_file_of_the_users(tool: Bench, is_copy: bool) -> None:
    if is_copy:
        tool.change("edit", "--no-editor", "tool")
        edited.edit(tool, tool.site / "tool/new.py", "MINE = 1\n")
    else:
        tool.change("install", "new")
        tool.user.run(["mkdir", tool.site / "tool"])
        edited.edit(tool, tool.site / "tool/new.py", "MINE = 1\n")
    patch = sources.write(tool.user, tool.user.home / "new.patch", edited.new_file("tool/new.py"))
    told = tool.refuse("patch", "tool", patch, "--yes")
    assert "tool/new.py" in told
    assert (tool.site / "tool/new.py").read_text() == "MINE = 1\n"


def test_a_revision_names_the_deletions_that_it_records_with_something_else(tool: Bench) -> None:
    tool.change("edit", "--no-editor", "tool")
    (tool.site / "tool/extra.py").unlink()
    path = (tool.site / "tool/extra.py").relative_to(tool.overlay)
    kept = f"this revision keeps your edits: {path} (deleted)"
    assert kept in tool.json("install", "new")["notes"]
    assert kept not in tool.json("remove", "new")["notes"]


@pytest.mark.parametrize("name", ["tool/data/table.bin", "tool/latin.py", "../../../bin/tool-step"])
@pytest.mark.parametrize("is_recorded", [True, False])
def test_rebase_keeps_removals_of_files_that_are_no_text(
    own: Bench, links: Path, name: str, is_recorded: bool
) -> None:
    sources.administrate(own.host, edited.wheel(links))
    own.change("edit", "--no-editor", "tool")
    edited.edit(own, own.site / "tool/core.py", edited.FIXED)
    (own.site / name).unlink()
    if is_recorded:
        own.change("record")
        shown = name.removeprefix("../../../")
        assert f"{NO_TEXT}{shown}" in (own.record()["distributions"]["tool"]["patch"] or "")
    sources.administrate(own.host, edited.wheel(links, "2.0", edited.CORE))
    own.change("rebase")
    assert own.version("tool") == "2.0" and "44" in (own.site / "tool/core.py").read_text()
    assert not (own.site / name).exists()


def test_what_repair_takes_back_is_named_and_stays_in_the_revision_before(fixed: Bench) -> None:
    core = fixed.site / "tool/core.py"
    edited.edit(fixed, core, core.read_text().replace("return 7", "return 77"))
    plan = fixed.json("repair", "tool")
    [note] = plan["notes"]
    assert note.startswith("edits that this takes back: ") and note.endswith("tool/core.py")
    assert "return 77" not in core.read_text() and fixed.revision == 2
    [kept] = fixed.tree(1).rglob("tool/core.py")
    assert "return 77" in kept.read_text() and not kept.stat().st_mode & 0o222


def test_recorded_edits_that_repair_takes_back_are_named_and_so_is_their_reason(
    fixed: Bench,
) -> None:
    plan = fixed.json("repair", "tool")
    [note] = plan["notes"]
    assert note.startswith("edits that this takes back: ") and note.endswith("tool/core.py")
    [change] = plan["changes"]
    assert change["was"]["reason"] == "ticket 1234" and change["reason"] is None
    entry = fixed.record()["distributions"]["tool"]
    assert not entry["patch"] and entry["reason"] is None
    fixed.change("undo")
    assert fixed.record()["distributions"]["tool"]["reason"] == "ticket 1234"


@pytest.mark.parametrize("is_copy", [True, False], ids=["copy", "installed"])
@pytest.mark.parametrize("name", ["core.py", "data/table.bin"])
def test_each_recorded_edit_that_repair_takes_back_is_named(
    tool: Bench, links: Path, name: str, is_copy: bool
) -> None:
    if is_copy:
        tool.given("edit", "tool", "--no-editor")
    else:
        tool.install("-I", "--no-deps", edited.wheel(links))
    place = tool.site / "tool" / name
    before = place.read_bytes()
    tool.edit(place, "mine\1")
    tool.change("record")
    plan = tool.json("repair", "tool", "--dry-run")
    path = str(place.relative_to(tool.overlay))
    assert plan["notes"] == [f"edits that this takes back: {path}"]
    tool.change("repair", "tool")
    assert place.read_bytes() == before


@pytest.fixture
def grown(tool: Bench) -> Bench:
    """A copy with a new module that is not recorded."""
    tool.given("edit", "tool", "--no-editor")
    edited.edit(tool, tool.site / "tool/more.py", "X = 1\n")
    return tool


def has_more(bench: Bench) -> bool:
    """Whether `tool.more` can be imported."""
    return bench.python("-c", "import tool.more").returncode == 0


def test_a_new_module_that_is_not_recorded_is_in_every_export_and_difference(grown: Bench) -> None:
    assert "+++ b/tool/more.py" in grown.ask("export", "--format", "patch")
    assert "+++ b/tool/more.py" in grown.ask("diff", "--text", "tool")
    assert grown.json("why", "tool")["edited"] == ["more.py +1 -0"]
    grown.ask("export", "-f", "o.toml")
    grown.given("remove", "tool", "--force")
    assert not has_more(grown)
    grown.change("apply", "o.toml")
    assert has_more(grown)


def test_a_new_module_that_is_not_recorded_is_carried_over(
    grown: Bench, own: Bench, links: Path
) -> None:
    other = replace(own, name=str(own.host.rename(own.host.with_name("next"))))
    sources.administrate(other.host, edited.wheel(links))
    other.change("rebase", "--from", grown.host)
    assert has_more(other)


def test_a_new_module_that_is_not_recorded_is_lost_by_force_alone(grown: Bench) -> None:
    assert "tool/more.py" in grown.refuse("remove", "tool", "--yes")
    grown.given("remove", "tool", "--force")
    assert not (grown.site / "tool").exists()


def test_repair_takes_back_each_new_module_that_it_names(grown: Bench) -> None:
    plan = grown.json("repair", "tool")
    [note] = plan["notes"]
    assert note.startswith("edits that this takes back: ") and note.endswith("tool/more.py")
    assert not (grown.site / "tool/more.py").exists()
    grown.given("undo", "--force")


def test_a_copy_of_a_copy_in_a_layer_has_its_new_modules(shared: Bench) -> None:
    layers.change(shared, "edit", "alpha", "--no-editor")
    [site] = layers.layer_of(shared).glob("science/lib/python3*/site-packages")
    owner = layers.by_owner(shared)
    edited.edit(owner, site / "alpha/more.py", "X = 1\n")
    edited.edit(owner, site / "alpha/__init__.py", "from alpha.more import X\n")
    shared.change("edit", "alpha.more", "--no-editor")
    assert (shared.site / "alpha/more.py").exists()
    assert shared.python("-c", "import alpha; print(alpha.X)").stdout == "1\n"


LOSING = {
    "remove": ["tool"],
    "install": ["--find-links", "links", "tool==2.0"],
    "update": ["--find-links", "links", "tool"],
    "apply": ["other.toml"],
    "delete": [],
}
"""Commands with which a deletion from a copy goes."""


@pytest.fixture
def shorn(tool: Bench) -> Bench:
    """Whose copy of `tool` lacks a module."""
    edited.wheel(tool.user.home / "links", "2.0")
    other = 'format = 1\n[[wanted]]\nrequirement = "new"\n'
    sources.write(tool.user, tool.user.home / "other.toml", other)
    tool.given("edit", "--no-editor", "tool")
    (tool.site / "tool/extra.py").unlink()
    return tool


@pytest.fixture(params=[True, False])
def is_recorded(shorn: Bench, request: pytest.FixtureRequest) -> bool:
    """Whether the deletion is in a revision."""
    if request.param:
        shorn.change("record")
    return bool(request.param)


@pytest.mark.parametrize("verb", LOSING)
@pytest.mark.usefixtures("is_recorded")
def test_a_deletion_is_lost_only_with_force_and_is_named(shorn: Bench, verb: str) -> None:
    path = str((shorn.site / "tool/extra.py").relative_to(shorn.overlay))
    words = [str(shorn.user.home / w) if w in ("links", "other.toml") else w for w in LOSING[verb]]
    told = shorn.refuse(verb, *words, "--yes")
    assert f"\n  {path}\n" in told and "--force" in told
    assert shorn.json(verb, *words, "--dry-run")["lost"] == [path]
    assert shorn.json(verb, *words, "--force")["lost"] == [path]


@pytest.mark.parametrize("verb", ["repair", "repair tool", "undo", "note", "install", "reverse"])
def test_a_deletion_that_stays_or_that_is_taken_back_on_request_needs_no_force(
    shorn: Bench, verb: str, is_recorded: bool
) -> None:
    if verb == "undo" and not is_recorded:
        pytest.skip("that it can bring back to nothing")
    text = edited.CORE.splitlines(keepends=True)
    head = f"--- /dev/null\n+++ b/tool/extra.py\n@@ -0,0 +1,{len(text)} @@\n"
    patch = shorn.user.home / "back.patch"
    sources.write(shorn.user, patch, head + "".join(f"+{line}" for line in text))
    words = {"note": ["note", "tool", "--reason", "x"], "install": ["install", "new"]}
    words["reverse"] = ["patch", "tool", str(patch)]
    shorn.change(*words.get(verb, verb.split()))
    stays = verb in ("note", "install") or (verb == "repair" and is_recorded)
    assert (shorn.site / "tool/extra.py").exists() != stays


@pytest.mark.parametrize("name", ["tool/data/table.bin", "tool/extra.py"])
@pytest.mark.parametrize("has_it", [True, False])
def test_rebase_loses_no_deletion_that_it_makes_again_or_that_the_environment_has(
    own: Bench, links: Path, name: str, has_it: bool
) -> None:
    sources.administrate(own.host, edited.wheel(links))
    own.change("edit", "--no-editor", "tool")
    (own.site / name).unlink()
    own.change("record")
    path = edited.wheel(links, "2.0")
    if has_it:
        path = dists.wheel(links, "tool", "2.0", files={"tool/core.py": edited.CORE})
    sources.administrate(own.host, path)
    assert own.json("rebase")["lost"] == []
    assert own.version("tool") == "2.0" and not (own.site / name).exists()


def test_rebase_with_force_names_a_deletion_that_it_loses(own: Bench, links: Path) -> None:
    sources.administrate(own.host, edited.wheel(links))
    own.change("edit", "--no-editor", "tool")
    (own.site / "tool/core.py").unlink()
    own.change("record")
    path = str((own.site / "tool/core.py").relative_to(own.overlay))
    sources.administrate(own.host, edited.wheel(links, "2.0", edited.ELSEWHERE))
    assert own.json("rebase", "--force")["lost"] == [path]
