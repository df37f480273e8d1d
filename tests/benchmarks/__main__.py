"""Measures what conda-overlay costs: ``python3 -m tests.benchmarks``.

For the floor conda and each in CONDA_OVERLAY_TEST_CONDAS; ratios are to the first line of each
table, of the medians, of the minima and of the median processor time of one run in which all take
turns.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator

from tests.bed import base
from tests.benchmarks import activation, audit, edit, fork, install, lifecycle, race, start
from tests.benchmarks.race import Outcome, Race
from tests.benchmarks.scene import Scene, scene

BENCHMARKS: dict[str, Callable[[Scene], Iterator[Race]]] = {
    "activation": activation.races,
    "guard": start.guard,
    "plugin": start.plugin,
    "run": start.run,
    "install": install.races,
    "lifecycle": lifecycle.races,
    "edit": edit.races,
    "fork": fork.races,
    "audit": audit.races,
}


def main() -> int:
    """Run what is asked for and print it as it comes."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.benchmarks", description=__doc__)
    names = ", ".join(BENCHMARKS)
    parser.add_argument("benchmarks", nargs="*", metavar="BENCHMARK", help=f"{names}; all if none")
    parser.add_argument("--rounds", type=int, default=10, help="how often (default: %(default)s)")
    parser.add_argument("--match", default="", metavar="TEXT", help="only tables with this title")
    arguments = parser.parse_args()
    if unknown := set(arguments.benchmarks) - set(BENCHMARKS):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}; there are {names}")
    for conda in base.bases():
        with scene(conda) as prepared:
            print(f"\nconda {prepared.version}", flush=True)
            for name in arguments.benchmarks or BENCHMARKS:
                for each in BENCHMARKS[name](prepared):
                    if arguments.match in each.title:
                        show(each.title, race.run(each, arguments.rounds))
    return 0


def show(title: str, outcomes: list[Outcome]) -> None:
    """Print a table."""
    print(f"\n  {title:42} median      min      cpu   ratio of each        goal")
    baseline = outcomes[0].facts()
    for outcome in outcomes:
        facts = outcome.facts()
        line = f"    {outcome.contender.name:36} {' '.join(map(_ms, facts))}"
        if outcome is not outcomes[0]:
            ratios = (fact / first for fact, first in zip(facts, baseline, strict=True))
            line += f"   {'  '.join(f'{ratio:5.3f}' for ratio in ratios)}  {outcome.contender.goal}"
        print(line.rstrip(), flush=True)


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:5.0f} ms" if seconds >= 0.1 else f"{1000 * seconds:5.2f} ms"


if __name__ == "__main__":
    sys.exit(main())
