"""The host's own pip serves if it is new enough, else that of the base."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bed import cpython, dists, environment, pypi
from tests.bed.cpython import Interpreter
from tests.bench import Bench
from tests.install.test_kinds import own
from tests.long import LONG

PIPS = {"22.2.2": "3.10", "newest": "3.13"}
"""The newest Python that a pip runs on; the newest pip is from PyPI."""

SETUP = "from setuptools import setup\nsetup(name='dev-tool', version='1.9', packages=['dev_tool'])"


def newest() -> str:
    [wheel] = pypi.wheels(["pip"], python("3.13").xy, dependencies=False)
    return wheel.name.split("-")[1]


def python(newest: str) -> Interpreter:
    """The newest Python of this machine that is not newer."""
    fitting = [
        found
        for found in [*cpython.available(), cpython.default()]
        if found.number <= tuple(map(int, newest.split(".")))
    ]
    if not fitting:
        pytest.skip(f"there is no Python {newest} or older on this machine")
    return max(fitting, key=lambda found: found.number)


@pytest.fixture
def hosting(quick: Bench, scratch: Path, wheels: Path) -> Callable[[str, str | None], Bench]:
    """Makes a bench whose host has a Python and a pip."""

    def make(newest: str, pip: str | None) -> Bench:
        names = ("alpha", "beta", "gamma", "delta", "stuck")
        template = environment.template(
            python=python(newest),
            pip=pip,
            wheels=[wheels / f"{name}-1.0-py3-none-any.whl" for name in names],
        )
        return replace(quick, name=str(environment.clone(template, scratch / "host")))

    return make


def check(bench: Bench) -> None:
    """The promises, with the host's pip."""
    before = environment.tree_hash(bench.host)
    assert "No matching distribution found for nosuch" in bench.refused("nosuch")
    bench.install("-U", "alpha")
    assert bench.distributions() == ["alpha-1.5"]
    bench.install("alpha==2.0")
    assert bench.distributions() == ["alpha-2.0", "beta-2.0"]
    assert bench.see("alpha", "beta") == {"alpha": "2.0", "beta": "2.0"}
    assert bench.script("beta") == "beta 2.0"
    assert "stuck 1.0 (environment) requires delta<2" in bench.refused("delta==2.0")
    bench.install("alpha==1.0")
    assert bench.distributions() == []
    assert environment.tree_hash(bench.host) == before


@LONG
@pytest.mark.network
@pytest.mark.parametrize("pip", PIPS)
def test_pip_of_the_host(hosting: Callable[[str, str | None], Bench], pip: str) -> None:
    check(hosting(PIPS[pip], newest() if pip == "newest" else pip))


@LONG
@pytest.mark.network
def test_sources_with_an_old_pip_of_the_host(
    hosting: Callable[[str, str | None], Bench],
) -> None:
    bench = replace(hosting(PIPS["22.2.2"], "22.2.2"), environ={}, network=True)
    source = bench.user.home / "dev-tool"
    (source / "dev_tool").mkdir(parents=True)
    (source / "setup.py").write_text(SETUP)
    (source / "dev_tool" / "__init__.py").write_text("__version__ = '1.9'\n")
    own(source, bench)
    bench.install("-e", source)
    assert bench.version("dev-tool") == "1.9"
    [change] = bench.record()["plan"]["changes"]
    assert change["editable"] == str(source)
    bench.install("--no-deps", source)
    assert bench.version("dev-tool") == "1.9"
    assert "dev_tool-1.9" in bench.distributions()
    assert not list(bench.site.glob("*.egg-link"))
    (source / "dev_tool" / "__init__.py").write_text("__version__ = 'edited'\n")
    assert bench.python("-c", "import dev_tool; print(dev_tool.__version__)").stdout == "1.9\n"


@LONG
def test_no_pip_in_the_host_means_that_of_the_base(
    hosting: Callable[[str, str | None], Bench],
) -> None:
    bench = hosting("3.13", None)
    bench.install("-U", "alpha")
    assert bench.distributions() == ["alpha-1.5"]


@LONG
@pytest.mark.network
def test_a_pip_that_is_too_old_means_that_of_the_base(
    hosting: Callable[[str, str | None], Bench],
) -> None:
    bench = hosting("3.10", "21.3.1")
    bench.install("-U", "alpha")
    assert bench.distributions() == ["alpha-1.5"]


@LONG
@pytest.mark.network
def test_no_pip_that_serves_is_said(hosting: Callable[[str, str | None], Bench]) -> None:
    bench = hosting("3.9", "21.2.4")
    told = bench.refused("new")
    assert f"{bench.host} has no pip >=22.2, and conda's own does not run on its Python 3." in told
    assert f"conda install -p {bench.host} 'pip>=22.2'" in told


@LONG
def test_pip_in_the_overlay_does_not_serve(quick: Bench, links: Path) -> None:
    dists.wheel(links, "pip", "99.0", files={"pip/__init__.py": "1 / 0"})
    quick.install("--find-links", links, "pip==99.0")
    quick.install("new")
    assert quick.distributions() == ["new-1.0", "pip-99.0"]
