"""Which environment a command works on: the one that is named, or the active one, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from conda_overlay.cli import COMMANDS
from tests.bed import users
from tests.bed.condas import Conda
from tests.bed.users import User
from tests.bench import Bench

ARGUMENTS = {
    "apply": ["overlay.toml"],
    "edit": ["new"],
    "fork": ["--recreate"],
    "install": ["new"],
    "kernel": ["install"],
    "note": ["new", "--reason", "x"],
    "patch": ["new", "-"],
    "pip": ["list"],
    "remove": ["new"],
    "run": ["true"],
    "why": ["new"],
}


@pytest.mark.parametrize("command", sorted(COMMANDS.keys() - {"audit", "list", "hook"}))
def test_a_command_without_an_environment_is_refused(quick: Bench, command: str) -> None:
    (quick.user.home / "overlay.toml").write_text("format = 1\n")
    done = quick.run(command, *ARGUMENTS.get(command, []), env={"CONDA_PREFIX": ""})
    assert (done.returncode, done.stdout) == (2, "")
    assert "No environment is active.\nHint: name one with -n ENV" in done.stderr
    assert not quick.overlays.exists()


def test_commands_in_hints_name_the_environment_unless_it_is_active(quick: Bench) -> None:
    words = ("diff", "1", "2", "3")
    assert "Hint: conda overlay history -n science\n" in quick.run(*words, *quick.where).stderr
    named = quick.run(*words, "-p", str(quick.host)).stderr
    assert "Hint: conda overlay history -n science\n" in named
    path = f"{quick.host}/bin:{users.PATH}"
    active = {"CONDA_PREFIX": str(quick.host), "CONDA_SHLVL": "1", "PATH": path}
    for where in ((), quick.where):
        assert "Hint: conda overlay history\n" in quick.run(*words, *where, env=active).stderr


def test_the_active_environment_may_be_base(conda: Conda, alice: User) -> None:
    for prefix in (conda.prefix, conda.env("science")):
        argv: list[str | Path] = [conda.executable, "overlay", "status", "-v"]
        done = alice.run(argv, env={"CONDA_PREFIX": str(prefix), "CONDA_SHLVL": "1"})
        assert (done.returncode, done.stderr) == (0, "")
        assert f"{prefix}\n" in done.stdout


EMPTY = {
    "edit": ("edit", ""),
    "patch": ("patch", " ", "-"),
    "rebase": ("rebase", "--from", ""),
    "repair": ("repair", "new", ""),
}


@pytest.mark.parametrize("command", EMPTY)
def test_a_name_that_is_empty_is_refused(quick: Bench, command: str) -> None:
    """As of a variable that is not set."""
    told = quick.refuse(*EMPTY[command], "--yes", code=2)
    place = "--from needs an environment, or the path of an overlay."
    assert (place if command == "rebase" else "Name a package.") in told
