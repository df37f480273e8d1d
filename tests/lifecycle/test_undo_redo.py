"""``undo`` and ``redo`` go along the history, and bring back exactly what was there, or refuse."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.bed import cpython, pypi
from tests.bench import Bench
from tests.lifecycle import patches
from tests.lifecycle.patches import files, mark, patched, revision
from tests.long import LONG, few, first

UNINSTALL = """
. '{base}/etc/profile.d/conda.sh'
export CONDA_CHANGEPS1=false
conda activate science
python "$HOME/pip" uninstall --yes alpha
"""
LEAVES_DAMAGE = "pip==25.0.1"
"""One that does not roll back what it was not allowed to finish, as newer ones do."""
DAMAGE = """
cd "$1" && mv alpha "~lpha" && mv alpha-2.0.dist-info "~lpha-2.0.dist-info"
"""


def position(bench: Bench) -> int:
    number: int = bench.json("history")["position"]
    return number


def kept(bench: Bench) -> set[int]:
    """The revisions whose trees are there."""
    return {r["number"] for r in bench.json("history")["revisions"] if r["kept"]}


def stair(bench: Bench) -> list[dict[str, bytes]]:
    """Three revisions; what is in each."""
    steps = []
    for requirement in ("alpha==1.5", "new", "alpha==2.0"):
        bench.given("install", requirement)
        steps.append(files(bench))
    return steps


@LONG
def test_undo_again_goes_one_further_back_and_redo_comes_forward(quick: Bench) -> None:
    one, two, three = stair(quick)
    journey = {"undo": two}, {"undo": one}, {"redo": two}, {"redo": three}, {"undo": two}
    for step in journey:
        for command, then in step.items():
            quick.change(command)
            assert files(quick) == then
    assert revision(quick) == 8  # each was a new one


@LONG
def test_history_says_where_one_stands(quick: Bench) -> None:
    stair(quick)
    found = [position(quick)]
    for words in (["undo"], ["undo"], ["redo"], ["undo", "3"], ["undo", "1"]):
        quick.change(*words)
        found.append(position(quick))
    quick.given("install", "delta==2.0", "--allow-conflicts")
    found.append(position(quick))
    assert found == [3, 2, 1, 2, 3, 1, 9]


@LONG
def test_undo_steps_back_to_the_host_and_no_further(quick: Bench) -> None:
    stair(quick)
    for _ in range(3):
        quick.change("undo")
    assert quick.see("alpha", "beta", "new") == {"alpha": "1.0", "beta": "1.0", "new": None}
    assert position(quick) == 0
    before = quick.content()
    done = quick.run("undo", *quick.where, "--yes")
    assert "othing to" in done.stdout + done.stderr
    assert quick.content() == before


@LONG
def test_redo_after_an_undo_to_a_number_comes_back(quick: Bench) -> None:
    _, _, three = stair(quick)
    quick.given("undo", "1")
    for _ in range(2):
        if files(quick) != three:
            quick.change("redo")
    assert files(quick) == three


@LONG
def test_a_new_change_clears_what_could_be_redone(quick: Bench) -> None:
    one, two, _ = stair(quick)
    quick.given("undo")
    quick.given("install", "delta==2.0", "--allow-conflicts")
    before = quick.content()
    done = quick.run("redo", *quick.where, "--yes")
    assert quick.content() == before
    for then in (two, one):
        quick.change("undo")
        assert files(quick) == then
    assert "othing to" in done.stdout + done.stderr


def test_redo_where_nothing_was_undone_does_nothing(quick: Bench) -> None:
    quick.given("install", "new")
    before = quick.content()
    done = quick.run("redo", *quick.where, "--yes")
    assert "othing to" in done.stdout + done.stderr
    assert quick.content() == before


def test_redo_asks_and_a_dry_run_changes_nothing(quick: Bench) -> None:
    quick.given("install", "alpha==1.5")
    quick.given("install", "new")
    quick.given("undo")
    before = quick.content()
    plan = quick.json("redo", "--dry-run")
    assert (plan["dry_run"], patches.change(plan, "new")["after"]) == (True, "1.0")
    assert "Proceed" in quick.run("redo", *quick.where, input="n\n").stdout
    assert quick.content() == before
    quick.run("redo", *quick.where, input="y\n")
    assert quick.version("new") == "1.0"


# -- exactly the files of that revision, or none


def clean_all(bench: Bench) -> None:
    """Drop every tree but the current one, whether or not something can give it again."""
    if bench.run("clean", *bench.where, "--yes", "--force").returncode == 2:
        bench.change("clean")  # which asked no --force for it before there was one


@LONG
@pytest.mark.parametrize("kind", few(patches.KINDS, next(iter(patches.KINDS))))
def test_undo_to_a_source_of_the_same_version_brings_its_content_back(
    quick: Bench, links: Path, kind: str
) -> None:
    for word in ("A", "B"):
        # With -I even a pip that finds the same version installs it.
        quick.install("-I", "--no-deps", patched(quick, links, kind, "mine", "1.0", word))
    told = quick.json("clean", "--keep", "1")
    quick.given("undo", "1")
    assert mark(quick, "mine") == "A"
    assert kind == "git" or told["kept"] == [1]


def test_undo_to_files_that_nothing_can_give_again_refuses(quick: Bench, links: Path) -> None:
    for word in ("A", "B"):
        # With -I even a pip that finds the same version installs it.
        quick.install("-I", "--no-deps", patched(quick, links, "directory", "mine", "1.0", word))
    clean_all(quick)
    assert kept(quick) == {2}
    told = quick.refuse("undo", "--yes", "1")
    assert "mine" in told
    assert mark(quick, "mine") == "B"


@LONG
def test_undo_to_a_source_that_is_another_version_now_refuses(quick: Bench, links: Path) -> None:
    quick.install(patched(quick, links, "directory", "mine", "1.0", "A"))
    quick.given("undo", "0")
    clean_all(quick)
    assert kept(quick) == {2}
    patches.source(quick.user, "mine", "2.0", "B")
    assert "mine" in quick.refuse("undo", "--yes", "1")


@LONG
def test_a_tree_of_local_sources_is_not_dropped_by_itself(quick: Bench, links: Path) -> None:
    env = {"CONDA_PLUGINS_OVERLAY_KEEP_REVISIONS": "1"}
    for word in ("A", "B"):
        directory = patched(quick, links, "directory", "mine", "1.0", word)
        quick.install("-I", "--no-deps", directory, env=env)
    quick.change("undo", "0", env=env)
    assert {1, 2} <= kept(quick)
    quick.given("undo", "1")
    assert mark(quick, "mine") == "A"


@LONG
def test_a_tree_edited_by_hand_is_not_dropped_by_itself(quick: Bench) -> None:
    env = {"CONDA_PLUGINS_OVERLAY_KEEP_REVISIONS": "1"}
    quick.install("alpha==1.5", env=env)
    quick.edit(quick.site / "alpha" / "__init__.py", patches.text("alpha", "1.5", "by hand"))
    quick.install("new", env=env)
    quick.change("remove", "new", env=env)
    quick.change("remove", "alpha", "--force", env=env)
    quick.install("new", env=env)
    assert mark(quick, "alpha") == "not ours"
    # The edit is in each revision until alpha was removed; at least the last of them stays.
    [*_, last] = sorted(kept(quick) & {1, 2, 3})
    quick.change("undo", str(last))
    assert mark(quick, "alpha") == "by hand"


@LONG
def test_clean_names_what_it_keeps_because_nothing_can_give_it_again(
    quick: Bench, links: Path
) -> None:
    quick.install(patched(quick, links, "directory", "mine", "1.0", "A"))  # 1
    quick.given("undo", "0")  # 2
    quick.given("install", "alpha==1.5")  # 3
    quick.given("undo", "0")  # 4
    dry = quick.json("clean", "--dry-run")
    said = quick.ask("clean", "--dry-run")
    done = quick.json("clean")
    assert kept(quick) == {1, 4}
    assert dry["kept"] == done["kept"] == [1]
    for printed in (said, quick.change("clean")):
        assert re.search(r"revisions? 1\b", printed)
    quick.given("clean", "--force")
    assert kept(quick) == {4}


# -- damage


def damage(bench: Bench, how: str) -> None:
    """Half uninstall alpha, as pip does it, or what it leaves where it cannot."""
    if how == "pip":
        old = pypi.wheels([LEAVES_DAMAGE], cpython.default().xy, dependencies=False)
        pypi.unpack(old, bench.user.home)
        script = UNINSTALL.format(base=bench.conda.prefix)
        bench.user.run(["bash", "--norc", "-c", script], env=bench.environ)
    else:
        done = bench.user.run(["sh", "-c", DAMAGE, "sh", bench.site])
        assert done.returncode == 0, done.stderr
    assert bench.version("alpha") == "1.0"


@pytest.fixture(params=[pytest.param("pip", marks=pytest.mark.network), "tilde"])
def damaged(quick: Bench, request: pytest.FixtureRequest) -> Bench:
    """Revision 2, whose alpha 2.0 is damaged."""
    quick.given("install", "new")
    quick.given("install", "alpha==2.0")
    damage(quick, request.param)
    return quick


def missing(bench: Bench) -> list[str]:
    return [f["text"] for f in patches.overlay(bench)["findings"] if f["kind"] == "missing"]


def test_status_names_damage_and_the_command_that_mends_it(damaged: Bench) -> None:
    found = patches.overlay(damaged)["findings"]
    [finding] = [finding for finding in found if finding["kind"] == "missing"]
    assert "alpha" in finding["text"]
    assert finding["remedies"] == ["conda overlay repair -n science alpha"]
    damaged.change("repair", "alpha")
    assert damaged.see("alpha", "beta") == {"alpha": "2.0", "beta": "2.0"}
    assert missing(damaged) == []


@first(1)
def test_undo_to_the_current_revision_mends_it(damaged: Bench) -> None:
    plan = damaged.json("undo", "2", "--dry-run")
    assert damaged.version("alpha") == "1.0"
    damaged.change("undo", "2")
    assert damaged.version("alpha") == "2.0"
    assert damaged.script("alpha") == "alpha 2.0"
    assert not list(damaged.site.glob("~*"))
    assert plan["changes"] or any(plan["files"].values())


@LONG
@pytest.mark.parametrize("requirement", ["alpha==2.0", "alpha>=2"])
def test_install_of_what_is_damaged_installs_it_again(damaged: Bench, requirement: str) -> None:
    damaged.install(requirement)
    assert damaged.version("alpha") == "2.0"
    assert damaged.script("alpha") == "alpha 2.0"
    assert missing(damaged) == []


def test_install_of_what_lacks_some_of_its_files_installs_it_again(quick: Bench) -> None:
    quick.given("install", "new")
    quick.user.run(["rm", "-rf", quick.site / "new"])
    quick.given("install", "new")
    assert quick.version("new") == "1.0"


@LONG
def test_undo_and_redo_do_not_bring_damage_back(damaged: Bench) -> None:
    damaged.change("undo")
    assert "revision 2 was damaged; restored: " in damaged.change("redo")
    assert damaged.version("alpha") == "2.0"
    assert missing(damaged) == []


@pytest.mark.parametrize("name", ["INSTALLER", "REQUESTED", "METADATA"])
def test_metadata_that_an_older_revision_lacks_comes_back(quick: Bench, name: str) -> None:
    quick.given("install", "new")
    place = quick.site.relative_to(quick.overlay) / "new-1.0.dist-info" / name
    before = (quick.overlay / place).read_bytes()
    quick.given("install", "alpha==1.5")
    everywhere = 'find "$1" -path "*/new-1.0.dist-info/$2" -delete'
    quick.user.run(["sh", "-ec", everywhere, "sh", quick.state, name])
    told = quick.change("undo", "1", "--force")
    assert f"revision 1 was damaged; restored: {place}" in told
    assert (quick.overlay / place).read_bytes() == before
    assert (quick.overlay / place).stat().st_mode & 0o222 == 0
