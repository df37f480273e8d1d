"""A file from elsewhere makes pip install distributions, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench import Bench


def offered(bench: Bench, text: str, name: str = "overlay.toml") -> Path:
    """A file that the user has got from somebody."""
    file = bench.user.home / name
    bench.edit(file, text)
    return file


OPTIONS = [
    *("--target={0}", "--prefix={0}", "--root={0}", "--user", "--report={0}", "--log={0}"),
    *("--src={0}", "--cache-dir={0}", "--python=/bin/false", "--requirement={0}"),
    *("--editable={0}", "-t{0}", "--index-url=x\n--report={0}"),
]


@pytest.mark.parametrize("option", OPTIONS)
def test_only_options_that_say_where_it_comes_from_are_accepted(bench: Bench, option: str) -> None:
    aim = bench.user.home / "aim"
    option = option.format(aim)
    wanted = f"[[wanted]]\nrequirement = 'new'\noptions = [{json.dumps(option)}]\n"
    file = offered(bench, f"format = 1\n{wanted}")
    told = bench.refuse("apply", "--yes", file)
    assert repr(option)[1:-1] in told and "is not allowed in a file" in told
    assert not aim.exists()


LOCKED = [
    {"name": "--target={0}", "version": "1.0"},
    {"name": "-r{0}", "version": "1.0"},
    {"name": "new\n--report={0}", "version": "1.0"},
    {"name": "../../new", "version": "1.0"},
    {"name": "new", "version": "1.0\n--report={0}"},
    {"name": "new", "version": "1.0 --report={0}"},
    {"name": "new", "version": "1.0", "sha256": "0\n--report={0}"},
    {"name": "new", "version": "1.0", "sha256": "0" * 64, "url": "https://x/y\n--report={0}"},
    {"name": "new", "version": "1.0", "url": "--report={0}"},
    {"name": "new", "version": "1.0", "editable": "--report={0}"},
]


@pytest.mark.parametrize("table", LOCKED, ids=str)
@pytest.mark.parametrize("locked", [False, True])
def test_nothing_that_a_file_locks_can_be_an_option(
    bench: Bench, table: dict[str, str], locked: bool
) -> None:
    aim = bench.user.home / "aim"
    lines = [f"{key} = {json.dumps(value.format(aim))}" for key, value in table.items()]
    file = offered(bench, "\n".join(["format = 1", "[[locked]]", *lines, ""]))
    told = bench.refuse("apply", "--yes", file, *(["--locked"] if locked else []))
    assert "is not a valid overlay.toml: " in told
    assert not aim.exists()
