"""What is exported is enough to get it again: elsewhere, and with what the host there has."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests import sources
from tests.bed import dists
from tests.bench import Bench
from tests.lifecycle import patches
from tests.lifecycle.patches import mark, patched, row
from tests.long import LONG, few

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def wanted(bench: Bench) -> dict[str, str]:
    """The requirements in the export."""
    items = tomllib.loads(bench.export().read_text())["wanted"]
    return {item["name"]: item["requirement"] for item in items}


def test_an_upgrade_is_exported_with_the_version_reached(quick: Bench) -> None:
    quick.given("install", "--upgrade", "alpha")
    assert wanted(quick) == {"alpha": "alpha>=1.5"}  # the host's beta requires alpha<2


@LONG
def test_an_upgrade_with_extras_is_exported_with_both(own: Bench, links: Path) -> None:
    old = dists.wheel(links / "host", "rich", "1.0", extras={"all": ["new"]})
    sources.administrate(own.host, old)
    dists.wheel(links, "rich", "2.0", extras={"all": ["new"]})
    own.install("--upgrade", "--find-links", links, "rich[all]")
    assert wanted(own) == {"rich": "rich[all]>=2.0"}


@LONG
def test_an_upgrade_is_an_upgrade_where_it_is_applied(quick: Bench, daq: Bench) -> None:
    quick.given("install", "--upgrade", "alpha")
    daq.change("apply", quick.export())
    assert daq.see("alpha", "beta") == {"alpha": "1.5", "beta": "1.0"}
    assert "othing to do" in daq.change("apply", quick.export())


def test_an_upgrade_is_carried_to_the_next_environment(quick: Bench, daq: Bench) -> None:
    quick.given("install", "--upgrade", "alpha")
    plan = daq.json("rebase", "--from", "science")
    assert daq.see("alpha", "beta") == {"alpha": "1.5", "beta": "1.0"}
    assert plan["notes"] == []


@LONG
def test_what_the_next_environment_has_already_is_named(
    quick: Bench, own: Bench, wheels: Path
) -> None:
    quick.given("install", "--upgrade", "alpha")
    quick.given("install", "new")
    names = [f"{name}-2.0-py3-none-any.whl" for name in ("alpha", "beta")]
    sources.administrate(own.host, *(wheels / name for name in names))
    shown = own.ask("rebase", "--from", "science", "--dry-run")
    plan = own.json("rebase", "--from", "science")
    assert own.distributions() == ["new-1.0"]
    [note] = [note for note in plan["notes"] if "alpha" in note]
    assert "2.0" in note
    assert note in shown
    assert not any("new" in note.split() for note in plan["notes"])


def test_it_is_named_where_nothing_else_is_to_be_done(
    quick: Bench, own: Bench, wheels: Path
) -> None:
    quick.given("install", "--upgrade", "alpha")
    names = [f"{name}-2.0-py3-none-any.whl" for name in ("alpha", "beta")]
    sources.administrate(own.host, *(wheels / name for name in names))
    printed = own.change("rebase", "--from", "science")
    assert "othing to do" in printed
    assert "alpha" in printed


@LONG
@pytest.mark.parametrize("kind", few(patches.KINDS, "wheel"))
@pytest.mark.parametrize("command", ["apply", "rebase"])
def test_a_patched_copy_is_carried_to_a_host_of_the_same_version(
    quick: Bench, daq: Bench, links: Path, kind: str, command: str
) -> None:
    # With -I even a pip that finds the host's version sufficient installs it.
    quick.install("-I", "--no-deps", patched(quick, links, kind, "alpha", "1.0", "fix"))
    if command == "apply":
        daq.change("apply", quick.export())
    else:
        daq.change("rebase", "--from", "science")
    assert mark(daq, "alpha") == "fix"
    assert row(daq, "alpha")["intent"] == "hold"


@LONG
def test_export_says_that_an_editable_is_only_good_where_its_directory_is(quick: Bench) -> None:
    directory = patches.source(quick.user, "mine", "1.0", "dev")
    quick.install("-e", directory)
    done = quick.run("export", *quick.where, "--format", "overlay.toml")
    assert done.returncode == 0
    assert str(directory) in done.stderr
    tomllib.loads(done.stdout)
    quick.given("remove", "mine")
    quick.given("install", "new")
    assert quick.run("export", *quick.where).stderr == ""


@LONG
@pytest.mark.parametrize("locked", [[], ["--locked"]], ids=["anew", "locked"])
def test_an_editable_whose_directory_is_gone_is_one_sentence(
    quick: Bench, daq: Bench, locked: list[str]
) -> None:
    directory = patches.source(quick.user, "mine", "1.0", "dev")
    quick.install("-e", directory, "new")
    file = quick.export()
    quick.user.run(["mv", directory, quick.user.home / "moved"])
    before = daq.content()
    done = daq.run("apply", *daq.where, "--yes", file, *locked)
    assert done.returncode == 1
    assert daq.content() == before
    assert str(directory) in done.stderr
    said = done.stdout + done.stderr
    for noise in ("setuptools", "ERROR:", "Traceback", "Looking in links"):
        assert noise not in said
    assert len(done.stderr.split("\n\n")[0].strip().splitlines()) <= 2  # with a hint
