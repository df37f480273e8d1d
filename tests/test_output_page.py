"""The page of exit codes and JSON keys says what the code has, and the commands print that."""

from __future__ import annotations

import json
import re

import pytest

from tests import output_page
from tests.bench import Bench

PAGE = output_page.PAGE.read_text(encoding="utf-8")


def test_page_is_what_the_code_has() -> None:
    assert output_page.page() == PAGE, f"make it anew: {output_page.MAKE}"


@pytest.mark.parametrize(
    "words",
    [
        "status",
        "why new",
        "history",
        "history 1",
        "list",
        "env",
        "export",
        "diff",
        "note new --reason x",
    ],
)
def test_a_command_prints_the_keys_of_its_section(quick: Bench, words: str) -> None:
    quick.given("install", "new")
    command, *rest = words.split()
    where = [] if command == "list" else quick.where
    done = quick.run(command, *where, *rest, "--json")
    keys = json.loads(done.stdout).keys()
    title = "history N" if words == "history 1" else command
    [section] = re.findall(rf"^## [^\n]*`{title}`[^\n]*\n+```text\n(.*?)```", PAGE, re.M | re.S)
    if "the keys of a plan" in section:
        section += PAGE.partition("## a plan")[2].partition("## ")[0]
    assert keys == set(re.findall(r"^(\w+)[^\n]*: ", section, re.M))
