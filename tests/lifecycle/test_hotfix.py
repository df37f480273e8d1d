"""A hot-fix usually keeps the version: what a distribution is, is its version and its origin."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import sources
from tests.bed import dists
from tests.bench import Bench
from tests.lifecycle import patches
from tests.lifecycle.patches import KINDS, change, mark, patched, revision, row
from tests.long import LONG, few


@pytest.mark.parametrize("kind", few(KINDS, "wheel"))
def test_a_source_with_the_hosts_version_is_installed(quick: Bench, links: Path, kind: str) -> None:
    plan = quick.json("install", patched(quick, links, kind, "alpha", "1.0", "fix"))
    found = change(plan, "alpha")
    assert (found["kind"], found["host_version"], found["before"], found["after"]) == (
        *("replace", "1.0", None, "1.0"),
    )
    assert mark(quick, "alpha") == "fix"
    assert {"content", "origin"} & set(found["differs"])


@pytest.mark.parametrize("kind", few(KINDS, "wheel"))
def test_a_patched_copy_of_the_hosts_version_survives_a_rebase(
    quick: Bench, links: Path, kind: str
) -> None:
    # With -I even a pip that finds the host's version sufficient installs it.
    quick.install("-I", "--no-deps", patched(quick, links, kind, "alpha", "1.0", "fix"))
    found = row(quick, "alpha")
    assert "othing to do" in quick.change("rebase")
    assert revision(quick) == 1
    assert mark(quick, "alpha") == "fix"
    assert (found["meaning"] != "redundant", found["intent"]) == (True, "hold")


@LONG
def test_a_patched_copy_survives_a_newer_version_in_the_host(
    own: Bench, wheels: Path, links: Path
) -> None:
    own.install(patched(own, links, "directory", "delta", "1.0", "fix"))
    sources.administrate(own.host, wheels / "delta-2.0-py3-none-any.whl")
    meaning = row(own, "delta")["meaning"]
    own.given("rebase", "--allow-conflicts")
    assert mark(own, "delta") == "fix"
    assert meaning != "redundant"


@pytest.mark.parametrize("kind", few(KINDS, "wheel"))
def test_a_source_that_has_changed_is_installed_again_at_the_same_version(
    quick: Bench, links: Path, kind: str
) -> None:
    quick.install(patched(quick, links, kind, "mine", "1.0", "A"))
    requirement = patched(quick, links, kind, "mine", "1.0", "B")
    dry = quick.json("install", requirement, "--dry-run")
    found = change(dry, "mine")
    assert (found["before"], found["after"]) == ("1.0", "1.0")
    assert quick.json("install", requirement)["changes"] == dry["changes"]
    assert mark(quick, "mine") == "B"
    assert revision(quick) == 2
    assert {"content", "origin"} & set(found["differs"])
    assert "version" not in found["differs"]


@LONG
@pytest.mark.parametrize("kind", few(KINDS, "wheel"))
def test_a_source_that_has_not_changed_is_nothing_to_do(
    quick: Bench, links: Path, kind: str
) -> None:
    requirement = patched(quick, links, kind, "alpha", "1.0", "fix")
    quick.install(requirement)
    assert mark(quick, "alpha") == "fix"
    done = quick.try_install(requirement, input="")
    assert done.returncode == 0, done.stderr
    assert "othing to do" in done.stdout
    assert "Proceed" not in done.stdout
    assert revision(quick) == 1


@LONG
def test_another_commit_of_the_same_version_is_another_distribution(
    quick: Bench, links: Path
) -> None:
    requirement = patched(quick, links, "git", "mine", "1.0", "A")
    first = patches.commit_of(quick.user, quick.user.home / "src" / "mine")
    quick.install(requirement)
    patched(quick, links, "git", "mine", "1.0", "B")
    for wanted, word in ((requirement, "B"), (f"{requirement}@{first}", "A")):
        found = change(quick.json("install", wanted), "mine")
        assert mark(quick, "mine") == word
        assert "origin" in found["differs"]


@LONG
def test_an_editable_of_another_directory_is_another_distribution(quick: Bench) -> None:
    for where in ("here", "there"):
        directory = patches.source(quick.user, "mine", "1.0", where, where=where)
        plan = quick.json("install", "-e", directory)
        assert change(plan, "mine")["editable"] == str(directory)
        assert mark(quick, "mine") == where
    assert "othing to do" in quick.change("install", "-e", directory)
    assert "origin" in change(plan, "mine")["differs"]


@LONG
def test_an_index_file_of_the_same_version_with_another_hash_is_another_distribution(
    quick: Bench, links: Path
) -> None:
    for word in ("A", "B"):
        files = {"tool/__init__.py": patches.text("tool", "1.0", word)}
        dists.wheel(links / word, "tool", "1.0", files=files)
    quick.install("--find-links", links / "A", "tool")
    plan = quick.json("install", "-I", "--no-deps", "--find-links", links / "B", "tool")
    assert mark(quick, "tool") == "B"
    assert {"content", "origin"} & set(change(plan, "tool")["differs"])


@LONG
def test_installing_the_same_file_once_more_is_nothing_to_do(quick: Bench) -> None:
    quick.given("install", "new")
    for option in ("-I", "--force-reinstall"):
        assert "othing to do" in quick.change("install", option, "--no-deps", "new")
        assert revision(quick) == 1


@LONG
def test_redundant_in_status_is_exactly_what_rebase_drops(own: Bench, links: Path) -> None:
    for name, requires in {
        **dict.fromkeys(("same", "older", "held", "dep"), ()),
        "top": ("dep",),
    }.items():
        dists.wheel(links, name, "1.0", requires=requires)
    dists.wheel(links, "newer", "2.0")
    own.install("--find-links", links, "same", "older", "newer", "top")
    own.install("--find-links", links, "held", "--intent", "hold")
    own.install(patched(own, links, "directory", "fixed", "1.0", "fix"))
    versions = {"same": "1.0", "older": "1.1", "held": "1.0", "dep": "1.0", "newer": "1.0"}
    versions["fixed"] = "1.0"
    hosts = [dists.wheel(links / "hosts", name, version) for name, version in versions.items()]
    sources.administrate(own.host, *hosts)
    rows = patches.overlay(own)["distributions"]
    redundant = {row["name"] for row in rows if row["meaning"] == "redundant"}
    dropped = {c["name"] for c in own.json("rebase", "--dry-run")["changes"] if not c["after"]}
    assert redundant == dropped == {"same", "older", "dep"}
    own.given("rebase")
    assert own.distributions() == ["fixed-1.0", "held-1.0", "newer-2.0", "top-1.0"]


def test_what_is_in_another_layer_is_said_to_be_there(quick: Bench) -> None:
    lower, upper = quick.user.home / "lower", quick.user.home / "upper"
    quick.install("new", env={"CONDA_PLUGINS_OVERLAY_DIRS": str(lower)})
    both = {"CONDA_PLUGINS_OVERLAY_DIRS": f"{upper}:{lower}"}
    quick.install("alpha==1.5", env=both)
    told = quick.refuse("remove", "--yes", "new", env=both)
    assert str(lower / "science") in told
    assert "below" not in told


def test_what_is_not_said_again_stays_when_a_source_is_installed_again(quick: Bench) -> None:
    tree = patches.source(quick.user, "mine", "1.0", "A")
    quick.install(tree, "--reason", "ticket 7", "--until", "2999-01-31")
    patches.source(quick.user, "mine", "1.1", "B")
    quick.install(tree)
    entry = quick.record()["distributions"]["mine"]
    assert (entry["version"], entry["reason"], entry["until"]) == ("1.1", "ticket 7", "2999-01-31")
    quick.install(tree, "-I", "--reason", "ticket 8")
    entry = quick.record()["distributions"]["mine"]
    assert (entry["reason"], entry["until"]) == ("ticket 8", "2999-01-31")
