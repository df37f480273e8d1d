"""An overlay whose environment is gone can be deleted, by any of its names, and exported."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bed import environment, place
from tests.bench import Bench
from tests.lifecycle import edited
from tests.long import first


@pytest.fixture
def gone(quick: Bench, science: Path) -> Iterator[Bench]:
    """Its host was a named environment."""
    host = quick.conda.env(f"of-{secrets.token_hex(4)}")
    try:
        bench = replace(quick, name=str(environment.clone(science, host)))
        bench.install("new")
    finally:
        place.remove(host)
    yield bench


@pytest.fixture(params=["name", "prefix", "path"])
def naming(gone: Bench, request: pytest.FixtureRequest) -> list[str]:
    """The options that name the overlay."""
    return {
        "name": ["-n", gone.host.name],
        "prefix": ["-p", str(gone.host)],
        "path": ["-p", str(gone.overlay)],
    }[str(request.param)]


@first(1)
def test_delete_works_when_the_host_is_gone(gone: Bench, naming: list[str]) -> None:
    done = gone.run("delete", "--yes", *naming)
    assert done.returncode == 0, done.stderr
    assert list(gone.overlay.parent.iterdir()) == []
    assert "gone" not in gone.run("list").stdout


@first(1)
def test_its_dry_run_deletes_nothing_and_its_question_is_asked(
    gone: Bench, naming: list[str]
) -> None:
    before = gone.content()
    dry = gone.run("delete", "--dry-run", *naming)
    assert dry.returncode == 0, dry.stderr
    assert str(gone.overlay) in dry.stdout
    assert "Proceed" in gone.run("delete", *naming, input="n\n").stdout
    assert gone.content() == before
    done = gone.run("delete", *naming, input="y\n")
    assert done.returncode == 0, done.stderr
    assert list(gone.overlay.parent.iterdir()) == []


def test_the_path_of_an_overlay_whose_host_is_there_works_as_well(quick: Bench) -> None:
    quick.given("install", "new")
    done = quick.run("delete", "--yes", "-p", quick.overlay)
    assert done.returncode == 0, done.stderr
    assert list(quick.overlay.parent.iterdir()) == []


@pytest.mark.parametrize("words", [["-n", "of-1999"], ["-p", "/nowhere/of-1999"]])
def test_what_was_never_there_is_an_error(quick: Bench, words: list[str]) -> None:
    quick.given("install", "new")
    before = quick.content()
    done = quick.run("delete", "--yes", *words)
    assert done.returncode == 1
    assert "of-1999" in done.stderr
    assert quick.content() == before


def test_edits_that_are_not_recorded_are_exported_all_the_same(quick: Bench, science: Path) -> None:
    host = quick.conda.env(f"of-{secrets.token_hex(4)}")
    try:
        bench = replace(quick, name=str(environment.clone(science, host)))
        bench.change("edit", "alpha", "--no-editor")
        edited.edit(bench, bench.site / "alpha/more.py", "X = 1\n")
    finally:
        place.remove(host)
    assert "+++ b/alpha/more.py" in bench.ask("export", "--format", "patch")
