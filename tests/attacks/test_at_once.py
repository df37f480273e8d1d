"""Many writers at once: each is made again on top of the others, and nothing of any is lost."""

from __future__ import annotations

import fcntl
import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from tests.bed import dists
from tests.bench import Bench
from tests.long import LONG
from tests.server import Server

WRITERS = 5
"""As many as have their turn in the minute that each waits for others, on a busy machine, too."""
BY_COMMAND_LINE = 2
"""How many of them are started as a user does, from nothing."""


@pytest.fixture
def names(links: Path) -> list[str]:
    """Distributions, one for each writer."""
    names = [f"writer{index}" for index in range(WRITERS)]
    for name in names:
        dists.wheel(links, name, "1.0")
    return names


def check(bench: Bench, succeeded: list[str], before: int = 0) -> None:
    """Every success has its own revision, and is in the newest."""
    assert bench.numbers == list(range(1, before + len(succeeded) + 1))
    assert bench.revision == max(bench.numbers, default=None)
    records = [bench.record(number)["plan"]["changes"] for number in bench.numbers[before:]]
    assert sorted(c["name"] for changes in records for c in changes) == sorted(succeeded)
    assert all(len(changes) == 1 for changes in records)
    assert not bench.leftovers
    if succeeded:
        assert bench.distributions() == sorted(f"{name}-1.0" for name in succeeded)
        assert bench.see(*succeeded) == dict.fromkeys(succeeded, "1.0")


@LONG
def test_each_of_many_writers_gets_its_revision(
    server: Server, names: list[str], links: Path, tried: Callable[[int], None]
) -> None:
    tried(WRITERS)
    bench = server.bench
    find, new = ["--find-links", str(links)], replace(bench, anew=True)
    with ThreadPoolExecutor() as pool:
        users = [
            pool.submit(new.change, "install", *find, name) for name in names[:BY_COMMAND_LINE]
        ]
        forks = server.at_once(
            [["install", "--yes", *bench.where, *find, name] for name in names[BY_COMMAND_LINE:]]
        )
        assert all("Revision" in user.result() for user in users)
    assert [each.code for each in forks] == [0] * len(forks), forks
    check(bench, names)


@LONG
def test_writer_without_patience_says_why_it_gave_up(
    quick: Bench, names: list[str], links: Path
) -> None:
    """Nobody waits for somebody's pip: others are made again, and after their time give up."""
    environ = {**quick.environ, "PIP_FIND_LINKS": str(links)}
    bench = replace(quick, environ=environ)
    with ThreadPoolExecutor(WRITERS) as pool:
        ended = [*pool.map(partial(bench.try_install_by_api, timeout=0), names)]
    succeeded = []
    for name, each in zip(names, ended, strict=True):
        told = json.loads(each.stdout)
        if each.returncode == 0:
            succeeded.append(name)
            continue
        expected = {
            # Of who has just taken the lock the name may not be known yet.
            "LockedError": f"is being changed by ({bench.user.name} on |unknown)",
            "OvertakenError": "was changed by another command",
        }
        assert re.search(expected[told["exception_name"]], told["message"]), each
    assert 1 <= len(succeeded) < len(names)
    check(bench, succeeded)


def test_held_lock_is_waited_for_and_its_holder_named(server: Server) -> None:
    bench = server.bench
    server.done("install", "alpha==1.5")
    holder = "bob on elsewhere, process 1, since 2020-01-01T00:00:00Z"
    with bench.lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(f"{holder}\n")
        file.flush()
        done = bench.try_install_by_api("new", timeout=2)
        told = json.loads(done.stdout)
        assert (done.returncode, told["exception_name"]) == (1, "LockedError")
        assert f"{bench.overlay} is being changed by {holder}; waited 2 s." in told["message"]
        assert f"Waiting for another command that changes {bench.overlay}: {holder}" in done.stderr
    server.done("install", "new")
    assert bench.revision == 2


@LONG
def test_writers_that_fail_take_nothing_from_those_that_succeed(
    server: Server, names: list[str], links: Path
) -> None:
    """Who leaves an overlay without a revision removes all of it, while others wait for it."""
    bench = server.bench
    good, bad = names[:2], names[2:]
    commands = [["install", "--yes", *bench.where, "--find-links", str(links), n] for n in good]
    commands += [["remove", "--yes", *bench.where, name] for name in bad]
    commands = [commands[index * 2 % WRITERS] for index in range(WRITERS)]  # mixed
    ended = server.at_once(commands)
    for words, each in zip(commands, ended, strict=True):
        assert each.code == (0 if words[0] == "install" else 1), each
        assert words[0] == "install" or "is not in the overlay" in each.told
    check(bench, good)


def test_dead_command_of_another_machine_blocks_nobody(server: Server) -> None:
    bench = server.bench
    server.done("install", "alpha==1.5")
    bench.lock.write_text("bob on elsewhere, process 1, since 2020-01-01T00:00:00Z\n")
    server.done("install", "new")
    assert bench.revision == 2
