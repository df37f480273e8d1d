"""Every command that a message, a finding or an example names can be typed as it stands."""

from __future__ import annotations

import ast
import re
import shlex
import shutil
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path

import pytest

import conda_overlay
from conda_overlay.cli import ALIASES, COMMANDS, configure_parser

PACKAGE = Path(conda_overlay.__file__).parent
PLACE = "1"  # stands for whatever a message fills in

_COMMAND = re.compile(r"conda overlay (?P<words>[a-z]+(?:(?!, |; | && | [|>] |  |`).)*)")


def texts(file: Path) -> Iterator[str]:
    """The texts in a module, except for docstrings; what is filled in is `PLACE`."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    inside = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            inside |= {id(part) for part in node.values}
            parts = (p.value if isinstance(p, ast.Constant) else PLACE for p in node.values)
            yield "".join(map(str, parts))
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and id(node) not in inside:
            yield ast.literal_eval(node)


def commands() -> Iterator[tuple[str, str]]:
    """The commands of ours that the package names, each with its module."""
    for file in sorted(PACKAGE.rglob("*.py")):
        for text in texts(file):
            for line in text.splitlines():
                for found in _COMMAND.finditer(line):
                    words = found["words"].partition(')"')[0].partition('")')[0]
                    if "%" not in words and words.count("'") % 2 == 0:
                        yield str(file.relative_to(PACKAGE)), words


@pytest.fixture(scope="module")
def parser() -> ArgumentParser:
    made = ArgumentParser(exit_on_error=False)
    configure_parser(made)
    return made


def test_the_package_names_commands_of_ours_in_many_places() -> None:
    assert len({*commands()}) > 100


@pytest.mark.parametrize(("module", "words"), sorted({*commands()}))
def test_each_command_of_ours_that_is_named_can_be_parsed(
    parser: ArgumentParser, module: str, words: str
) -> None:
    typed = shlex.split(words)
    assert typed[0] in COMMANDS | ALIASES, f"{module}: {words}"
    try:
        parser.parse_args(typed)
    except SystemExit as end:
        assert end.code == 0, f"{module}: {words}"


def programs() -> Iterator[tuple[str, str]]:
    """The programs of other commands that messages are built of."""
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and ast.unparse(node.func) == "shlex.join"):
                continue
            words = node.args[0]
            if isinstance(words, ast.List) and isinstance(words.elts[0], ast.Constant):
                yield str(file.relative_to(PACKAGE)), str(words.elts[0].value)


@pytest.mark.parametrize(("module", "program"), sorted({*programs()}))
def test_each_other_program_that_is_named_exists(module: str, program: str) -> None:
    assert program in ("conda", "cd", "sudo") or shutil.which(program), f"{module}: {program}"
