"""Makes host environments with conda itself, protects them, and proves them unchanged."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.bed import base as bases
from tests.bed import cpython, place, pypi, relocate
from tests.bed.command import checked
from tests.bed.cpython import Interpreter

_SOURCES = (*cpython.SOURCES, "environment.py", "relocate.py")


def create(
    base: Path,
    prefix: Path,
    *,
    python: Interpreter | None = None,
    pip: str | None = None,
    wheels: Sequence[Path] = (),
) -> Path:
    """Create an environment by the conda of `base`, and compile it.

    Args:
        base: A base prefix.
        prefix: Where; does not exist yet.
        python: What to make the package `python` of; `cpython.default()` if not given.
        pip: `ensurepip`, or the version of pip to install from PyPI; none if not given.
        wheels: Distributions to install, as they are, by pip.

    Returns:
        The prefix.
    """
    python = python or cpython.default()
    channel = cpython.channel(python)
    argv: list[str | Path] = [base / "bin" / "conda", "create", "--quiet", "--yes"]
    argv += ["--prefix", prefix, "--override-channels", "--channel", f"file://{channel}"]
    with place.locked(f"{channel.name}/packages.lock"), tempfile.TemporaryDirectory() as home:
        environ = {
            "HOME": home,
            "CONDA_PKGS_DIRS": str(channel / "packages"),
            "CONDA_ADD_PIP_AS_PYTHON_DEPENDENCY": "false",
        }
        checked([*argv, f"python={python.xy}"], env=environ)
    if pip == "ensurepip":
        checked([prefix / "bin" / "python", "-m", "ensurepip", "--default-pip"])
    elif pip is not None:
        pypi.install(prefix, pypi.wheels([f"pip=={pip}"], python.xy, dependencies=False))
    if wheels:
        pypi.install(prefix, wheels)
    cpython.precompile(prefix)
    return prefix


def template(
    *, python: Interpreter | None = None, pip: str | None = None, wheels: Sequence[Path] = ()
) -> Path:
    """Return a protected environment of the floor conda, built once. It stays as it is: `clone` it.

    The arguments are those of `create`.
    """
    contents = [hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in wheels]

    def build(target: Path) -> None:
        protect(create(bases.floor_base(), target, python=python, pip=pip, wheels=wheels))

    inputs = (place.sources(*_SOURCES), python or cpython.default(), pip, *contents)
    return place.built("template", inputs, build)


def clone(template: Path, prefix: Path) -> Path:
    """Make an independent copy of an environment, as protected as it is, at a new path."""
    relocate.copy(template, prefix)
    return prefix


def protect(prefix: Path) -> Path:
    """Make a tree root's, for all to read and nobody else to write.

    Without root, nobody may write to it; `place.remove` removes it all the same.
    """
    unprivileged = os.geteuid() != 0
    for path in _tree(prefix):
        if not unprivileged:
            os.lchown(path, 0, 0)
        if not path.is_symlink():
            mode = stat.S_IMODE(path.stat().st_mode)
            readable = mode | (0o555 if path.is_dir() or mode & 0o100 else 0o444)
            path.chmod(readable & ~(0o222 if unprivileged else 0o022))
    return prefix


def unprotect(prefix: Path) -> None:
    """Let the owner of a protected tree write to it, who need not be root."""
    for path in _tree(prefix):
        if not path.is_symlink():
            path.chmod(stat.S_IMODE(path.stat().st_mode) | 0o200)


def tree_hash(prefix: Path) -> str:
    """Return the sha256 of all that a tree is.

    That is the path, type, mode, owner and time of change of every file and directory, and the
    content of every file, and the target of every link.
    """
    whole = hashlib.sha256()
    for path in _tree(prefix):
        status = path.lstat()
        facts: list[object] = [str(path.relative_to(prefix)), status.st_mode]
        facts += [status.st_uid, status.st_gid, status.st_mtime_ns]
        if stat.S_ISREG(status.st_mode):
            facts.append(hashlib.sha256(path.read_bytes()).hexdigest())
        elif stat.S_ISLNK(status.st_mode):
            facts.append(str(path.readlink()))
        whole.update(repr(facts).encode())
    return whole.hexdigest()


def _tree(prefix: Path) -> Iterator[Path]:
    """Yield the prefix and all that is in it, in an order that depends on the names only."""
    yield prefix
    for directory, folders, files in os.walk(prefix):
        folders.sort()
        yield from (Path(directory, name) for name in sorted([*folders, *files]))
