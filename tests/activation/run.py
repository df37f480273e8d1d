"""Runs steps in a real shell, under its strict flags, and brings back its environ at each."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.activation.made import Overlay
from tests.bed import shells
from tests.bed.condas import Conda
from tests.bed.users import User

_DUMP = """\
import json, os, sys
environ = {name.decode("latin-1"): value.decode("latin-1") for name, value in os.environb.items()}
with open(sys.argv[1], "a") as file:
    file.write(json.dumps([sys.argv[2], environ]) + "\\n")
"""

Environ = dict[str, str]
"""Variables as bytes, each byte spelled as the character of its number."""


@dataclass(frozen=True)
class Dump:
    """Step: note the environ, in which these overlays are expected, the active one's first."""

    label: str
    overlays: Sequence[Overlay] = ()
    unless_conda_fails: bool = False
    """Whether conda itself may be unable to activate here, so that there is nothing to wire."""
    within: str = ""
    """A command that runs the one that notes, such as ``conda run``."""


@dataclass(frozen=True)
class Export:
    """Step: set a variable; ``$NAME`` in the value is a variable, and the rest is plain."""

    name: str
    value: str


@dataclass(frozen=True)
class Nested:
    """Step: the same in a shell of the same kind, started by the shell; lenient ones go on."""

    steps: Sequence[Step]
    lenient: bool = False


Step = str | Dump | Export | Nested
"""A string is a command that every shell understands."""


@dataclass(frozen=True)
class Ran:
    """What a shell left behind."""

    returncode: int
    stdout: str
    stderr: str
    dumps: list[tuple[str, Environ]] = field(repr=False)

    @property
    def environs(self) -> dict[str, Environ]:
        """The environ by label."""
        return dict(self.dumps)


@dataclass(frozen=True)
class Shell:
    """A kind of shell, with one conda, and one user; the test is skipped where it is missing."""

    name: str
    conda: Conda
    user: User

    def __post_init__(self) -> None:
        shells.needs(self.name)

    def run(self, steps: Sequence[Step], env: Mapping[str, str | None] | None = None) -> Ran:
        """Run steps in one process, conda's functions having been loaded."""
        directory = self.user.fresh_home()
        (directory / "dump.py").write_text(_DUMP)
        script = self._script(directory, [self.load(), *steps])
        environ = {"CONDA_CHANGEPS1": "false", **(env or {})}
        done = self.user.run([*self.flags(), script], env=environ, timeout=300)
        noted = directory / "dumps"
        lines = noted.read_text().splitlines() if noted.exists() else []
        dumps = [(label, environ) for label, environ in map(json.loads, lines)]
        return Ran(done.returncode, done.stdout, done.stderr, dumps)

    def with_and_without(
        self, steps: Sequence[Step], env: Mapping[str, str | None] | None = None
    ) -> tuple[Ran, Ran]:
        """Run steps with the wiring, and with the wiring switched off."""
        environs = [env or {}, {**(env or {}), "CONDA_OVERLAY_DISABLE": "1"}]
        with ThreadPoolExecutor(2) as pool:
            wired, bare = pool.map(lambda environ: self.run(steps, environ), environs)
        return wired, bare

    def flags(self, lenient: bool = False) -> list[str]:
        """How to start it."""
        return shells.started(self.name, lenient=lenient)

    def load(self) -> str:
        """The command that loads conda's functions."""
        return shells.loading(self.name, self.conda.prefix)

    def _script(self, directory: Path, steps: Sequence[Step]) -> Path:
        lines = [self._line(directory, step) for step in steps]
        script = directory / f"script-{len(list(directory.iterdir()))}"
        script.write_text("\n".join(lines) + "\n")
        return script

    def _line(self, directory: Path, step: Step) -> str:
        if isinstance(step, Dump):
            python = self.conda.prefix / "bin" / "python"
            noting = f"{python} -I -S {directory}/dump.py {directory}/dumps '{step.label}'"
            return f"{step.within} {noting}"
        if isinstance(step, Export):
            return shells.KINDS[self.name].export.format(step.name, step.value)
        if isinstance(step, Nested):
            script = self._script(directory, step.steps)
            return " ".join([*self.flags(step.lenient), str(script)])
        return step


def latin(path: str | Path) -> str:
    """Text as `Environ` spells it."""
    return os.fsencode(path).decode("latin-1")


def expected(bare: Environ, overlays: Sequence[Overlay]) -> Environ:
    """The environ that a shell should have with these overlays, by the one without any."""
    environ = {name: value for name, value in bare.items() if name != "CONDA_OVERLAY_DISABLE"}
    if overlays:
        path = environ["PATH"].split(":")
        for overlay in overlays:
            path.insert(path.index(latin(overlay.prefix / "bin")), latin(overlay.bin))
        environ["PATH"] = ":".join(path)
        sites = [latin(overlay.site) for overlay in overlays]
        before = environ.get("PYTHONPATH")
        environ["PYTHONPATH"] = ":".join([*sites, before] if before else sites)
        for name, place, default in (("JUPYTER_PATH", "jupyter", []), ("MANPATH", "man", [""])):
            entries = [latin(overlay.path / "share" / place) for overlay in overlays]
            before = environ.get(name)
            environ[name] = ":".join([*entries, *([before] if before else default)])
    return environ


def check(steps: Sequence[Step], wired: Ran, bare: Ran) -> None:
    """Compare the whole environ at every step with what it should be by the run without wiring."""
    assert [label for label, _ in wired.dumps] == [label for label, _ in bare.dumps], wired
    noted = {step.label: step for step in _dumps(steps)}
    for (label, environ), (_, without) in zip(wired.dumps, bare.dumps, strict=True):
        got = {name: value for name, value in environ.items() if name != "_CONDA_OVERLAY"}
        overlays = noted[label].overlays
        if noted[label].unless_conda_fails:
            overlays = [overlay for overlay in overlays if _is_active(overlay.prefix, without)]
        wanted = expected(without, overlays)
        assert got == wanted, (label, {*got.items()} ^ {*wanted.items()}, bare.stderr)
        assert ("_CONDA_OVERLAY" in environ) == bool(overlays), label
    assert wired.returncode == bare.returncode


def _is_active(prefix: Path, environ: Environ) -> bool:
    in_path = latin(prefix / "bin") in environ["PATH"].split(":")
    return in_path and environ.get("CONDA_SHLVL", "0") != "0"


def _dumps(steps: Sequence[Step]) -> list[Dump]:
    found: list[Dump] = []
    for step in steps:
        if isinstance(step, Nested):
            found += _dumps(step.steps)
        elif isinstance(step, Dump):
            found.append(step)
    return found
