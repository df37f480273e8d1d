"""What the extras of a package of the environment need belongs to the request for them."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests import sources
from tests.bed import dists
from tests.bench import Bench


@pytest.fixture
def extending(own: Bench, wheels: Path, links: Path) -> Bench:
    """The environment has ext 1.0; its extra `old` needs an older pinned than the newest."""
    shutil.copytree(wheels, links, dirs_exist_ok=True)
    for version in ("1.7", "2.0"):
        dists.wheel(links, "pinned", version)
    dists.wheel(links, "needs", "1.0", requires=["pinned>=1.6"])
    extras = {"old": ["pinned<1.8"], "all": ["ext[old]"], "any": ["pinned"]}
    sources.administrate(own.host, dists.wheel(links, "ext", "1.0", extras=extras))
    environ = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": dists.index(links).as_uri()}
    return replace(own, environ=environ)


def test_what_an_extra_of_the_environment_needs_is_requested(extending: Bench) -> None:
    told = extending.install("ext[old]", "--reason", "ticket 7")
    assert "pinned  1.7  ext[old] requires pinned<1.8" in told
    entry = extending.record()["distributions"]["pinned"]
    known = {"requirement": "pinned<1.8", "intent": "fix", "reason": "ticket 7"}
    assert known.items() <= entry.items()
    assert "not needed" not in extending.ask("status")
    extending.install("needs")
    extending.change("remove", "needs")
    extending.change("rebase")
    assert extending.distributions() == ["pinned-1.7"]
    exported = extending.export()
    extending.change("undo", "0")
    extending.change("apply", exported)
    assert extending.distributions() == ["pinned-1.7"]


def test_what_it_needs_may_be_a_dependency_too(extending: Bench) -> None:
    extending.install("ext[all]", "needs")
    extending.change("remove", "needs")
    assert extending.distributions() == ["pinned-1.7"]


def test_what_it_needs_may_be_there_already(extending: Bench) -> None:
    extending.install("needs")
    extending.install("ext[any]")
    extending.change("remove", "needs")
    assert extending.distributions() == ["pinned-2.0"]


def test_what_an_extra_needs_stays_once_the_environment_has_the_package(
    extending: Bench, links: Path
) -> None:
    ext = dists.wheel(links, "ext", "2.0", extras={"old": ["pinned<1.8"]})
    dists.index(links)
    extending.install("ext[old]>=2")
    exported = extending.export()
    sources.administrate(extending.host, ext)
    assert "nothing depends on it" not in extending.ask("status")
    extending.change("rebase")
    assert extending.distributions() == ["pinned-1.7"]
    entry = extending.record()["distributions"]["pinned"]
    assert entry["requested"] and entry["requirement"] == "pinned<1.8"
    extending.change("rebase")  # for good
    extending.change("undo", "0")
    extending.change("apply", exported)
    assert extending.distributions() == ["pinned-1.7"]


def test_what_an_extra_needs_goes_once_the_environment_has_all_of_it(
    extending: Bench, links: Path
) -> None:
    ext = dists.wheel(links, "ext", "2.0", extras={"old": ["pinned<1.8"]})
    dists.index(links)
    extending.install("ext[old]>=2")
    sources.administrate(extending.host, ext, dists.wheel(links, "pinned", "1.7"))
    extending.change("rebase")
    assert extending.distributions() == []
