"""Times commands against each other, in turns, so that what else the machine does hits all."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
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
    times: list[float] = field(default_factory=list)
    """By the clock, each time."""
    efforts: list[float] = field(default_factory=list)
    """Of a processor, each time: what others do hardly changes it."""

    def facts(self) -> tuple[float, float, float]:
        """Return the median and the minimum of the times, and the median effort."""
        return median(self.times), min(self.times), median(self.efforts)


def run(race: Race, rounds: int) -> list[Outcome]:
    """Let each contender run once to get warm, then all in turns, each time another one first."""
    outcomes = [Outcome(contender) for contender in race.contenders]
    for turn in range(-1, rounds * race.repeat):
        for position in range(len(outcomes)):
            outcome = outcomes[(turn + position) % len(outcomes)]
            outcome.contender.prepare()
            start, busy = time.perf_counter(), _children()
            outcome.contender.run()
            if turn >= 0:
                outcome.times.append(time.perf_counter() - start)
                outcome.efforts.append(_children() - busy)
    return outcomes


def _children() -> float:
    """Return the seconds of a processor that the commands have taken so far."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
