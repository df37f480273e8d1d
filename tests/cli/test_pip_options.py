"""Every option of ``pip install`` is handed on, in any order, as a user of pip writes it."""

from __future__ import annotations

import argparse
import json
import random

import pytest

from conda_overlay.cli.commands import install
from conda_overlay.core.errors import UsageError
from conda_overlay.core.pip_options import (
    ELSEWHERE,
    OPTIONS,
    PipOption,
    for_removal,
    spelled_out,
)
from tests.bed import base
from tests.bed.command import checked


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="conda", add_help=False)
    install.configure_parser(parser)
    return parser.parse_intermixed_args(words)


WITH_VALUE = [option for option in OPTIONS if option.has_value]
WITHOUT = [option for option in OPTIONS if not option.has_value]


def name(option: PipOption) -> str:
    return option.name


_LIST = """
import json, sys
from pip._internal.commands import create_command
every = create_command(sys.argv[1]).parser.option_list_all
print(json.dumps([[o._short_opts + o._long_opts, o.takes_value()] for o in every]))
"""
OF_CONDA = {"--dry-run", "--prefix", "--help", "--verbose", "--quiet", "--debug"}
"""Those that are conda's here, too, or the overlay's pip drops."""


def of_the_newest_pip(command: str) -> list[tuple[set[str], bool]]:
    python = base.floor_base() / "bin" / "python"
    found = json.loads(checked([python, "-c", _LIST, command]))
    return [({*names}, takes_value) for names, takes_value in found]


def test_no_option_of_the_newest_pip_is_missing() -> None:
    known = {name: option for option in OPTIONS for name in option.names}
    for names, takes_value in of_the_newest_pip("install"):
        if not names & {*ELSEWHERE, *OF_CONDA}:
            assert names <= known.keys()
            assert {known[name].has_value for name in names} == {takes_value}, names
            assert len({known[name].name for name in names}) == 1, names


def test_no_option_of_the_newest_pip_uninstall_is_left_over() -> None:
    for names, takes_value in of_the_newest_pip("uninstall"):
        for name in names - {*ELSEWHERE, *OF_CONDA}:
            if name[:2] == "--" and name not in ("--requirement", "--yes"):
                words = [spelled_out(name, uninstall=True), *(["value"] if takes_value else [])]
                assert [*for_removal([*words, "new"])] == ["new"], name


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
