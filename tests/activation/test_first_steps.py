"""After a change, the line to type in this shell, where there is one, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.activation.run import Shell
from tests.bed import dists
from tests.bench import Bench
from tests.long import LONG


@pytest.mark.parametrize(
    ("name", "command"), [("bash", "hash -r"), pytest.param("tcsh", "rehash", marks=LONG)]
)
def test_only_what_this_shell_needs_is_named(
    quick: Bench, links: Path, name: str, command: str
) -> None:
    shell = Shell(name, quick.conda, quick.user)
    dists.wheel(links, "plain", "1.0")
    install = "conda overlay install -q -y"
    steps = [
        *("conda activate science", f"{install} new", "echo +1", "conda activate science"),
        *(f"{install} --find-links {links} plain", "echo +2", f"{install} alpha==1.5"),
    ]
    ran = shell.run(
        [f"cd {quick.user.home}", *steps],
        {**quick.environ, "CONDA_PLUGINS_OVERLAY_DIRS": str(quick.user.home / "here")},
    )
    assert ran.returncode == 0, ran
    first, _, rest = ran.stdout.partition("+1")
    second, _, third = rest.partition("+2")
    assert "To use it in this shell: conda activate science" in first and command not in first
    assert "conda activate" not in second and "hash" not in second
    assert f"If the shell still starts an old program: {command}" in third
