"""Every option of ``pip install`` is handed on, in any order, as a user of pip writes it."""

from __future__ import annotations

import argparse
import random

import pytest

from conda_overlay.cli.commands import install
from conda_overlay.core.errors import UsageError
from conda_overlay.core.pip_options import OPTIONS, PipOption


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="conda", add_help=False)
    install.configure_parser(parser)
    return parser.parse_intermixed_args(words)


WITH_VALUE = [option for option in OPTIONS if option.has_value]
WITHOUT = [option for option in OPTIONS if not option.has_value]


def name(option: PipOption) -> str:
    return option.name


@pytest.mark.parametrize("one", WITH_VALUE, ids=name)
def test_option_with_a_value(one: PipOption) -> None:
    long = one.name
    for option in one.names:
        assert parse(option, "value", "req").pip_options.words == (long, "value")
        if option.startswith("--"):
            assert parse(f"{option}=value", "req").pip_options.words == (long, "value")
            assert parse(f"{option}=--value", "req").pip_options.words == (long, "--value")
        else:
            assert parse(f"{option}value", "req").pip_options.words == (long, "value")


@pytest.mark.parametrize("one", WITHOUT, ids=name)
def test_flag(one: PipOption) -> None:
    for option in one.names:
        parsed = parse("one", option, "two")
        assert parsed.pip_options.words == (one.name,)
        assert parsed.requirements == ["one", "two"]


@pytest.mark.parametrize(
    "words",
    [
        ["--target", "x"],
        ["--target=x"],
        ["-t", "x"],
        ["--root", "x"],
        ["--user"],
        ["--python", "x"],
        ["--home=x"],
    ],
    ids=" ".join,
)
def test_what_says_where_to_install_is_refused(words: list[str]) -> None:
    with pytest.raises(UsageError, match="would install outside") as caught:
        parse(*words, "req")
    assert caught.value.return_code == 2


def test_order_is_kept() -> None:
    words = ["--no-binary", ":all:", "--only-binary", "numpy", "--no-binary", "scipy"]
    assert list(parse("one", *words, "two").pip_options.words) == words


def test_any_order_means_the_same() -> None:
    pairs = [["-r", "f"], ["-c", "g"], ["-e", "."], ["-C", "a=b"], ["-U"], ["--pre"], ["-i", "u"]]
    pairs += [["-n", "science"], ["--reason", "why"], ["--json"], ["req1"], ["req2"], ["-y"]]
    random.seed(0)
    for _ in range(50):
        random.shuffle(pairs)
        parsed = parse(*(word for pair in pairs for word in pair))
        long = {"-r": "--requirement", "-c": "--constraint", "-e": "--editable"}
        long |= {"-C": "--config-settings", "-U": "--upgrade", "-i": "--index-url"}
        theirs = [p for p in pairs if p[0] in long or p[0] == "--pre"]
        assert list(parsed.pip_options.words) == [
            word for first, *rest in theirs for word in (long.get(first, first), *rest)
        ]
        assert sorted(parsed.requirements) == ["req1", "req2"]
        assert (parsed.name, parsed.reason, parsed.json) == ("science", "why", True)


def test_repeated_options_stay_repeated() -> None:
    parsed = parse("-f", "a", "-f", "b", "-U", "-U", "req")
    assert parsed.pip_options.words == (
        "--find-links",
        "a",
        "--find-links",
        "b",
        "--upgrade",
        "--upgrade",
    )


def test_abbreviations_are_not_guessed() -> None:
    parser = argparse.ArgumentParser(prog="conda", add_help=False, allow_abbrev=False)
    install.configure_parser(parser)
    with pytest.raises(SystemExit):
        parser.parse_intermixed_args(["--upgr", "req"])
