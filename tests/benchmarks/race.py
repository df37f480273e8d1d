"""Times commands against each other, in turns, so that what else the machine does hits all."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median


def _nothing() -> None:
    return None


@dataclass(frozen=True)
class Contender:
    """One way to do something."""

    name: str
    """What it is."""
    run: Callable[[], object]
    """What is timed."""
    goal: str = ""
    """What it should not take longer than, for the reader."""
    prepare: Callable[[], object] = _nothing
    """What has to be done before each time, and is not timed."""


@dataclass(frozen=True)
class Race:
    """Contenders, the first of which the others are compared with."""

    title: str
    """What they all do."""
    contenders: Sequence[Contender]
    """The baseline, then the others."""
    repeat: int = 1
    """Times per round: more for what is quick."""


@dataclass(frozen=True)
class Outcome:
    """How long a contender took, in seconds."""

    contender: Contender
    """Who."""
    times: Sequence[float]
    """Each time."""

    @property
    def median(self) -> float:
        """What it usually takes."""
        return median(self.times)

    @property
    def best(self) -> float:
        """What it takes when nothing disturbs it."""
        return min(self.times)


def run(race: Race, rounds: int) -> list[Outcome]:
    """Let each contender run once to get warm, then all in turns, each time another one first."""
    times: list[list[float]] = [[] for _ in race.contenders]
    count = len(race.contenders)
    for turn in range(-1, rounds * race.repeat):
        for position in range(count):
            index = (turn + position) % count
            contender = race.contenders[index]
            contender.prepare()
            start = time.perf_counter()
            contender.run()
            took = time.perf_counter() - start
            if turn >= 0:
                times[index].append(took)
    return [
        Outcome(contender, taken) for contender, taken in zip(race.contenders, times, strict=True)
    ]
