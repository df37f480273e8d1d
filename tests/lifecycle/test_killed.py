"""kill -9 at any moment leaves the state before or after, and the next command tidies up."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.bed import dists, place, users
from tests.bed.condas import Conda, Condas
from tests.lifecycle.bench import Bench
from tests.observed import State, leftovers, numbers, save, state, status
from tests.server import KILLED, Ended, Server, served

FACTOR = int(os.environ.get("CONDA_OVERLAY_TEST_FACTOR", "1"))
"""How many times as many cases as usual."""
BEFORE_COMMIT = 3 * FACTOR
"""How many steps of each operation before its commit."""
BEHIND_COMMIT = 2 * FACTOR
"""How many when files are removed, at the end; of the commit itself it is every one."""
MOMENTS = 200 * FACTOR
"""How many moments by the clock, in all."""
WORKERS = 2


@dataclass(frozen=True)
class Operation:
    """A command that changes an overlay."""

    name: str
    words: tuple[str, ...]
    start: str = "third"
    """The state that it starts from."""
    commit: tuple[str, str] = (".science/staging/number", ".science/notice")
    """What the first and the last step are done to that belong to the commit."""
    share: float = 0.05
    """Of the moments: small where most of them are pip's."""


OPERATIONS = {
    operation.name: operation
    for operation in (
        Operation("install", ("install", "beta==2.0")),
        Operation("remove", ("remove", "new"), share=0.25),
        Operation("undo", ("undo",), share=0.25),
        Operation("apply", ("apply", "{home}/overlay.toml", "--locked")),
        Operation("rebase", ("rebase", "--from", "daq")),
        Operation("clean", ("clean",), commit=(".science/trash", ".science/trash/"), share=0.1),
        Operation("first install", ("install", "alpha==1.5"), "nothing"),
        Operation("adoption", ("install", "new"), "by hand"),
        Operation(
            "delete", ("delete",), commit=(".science/deleted", ".science/deleted"), share=0.15
        ),
    )
}


@dataclass(frozen=True)
class Moment:
    """An overlay before or after an operation."""

    state: State
    numbers: list[int]
    trees: dict[int, dict[str, bytes]]
    """The files of each revision that has them."""
    status: Any


class Life:
    """An overlay that lives often, from states that were kept."""

    def __init__(self, server: Server, wheels: Path) -> None:
        self.server = server
        self.bench = server.bench
        self.overlays = self.bench.overlay.parent
        self._kept = self.bench.user.home / "kept"
        self._kept.mkdir()
        document = self.bench.user.home / "overlay.toml"
        firsts: list[list[str | Path]] = [
            ["install", "--yes", "-n", "daq", "beta==2.0"],
            ["export", "-n", "daq", "-f", document],
            ["reset", "--yes", "-n", "daq"],
            ["install", "--yes", "-n", "daq", "new"],
        ]
        for first in firsts:
            [ended] = server.at_once([first])
            assert ended.code == 0, ended.told
        for words in (["alpha==1.5"], ["new"], ["-I", "delta==1.0"]):
            server.done("install", *words)
        save(self.overlays, self._kept / "third")
        place.remove(self.overlays)
        self.bench.make_by_hand(wheels / "alpha-1.5-py3-none-any.whl")
        save(self.overlays, self._kept / "by hand")

    def restart(self, start: str) -> None:
        """Go back to a state."""
        save(self._kept / start, self.overlays)

    def run(self, operation: Operation, **request: Any) -> Ended:
        """Run an operation from its start."""
        self.restart(operation.start)
        words = [word.format(home=self.bench.user.home) for word in operation.words]
        return self.server.change(*words, **request)

    def now(self) -> Moment:
        return Moment(state(self.bench), numbers(self.bench), self.trees(), status(self.server))

    def trees(self) -> dict[int, dict[str, bytes]]:
        found = {number: self.bench.files(number) for number in numbers(self.bench)}
        return {number: files for number, files in found.items() if files}


class Trial:
    """An operation, what it starts from and what it leads to in a life."""

    def __init__(self, life: Life, operation: Operation) -> None:
        self.life = life
        self.operation = operation
        life.restart(operation.start)
        self.before = life.now()
        ended = life.run(operation, watch=f"{life.overlays}/")
        assert ended.code == 0, ended.told
        assert not leftovers(life.bench)
        self.after = life.now()
        assert self.after != self.before
        self.took = ended.took
        paths = [step.split(" ", 1)[1] for step in ended.steps]
        self.steps = len(paths)
        first, last = (
            next(index for index, path in enumerate(paths, 1) if path.startswith(place))
            for place in operation.commit
        )
        self.commit = range(first, last + 1)
        self.outcomes = {"before": self.before, "after": self.after}
        if self.before.state.files and self.before.state.revision is None:
            adopted = replace(self.before.state, revision=1)
            self.outcomes["adopted"] = replace(self.before, state=adopted, numbers=[1])

    def kill(self, case: int, **request: Any) -> str:
        """Kill the operation, look, let another command recover, and look again.

        Returns:
            What it is then, of `outcomes`; ``in time`` when it had ended already.
        """
        life, bench = self.life, self.life.bench
        ended = life.run(self.operation, **request)
        assert ended.code in (0, KILLED), ended.told
        there = state(bench)
        name = self.outcome(there)
        # What was moved away to be adopted is put back by the next command.
        assert name or not bench.overlay.exists(), (request, there)
        if name in ("before", "after") and case % 4 == 0:
            assert status(life.server) == self.outcomes[name].status, request
        if case % 4 == 1 and name in ("before", "after") and there.revision:
            self.recover_by_undo(self.outcomes[name], request)
        else:
            told = life.server.change("remove", "absent").told
            assert "absent is not in the overlay" in told, (request, told)
            there = state(bench, there)
            name = self.outcome(there)
            assert name, (request, there)
            assert numbers(bench) == self.outcomes[name].numbers, request
            self.compare_trees(request)
        assert not leftovers(bench), request
        return name if ended.code else "in time"

    def outcome(self, there: State) -> str | None:
        return next((name for name, each in self.outcomes.items() if each.state == there), None)

    def compare_trees(self, request: Any) -> None:
        """Trees are whole or gone, and only those are gone that the operation takes away."""
        known, trees = {**self.before.trees, **self.after.trees}, self.life.trees()
        assert all(files == known[number] for number, files in trees.items()), request
        assert trees.keys() >= self.before.trees.keys() & self.after.trees.keys(), request

    def recover_by_undo(self, moment: Moment, request: Any) -> None:
        """Undo: no number is lost or doubled, and undoing that leads back to where it was."""
        life, bench = self.life, self.life.bench
        [*older, last] = moment.numbers
        assert moment.state.revision == last
        for number in (last + 1, last + 2):
            assert life.server.change("undo").told, request
            assert numbers(bench) == [*older, *range(last, number + 1)], request
            assert bench.revision == number
        again = state(bench, moment.state)
        assert (again.files, again.seen) == (moment.state.files, moment.state.seen), request


@pytest.fixture(scope="module")
def lives(
    floor: Conda, condas: Condas, hermetic: dict[str, str], wheels: Path
) -> Iterator[list[Life]]:
    condas.watch(floor)
    with ExitStack() as exits:
        benches = [Bench(floor, users.user("overlay-alice"), hermetic) for _ in range(WORKERS)]
        servers = [exits.enter_context(served(bench)) for bench in benches]
        with ThreadPoolExecutor() as pool:
            yield list(pool.map(lambda server: Life(server, wheels), servers))


def in_turns(
    lives: Sequence[Life], operation: Operation, cases: Callable[[Trial], list[dict[str, Any]]]
) -> Counter[str]:
    """Kill an operation in many ways, in all lives at once."""

    def work(index: int) -> list[str]:
        trial = Trial(lives[index], operation)
        chosen = list(enumerate(cases(trial)))[index :: len(lives)]
        return [trial.kill(number // len(lives), **case) for number, case in chosen]

    with ThreadPoolExecutor() as pool:
        return Counter(name for names in pool.map(work, range(len(lives))) for name in names)


@pytest.mark.parametrize("name", OPERATIONS)
def test_killed_at_any_step_it_was_not_begun_or_is_complete(
    lives: list[Life], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def cases(trial: Trial) -> list[dict[str, Any]]:
        source = random.Random(name)
        early, late = range(1, trial.commit[0]), range(trial.commit[-1] + 1, trial.steps + 1)
        chosen = [*few(early, BEFORE_COMMIT, source), *trial.commit]
        chosen += few(late, BEHIND_COMMIT, source)
        watch = f"{trial.life.overlays}/"
        return [{"watch": watch, "kill_before": step} for step in chosen]

    ends = in_turns(lives, OPERATIONS[name], cases)
    assert ends["before"] or ends["after"]
    assert not ends["in time"]
    with capsys.disabled():
        print(f"\n{name}, killed at {ends.total()} steps: {dict(ends)}", end=" ")


@pytest.mark.parametrize("name", OPERATIONS)
def test_killed_at_any_moment_it_was_not_begun_or_is_complete(
    lives: list[Life], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    count = round(MOMENTS * OPERATIONS[name].share)

    def cases(trial: Trial) -> list[dict[str, Any]]:
        source = random.Random(name)
        return [
            {"kill_after": source.uniform(0, trial.took), "with_children": source.random() < 0.5}
            for _ in range(count)
        ]

    ends = in_turns(lives, OPERATIONS[name], cases)
    assert ends.total() == count
    with capsys.disabled():
        print(f"\n{name}, killed at {ends.total()} moments: {dict(ends)}", end=" ")


def few(steps: Sequence[int], count: int, source: random.Random) -> list[int]:
    return sorted(source.sample(steps, min(count, len(steps))))


SLOW = """
import pathlib, shutil, time
def build_wheel(directory, *_):
    time.sleep(4)
    name = "slow-1.0-py3-none-any.whl"
    shutil.copy(pathlib.Path(__file__).with_name(name), directory)
    return name
"""

PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "slow"
version = "1.0"
"""


def test_pip_that_outlives_its_command_hurts_no_later_one(quick: Bench, links: Path) -> None:
    wheel = dists.wheel(links / "built", "slow", "1.0")
    files: dict[str, str | bytes] = {"backend.py": SLOW, wheel.name: wheel.read_bytes()}
    source = dists.sdist(links, "slow", "1.0", pyproject=PYPROJECT, files=files)
    with served(quick) as server:
        server.done("install", "alpha==1.5")
        [ended] = server.at_once(
            [["install", "--yes", *quick.where, source]], kill_after=3, leave_children=True
        )
        assert ended.code == KILLED
        server.done("install", "new")  # and waits until that pip has ended, too
        assert quick.revision == 2
        assert quick.distributions() == ["alpha-1.5", "new-1.0"]
        server.change("remove", "absent")
        assert not leftovers(quick)
