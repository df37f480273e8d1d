"""The overlay's pip, by the spellings that pip takes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.bench import Bench
from tests.cli.test_pip import pip


@pytest.mark.parametrize(
    "words", [["-Un", "daq"], ["-Up", "{daq}"], ["-qn", "daq"], ["-qp", "{daq}"], ["-UIp{daq}"]]
)
def test_short_options_of_ours_behind_those_of_pip(quick: Bench, words: list[str]) -> None:
    quick.given("install", "new")
    daq = replace(quick, name="daq")
    given = [word.format(daq=daq.host) for word in words]
    done = pip(quick, "install", *given, "--no-deps", "alpha==1.5")
    assert not daq.overlay.exists(), done
    assert done.returncode == 2, done


@pytest.mark.parametrize("option", ["-Ut", "-qt", "--targ", "--targ="])
def test_short_and_shortened_options_that_say_where(quick: Bench, option: str) -> None:
    quick.given("install", "new")
    place = quick.user.home / "there"
    words = [f"{option}{place}"] if option[-1] == "=" else [option, place]
    done = pip(quick, "install", *words, "--no-deps", "alpha==1.5")
    assert quick.distributions() == ["new-1.0"], done
    assert (place / "alpha").exists(), done


@pytest.mark.parametrize(
    "words",
    [
        ["-qq", "install", "--no-deps", "alpha==1.5"],
        ["--no-color", "install", "alpha==1.5", "--no-deps"],
        ["install", "--no-dep", "alpha==1.5"],
        ["install", "--upgrade-strategy=eager", "--no-deps", "alpha==1.5"],
        ["install", "--disable-pip-version-check", "--no-deps", "alpha==1.5", "-v"],
        ["install", "--quiet", "--no-deps", "alpha==1.5"],
        ["install", "--no-deps", "--", "alpha==1.5"],
        ["install", "--debug", "--no-deps", "alpha==1.5"],
    ],
)
def test_other_spellings_of_an_install(quick: Bench, words: list[str]) -> None:
    quick.given("install", "new")
    done = pip(quick, *words)
    assert done.returncode == 0, done
    assert quick.see("alpha") == {"alpha": "1.5"}, done
    assert not (quick.user.home / ".local").exists(), done
