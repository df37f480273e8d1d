"""The only caller of pip: resolves and installs into a stage.

A stage is a throw-away virtual environment whose base is the host and whose path also names the
overlay. pip sees there what host and overlay have, upgrades only what is needed, and leaves exactly
the difference in the stage: it never uninstalls "outside environment".
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from conda_overlay.distributions import Site, read_site, without_credentials
from conda_overlay.exceptions import HostError
from conda_overlay.host import Host, clean_environ

OLDEST = Version("19.2")
"""The pip that Python 3.8.0 shipped."""

RESOLVING = Version("20.3")
"""The first pip with a resolver that heeds every requirement: an older one is the last resort."""

_RUNNER = Path(__file__).with_name("run_pip.py")
_TAIL = 25  # lines of pip's output that an error quotes

_UNMATCHED = "No matching distribution found for"
_NO_MATCH = re.compile(_UNMATCHED + r" ([\w.-]+)")
_BLAMED = re.compile(
    r"\s*(?:The user requested \(constraint\) ([\w.-]+)|([\w.-]+) \S+ depends on )"
)


class Stage:
    """The throw-away virtual environment.

    Attributes:
        root: its directory.
        python: the path of its interpreter, which pip writes into the heads of scripts.
        site: its site-packages.
    """

    def __init__(self, root: Path, host: Host, overlays: Sequence[Path]) -> None:
        """Make it; no venv module is needed.

        Args:
            root: a directory that does not exist yet.
            host: the environment below.
            overlays: site-packages of the overlays above the host, the first one wins.
        """
        self.root = root
        self.python = root / "bin" / "python"
        self.site = root / host.site_below_prefix
        self.site.mkdir(parents=True)
        self.reports.mkdir()
        self.python.parent.mkdir()
        self.python.symlink_to(host.python)
        (root / "pyvenv.cfg").write_text(
            f"home = {host.prefix / 'bin'}\ninclude-system-site-packages = true\n",
            encoding="utf-8",
            errors="surrogateescape",
        )
        (self.site / "_conda_overlay_stage.pth").write_text(
            "".join(f"{site}\n" for site in overlays), encoding="utf-8", errors="surrogateescape"
        )
        for name in ("pip.conf", "pip.ini"):  # pip's "site" configuration, which facilities use
            if (host.prefix / name).exists():
                (root / name).symlink_to(host.prefix / name)
        self._scaffold = {path for path in root.rglob("*") if path.is_symlink() or path.is_file()}

    @property
    def reports(self) -> Path:
        """The directory beside it for what pip tells of its work."""
        return self.root.with_suffix(".reports")

    def distributions(self) -> Site:
        """What pip left here."""
        return read_site(self.site)

    def strike(self) -> None:
        """Remove the scaffold: what remains is what pip left here."""
        for path in {*self._scaffold, self.root / "lib64"}:
            path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Outcome:
    """What pip did."""

    ok: bool
    output: tuple[str, ...]
    """The end of what it wrote to stderr, without credentials."""
    account: tuple[str, ...] = ()
    """Its resolver's account of a conflict: who requires what (pip 20.3)."""

    @property
    def told(self) -> tuple[str, ...]:
        """All that it says of its failure."""
        return (
            *(line for line in self.output if "ResolutionImpossible" not in line),
            *self.account,
        )

    @property
    def impossible(self) -> bool:
        """Whether it found no set of versions, or none under the constraints."""
        return self.unknown or self._tells("ResolutionImpossible", "hashes")

    @property
    def unknown(self) -> bool:
        """Whether it found nothing at all for one of the requirements."""
        return self._tells(_UNMATCHED)

    @property
    def blamed(self) -> set[str]:
        """The normalized names of what is constrained, or requires, and so is in the way."""
        found = [_BLAMED.match(line) for line in self.account]
        found += [_NO_MATCH.search(line) for line in self.output]
        return {canonicalize_name(match[match.lastindex or 0]) for match in found if match}

    def _tells(self, *signs: str) -> bool:
        return any(sign in line for line in self.output for sign in signs)


class Pip:
    """pip, as it serves one host."""

    def __init__(self, host: Host, *, verbosity: int = 0, to_stderr: bool = False) -> None:
        """Choose the pip.

        Args:
            host: the environment below.
            verbosity: as conda's ``-v``; -1 stands for ``--quiet``.
            to_stderr: keep stdout free, for JSON.
        """
        self.host = host
        self.verbosity = verbosity
        self.to_stderr = to_stderr

    @cached_property
    def location(self) -> str:
        """Where the pip is: empty for the host's own, else the base's, else the one with Python.

        Raises:
            HostError: there is none that runs on the host's Python.
        """
        for floor in (RESOLVING, OLDEST):
            for version, place in self._candidates():
                if _is_at_least(version, floor):
                    return place
        raise HostError(
            f"No pip runs on the Python {self.host.python_version} of {self.host.prefix}.",
            "ask for pip to be added to the environment, or to conda's base",
            prefix=str(self.host.prefix),
        )

    def _candidates(self) -> Iterator[tuple[str, str]]:
        """The versions and places of the pips that run on the host's Python, best first."""
        own = self.host.distributions.get("pip", ())
        if own and (self.host.site_packages / "pip").is_dir():
            yield own[0].version, ""
        found = importlib.util.find_spec("pip")
        if found is not None and found.origin is not None:
            requires = importlib.metadata.metadata("pip")["Requires-Python"] or ""
            if SpecifierSet(requires).contains(self.host.markers["python_full_version"]):
                yield importlib.metadata.version("pip"), str(Path(found.origin).parent.parent)
        bundled = self.host.site_packages.parent / "ensurepip" / "_bundled"
        for wheel in bundled.glob("pip-*.whl"):
            yield wheel.name.split("-")[1], str(wheel)

    def say(self, text: str) -> None:
        """Tell the user between two runs of pip."""
        if self.verbosity >= 0:
            print(text, file=sys.stderr if self.to_stderr else sys.stdout, flush=True)

    def install(
        self,
        stage: Stage,
        arguments: Sequence[str],
        constraints: Sequence[str],
        source_dir: Path,
    ) -> Outcome:
        """Install into a stage.

        Args:
            stage: a new one.
            arguments: options and requirements, as the user wrote them.
            constraints: lines of a constraints file.
            source_dir: where checkouts of editables from version control are kept.
        """
        steering = stage.reports / "constraints.txt"
        if constraints:
            steering.write_text("\n".join(constraints) + "\n", encoding="utf-8")
        command = [str(stage.python), "-I", str(_RUNNER), self.location, str(stage.reports)]
        command += [str(source_dir), str(steering) if constraints else ""]
        command += ["install", "--no-user", "--no-warn-script-location", "--no-warn-conflicts"]
        if "--compile" not in arguments:
            # Half of pip's time for a large set; Python does it at the first import, once.
            command.append("--no-compile")
        if self.verbosity:
            command.append("-q" if self.verbosity < 0 else "-" + "v" * self.verbosity)
        environ = clean_environ()
        environ["PYTHONNOUSERSITE"] = "1"
        environ.pop("VIRTUAL_ENV", None)
        sys.stdout.flush()
        done = subprocess.run(
            [*command, *arguments],
            env=environ,
            check=False,
            stdout=sys.stderr if self.to_stderr else None,
            stderr=subprocess.PIPE,
        )
        lines = _lines(done.stderr)
        if done.returncode == 0:
            _repeat_warnings(lines, everything=self.verbosity > 0)
            return Outcome(True, ())
        account = stage.reports / "account.txt"
        told = _lines(account.read_bytes()) if account.exists() else []
        return Outcome(False, tuple(lines[-_TAIL:]), tuple(told))


def sources(stage: Stage) -> dict[str, tuple[str | None, str | None]]:
    """Where each distribution's file came from, and its sha256, as pip (22.2) reports it."""
    try:
        report: dict[str, Any] = json.loads(
            (stage.reports / "report.json").read_text(encoding="utf-8")
        )
        items = report["install"]
    except (OSError, ValueError, KeyError):
        return {}
    result: dict[str, tuple[str | None, str | None]] = {}
    for item in items:
        download = item.get("download_info", {})
        url = download.get("url")
        hashes = download.get("archive_info", {}).get("hashes") or {}
        key = canonicalize_name(item["metadata"]["name"])
        result[key] = (url and without_credentials(url), hashes.get("sha256"))
    return result


def _lines(output: bytes) -> list[str]:
    text = without_credentials(output.decode(errors="replace"))
    return [line for line in text.splitlines() if line.strip()]


def _is_at_least(version: str, floor: Version) -> bool:
    try:
        return Version(version) >= floor
    except InvalidVersion:
        return False


def _repeat_warnings(lines: Sequence[str], everything: bool) -> None:
    """Pass on what pip warned of; what it says of conflicts is judged by the planner instead."""
    for line in lines:
        if everything or line.lstrip().startswith(("WARNING", "DEPRECATION")):
            print(line, file=sys.stderr)
