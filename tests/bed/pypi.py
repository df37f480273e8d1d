"""Downloads wheels from PyPI, once, by the caller's configuration of pip, and installs wheels."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

from tests.bed import place
from tests.bed.command import checked

_THIS = "{}.{}".format(*sys.version_info)


def wheels(requirements: Sequence[str], version: str, *, dependencies: bool = True) -> list[Path]:
    """Return wheels that satisfy the requirements, on this machine, in a Python `X.Y`."""

    def download(directory: Path) -> None:
        argv: list[str | Path] = [*_downloader(), "download", "--quiet", "--dest", directory]
        argv += ["--only-binary", ":all:", "--python-version", version]
        checked([*argv, *([] if dependencies else ["--no-deps"]), *requirements])

    part = place.built("wheels", (version, dependencies, *requirements), download)
    return sorted(part.glob("*.whl"))


def unpack(wheels: Iterable[Path], directory: Path) -> None:
    """Write the modules of wheels into a directory, from where PYTHONPATH makes them work."""
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(directory)


def install(prefix: Path, wheels: Iterable[Path], *options: str) -> None:
    """Install just these wheels into a prefix, which need not have pip."""
    argv: list[str | Path] = [*pip(prefix), "install", "--quiet", "--no-index", "--no-deps"]
    checked([*argv, "--no-warn-script-location", *options, *wheels])


def pip(prefix: Path) -> list[str | Path]:
    """Return the command of a pip that works on the prefix, and is not installed there."""
    python = prefix / "bin" / "python"
    version = checked([python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]).strip()
    found = wheels(["pip"], version, dependencies=False)

    def build(directory: Path) -> None:
        unpack(found, directory)
        for info in directory.glob("*.dist-info"):  # or it would uninstall itself
            place.remove(info)
        checked([python, "-m", "compileall", "-q", directory])

    return [python, place.built("installer", (version, *found), build) / "pip"]


def uv() -> Path:
    """Return the program uv."""

    def build(target: Path) -> None:
        unpack(wheels(["uv"], _THIS, dependencies=False), target)
        for path in (target, *target.rglob("*")):
            path.chmod(0o755)

    [program] = place.built("uv", (_THIS,), build).glob("*.data/scripts/uv")
    return program


def put_uv(prefix: Path) -> None:
    """Put it beside the Python of an environment."""
    program = prefix / "bin" / "uv"
    program.unlink(missing_ok=True)
    program.symlink_to(uv())


@cache
def _downloader() -> tuple[str, ...]:
    """Return the command of a pip that works here.

    Raises:
        RuntimeError: There is none, nor a way to make one.
    """
    for python in _pythons():
        try:
            checked([python, "-m", "pip", "--version"])
        except RuntimeError:
            continue
        return (python, "-m", "pip")
    raise RuntimeError(
        "The test bed needs pip, and this Python has none: apt-get install python3-venv"
    )


def _pythons() -> Iterator[str]:
    """Yield Pythons that may have pip: the running one, its base, and one made with ensurepip."""
    base = f"{sys.base_prefix}/bin/python{sys.version_info[0]}.{sys.version_info[1]}"
    yield sys.executable
    yield base

    def make(directory: Path) -> None:
        checked([base, "-m", "venv", directory])

    try:
        yield f"{place.built('venv', (base,), make)}/bin/python"
    except RuntimeError:
        return
