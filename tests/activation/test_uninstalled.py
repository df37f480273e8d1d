"""What is left when an administrator has removed the plugin."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bed import base, environment, place, pypi, users
from tests.bed.command import checked
from tests.bed.condas import Conda
from tests.bed.users import User

DOCS = Path(__file__).parents[2] / "docs" / "ways-in.md"


class Removed:
    """A conda whose plugin was removed after a user had made an overlay and activated it."""

    def __init__(self, directory: Path, conda: Conda, environ: dict[str, str]) -> None:
        self.user: User = users.user("overlay-alice")
        prefix = base.clone(conda.prefix, directory / "base")
        environment.clone(conda.env("science"), prefix / "envs" / "science")
        self.conda = Conda(prefix, conda.version)
        self.host = self.conda.env("science")
        self.source = f"source {prefix}/etc/profile.d/conda.sh"
        argv: list[str | Path] = [self.conda.executable, "overlay", "install", "-n", "science"]
        done = self.user.run([*argv, "--yes", "new"], env=environ)
        assert done.returncode == 0, done.stderr
        wired = self.bash({}, "conda activate science; env -0").stdout.split("\0")
        self.wired = dict(line.split("=", 1) for line in wired if line)
        assert "_CONDA_OVERLAY" in self.wired
        environment.unprotect(prefix)
        checked([*pypi.pip(prefix), "uninstall", "--quiet", "--yes", "conda-overlay"])
        environment.protect(prefix)

    def bash(self, env: dict[str, str], script: str) -> subprocess.CompletedProcess[str]:
        """Run a script in a bash that knows this conda."""
        return self.user.run(["bash", "--norc", "-c", f"{self.source}; {script}"], env=env)


@pytest.fixture(scope="module")
def removed(conda: Conda, hermetic: dict[str, str]) -> Iterator[Removed]:
    with place.scratch() as directory:
        yield Removed(directory, conda, hermetic)


def test_a_wired_shell_can_deactivate_and_go_on(removed: Removed) -> None:
    script = "conda deactivate; echo left; conda activate science; python -c 'print(6 * 7)'"
    done = removed.bash(removed.wired, f"{script}; conda deactivate; conda --version")
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert done.stdout.splitlines() == ["left", "42", f"conda {removed.conda.version}"]


def test_a_new_shell_has_nothing_of_the_overlay(removed: Removed) -> None:
    done = removed.bash({}, "conda activate science; echo ${PYTHONPATH-none}; conda deactivate")
    assert (done.stdout, done.stderr) == ("none\n", "")


def test_the_overlays_pip_falls_back_with_one_sentence(removed: Removed) -> None:
    done = removed.bash(removed.wired, "pip install --no-user --no-index new")
    assert done.stderr.splitlines()[0] == (
        "pip: conda-overlay is not installed any more, so pip does not use the overlay"
    )
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["bash", "zsh", "fish", "tcsh"])
def test_the_lines_of_hook_in_an_rc_file_are_silent(removed: Removed, name: str) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"there is no {name}")
    known = "bash" if name == "zsh" else name  # whose line is the same
    [line] = re.findall(rf"^.*hook {known}.*?(?=  +#)", DOCS.read_text(), re.M)
    line = line.replace(known, name)
    path = f"{removed.conda.prefix}/bin:/usr/bin:/bin"
    flags = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"], "tcsh": ["-f"]}[name]
    done = removed.user.run([name, *flags, "-c", f"{line}\necho after"], env={"PATH": path})
    assert (done.stdout, done.stderr) == ("after\n", "")
