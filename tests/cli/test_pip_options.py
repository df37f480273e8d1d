"""Every option of ``pip install`` is handed on, in any order, as a user of pip writes it."""

from __future__ import annotations

import argparse
import random

import pytest

from conda_overlay.cli import pip_options
from conda_overlay.cli.commands import install
from conda_overlay.core.errors import UsageError


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="conda", add_help=False)
    install.configure_parser(parser)
    return parser.parse_intermixed_args(words)


def name(options: tuple[str, ...]) -> str:
    return next(option for option in options if option.startswith("--"))


@pytest.mark.parametrize("options", pip_options.WITH_VALUE, ids=name)
def test_option_with_a_value(options: tuple[str, ...]) -> None:
    long = name(options)
    for option in options:
        assert parse(option, "value", "req").pip_arguments == (long, "value")
        if option.startswith("--"):
            assert parse(f"{option}=value", "req").pip_arguments == (long, "value")
            assert parse(f"{option}=--value", "req").pip_arguments == (long, "--value")
        else:
            assert parse(f"{option}value", "req").pip_arguments == (long, "value")


@pytest.mark.parametrize("options", pip_options.FLAGS, ids=name)
def test_flag(options: tuple[str, ...]) -> None:
    for option in options:
        parsed = parse("one", option, "two")
        assert parsed.pip_arguments == (name(options),)
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
    with pytest.raises(UsageError, match="would install somewhere else") as caught:
        parse(*words, "req")
    assert caught.value.return_code == 2


def test_order_is_kept() -> None:
    words = ["--no-binary", ":all:", "--only-binary", "numpy", "--no-binary", "scipy"]
    assert list(parse("one", *words, "two").pip_arguments) == words


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
        assert list(parsed.pip_arguments) == [
            word for first, *rest in theirs for word in (long.get(first, first), *rest)
        ]
        assert sorted(parsed.requirements) == ["req1", "req2"]
        assert (parsed.name, parsed.reason, parsed.json) == ("science", "why", True)


def test_repeated_options_stay_repeated() -> None:
    parsed = parse("-f", "a", "-f", "b", "-U", "-U", "req")
    assert parsed.pip_arguments == (
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


def test_no_option_means_two_things() -> None:
    ours = [o for options in (*pip_options.WITH_VALUE, *pip_options.FLAGS) for o in options]
    assert len(ours) == len(set(ours))
    assert not set(ours) & set(pip_options.ELSEWHERE)
