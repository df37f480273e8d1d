"""Whose a file is where several distributions have files in one package, or in one namespace."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bed import dists
from tests.bench import Bench
from tests.lifecycle import edited
from tests.sources import administrate


@pytest.fixture
def spaced(own: Bench, links: Path) -> Bench:
    """Over a host with two distributions in the namespace `ns`, both of them copied."""
    _wheel(own, links, "nsa", "1.0", {"ns/a.py": "A = 1\n"})
    _wheel(own, links, "nsb", "1.0", {"ns/b/__init__.py": "B = 1\n", "ns/b/c.py": "C = 1\n"})
    own.given("edit", "nsa", "--no-editor")
    own.given("edit", "nsb", "--no-editor")
    return own


def _wheel(own: Bench, links: Path, name: str, version: str, files: dict[str, str]) -> None:
    wheel = dists.wheel(links, name, version, top_level="", files={**files})
    administrate(own.host, wheel)


def test_a_new_file_belongs_to_the_copy_with_the_nearest_directory(spaced: Bench) -> None:
    edited.edit(spaced, spaced.site / "ns/b/new.py", "N = 2\n")
    [change] = spaced.json("record")["changes"]
    assert (change["name"], change["why"]) == ("nsb", "edited: b/new.py +1 -0")
    for words in (["repair", "nsa"], ["remove", "nsa"]):
        spaced.change(*words)
        assert (spaced.site / "ns/b/new.py").exists()
    spaced.change("remove", "nsb", "--force")
    assert not (spaced.site / "ns").exists()


def test_rebase_leaves_the_edits_of_one_copy_to_that_one(spaced: Bench, links: Path) -> None:
    edited.edit(spaced, spaced.site / "ns/a.py", "A = 2\n")
    edited.edit(spaced, spaced.site / "ns/b/__init__.py", "B = 2\n")
    edited.edit(spaced, spaced.site / "ns/b/new.py", "N = 2\n")
    spaced.given("record")
    _wheel(spaced, links, "nsa", "1.2", {"ns/a.py": "A = 2\n"})
    [change] = spaced.json("rebase")["changes"]
    assert (change["name"], change["after"]) == ("nsa", None)
    _wheel(spaced, links, "nsb", "2.0", {"ns/b/__init__.py": "B = 2\n", "ns/b/c.py": "C = 2\n"})
    [change] = spaced.json("rebase")["changes"]
    assert (change["name"], change["why"]) == ("nsb", "edited: b/new.py +1 -0")
    code = "import ns.a, ns.b.c, ns.b.new; print(ns.a.A, ns.b.B, ns.b.c.C, ns.b.new.N)"
    assert spaced.python("-c", code).stdout == "2 2 2 2\n"
