"""Builds the wheel of the project, as it is in the checkout now, and unpacks it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from tests.bed import cpython, place, pypi
from tests.bed.command import checked

BACKEND = ("hatchling", "hatch-vcs")
"""What `pyproject.toml` names as required to build."""


def wheel() -> Path:
    """Return the wheel, built again only when a file that goes into it has changed.

    So its version can be that of an earlier commit.
    """
    content = hashlib.sha256()
    for file in _files():
        content.update(f"{file}\0".encode() + file.read_bytes())

    def build(target: Path) -> None:
        # Without build isolation, which would ask PyPI for the backend each time.
        argv: list[str | Path] = [*pypi.pip(cpython.prefix()), "wheel", "--quiet", "--no-deps"]
        argv += ["--no-index", "--no-build-isolation", "--wheel-dir", target, place.CHECKOUT]
        checked(argv, env={"PYTHONPATH": str(backend())})

    [found] = place.built("plugin", (content.hexdigest(), cpython.default()), build).glob("*.whl")
    return found


def modules() -> Path:
    """Return a directory with the modules of the project, which all users can read."""
    found = wheel()

    def build(target: Path) -> None:
        pypi.unpack([found], target)

    return place.built("modules", (found,), build)


def backend() -> Path:
    """Return a directory with the modules of the build backend, and of ``python -m build``."""
    version, names = cpython.default().xy, ["build", *BACKEND]

    def build(target: Path) -> None:
        pypi.unpack(pypi.wheels(names, version), target)

    return place.built("backend", (version, *names), build)


def _files() -> Iterator[Path]:
    for name in ("pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE"):
        if (place.CHECKOUT / name).is_file():
            yield place.CHECKOUT / name
    for path in sorted((place.CHECKOUT / "conda_overlay").rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path
