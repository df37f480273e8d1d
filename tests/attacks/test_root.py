"""root is never given code that a user can write."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.bench import Bench

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be root")


def as_root(bench: Bench, *argv: str | Path, **changes: str) -> str:
    """Run a command as root with the environ of the user, as ``su`` without ``-`` does."""
    environ = bench.environ_of(changes)
    done = subprocess.run([*map(str, argv)], env=environ, capture_output=True, text=True, cwd="/")
    assert "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
    return done.stdout + done.stderr


WHERE = "import importlib.util as u; print(u.find_spec('new'))"


def test_roots_python_does_not_see_the_overlay_of_a_user(quick: Bench) -> None:
    quick.install("new")
    python = quick.host / "bin" / "python"
    assert str(quick.site) not in as_root(quick, python, "-c", WHERE, PYTHONPATH=str(quick.site))
    assert quick.version("new") == "1.0"


@pytest.mark.parametrize("words", [("status",), ("install", "--dry-run", "--force", "beta")])
def test_roots_commands_run_nothing_of_a_user(quick: Bench, words: tuple[str, ...]) -> None:
    """With a `CONDA_EXE`, a HOME and settings that are the user's."""
    quick.install("new")
    sprung = quick.user.home / "sprung"
    trap = quick.user.home / "bin" / "python"
    script = 'mkdir "$1"; printf "#!/bin/sh\\ntouch $2\\n" > "$1/python"; chmod +x "$1/python"'
    done = quick.user.run(["sh", "-ec", script, "sh", trap.parent, sprung])
    assert done.returncode == 0, done.stderr
    quick.edit(
        quick.user.home / ".condarc", "plugins:\n  overlay_trusted_owners: [overlay-alice]\n"
    )
    quick.edit(quick.site / "trap.pth", f"import pathlib; pathlib.Path({str(sprung)!r}).touch()\n")
    command, *rest = words
    argv = ["overlay", command, "-n", "science", *rest]
    told = as_root(quick, quick.conda.executable, *argv, CONDA_EXE=str(trap.with_name("conda")))
    assert not sprung.exists()
    assert f"belongs to {quick.user.name}" in told
