"""In a Python without conda the project does nothing but say, in one sentence, where it belongs."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bed import cpython, place, plugin, pypi
from tests.bed.command import checked
from tests.bed.condas import Conda
from tests.bed.users import User
from tests.long import LONG

SENTENCE = (
    "conda-overlay is a plugin of conda, and there is no conda in this Python: "
    "install it into the Python of conda's base environment, then type conda overlay.\n"
)
LOADED = "import sys; print(*sorted(name for name in sys.modules if 'conda' in name))"


@pytest.fixture(scope="module")
def python() -> Iterator[Path]:
    """The interpreter of a virtual environment that has the project but no conda."""
    with place.scratch() as scratch:
        checked([cpython.prefix() / "bin" / "python", "-m", "venv", "--without-pip", scratch])
        [site] = scratch.glob("lib/python*/site-packages")
        pypi.unpack([plugin.wheel()], site)
        yield scratch / "bin" / "python"


def run(argv: list[str | Path], **environ: str) -> tuple[int, str, str]:
    """Run a command in a clean environ, outside the checkout."""
    done = subprocess.run(
        argv, env={"HOME": "/", **environ}, cwd="/", capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("arguments", [[], ["--help"], ["install", "flask"]], ids=" ".join)
def test_module_says_in_one_sentence_where_it_belongs(python: Path, arguments: list[str]) -> None:
    assert run([python, "-m", "conda_overlay", *arguments]) == (1, "", SENTENCE)


def test_module_says_so_from_a_checkout_too(python: Path) -> None:
    plain = cpython.prefix() / "bin" / "python"
    argv: list[str | Path] = [plain, "-B", "-m", "conda_overlay"]
    assert run(argv, PYTHONPATH=str(place.CHECKOUT)) == (1, "", SENTENCE)


def test_module_says_so_to_the_conda_of_pypi_that_has_no_plugins(
    python: Path, tmp_path: Path
) -> None:
    (tmp_path / "conda" / "cli").mkdir(parents=True)
    (tmp_path / "conda" / "__init__.py").touch()
    (tmp_path / "conda" / "cli" / "__init__.py").write_text("def main(): pass\n")
    argv: list[str | Path] = [python, "-m", "conda_overlay"]
    assert run(argv, PYTHONPATH=str(tmp_path)) == (1, "", SENTENCE)


def test_module_does_not_hide_what_a_broken_conda_lacks(python: Path, tmp_path: Path) -> None:
    (tmp_path / "conda").mkdir()
    (tmp_path / "conda" / "__init__.py").write_text("import a_dependency_of_conda\n")
    code, _, errors = run([python, "-m", "conda_overlay"], PYTHONPATH=str(tmp_path))
    assert code == 1
    assert "No module named 'a_dependency_of_conda'" in errors


def test_start_up_hook_loads_nothing_of_the_project(python: Path) -> None:
    assert run([python, "-c", LOADED]) == (0, "\n", "")


@pytest.mark.parametrize(
    "wiring", [{}, {"_CONDA_OVERLAY": "/env:/overlay:PATH=bin:PYTHONPATH=site"}]
)
def test_start_up_hook_is_silent_even_where_it_has_work(
    python: Path, wiring: dict[str, str]
) -> None:
    code, loaded, errors = run([python, "-c", LOADED, "shell.posix", "activate"], **wiring)
    assert (code, errors) == (0, "")
    [names] = loaded.splitlines()
    assert "conda_overlay.activation.startup" in names.split()
    assert "conda_overlay.plugin" not in names.split()


@LONG
def test_module_is_the_command_where_conda_is(conda: Conda, alice: User) -> None:
    for arguments in (["--help"], ["status", "-n", "science"], ["list", "--json"], ["nonsense"]):
        by_conda = alice.run([conda.executable, "overlay", *arguments])
        argv: list[str | Path] = [conda.prefix / "bin" / "python", "-m", "conda_overlay"]
        by_module = alice.run([*argv, *arguments])
        assert by_module.returncode == by_conda.returncode
        assert (by_module.stdout, by_module.stderr) == (by_conda.stdout, by_conda.stderr)
