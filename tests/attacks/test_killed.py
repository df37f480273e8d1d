"""kill -9 at any moment leaves the state before or after, and the next command tidies up."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.bed import dists, place
from tests.bench import CLEANING, COMMIT, DELETION, FACTOR, REMOVAL, Bench
from tests.long import LONG, few
from tests.observed import State, save, state, status
from tests.server import KILLED, Ended, Server, served

BEFORE_COMMIT = 2 * FACTOR
"""How many steps of each operation before its commit."""
BEHIND_COMMIT = 1 * FACTOR
"""How many when files are removed, at the end; of the commit itself it is every one."""
MOMENTS = 4 * FACTOR
"""How many moments of the commit of each operation, by the clock."""


@dataclass(frozen=True)
class Operation:
    """A command that changes an overlay."""

    name: str
    words: tuple[str, ...]
    start: str = "third"
    """The state that it starts from."""
    commit: tuple[str, str] = COMMIT
    """How the first and the last step begin that belong to the commit."""


OPERATIONS = {
    operation.name: operation
    for operation in (
        Operation("install", ("install", "beta==2.0", "alpha")),
        Operation("remove", ("remove", "new")),
        Operation("undo", ("undo",)),
        Operation("apply", ("apply", "{home}/overlay.toml", "--locked")),
        Operation("rebase", ("rebase", "--from", "daq")),
        Operation("clean", ("clean",), commit=CLEANING),
        Operation("first install", ("install", "alpha==1.5"), "nothing"),
        Operation("adoption", ("install", "new"), "by hand"),
        Operation("delete", ("delete",), commit=DELETION),
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
        self.overlays = self.bench.overlays
        self._kept = self.bench.user.home / "kept"
        self._kept.mkdir()
        document = self.bench.user.home / "overlay.toml"
        firsts: list[list[str | Path]] = [
            ["install", "--yes", "-n", "daq", "beta==2.0"],
            ["export", "-n", "daq", "-f", document],
            ["undo", "--yes", "-n", "daq", "0"],
            ["install", "--yes", "-n", "daq", "new"],
        ]
        for first in firsts:
            [ended] = server.at_once([first])
            assert ended.code == 0, ended.told
        for words in (["alpha==1.5"], ["new"], ["-I", "--intent", "fix", "delta==1.0"]):
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
        return Moment(state(self.bench), self.bench.numbers, self.trees(), status(self.server))

    def trees(self) -> dict[int, dict[str, bytes]]:
        found = {number: self.bench.files(number) for number in self.bench.numbers}
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
        assert not life.bench.leftovers
        self.after = life.now()
        assert self.after != self.before
        self.steps = len(ended.steps)
        first, last = (
            [index for index, step in enumerate(ended.steps, 1) if step.startswith(begin)]
            for begin in operation.commit
        )
        self.commit = [
            index
            for index in range(first[0], last[-1] + 1)
            if not ended.steps[index - 1].startswith(REMOVAL)
        ]
        self.left = {n: ended.times[last[-1] - 1] - ended.times[n - 1] for n in self.commit}
        """Seconds from each step of the commit to its last."""
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
        name, link = self.outcome(there), bench.overlay.exists()
        # What was moved away to be adopted, and a link that is gone, the next command puts back.
        assert name or not link, (request, there)
        if name in ("before", "after") and case % 4 == 0:
            seen = status(life.server)
            if not link and [*bench.revisions.glob("*/tree")]:  # its link is to come, or has gone
                [lost] = seen["overlays"]
                assert [finding["kind"] for finding in lost["findings"]] == ["gone"], request
                seen = {**seen, "overlays": []}
            assert seen == self.outcomes[name].status, request
        if case % 4 == 1 and name in ("before", "after") and there.revision:
            self.check_numbers(name, request)
            self.recover_by_undo(self.outcomes[name], request)
        else:
            told = life.server.change("remove", "absent").told
            assert "absent is not in the overlay" in told, (request, told)
            there, killed = state(bench, there), name
            name = self.outcome(there)
            assert name, (request, there)
            assert name == killed or not link, request  # nothing is rolled forward, or back
            self.check_numbers(name, request)
            self.compare_trees(request)
        assert not bench.leftovers, request
        return name if ended.code else "in time"

    def check_numbers(self, name: str, request: Any) -> None:
        """No revision is lost; one that got its number, but not the link, stays beside the line."""
        numbers, found = self.outcomes[name].numbers, self.life.bench.numbers
        more = self.after.numbers if self.after.numbers > numbers else numbers
        assert found in (numbers, more), request

    def outcome(self, there: State) -> str | None:
        return next((name for name, each in self.outcomes.items() if each.state == there), None)

    def compare_trees(self, request: Any) -> None:
        """Trees are whole or gone, and only those are gone that the operation takes away."""
        known, trees = {**self.before.trees, **self.after.trees}, self.life.trees()
        assert all(files == known[number] for number, files in trees.items()), request
        assert trees.keys() >= self.before.trees.keys() & self.after.trees.keys(), request

    def recover_by_undo(self, moment: Moment, request: Any) -> None:
        """Undo: no number is lost or doubled, and `redo` leads back to where it was."""
        life, bench = self.life, self.life.bench
        numbers = bench.numbers
        assert bench.revision == moment.state.revision
        for command in ("undo", "redo"):
            assert life.server.done(command).told, request
            numbers.append(numbers[-1] + 1)
            assert (bench.numbers, bench.revision) == (numbers, numbers[-1]), request
            assert bench.record()["parent"] in (moment.state.revision, numbers[-2]), request
        again = state(bench, moment.state)
        assert (again.files, again.seen) == (moment.state.files, moment.state.seen), request


@pytest.fixture(scope="module")
def life(lasting: Server, wheels: Path) -> Life:
    return Life(lasting, wheels)


@pytest.fixture(scope="module")
def trials() -> dict[str, Trial]:
    """Those that were made, since both kinds of kills need the same."""
    return {}


@pytest.fixture(params=few(OPERATIONS, "remove"))
def trial(request: pytest.FixtureRequest, life: Life, trials: dict[str, Trial]) -> Trial:
    """One of each operation."""
    if request.param not in trials:
        trials[request.param] = Trial(life, OPERATIONS[request.param])
    return trials[request.param]


def in_turn(trial: Trial, cases: list[dict[str, Any]]) -> Counter[str]:
    """Kill an operation in many ways."""
    watch = f"{trial.life.overlays}/"
    return Counter(trial.kill(n, watch=watch, **case) for n, case in enumerate(cases))


@LONG
def test_killed_at_any_step_it_was_not_begun_or_is_complete(
    trial: Trial, capsys: pytest.CaptureFixture[str], tried: Callable[[int], None]
) -> None:
    source = random.Random(trial.operation.name)
    early, late = range(1, trial.commit[0]), range(trial.commit[-1] + 1, trial.steps + 1)
    steps = [*some(early, BEFORE_COMMIT, source), *trial.commit, *some(late, BEHIND_COMMIT, source)]
    ends = in_turn(trial, [{"kill_before": step} for step in steps])
    assert ends["before"] or ends["after"]
    assert not ends["in time"]
    tried(len(steps))
    with capsys.disabled():
        print(f"\n{trial.operation.name}, killed at {len(steps)} steps: {dict(ends)}", end=" ")


@LONG
def test_killed_at_any_moment_of_its_commit_it_was_not_begun_or_is_complete(
    trial: Trial, capsys: pytest.CaptureFixture[str], tried: Callable[[int], None]
) -> None:
    """Also between two steps and within one.

    The clock runs from the first, and in every second case from the last ones, among which the new
    state becomes visible.
    """
    source = random.Random(trial.operation.name)
    cases = [
        {
            "from_step": step,
            "kill_after": source.uniform(0, trial.left[step]),
            "with_children": source.random() < 0.5,
        }
        for step in (trial.commit[0], trial.commit[-4:][0]) * (MOMENTS // 2)
    ]
    ends = in_turn(trial, cases)
    assert ends.total() == MOMENTS
    tried(MOMENTS)
    with capsys.disabled():
        print(f"\n{trial.operation.name}, killed at {MOMENTS} moments: {dict(ends)}", end=" ")


def some(steps: Sequence[int], count: int, source: random.Random) -> list[int]:
    return sorted(source.sample(steps, min(count, len(steps))))


SLOW = """
import os, pathlib, shutil, time
def build_wheel(directory, *_):
    home = pathlib.Path(os.environ["HOME"])
    (home / "started").touch()
    while not (home / "killed").exists():
        time.sleep(0.02)
    time.sleep(1)
    name = "slow-1.0-py3-none-any.whl"
    shutil.copy(pathlib.Path(__file__).with_name(name), directory)
    return name
"""


@LONG
def test_pip_that_outlives_its_command_hurts_no_later_one(quick: Bench, links: Path) -> None:
    wheel = dists.wheel(links / "built", "slow", "1.0")
    files = {wheel.name: wheel.read_bytes()}
    source = dists.sdist(links, "slow", "1.0", backend=SLOW, files=files)
    with served(quick) as server:
        server.done("install", "alpha==1.5")
        [ended] = server.at_once(
            [["install", "--yes", *quick.where, source]],
            kill_when=str(quick.user.home / "started"),
            kill_after=0,
            leave_children=True,
        )
        assert ended.code == KILLED
        (quick.user.home / "killed").touch()
        server.done("install", "new")  # and waits until that pip has ended, too
        assert quick.revision == 2
        assert quick.distributions() == ["alpha-1.5", "new-1.0"]
        server.change("remove", "absent")
        assert not quick.leftovers
