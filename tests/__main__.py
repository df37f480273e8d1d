"""The test command: ``python3 -m tests``.

It runs ruff, mypy and pytest in the bed, with nothing needed but git, pip and an index; the tests
that take long only with ``--all``. Given other arguments, it runs pytest alone, with them, and all
tests that they name: ``python3 -m tests -k wiring``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

if sys.version_info < (3, 10):  # noqa: UP036, who starts this need not have read pyproject.toml
    sys.exit(f"The tests need Python 3.10 or newer; this is {sys.version.split()[0]}.")

from tests.bed import base, cpython, place
from tests.bed.command import checked

TOOLS = (
    "hypothesis>=6.100,<7",
    "mypy>=1.15,<3",
    "pytest>=8.0,<10",
    "pytest-xdist>=3.6,<4",
    "xonsh>=0.17,<1",
    "ruff==0.17.*",  # what it calls formatted differs from one minor version to the next
)

CHECKS = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy", "--strict"),
)
ALL = "--all"
PYTEST = ("pytest", "-ra", "--durations=10")
WORKERS = ("-n", "3", "--dist", "loadscope", "--no-loadscope-reorder")
"""For the whole suite: three on two cores, for tests wait at times. `tests.conftest` says which
tests stay together, and which come first."""


def main(arguments: Sequence[str]) -> int:
    """Run all, whatever fails, and return the exit code; the checks run beside the first tests."""
    os.umask(0o022)  # for other users read files that the tests make
    python = tools() / "bin" / "python"
    if arguments and [*arguments] != [ALL]:
        return started(python, (*PYTEST, *arguments)).wait()
    chosen = () if arguments else ("-m", "not long")
    quietly: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    checks = {command: started(python, command, **quietly) for command in CHECKS}
    codes: dict[Sequence[str], int] = {PYTEST: started(python, (*PYTEST, *WORKERS, *chosen)).wait()}
    for command, process in checks.items():
        print(f"\n$ python -m {' '.join(command)}\n{process.communicate()[0]}", flush=True)
        codes[command] = process.returncode
    failed = [" ".join(command[:2]) for command, code in codes.items() if code]
    if failed:
        print(f"Failed: {', '.join(failed)}.")
    return next(filter(None, codes.values()), 0)


def tools() -> Path:
    """Return a virtual environment that has the tools, and imports the floor's conda.

    Its base is the interpreter that the bed is made of, not the floor: otherwise the tests, which
    run in it, would take the floor's Python for that of this machine, and make a second bed.
    """
    floor = base.floor_base()
    python = cpython.default()
    site = Path("lib", f"python{python.xy}", "site-packages")

    def build(target: Path) -> None:
        # Debian's Python may lack ensurepip; the pip that comes with the floor's conda serves.
        checked([python.executable, "-m", "venv", "--without-pip", target])
        (target / site / "floor.pth").write_text(f"{floor / site}\n")
        checked([target / "bin" / "python", "-m", "pip", "install", "--quiet", *TOOLS])

    return place.built("tools", (floor, python, *TOOLS), build)


def started(python: Path, command: Sequence[str], **output: Any) -> subprocess.Popen[str]:
    """Start a module in the checkout, visibly if nothing else is said."""
    if not output:
        print(f"\n$ python -m {' '.join(command)}", flush=True)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    # Unbuffered, so that progress is seen where the output goes to a file, too.
    argv = [str(python), "-u", "-m", *command]
    return subprocess.Popen(argv, cwd=place.CHECKOUT, env=environ, **output)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
