"""An overlay whose environment has another Python now: nothing of it is forgotten."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bed import cpython, environment, place
from tests.bed.dists import wheel
from tests.bench import Bench
from tests.lifecycle.edited import FIX
from tests.long import LONG

REBASE = "Hint: conda overlay rebase"


@pytest.fixture
def stale(own: Bench) -> Bench:
    """With alpha and an edited copy of beta, as if the host had been built anew."""
    own.given("edit", "beta", "--no-editor")
    own.edit(own.site / "beta/__init__.py", "__version__ = '1.0'\nMINE = 1\n")
    own.given("record")
    own.given("install", "alpha==1.5", "--reason", "ticket 7")
    data = own.record()
    data["host"]["abi"] = "cpython-299-x86_64-linux-gnu"
    own.edit(own.record_path(3), json.dumps(data))
    return own


@pytest.mark.parametrize(
    "words",
    [
        ("install", "new"),
        ("install", "new", "--dry-run"),
        ("update",),
        ("update", "alpha"),
        ("remove", "alpha"),
        ("remove", "new"),
        ("note", "alpha", "--intent", "fix"),
        ("edit", "delta", "--no-editor"),
        ("edit", "beta", "--no-editor"),
        ("record",),
        ("repair",),
        ("undo", "3"),
    ],
    ids=" ".join,
)
def test_every_change_but_rebase_is_refused(stale: Bench, words: tuple[str, ...]) -> None:
    before = stale.record_path(3).read_text()
    told = stale.refuse(*words, "--yes")
    assert "was built for another Python than the environment has now." in told
    assert REBASE in told
    assert stale.revision == 3 and stale.record_path(3).read_text() == before


def test_a_file_and_a_patch_are_refused_too(stale: Bench, scratch: Path) -> None:
    (scratch / "fix.patch").write_text(FIX)
    exported = stale.export()
    for words in (("apply", str(exported)), ("patch", "delta", str(scratch / "fix.patch"))):
        assert REBASE in stale.refuse(*words, "--yes")
    assert stale.revision == 3


def test_rebase_keeps_all_of_it(stale: Bench) -> None:
    before = stale.record()["distributions"]
    stale.change("rebase")
    assert stale.record()["distributions"] == before
    assert stale.python("-c", "import beta; print(beta.MINE)").stdout == "1\n"


def test_undo_to_the_environment_can_be_redone(stale: Bench) -> None:
    stale.change("undo", "0", "--force")
    assert stale.distributions() == []
    assert "Revision 3 was built for another Python" in stale.refuse("undo", "3", "--yes")


@pytest.fixture
def moved(quick: Bench, science: Path, wheels: Path) -> Iterator[Bench]:
    """The same, over a host whose Python has moved on to another version."""
    template = environment.template(
        python=cpython.available()[-1],
        pip="ensurepip",
        wheels=[wheel(wheels, name, "1.0") for name in ("alpha", "beta", "delta")],
    )
    with place.scratch() as directory:
        own = replace(quick, name=str(environment.clone(science, directory / "own")))
        own.given("edit", "beta", "--no-editor")
        own.edit(own.site / "beta/__init__.py", "__version__ = '1.0'\nMINE = 1\n")
        own.given("record")
        own.given("install", "alpha==1.5", "--reason", "ticket 7")
        place.remove(own.host)
        environment.clone(template, own.host)
        yield own


@LONG
@pytest.mark.skipif(not cpython.available(), reason="no second Python on this machine")
def test_nothing_is_forgotten_where_the_version_has_changed(moved: Bench) -> None:
    before = moved.record()["distributions"]
    for words in (("install", "new"), ("update",), ("remove", "alpha"), ("undo", "1")):
        assert REBASE in moved.refuse(*words, "--yes"), words
    [overlay] = moved.json("status")["overlays"]
    assert {one["kind"] for one in overlay["findings"]} == {"python", "drift"}
    rebase = [f"conda overlay rebase -p {moved.host}"]
    assert all(one["remedies"] == rebase for one in overlay["findings"])
    moved.change("rebase")
    assert moved.record()["distributions"] == before
    assert moved.python("-c", "import beta; print(beta.MINE)").stdout == "1\n"
    told = moved.refuse("undo", "--yes")
    assert "Revision 3 was built for another Python" in told and "which shows it" in told
    moved.change("install", "new")
    moved.change("undo")
    assert moved.record()["distributions"] == before
