"""The only caller of pip: resolves and installs into a stage.

See `Stage` for why pip leaves exactly the difference there.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, distribution
from operator import itemgetter
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from conda_overlay.activation.shells import visible
from conda_overlay.core.errors import HostError
from conda_overlay.core.pip_options import INDEX, Options
from conda_overlay.core.redact import without_credentials
from conda_overlay.edits.checkouts import note_commit
from conda_overlay.host.host import Host, clean_environ
from conda_overlay.resolve.pip_output import PipRun, is_refusal
from conda_overlay.resolve.stage import Stage

NEEDED = SpecifierSet(">=22.2", prereleases=True)
"""The versions of pip that write a report."""

_RUNNER = Path(__file__).with_name("pip_child.py")

_SHOW_CURSOR = "\x1b[?25h"
"""For a terminal: pip hides the cursor during animations, and leaves it hidden when killed."""


@dataclass
class Pip:
    """Runs pip for one host."""

    host: Host
    verbosity: int = 0
    """As conda's ``-v``; -1 stands for ``--quiet``."""
    to_stderr: bool = False
    """Keep stdout free, for JSON."""

    @cached_property
    def locations(self) -> list[str]:
        """The directories that contain a pip: of the host and of conda's base, the newest first.

        Raises:
            HostError: neither has a pip that is new enough and runs on the host's Python.
        """
        found = []
        if own := self.host.distributions.get("pip"):
            found.append((own[0].version, str(self.host.site_packages)))
        with suppress(PackageNotFoundError):
            base = distribution("pip")
            runs_on = SpecifierSet(base.metadata["Requires-Python"] or "", prereleases=True)
            if self.host.markers["python_full_version"] in runs_on:
                found.append((base.version, str(base.locate_file(""))))
        usable = [(Version(version), place) for version, place in found if version in NEEDED]
        if usable:
            return [place for _, place in sorted(usable, key=itemgetter(0), reverse=True)]
        raise HostError(
            f"{self.host.prefix} has no pip {NEEDED}, and conda's own does not run on its Python "
            f"{self.host.python_version}.",
            f"whoever owns it can type: conda install -p {self.host.prefix} 'pip{NEEDED}'",
            prefix=str(self.host.prefix),
        )

    def say(self, text: str) -> None:
        """Print a line between two runs of pip."""
        if self.verbosity >= 0:
            print(text, file=sys.stderr if self.to_stderr else sys.stdout, flush=True)

    def warn(self, lines: Iterable[str], *starts: str) -> None:
        """Print the lines that start as warnings do."""
        for line in lines:
            if line.lstrip().startswith(starts):
                print(_clean(os.fsencode(line)), file=sys.stderr)

    def explain(self, text: str) -> None:
        """Print a line with -v."""
        if self.verbosity > 0:
            self.say(_clean(os.fsencode(text)))

    def install(
        self,
        stage: Stage,
        arguments: Sequence[str],
        constraints: Sequence[Requirement],
        source_dir: Path,
        *,
        again: bool = False,
    ) -> PipRun:
        """Install into a stage.

        Args:
            stage: a new one.
            arguments: options and requirements.
            constraints: the versions that pip may use.
            source_dir: where editables from version control are cloned; pip resets a clone there.
            again: whether an earlier run is repeated, so that less output is shown.
        """
        words = ["install", *self._options(stage, constraints), *arguments]
        silence = 0 if self.verbosity > 0 else 1 + again
        for location in self.locations:
            code, lines = self._run(*self._command(location, stage, words, source_dir, silence))
            if code == 0:
                for checkout in source_dir.glob("*"):
                    note_commit(checkout)
                return PipRun(True)
            if not is_refusal(code, lines):  # else an older pip may accept it
                break
        explanation, links = (
            tuple(map(_clean, file.read_bytes().splitlines())) if file.exists() else ()
            for file in (stage.work / "explanation.txt", stage.work / "links.txt")
        )
        return PipRun(False, tuple(arguments), lines, explanation, links)

    def _options(self, stage: Stage, constraints: Sequence[Requirement]) -> Iterator[str]:
        """Our options; they come before the user's, which take precedence."""
        yield from ("--no-user", "--no-warn-script-location", "--no-warn-conflicts")
        yield from ("--root-user-action", "ignore", "--report", str(stage.work / "report.json"))
        yield "--use-pep517"  # else pip may build with the stage's setuptools
        yield "--no-compile"  # compiling is half of pip's time for a large set; imports do it once
        if self.to_stderr or not sys.stdout.isatty():  # with -q pip itself shows less
            yield from ("--progress-bar", "off")
        if self.verbosity:
            yield "-q" if self.verbosity < 0 else "-" + "v" * self.verbosity
        if constraints:
            steering = stage.work / "constraints.txt"
            steering.write_text("".join(f"{one}\n" for one in constraints), encoding="utf-8")
            yield from ("-c", str(steering))

    def newest(self, stage: Stage, name: str, options: Options) -> str | None:
        """The newest version available; None if that cannot be determined.

        Args:
            stage: one that pip has run in.
            name: of a distribution.
            options: of the installation; those that select indexes and files are used.
        """
        words = ["index", "versions", name, *options.used(INDEX).words]
        argv, environ = self._command(self.locations[0], stage, words, Path(), 0)
        done = subprocess.run(argv, env=environ, check=False, capture_output=True)
        found = re.match(r"\S+ \((\S+)\)", done.stdout.decode(errors="replace"))
        return found[1] if found and done.returncode == 0 else None

    def _command(
        self, location: str, stage: Stage, words: Sequence[str], source_dir: Path, silence: int
    ) -> tuple[list[str], dict[str, str]]:
        """The arguments and the environ of a run of pip in a stage."""
        # B: the stage sees the overlay's site-packages, where pip must not write bytecode.
        runner = [str(_RUNNER), location, str(stage.work), str(source_dir), str(silence)]
        return [str(stage.python), "-IB", *runner, *words], self.environ(stage)

    def environ(self, stage: Stage) -> dict[str, str]:
        """The environ of a program that works in a stage."""
        temporary = str(stage.work / "tmp")
        environ = {**clean_environ(), "PYTHONNOUSERSITE": "1", "TMPDIR": temporary}
        environ.pop("VIRTUAL_ENV", None)
        # Builds must not take a repository around this directory for their own.
        ceilings = [temporary, *filter(None, [environ.get("GIT_CEILING_DIRECTORIES")])]
        environ["GIT_CEILING_DIRECTORIES"] = os.pathsep.join(ceilings)
        return environ

    def _run(self, argv: Sequence[str], environ: dict[str, str]) -> tuple[int, tuple[str, ...]]:
        """Run pip, and return its exit code and the lines of its stderr.

        With -v all lines are shown as they come; otherwise only the warnings of a successful run.
        """
        sys.stdout.flush()
        stdout = sys.stderr if self.to_stderr else None
        told = []
        with subprocess.Popen(argv, env=environ, stdout=stdout, stderr=subprocess.PIPE) as process:
            assert process.stderr is not None
            try:
                for line in map(_clean, process.stderr):
                    told.append(line)
                    if self.verbosity > 0:
                        print(line, file=sys.stderr, flush=True)
            except BaseException:
                process.kill()
                process.wait()
                shown = stdout or sys.stdout
                if shown.isatty():
                    print(_SHOW_CURSOR, end="", file=shown, flush=True)
                raise
        if process.returncode == 0 and self.verbosity <= 0:
            self.warn(told, "WARNING", "DEPRECATION")
        return process.returncode, tuple(line for line in told if line.strip())


def _clean(line: bytes) -> str:
    text = visible(without_credentials(line.decode(errors="replace").rstrip("\r\n")))
    return text.replace("ERROR: ERROR:", "ERROR:")
