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


def test_roots_python_does_not_see_the_overlay_of_a_user(bench: Bench) -> None:
    bench.given("install", "new")
    python = bench.host / "bin" / "python"
    assert str(bench.site) not in as_root(bench, python, "-c", WHERE, PYTHONPATH=str(bench.site))
    assert bench.version("new") == "1.0"


@pytest.mark.parametrize("words", [("status",), ("install", "--dry-run", "--force", "beta")])
def test_roots_commands_run_nothing_of_a_user(bench: Bench, words: tuple[str, ...]) -> None:
    """With a `CONDA_EXE`, a HOME and settings that are the user's."""
    bench.given("install", "new")
    sprung = bench.user.home / "sprung"
    trap = bench.user.home / "bin" / "python"
    script = 'mkdir "$1"; printf "#!/bin/sh\\ntouch $2\\n" > "$1/python"; chmod +x "$1/python"'
    done = bench.user.run(["sh", "-ec", script, "sh", trap.parent, sprung])
    assert done.returncode == 0, done.stderr
    bench.edit(
        bench.user.home / ".condarc", "plugins:\n  overlay_trusted_owners: [overlay-alice]\n"
    )
    bench.edit(bench.site / "trap.pth", f"import pathlib; pathlib.Path({str(sprung)!r}).touch()\n")
    command, *rest = words
    argv = ["overlay", command, "-n", "science", *rest]
    told = as_root(bench, bench.conda.executable, *argv, CONDA_EXE=str(trap.with_name("conda")))
    assert not sprung.exists()
    assert f"belongs to {bench.user.name}" in told
