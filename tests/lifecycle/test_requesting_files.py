"""A requirements file, a group of a project and a script request the same in the same way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests import sources
from tests.bed import dists
from tests.bench import Bench
from tests.lifecycle.patches import change
from tests.long import LONG

LINES = ["pinned==1.0", "tool", "bottom>=1"]
HOW = {
    "file": ["-r", "r.txt"],
    "group": ["--group", "dev"],
    "group of a file": ["--group=sub/pyproject.toml:dev"],
    "script": ["--requirements-from-script", "s.py"],
}


@pytest.fixture
def asking(quick: Bench, links: Path) -> Bench:
    """With `top`, which has brought `bottom`; and files that request both and others."""
    for name in ("pinned", "tool", "bottom"):
        dists.wheel(links, name, "1.0")
    dists.wheel(links, "top", "1.0", requires=["bottom"])
    home, user = quick.user.home, quick.user
    quoted = [f'"{line}"' for line in LINES]
    first, *rest = quoted
    group = f"[dependency-groups]\ndev = [{first}, {{include-group = 'rest'}}]\nrest = "
    sources.write(user, home / "r.txt", "\n".join(LINES))
    sources.write(user, home / "pyproject.toml", f"{group}[{', '.join(rest)}]\n")
    sources.write(user, home / "sub" / "pyproject.toml", f"{group}[{', '.join(rest)}]\n")
    script = f"# /// script\n# dependencies = [{', '.join(quoted)}]\n# ///\n"
    sources.write(user, home / "s.py", script)
    links_of = {"PIP_FIND_LINKS": f"{quick.environ['PIP_FIND_LINKS']} {links}"}
    bench = replace(quick, environ={**quick.environ, **links_of})
    bench.given("install", "top")
    return bench


@pytest.mark.parametrize("words", HOW.values(), ids=HOW)
def test_what_a_file_requests_is_recorded_as_it_says(asking: Bench, words: list[str]) -> None:
    asking.install(*words)
    entries = asking.record()["distributions"]
    there = {key: (entry["requirement"], entry["intent"]) for key, entry in entries.items()}
    assert there == {
        "top": ("top", "fix"),
        "pinned": ("pinned==1.0", "hold"),
        "tool": ("tool", "fix"),
        "bottom": ("bottom>=1", "fix"),
    }
    assert entries["bottom"]["requested"]
    assert "othing to do" in asking.install(*words)


@LONG
@pytest.mark.parametrize("words", HOW.values(), ids=HOW)
def test_a_pin_of_a_file_is_not_given_up(asking: Bench, links: Path, words: list[str]) -> None:
    asking.install(*words)
    dists.wheel(links, "pinned", "2.0")
    dists.wheel(links, "tool", "2.0")
    dists.wheel(links, "needs", "1.0", requires=["pinned>=2"])
    assert "pinned==1.0 was requested, but needs 1.0 requires" in asking.refused("needs")
    plan = asking.json("update")
    assert change(plan, "tool")["requirement"] == "tool>=2.0"
    assert asking.version("pinned") == "1.0"


def test_a_file_that_pip_refuses_is_refused_by_pip(asking: Bench) -> None:
    for words in (["--group", "nope"], ["--requirements-from-script", "nope.py"]):
        done = asking.try_install("--yes", *words)
        assert (done.returncode, "nope" in done.stderr) == (1, True), done.stderr
