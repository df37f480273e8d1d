"""Makes base prefixes: the floor conda's, and disposable copies of it and of others."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from tests.bed import conda, cpython, place, plugin, pypi, relocate
from tests.bed.command import checked
from tests.bed.cpython import Interpreter

_CONDARC = """\
solver: classic
sat_solver: pysat
channels:
  - file://{channel}
default_channels: []
auto_activate_base: false
auto_update_conda: false
notify_outdated_conda: false
number_channel_notices: 0
add_pip_as_python_dependency: false
"""

_SOURCES = (*conda.SOURCES, "base.py", "relocate.py")


def floor_base() -> Path:
    """Return the base prefix of the floor conda, built once. It stays as it is: `clone` it."""
    python = cpython.default()

    def build(target: Path) -> None:
        wheels = pypi.wheels([*conda.DEPENDENCIES, "pip"], python.xy)
        _create(python, wheels, target)
        pypi.install(target, wheels)
        (target / ".condarc").write_text(_CONDARC.format(channel=cpython.channel(python)))
        _add_empty_folders(target)
        cpython.precompile(target)
        with tempfile.TemporaryDirectory() as home:
            checked([target / "bin" / "conda", "info"], env={"HOME": home})

    return place.built("base", (place.sources(*_SOURCES), python), build)


def bases() -> list[Path]:
    """Return the floor, and the base prefixes in CONDA_OVERLAY_TEST_CONDAS, a list as PATH is."""
    named = os.environ.get("CONDA_OVERLAY_TEST_CONDAS", "")
    return [floor_base(), *(Path(prefix).resolve() for prefix in named.split(os.pathsep) if prefix)]


def clone(base: Path, prefix: Path) -> Path:
    """Make a disposable copy of a base, less its environments and package cache, at a new path."""
    relocate.copy(base, prefix, without=("envs", "pkgs"))
    _add_empty_folders(prefix)
    return prefix


def install_plugin(base: Path) -> None:
    """Install the project, as it is in the checkout now, into a cloned base."""
    pypi.install(base, [plugin.wheel()], "--force-reinstall")


def _create(python: Interpreter, wheels: list[Path], target: Path) -> None:
    """Let the floor conda, run from a scratch directory, create the prefix that it will live in."""
    channel = conda.channel(python)
    with tempfile.TemporaryDirectory(dir=target.parent) as directory:
        scratch = Path(directory)
        pypi.unpack(wheels, scratch / "modules")
        conda.unpack(scratch / "modules")
        # That conda takes the prefix of its Python for its own base, which must be a scratch one.
        relocate.copy(cpython.prefix(python), scratch / "python")
        (scratch / "condarc").write_text(_CONDARC.format(channel=channel))
        argv: list[str | Path] = [scratch / "python" / "bin" / "python", "-m", "conda", "create"]
        argv += ["--quiet", "--yes", "--copy", "--prefix", target, "python", "conda"]
        environ = {
            "PYTHONPATH": str(scratch / "modules"),
            "HOME": str(scratch),
            "CONDARC": str(scratch / "condarc"),
            "CONDA_PKGS_DIRS": str(scratch / "pkgs"),
        }
        checked(argv, env=environ)


def _add_empty_folders(prefix: Path) -> None:
    for folder in ("envs", "pkgs"):
        (prefix / folder).mkdir()
    (prefix / "pkgs" / "urls.txt").touch()  # by which conda knows a package cache
