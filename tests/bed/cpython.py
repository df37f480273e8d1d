"""Turns a CPython of this machine into a prefix of its own and into a conda package."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.bed import channel as channels
from tests.bed import debian, place
from tests.bed.command import checked

SOURCES = ("cpython.py", "debian.py", "channel.py")
"""The modules of the bed that decide what a prefix and a package of CPython hold."""
_LEFT_OUT = shutil.ignore_patterns(
    # Distributions, and what an administrator or Debian says about them.
    *("site-packages", "dist-packages", "sitecustomize.py", "usercustomize.py"),
    *("EXTERNALLY-MANAGED", "_distutils_system_mod.py"),
    # What is large, and no test needs.
    *("__pycache__", "test", "tests", "idlelib", "idle_test", "turtledemo", "config-*"),
    *("tkinter", "lib2to3", "pydoc_data"),
    *("*.a", "*.exe", "_test*.so", "_ctypes_test*.so"),
)
_DEBIANS = Path("/usr/bin")
_OLDEST_HOST = (3, 8)

_DESCRIBE = """
import json, platform, sys, sysconfig
print(json.dumps({
    "implementation": platform.python_implementation(),
    "version": platform.python_version(),
    "prefix": getattr(sys, "base_prefix", sys.prefix),
    "stdlib": sysconfig.get_path("stdlib"),
    "include": sysconfig.get_path("include"),
    "library": [sysconfig.get_config_var(name) for name in ("LIBDIR", "INSTSONAME")],
}))
"""

_CHECK = """
import bz2, site, ssl, sys, sysconfig, zlib
here, old, found = sys.argv[1:]
assert sys.prefix == here, sys.prefix
assert sysconfig.get_path("purelib") == found, sysconfig.get_path("purelib")
assert [path for path in sys.path if path.endswith("-packages")] == [found], sys.path
assert old == "/usr" or old + "/lib/" not in open("/proc/self/maps").read(), "still uses " + old
"""


@dataclass(frozen=True)
class Interpreter:
    """A CPython of this machine."""

    executable: Path
    """The file to run."""
    version: str
    """Such as `3.11.7`."""
    prefix: Path
    """Where it is installed; never that of a virtual environment."""
    stdlib: Path
    """The directory of its standard library."""
    include: Path
    """The directory of its headers."""
    library: Path
    """Its shared library, which need not exist."""

    @property
    def xy(self) -> str:
        """The version as `X.Y`."""
        return ".".join(self.version.split(".")[:2])

    @property
    def number(self) -> tuple[int, int]:
        """The version as two numbers, which sort."""
        major, minor = self.xy.split(".")
        return int(major), int(minor)


@cache
def inspect(executable: Path) -> Interpreter | None:
    """Ask an executable what it is; None unless it is a CPython that runs."""
    try:
        asked = subprocess.run(
            [executable, "-E", "-s", "-c", _DESCRIBE],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        answer = json.loads(asked.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    if answer["implementation"] != "CPython":
        return None
    return Interpreter(
        executable=executable,
        version=answer["version"],
        prefix=Path(answer["prefix"]),
        stdlib=Path(answer["stdlib"]),
        include=Path(answer["include"]),
        library=Path(*(part or "" for part in answer["library"])),
    )


@cache
def default() -> Interpreter:
    """Return Debian's interpreter of the X.Y that runs the tests, else that one, never a venv's.

    Debian compiles its Python with profile-guided optimization, and pyenv does not: the tests,
    which start Python thousands of times, take a fifth less time with it.
    """
    x, y = sys.version_info[:2]
    debians = inspect(_DEBIANS / f"python{x}.{y}")
    if debians and (debians.include / "Python.h").is_file():  # tests build extension modules
        return debians
    found = inspect(Path(sys.base_prefix, "bin", f"python{x}.{y}"))
    if found is None:
        raise RuntimeError(
            f"There is no CPython {x}.{y} in {sys.base_prefix}/bin for the test bed to copy."
        )
    return found


@cache
def interpreters() -> list[Interpreter]:
    """Return a CPython of this machine for each `X.Y`, Python 2 included, the oldest first."""
    found = {default().number: default()}
    for executable in _executables():
        interpreter = inspect(executable)
        if interpreter is not None:
            found.setdefault(interpreter.number, interpreter)
    return [found[number] for number in sorted(found)]


def available() -> list[Interpreter]:
    """Return those of `interpreters()` that can be hosts of another `X.Y` than `default()`."""
    return [
        interpreter
        for interpreter in interpreters()
        if interpreter.number >= _OLDEST_HOST and interpreter.number != default().number
    ]


def prefix(python: Interpreter | None = None) -> Path:
    """Return a prefix with a copy of the interpreter, compiled, and nothing else."""
    python = python or default()

    def build(target: Path) -> None:
        _copy(python, target)
        name = f"python{python.xy}"
        executable = target / "bin" / name
        found = target / "lib" / name / "site-packages"
        checked([executable, "-I", "-c", _CHECK, target, python.prefix, found])
        precompile(target)

    return place.built("cpython", (place.sources(*SOURCES), python), build)


def channel(python: Interpreter | None = None) -> Path:
    """Return a channel that holds the interpreter as a conda package named `python`."""
    python = python or default()
    tree = prefix(python)

    def build(target: Path) -> None:
        channels.pack(tree, target, name="python", version=python.version)
        channels.index(target)

    return place.built("channel", (place.sources(*SOURCES), python), build)


def precompile(prefix: Path) -> None:
    """Compile all modules, since a Python that root runs would do so, and change the tree."""
    for library in (prefix / "lib").glob("python*"):
        checked([prefix / "bin" / "python", "-m", "compileall", "-q", "-j0", library])


def _executables() -> Iterator[Path]:
    """Yield what may be a CPython, by name: on PATH, and what pyenv has."""
    directories = [Path(directory) for directory in os.get_exec_path()]
    if shutil.which("pyenv"):
        directories.extend(Path(checked(["pyenv", "root"]).strip(), "versions").glob("*/bin"))
    for directory in directories:
        for executable in sorted(directory.glob("python[23].*")):
            if re.fullmatch(r"python[23]\.\d+", executable.name):
                yield executable


def _copy(python: Interpreter, target: Path) -> None:
    name = f"python{python.xy}"
    executable = target / "bin" / name
    stdlib = target / "lib" / name
    executable.parent.mkdir(parents=True)
    shutil.copy(python.prefix / "bin" / name, executable)
    for link in ("python", "python3"):
        (executable.parent / link).symlink_to(name)
    shutil.copytree(python.stdlib, stdlib, ignore=_LEFT_OUT, ignore_dangling_symlinks=True)
    (stdlib / "site-packages").mkdir()
    (stdlib / "site-packages" / "README.txt").write_text("Third-party distributions go here.\n")
    if python.include.is_dir():
        shutil.copytree(python.include, target / "include" / python.include.name)
    _bring_library(python, executable)
    _relocate_variables(python, stdlib)
    debian.neutralise(stdlib, executable)


def _bring_library(python: Interpreter, executable: Path) -> None:
    """Copy the shared library, if the executable needs one, and let it look for it there."""
    content = executable.read_bytes()
    if python.library.name.encode() + b"\0" not in content or not python.library.is_file():
        return
    shutil.copy(python.library, executable.parent.parent / "lib")
    # The run path is a string among others in the executable, so its successor may be shorter but
    # not longer.
    old = os.fsencode(python.library.parent) + b"\0"
    new = b"$ORIGIN/../lib\0".ljust(len(old), b"\0")
    if len(new) == len(old):
        executable.write_bytes(content.replace(old, new))


def _relocate_variables(python: Interpreter, stdlib: Path) -> None:
    """Make the variables that extension modules are built with name the prefix that they are in."""
    moves = [
        (str(python.stdlib), f"/lib/{stdlib.name}"),
        (str(python.include), f"/include/{python.include.name}"),
    ]
    if str(python.prefix) != "/usr":  # there it begins the paths of tools, too
        moves.append((str(python.prefix), ""))
    for variables in stdlib.glob("_sysconfigdata*.py"):
        with variables.open("a") as file:
            file.write(
                "\nimport sys as _sys\n"
                f"for _old, _new in {moves!r}:\n"
                "    for _key, _value in build_time_vars.items():\n"
                "        if isinstance(_value, str):\n"
                "            _value = _value.replace(_old, _sys.base_prefix + _new)\n"
                "            build_time_vars[_key] = _value\n"
            )
