"""Reads a host environment: its Python, its distributions, and whether it is protected."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conda_overlay.activation import locate
from conda_overlay.core import serialize
from conda_overlay.core.errors import HostError, NoPythonError, NoSuchEnvironmentError
from conda_overlay.distributions.site import (
    Known,
    Site,
    by_name,
    dump_metadata,
    load_metadata,
    read_metadata,
)

if TYPE_CHECKING:
    from packaging.tags import Tag

_PROBE = """
import json, os, platform, sys, sysconfig
version = sys.implementation.version
print(json.dumps({
    "site": os.path.relpath(sysconfig.get_path("purelib"), sys.prefix),
    "abi": sysconfig.get_config_var("SOABI"),
    "markers": {
        "implementation_name": sys.implementation.name,
        "implementation_version": ".".join(map(str, version[:3])),
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": platform.python_version(),
        "python_version": "%d.%d" % sys.version_info[:2],
        "sys_platform": sys.platform,
    },
}))
"""


Interpreter = subprocess.Popen[str]
"""A process of a host's Python, whose output is read as text."""


@dataclass(frozen=True)
class _Python:
    """The answers of an interpreter."""

    site: str  # its site-packages, relative to the prefix
    abi: str | None
    markers: Mapping[str, str]  # the values of environment markers (PEP 508)


class Host:
    """The conda environment below an overlay; only ever read.

    Attributes:
        prefix: as conda spells it.
        name: as conda prints it.
        recall: returns its `facts` at some time, if they are known; what is unchanged since then
            is not asked or read again.
    """

    def __init__(self, prefix: Path, name: str) -> None:
        """Find the environment.

        Raises:
            NoSuchEnvironmentError: there is no conda environment at the prefix.
            NoPythonError: it has no Python.
            HostError: its path is one that PATH cannot hold.
        """
        self.prefix = prefix
        self.name = name
        self.recall: Callable[[], Mapping[str, Any]] = dict
        self.python = prefix / "bin" / "python"
        path = str(prefix)
        if not (prefix / "conda-meta").is_dir():
            raise no_environment(prefix)
        if locate.UNFIT & set(path):
            sentence = f"The path {path!r} contains a colon or a newline, which PATH cannot hold."
            raise HostError(sentence, "use an environment with another path", prefix=path)
        if not self.python.exists():
            raise NoPythonError(path)

    def __str__(self) -> str:
        return str(self.prefix)

    @cached_property
    def real(self) -> Path:
        """The prefix with all links resolved, as an overlay records it."""
        return Path(os.path.realpath(self.prefix))

    @cached_property
    def owner(self) -> str:
        """The name of the user who owns the environment, or the number if it has none."""
        return owner_of(self.prefix)

    @cached_property
    def protection(self) -> str | None:
        """Why the user cannot change the environment; None if it is writable."""
        if (self.prefix / "conda-meta" / "frozen").exists():  # CEP 22
            return "frozen"
        if os.access(self.site_packages, os.W_OK):
            return None
        if os.statvfs(self.site_packages).f_flag & os.ST_RDONLY:
            return "on a read-only file system"
        return f"belongs to {self.owner}"

    def check(self) -> None:
        """Run its Python.

        Raises:
            HostError: the Python does not run.
        """
        self._ask("print(0)")

    def facts(self) -> Mapping[str, Any]:
        """What is known of it, for `recall`: its Python and its distributions."""
        return {
            "seen": self._seen,
            "python": serialize.encode(self._python),
            "packages": self._packages,
            "metadata": dump_metadata(self._metadata),
        }

    @cached_property
    def _recalled(self) -> Mapping[str, Any]:
        return self.recall()

    @property
    def _seen(self) -> list[Any]:
        """The path, size and modification time of its interpreter."""
        path = os.path.realpath(self.python)
        status = os.stat(path)
        return [path, status.st_size, status.st_mtime_ns]

    @cached_property
    def _python(self) -> _Python:
        """What its Python says of itself; the rest of its markers is of the running system."""
        with suppress(*serialize.UNFIT):
            if self._recalled["seen"] == self._seen:
                known: _Python = serialize.decode(_Python, self._recalled["python"])
                system = os.uname()
                now = {"platform_release": system.release, "platform_version": system.version}
                return replace(known, markers={**known.markers, **now})
        asked: _Python = serialize.decode(_Python, self._ask(_PROBE))
        return asked

    @cached_property
    def _metadata(self) -> Known:
        known: Known = {}
        with suppress(*serialize.UNFIT):
            if self._recalled["packages"] == self._packages:  # another build may look the same
                known = load_metadata(self._recalled["metadata"], self.site_packages)
        return read_metadata(self.site_packages, known)

    @cached_property
    def _packages(self) -> list[str]:
        """The conda packages: name, version and build."""
        return sorted(path.stem for path in (self.prefix / "conda-meta").glob("*.json"))

    def _ask(self, code: str) -> Any:
        why = "it prints nothing"
        try:
            done = self.run(["-I", "-S", "-c", code])
            why = (done.stderr.strip() or why).splitlines()[-1]
            return json.loads(done.stdout)
        except OSError as error:
            why = error.strerror or str(error)
        except ValueError:
            pass
        sentence = f"The Python of {self.prefix} does not run: {why}"
        raise HostError(sentence, f"{self.python} --version", prefix=str(self.prefix))

    @property
    def site_packages(self) -> Path:
        """Its site-packages directory."""
        return self.prefix / self.site_below_prefix

    @property
    def site_below_prefix(self) -> Path:
        """``lib/pythonX.Y/site-packages``: the same path below the prefix of an overlay."""
        return Path(self._python.site)

    @property
    def markers(self) -> Mapping[str, str]:
        """The values of its environment markers (PEP 508)."""
        return self._python.markers

    @cached_property
    def tags(self) -> Mapping[Tag, int]:
        """The tags of wheels (PEP 425) that its Python supports, each with its place: best first.

        Empty for other Pythons than CPython.
        """
        from packaging.tags import compatible_tags, cpython_tags

        found = re.match(r"cpython-(\w+)", self._python.abi or "")
        if not found:
            return {}
        version = [*map(int, self.python_version.split("."))]
        theirs = cpython_tags(version, [f"cp{found[1]}"])
        every = dict.fromkeys((*theirs, *compatible_tags(version, "cp{}{}".format(*version))))
        return {tag: place for place, tag in enumerate(every)}

    @property
    def python_version(self) -> str:
        """Its Python version, X.Y."""
        return self.markers["python_version"]

    @cached_property
    def distributions(self) -> Site:
        """The distributions in its site-packages."""
        return by_name(self._metadata)

    def fingerprint(self) -> Mapping[str, Any]:
        """Its fingerprint now: Python, ABI, distributions and conda packages."""
        versions = {key: found[0].version for key, found in self.distributions.items()}
        content = json.dumps([self._packages, versions], sort_keys=True).encode()
        return {
            "prefix": str(self.real),
            "python": self.markers["python_full_version"],
            "abi": self._python.abi,
            "distributions": versions,
            "packages": self._packages,
            "sha256": hashlib.sha256(content).hexdigest(),
        }

    def has_changed(self, fingerprint: Mapping[str, Any]) -> bool:
        """Whether it differs from an earlier fingerprint."""
        now = self.fingerprint()
        return any(fingerprint.get(name) != now[name] for name in ("sha256", "python", "abi"))

    def run(
        self,
        arguments: Sequence[str],
        pythonpath: Sequence[Path] = (),
        environ: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run its interpreter; see `start`."""
        with self.start(arguments, pythonpath, environ) as process:
            stdout, stderr = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def start(
        self,
        arguments: Sequence[str],
        pythonpath: Sequence[Path] = (),
        environ: Mapping[str, str] | None = None,
    ) -> Interpreter:
        """Start its interpreter, without the environment variables that would redirect it.

        Args:
            arguments: of the interpreter.
            pythonpath: the directories for PYTHONPATH.
            environ: the variables to use unchanged, in place of this process's cleaned ones.
        """
        environ = {**(environ or clean_environ()), "PYTHONDONTWRITEBYTECODE": "1"}
        if pythonpath:
            environ["PYTHONPATH"] = os.pathsep.join(map(str, pythonpath))
        return subprocess.Popen(
            [str(self.python), *arguments],
            env=environ,
            cwd=self.prefix,  # with -c the current directory comes first on its path
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def lines(self, arguments: Sequence[str]) -> Iterator[str]:
        """Run its interpreter in the same way, and yield the lines of its output as they come."""
        with subprocess.Popen(
            [str(self.python), *arguments],
            env=clean_environ(),
            cwd=self.prefix,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:
            yield from process.stdout or ()


def owner_of(path: Path) -> str:
    """The name of the user who owns a path, or the number if it has none."""
    while not path.exists():
        path = path.parent
    try:
        return path.owner()
    except KeyError:
        return str(path.stat().st_uid)


def prefix_of(environment: str | Path) -> Path:
    """The prefix of an environment, given by its name or by a path.

    Raises:
        NoSuchEnvironmentError: no environment has that name.
    """
    if "/" in str(environment) or isinstance(environment, Path):
        return Path(os.path.abspath(os.path.expanduser(environment)))
    from conda import CondaError
    from conda.base.context import locate_prefix_by_name

    try:
        return Path(os.path.abspath(locate_prefix_by_name(environment)))
    except CondaError as error:
        raise NoSuchEnvironmentError(str(environment), _names()) from error


def name_of(prefix: str | Path) -> str:
    """The name of an environment, or its path if conda finds it under no name."""
    from conda.base.context import env_name

    return str(env_name(str(prefix)))


def option_of(environment: str) -> list[str]:
    """The option that names an environment, given its name or path."""
    return ["-p" if "/" in environment else "-n", environment]


def no_environment(prefix: Path) -> NoSuchEnvironmentError:
    """The error for a prefix where there is no environment, by its name if conda gives it one."""
    name = name_of(prefix)
    return NoSuchEnvironmentError(name, [] if "/" in name else _names())


def _names() -> list[str]:
    """The names of all environments that have one."""
    from conda.base.context import env_name
    from conda.core.envs_manager import list_all_known_prefixes

    return [name for prefix in list_all_known_prefixes() if (name := env_name(prefix)) != prefix]


def build(fingerprint: Mapping[str, Any]) -> tuple[Any, Any]:
    """The Python (X.Y) and ABI that compiled modules are built for."""
    return ".".join(str(fingerprint["python"]).split(".")[:2]), fingerprint["abi"]


def clean_environ() -> dict[str, str]:
    """The environment variables without those that change where Python finds its modules."""
    dropped = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONSAFEPATH", "PYTHONPLATLIBDIR")
    return {name: value for name, value in os.environ.items() if name not in dropped}
