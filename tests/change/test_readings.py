"""How often a command reads what it knows already, by the system calls of its own process."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.bed import shells
from tests.bench import Bench

OLD = ("alpha-2.0", "beta-2.0", "new-1.0")
"""What the overlay has before."""


@pytest.fixture
def ready(quick: Bench) -> Bench:
    shells.needs_program("strace")
    quick.given("install", "alpha==2.0")
    quick.given("install", "new")
    return quick


def calls(bench: Bench, command: str, *words: str) -> list[str]:
    """The paths that a command opens, its children left out."""
    log = bench.user.home / "calls"
    argv: list[str | Path] = [
        "strace",
        "-qq",
        "-o",
        log,
        "-e",
        "trace=openat",
        bench.conda.executable,
        "overlay",
    ]
    done = bench.user.run([*argv, command, *bench.where, *words], env=bench.environ)
    assert done.returncode == 0, done.stderr
    found = re.findall(r'openat\([^,]+, "([^"]*)".*\) = \d', log.read_text())
    return [path for path in found if str(bench.conda.prefix / "lib") not in path]


def opened(bench: Bench, command: str, *words: str) -> Counter[str]:
    """How often a command opens each file of a site-packages."""
    found = calls(bench, command, *words)
    return Counter(path.partition("/site-packages/")[2] for path in found)


def listed(bench: Bench, command: str, *words: str) -> Counter[str]:
    """How often a command lists each kind of site-packages."""
    kinds = {"host": str(bench.host), "stage": "/stage", "draft": "/drafts/", "overlay": ""}
    found = (path for path in calls(bench, command, *words) if path.endswith("/site-packages"))
    return Counter(next(kind for kind, part in kinds.items() if part in path) for path in found)


def of_metadata(found: Counter[str]) -> dict[str, int]:
    files = ("METADATA", "RECORD", "direct_url.json", "WHEEL", "entry_points.txt")
    return {path: count for path, count in found.items() if path.endswith(files)}


def test_a_change_reads_no_metadata_of_what_is_there_already(ready: Bench) -> None:
    found = of_metadata(opened(ready, "install", "--yes", "-I", "delta==1.0"))
    assert not [path for path in found if not path.startswith("delta-1.0")]
    # Parsed, hashed and verified; RECORD also when it is made part of the tree.
    assert found["delta-1.0.dist-info/METADATA"] == 3
    assert found["delta-1.0.dist-info/RECORD"] <= 3


def test_a_change_lists_each_site_packages_a_few_times(ready: Bench) -> None:
    """The state, pip's obstacles, the clone, whether somebody else came first;
    the plan, before the commit, the verification, the modes; the host, and for activation."""
    assert listed(ready, "install", "--yes", "-I", "delta==1.0") == {
        "overlay": 4,
        "draft": 4,
        "host": 2,
        "stage": 4,
    }
    # The state, the clone, whether somebody else came first; the files, and as above; the host
    # once more by the verification, for what is now in effect.
    assert listed(ready, "undo", "--yes") == {"overlay": 3, "draft": 5, "host": 3}


def test_a_command_that_changes_nothing_lists_the_overlay_once(ready: Bench) -> None:
    assert listed(ready, "install", "--yes", "new") == {"overlay": 1, "host": 1}


@pytest.mark.parametrize(
    ("command", "words"), [("install", ["--yes", "new"]), ("status", []), ("history", [])]
)
def test_a_command_that_changes_nothing_reads_no_metadata(
    ready: Bench, command: str, words: list[str]
) -> None:
    assert of_metadata(opened(ready, command, *words)) == {}


def test_metadata_that_has_changed_is_read(ready: Bench) -> None:
    metadata = ready.site / "new-1.0.dist-info" / "METADATA"
    metadata.touch()
    assert of_metadata(opened(ready, "status"))["new-1.0.dist-info/METADATA"] >= 1
