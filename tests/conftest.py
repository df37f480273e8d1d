"""Fixtures: real condas with the plugin, protected environments, and an unprivileged user."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.bed import base, cpython, dists, environment, forks, outside, place, pypi, users
from tests.bed.condas import Conda, Condas
from tests.bed.users import User
from tests.bench import Bench
from tests.long import LONG
from tests.server import Server, served


@pytest.fixture(scope="session", autouse=True)
def nothing_outside_changes() -> Iterator[None]:
    """At the end of the session what is not the tests' own is what it was."""
    for name in USERS:  # whose accounts are made at their first use
        users.user(name)
    with outside.unchanged(outside.of_this_machine(USERS)):
        yield


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory for ``--find-links``.

    ``alpha`` (1.0, 1.5, 2.0) has a script; ``beta`` 1.0 requires alpha<2 and 2.0 alpha>=2;
    ``gamma`` 1.0 requires delta>=1 and 2.0 delta>=2; ``delta`` (1.0, 2.0); ``stuck`` 1.0 requires
    delta<2 and has no other version; ``new`` 1.0 requires alpha and has a script.
    """
    links = place.root() / "wheels-of-tests"
    for version in ("1.0", "1.5", "2.0"):
        dists.wheel(links, "alpha", version, scripts={"alpha": "alpha:main"})
    dists.wheel(links, "beta", "1.0", requires=["alpha<2"], scripts={"beta": "beta:main"})
    dists.wheel(links, "beta", "2.0", requires=["alpha>=2"], scripts={"beta": "beta:main"})
    dists.wheel(links, "gamma", "1.0", requires=["delta>=1"])
    dists.wheel(links, "gamma", "2.0", requires=["delta>=2"])
    dists.wheel(links, "delta", "1.0")
    dists.wheel(links, "delta", "2.0")
    dists.wheel(links, "stuck", "1.0", requires=["delta<2"])
    dists.wheel(links, "new", "1.0", requires=["alpha"], scripts={"new": "new:main"})
    return links


@pytest.fixture(scope="session")
def science(wheels: Path) -> Path:
    """The template of a protected environment: alpha, beta, gamma, delta, stuck, all at 1.0."""
    names = ("alpha", "beta", "gamma", "delta", "stuck")
    pips = pypi.wheels(["pip"], cpython.default().xy, dependencies=False)
    return environment.template(
        wheels=[*pips, *(wheels / f"{name}-1.0-py3-none-any.whl" for name in names)]
    )


USERS = ("overlay-alice", "overlay-mallory")
"""The users of the tests, who have no privileges."""

SINGLE = (
    "tests/run/test_jupyter.py",
    "tests/attacks/test_killed.py",
    "tests/install/test_pips.py",
    "tests/install/test_kinds.py",
    "tests/attacks/test_at_once.py",
    "tests/attacks/test_environs.py",
    "tests/lifecycle/test_undo.py",
    "tests/lifecycle/test_file_systems.py",
    "tests/cli/test_pip.py",
)
"""The files that take longest, whose tests need not stay together."""
FIRST = (
    *SINGLE,
    "tests/attacks/test_state_files.py",
    "tests/attacks/test_trees.py",
    "tests/test_recipe.py",
    "tests/activation/test_in_shells.py",
    "tests/lifecycle/test_fork.py",
    "tests/lifecycle/test_patch.py",
    "tests/install/test_failures.py",
)
"""What takes long comes first, so that no worker has it left alone at the end."""


@pytest.hookimpl(tryfirst=True)  # before pytest takes out what is not chosen
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes long first, and keep the order otherwise; see also `tests.long`."""
    counts: Counter[str] = Counter()
    for item in items:
        if mark := item.get_closest_marker("first"):
            test = item.nodeid.partition("[")[0]
            counts[test] += 1
            if counts[test] > mark.args[0]:
                item.add_marker(LONG)
    ranks = {file: rank for rank, file in enumerate(FIRST)}
    items.sort(key=lambda item: ranks.get(item.nodeid.partition("::")[0], len(FIRST)))


class Distribution(LoadScopeScheduling):  # type: ignore[misc]
    """Gives a worker a file at a time, as its tests may share what they made; or a test."""

    def _split_scope(self, nodeid: str) -> str:
        file, _, test = nodeid.partition("::")
        if not file.endswith(SINGLE):
            return file
        # The tests of one operation share what leads to it.
        return f"{file}[{test.partition('[')[2]}" if "test_killed.py" in file else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Distribution:
    """Called by pytest-xdist."""
    return Distribution(config, log)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print how many attacks were tried, and how many held."""
    counts: dict[str, Counter[str]] = {}
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, ()):
            file, _, test = report.nodeid.partition("::")
            if "tests/attacks/" in file and report.when == "call":
                count = counts.setdefault(
                    f"{Path(file).stem[5:]}: {test.partition('[')[0][5:]}", Counter()
                )
                tried = dict(report.user_properties).get("tried", 1)
                count.update(tried=tried, held=tried if outcome == "passed" else 0)
    if counts:
        terminalreporter.section("attacks: tried, held")
        counts["all"] = sum(counts.values(), Counter())
    for name, count in counts.items():
        terminalreporter.line(f"{count['tried']:6} {count['held']:6}  {name.replace('_', ' ')}")


@pytest.fixture
def tried(record_property: Callable[[str, object], None]) -> Callable[[int], None]:
    """Says how many attacks a test has made, for the table; one, if it does not."""
    return lambda count: record_property("tried", count)


_NAMED = os.environ.get("CONDA_OVERLAY_TEST_CONDAS", "").split(os.pathsep)


@pytest.fixture(scope="session")
def condas(science: Path) -> Iterator[Condas]:
    """The condas of this session."""
    condas = Condas(science)
    yield condas
    condas.end()


@pytest.fixture(scope="session", params=["floor", *filter(None, _NAMED)], ids=os.path.basename)
def conda(request: pytest.FixtureRequest, condas: Condas) -> Conda:
    """Every conda under test, with the plugin, and the protected hosts ``science`` and ``daq``."""
    return condas.of(base.floor_base() if request.param == "floor" else Path(request.param))


@pytest.fixture(scope="session")
def floor(condas: Condas) -> Conda:
    """The floor conda alone: for promises that do not depend on conda's version."""
    return condas.of(base.floor_base())


@pytest.fixture(scope="session")
def hosts_unchanged(conda: Conda, condas: Condas) -> None:
    """At the end of the session the hosts are what they were, byte for byte."""
    condas.watch(conda)


@cache
def _account(name: str) -> User:
    return users.user(name)


@pytest.fixture
def alice() -> User:
    """An unprivileged user with an empty home, which is at the same path for all tests."""
    user = _account("overlay-alice")
    user.empty_home()
    return user


@pytest.fixture
def mallory() -> User:
    """Another user, whom Alice does not trust."""
    user = _account("overlay-mallory")
    user.empty_home()
    return user


@pytest.fixture(scope="session")
def hermetic(wheels: Path) -> dict[str, str]:
    """Variables that keep pip from the network: it sees the test's own wheels alone."""
    return {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheels),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_CONFIG_FILE": os.devnull,
    }


@pytest.fixture
def bench(conda: Conda, alice: User, hermetic: dict[str, str], hosts_unchanged: None) -> Bench:
    """Of every conda; the host is ``science``."""
    return Bench(conda, alice, hermetic)


@pytest.fixture
def quick(floor: Conda, alice: User, hermetic: dict[str, str], condas: Condas) -> Bench:
    """Of the floor conda alone."""
    condas.watch(floor)
    return Bench(floor, alice, hermetic)


@pytest.fixture
def online(quick: Bench) -> Bench:
    """As `quick`, but with PyPI."""
    return replace(quick, environ={}, network=True)


@pytest.fixture
def server(quick: Bench) -> Server:
    """Of the bench `quick`."""
    return Server(quick, forks.shared(quick.conda, quick.user))


@pytest.fixture(scope="module")
def lasting(floor: Conda, hermetic: dict[str, str], condas: Condas) -> Iterator[Server]:
    """Of the floor conda and a home that the tests of a file share."""
    condas.watch(floor)
    with served(Bench(floor, users.user("overlay-alice"), hermetic)) as server:
        yield server


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A directory that every user can read."""
    with place.scratch() as directory:
        yield directory


@pytest.fixture
def links(scratch: Path) -> Path:
    """A directory for wheels of one test."""
    links = scratch / "links"
    links.mkdir()
    return links
