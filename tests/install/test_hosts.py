"""Which environments get an overlay, and what is said to the others."""

from __future__ import annotations

import os
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bed import environment
from tests.bench import Bench
from tests.long import LONG, first


@pytest.fixture
def copy(quick: Bench, scratch: Path) -> Bench:
    """A bench whose host is a copy, for the test to change."""
    return replace(quick, name=str(environment.clone(quick.host, scratch / "copy")))


def give(prefix: Path, bench: Bench) -> None:
    """Make the directories of a tree the user's own; the files may be links of another's."""
    for directory, _, _ in os.walk(prefix):
        os.lchown(directory, bench.user.uid, bench.user.gid)


def test_own_environment_is_refused_with_the_hint(copy: Bench) -> None:
    give(copy.host, copy)
    told = copy.refused("new")
    assert f"You can write to {copy.host}, so it needs no overlay." in told
    assert "Hint: install with conda install or pip" in told
    assert not copy.state.exists()


def test_own_environment_gets_an_overlay_by_force(copy: Bench) -> None:
    give(copy.host, copy)
    before = environment.tree_hash(copy.host)
    copy.install("--force", "-U", "alpha")
    assert copy.version("alpha") == "1.5"
    assert environment.tree_hash(copy.host) == before


def test_frozen_environment_is_protected_from_its_owner(copy: Bench) -> None:
    (copy.host / "conda-meta" / "frozen").write_text("{}")
    give(copy.host, copy)
    before = environment.tree_hash(copy.host)
    copy.install("alpha==1.5")
    assert copy.version("alpha") == "1.5"
    assert environment.tree_hash(copy.host) == before


def test_base_can_be_a_host(quick: Bench) -> None:
    bench = replace(quick, name="base")
    bench.given("install", "--no-deps", "new")
    overlay = quick.user.home / ".conda" / "overlays" / "base"
    assert (overlay / "bin" / "new").exists()
    assert (overlay.with_name(".base") / "revisions" / "1" / "record.json").exists()


def test_environment_without_python(quick: Bench, scratch: Path) -> None:
    (scratch / "bare" / "conda-meta").mkdir(parents=True)
    (scratch / "bare" / "conda-meta" / "history").touch()
    told = replace(quick, name=str(scratch / "bare")).refused("new")
    assert f"There is no Python in {scratch / 'bare'}" in told


@first(1)
@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("#!/bin/sh\necho libpython is missing >&2\nexit 127\n", "libpython is missing"),
        ("#!/no/such/interpreter\n", "No such file"),
        ("not a program", "Exec format error"),
        (None, "Permission denied"),
    ],
)
def test_broken_python(copy: Bench, script: str | None, says: str) -> None:
    python = copy.host / "bin" / "python"
    if script is not None:
        python.unlink()
        python.write_text(script)
    else:
        python = python.resolve()
    python.chmod(0o755 if script else 0o644)
    told = copy.refused("new")
    assert f"The Python of {copy.host} does not run: " in told
    assert says in told


def test_unknown_environment_by_name(bench: Bench) -> None:
    told = replace(bench, name="nosuch").refused("new")
    assert "nosuch" in told


@pytest.mark.parametrize("exists", [False, True])
def test_prefix_that_is_no_environment(bench: Bench, scratch: Path, exists: bool) -> None:
    place = scratch / "nothing"
    if exists:
        place.mkdir()
    told = replace(bench, name=str(place)).refused("new")
    assert f"no environment at {place}" in told or "Not a conda environment" in told


def test_no_environment_is_active(bench: Bench) -> None:
    done = bench.run("install", "--yes", "new", env={"CONDA_PREFIX": None})
    assert (done.returncode, done.stdout) == (2, "")
    assert "No environment is active.\nHint: name one with -n ENV" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(bench.overlays.glob("*"))


def test_active_environment_is_the_host(bench: Bench) -> None:
    path = f"{bench.host}/bin:/usr/local/bin:/usr/bin:/bin"
    env = {"CONDA_PREFIX": str(bench.host), "CONDA_SHLVL": "1", "PATH": path}
    done = bench.run("install", "--yes", "new", env=env)
    assert done.returncode == 0, done.stderr
    assert bench.version("new") == "1.0"
    assert done.stdout.endswith("\nTo use it in this shell: conda activate science\n")


def test_prefix_by_way_of_a_link(quick: Bench, scratch: Path) -> None:
    (scratch / "link").symlink_to(quick.host.parent)
    linked = replace(quick, name=str(scratch / "link" / "science"))
    linked.install("alpha==1.5")
    assert quick.version("alpha") == "1.5"
    assert "Nothing to do" in quick.install("alpha==1.5")


def test_externally_managed_host(copy: Bench) -> None:
    """PEP 668 protects the host, which is not written."""
    [stdlib] = (copy.host / "lib").glob("python3.*")
    (stdlib / "EXTERNALLY-MANAGED").write_text("[externally-managed]\nError=hands off\n")
    copy.install("alpha==1.5")
    assert copy.version("alpha") == "1.5"


def test_environments_of_the_same_name_have_overlays_of_their_own(
    quick: Bench, scratch: Path
) -> None:
    other = replace(quick, name=str(environment.clone(quick.host, scratch / "science")))
    quick.given("install", "alpha==1.5")
    other.install("new")
    assert quick.distributions() == ["alpha-1.5"]
    [hashed] = quick.overlay.parent.glob("science-*")
    assert (hashed / "bin" / "new").exists()


@LONG
def test_path_with_spaces_and_quotes(quick: Bench, scratch: Path) -> None:
    host = environment.clone(
        quick.host, scratch / 'it\'s a $no "x" \\ é'
    )  # conda expands the variables that are set
    bench = replace(quick, name=str(host))
    active = {"CONDA_PREFIX": str(host), "CONDA_SHLVL": "1", "PATH": f"{host}/bin:/usr/bin:/bin"}
    said = bench.install("alpha==1.5", "new", env=active)
    command = shlex.join(["conda", "activate", str(host)])  # for its name leads nowhere
    assert said.endswith(f"\nTo use it in this shell: {command}\n")
    assert f"active here:  no; to activate it: {command}\n" in bench.ask("status")
    assert bench.version("alpha") == "1.5"
    assert bench.script("new") == "new 1.0"
