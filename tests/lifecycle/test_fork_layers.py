"""A fork has what is in effect in its baseline with all its layers, edits included."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests import sources
from tests.bed import cpython, packages, pypi
from tests.bench import Bench
from tests.lifecycle import edited
from tests.lifecycle import shared as layers
from tests.lifecycle.forks import Forker
from tests.lifecycle.test_fork import PATCH
from tests.long import LONG

KEPT = "conda-meta/overlay-fork/overlay.toml"
LOOK = "import new; print(new.__version__, *getattr(new, 'EDITS', ()))"
TEXT = "__version__ = '1.0'\nEDITS = []\n\n\n\n\n\n\n\n\n\nLAST = 1\n"


@pytest.fixture(scope="module")
def plain(forker: Forker, wheels: Path) -> Forker:
    """Of an environment with Python, pip and alpha 1.0."""
    pips = pypi.wheels(["pip"], cpython.default().xy, dependencies=False)
    wheel = wheels / "alpha-1.0-py3-none-any.whl"
    lab = packages.template([f"python={cpython.default().xy}"], [*pips, wheel])
    return Forker(replace(forker.bench, name=str(lab)))


@pytest.fixture
def layered(plain: Forker, scratch: Path) -> Iterator[Forker]:
    """With a layer of others behind the user's own, which has `new`."""
    bench = layers.lay(plain.bench, scratch)
    layers.change(bench, "install", "new")
    yield Forker(bench)
    bench.user.empty_home()


def write(bench: Bench, old: str, new: str) -> None:
    """Edit the copy of `new`, and record that."""
    place = bench.site / "new/__init__.py"
    text = place.read_text() if "EDITS" in place.read_text() else TEXT
    edited.edit(bench, place, text.replace(old, new))


def test_what_a_layer_behind_has_is_in_the_fork(layered: Forker) -> None:
    bench = layered.bench
    told = layered.fork("--from", bench.host, "-n", "behind", "--dry-run")
    assert "new" in told["distributions"]
    bench.change("edit", "new", "--no-editor")
    write(bench, "EDITS = []", "EDITS = ['mine']")
    bench.change("record")
    assert "new==1.0" in layered.fork("--from", bench.host, "-n", "behind")["distributions"]
    assert layered.python("behind", "-c", LOOK) == "1.0 mine"
    layered.fork("--recreate", "-n", "behind")
    assert layered.python("behind", "-c", LOOK) == "1.0 mine"


def test_a_copy_whose_original_has_changed_is_refused_until_rebase(layered: Forker) -> None:
    """Its edits are not relative to what a fork would have below them."""
    bench, home = layered.bench, layers.service().home
    text = PATCH.replace("alpha", "new")
    patch = sources.write(layers.service(), home / "new.patch", text)
    layers.change(bench, "patch", "new", patch)
    bench.change("edit", "new", "--no-editor")
    place = bench.site / "new/__init__.py"
    edited.edit(bench, place, f"{place.read_text()}MINE = 1\n")
    bench.change("record")
    words = ("--from", bench.host, "-n", "moved", "--dry-run")
    layered.fork(*words)
    layers.change(bench, "patch", "new", patch, "--reverse")
    refused = layered.refused(*words)
    assert "new has changed below your copy" in refused
    command = f"conda overlay rebase -p {bench.host}"
    assert command in refused and command in bench.run("export", *bench.where).stderr
    bench.change("rebase")
    layered.fork(*words)
    assert "rebase" not in bench.run("export", *bench.where).stderr


def test_edits_of_what_was_installed_are_in_the_fork(plain: Forker) -> None:
    """Whatever the environment has: nothing of it is below them."""
    bench = plain.bench
    bench.change("install", "alpha==1.5")
    bench.change("edit", "alpha", "--no-editor")
    edited.edit(bench, bench.site / "alpha/__init__.py", "MINE = 1\n")
    bench.change("record")
    plain.fork("--from", bench.host, "-n", "installed")
    assert plain.python("installed", "-c", "import alpha; print(alpha.MINE)") == "1"
    bench.user.empty_home()


@LONG
def test_a_copy_of_an_edited_copy_has_the_edits_of_both(layered: Forker) -> None:
    bench, theirs = layered.bench, layers.by_owner(layered.bench)
    layers.change(bench, "edit", "new", "--no-editor")
    there = layers.layer_of(bench) / Path(bench.name).name
    place = next(there.glob("lib/python3.*/site-packages/new/__init__.py"))
    edited.edit(theirs, place, TEXT.replace("EDITS = []", "EDITS = ['theirs']"))
    layers.change(bench, "record")
    bench.change("edit", "new", "--no-editor")
    write(bench, "LAST = 1", "EDITS += ['mine']")
    bench.change("record")
    layered.fork("--from", bench.host, "-n", "both")
    assert layered.python("both", "-c", LOOK) == "1.0 theirs mine"
    file = bench.export()
    told = layered.fork("--from", bench.host, "-n", "lacks", file, "--dry-run")
    note = (
        f"the edits of new in the layer {there} are not in the file, so the fork does not have them"
    )
    assert told["notes"] == [note]
    both = layered.write("both.toml", (layered.env("both") / KEPT).read_text())
    assert layered.fork("-n", "has", both, "--dry-run")["notes"] == []


@LONG
def test_a_copy_of_what_the_baseline_lacks_is_installed(plain: Forker) -> None:
    bench = plain.bench
    bench.change("edit", "alpha", "--no-editor")
    edited.edit(bench, bench.site / "alpha/__init__.py", "MINE = 1\n")
    bench.change("record")
    lines = bench.ask("export", "--baseline").splitlines()
    plain.spec(*(line for line in lines if line[:1] not in ("", "#", "@") or "# pip pip @" in line))
    text = bench.export().read_text() + '\n[baseline]\nspec = "baseline.txt"\n'
    plain.fork(plain.write("fork.toml", text), "-n", "lacking")
    assert plain.python("lacking", "-c", "import alpha; print(alpha.MINE)") == "1"
    bench.user.empty_home()
