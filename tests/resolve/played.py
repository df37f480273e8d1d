"""A host whose interpreter plays pip: it leaves recorded files, prints recorded lines, and ends.

Only the process is played. What starts it and reads what it leaves is our own code.
"""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from conda_overlay.core.pip_options import Options
from conda_overlay.core.request import Request
from conda_overlay.distributions.site import read_site
from conda_overlay.host.host import Host
from conda_overlay.resolve.pip import Pip
from conda_overlay.resolve.resolver import Pin, Resolution, Resolver
from tests.layer.test_state import SITE, lay

_PYTHON = """\
#!/bin/sh
# Started as: python -I -S -c CODE, for the facts of the host; or in a stage as
# python -IB pip_child.py LOCATION WORK SOURCES SILENCE WORD ..., for a run of pip.
cd {place} || exit 98
stage=${{0%/bin/python}} work=$4
if [ "$2" = -S ]; then
    exec cat facts
fi
if [ "$7" = index ]; then
    exec cat "index/$9"
fi
number=$(ls runs | wc -l)
printf '%s\\n' "$@" >"runs/$number"
cd "answers/$number" 2>/dev/null || {{ echo "pip has no answer $number" >&2; exit 97; }}
cp -R files/. "$stage"
cp explanation "$work/explanation.txt"
cp links "$work/links.txt"
cat stderr >&2
exit "$(cat code)"
"""

Dists = Mapping[str, Sequence[str]]
"""Distributions as ``NAME VERSION``, each with its requirements."""

SCIENCE: Dists = {
    "alpha 1.0": [],
    "beta 1.0": ["alpha<2"],
    "gamma 1.0": ["delta>=1"],
    "delta 1.0": [],
    "stuck 1.0": ["delta<2"],
}

_IMPOSSIBLE = """\
ERROR: Cannot install these because these package versions have conflicting dependencies.
ERROR: ResolutionImpossible: for help visit https://pip.pypa.io/en/latest/topics/
"""


@dataclass(frozen=True)
class Answer:
    """One run of pip: the distributions that it installs, or its failure."""

    installs: Dists = field(default_factory=dict)
    stderr: str = ""
    explanation: str = ""
    links: str = ""
    code: int = 1
    """With which it ends, if it prints anything to stderr."""


def impossible(*lines: str) -> Answer:
    """No set of versions, for these reasons."""
    reasons = "".join(f"    {line}\n" for line in lines)
    explanation = f"The conflict is caused by:\n{reasons}\n" if lines else ""
    return Answer(stderr=_IMPOSSIBLE, explanation=explanation)


def put(tree: Path, dists: Dists) -> Path:
    """Put distributions into a prefix, and return its site-packages."""
    for label, requires in dists.items():
        name, version = label.split()
        lay(tree, name, version, requires=tuple(requires))
    return tree / SITE


class Played:
    """A host with distributions, and the runs of pip on it."""

    def __init__(self, place: Path, dists: Dists = SCIENCE, pip: str = "24.0") -> None:
        self.place = place
        prefix = place / "host"
        put(prefix, {f"pip {pip}": [], **dists})
        for directory in (prefix / "conda-meta", prefix / "bin", place / "runs", place / "index"):
            directory.mkdir(exist_ok=True)
        python = prefix / "bin" / "python"
        python.write_text(_PYTHON.format(place=shlex.quote(str(place))))
        python.chmod(0o755)
        markers = {"python_full_version": "3.11.7", "python_version": "3.11"}
        facts = {"site": str(SITE), "abi": None, "markers": markers}
        (place / "facts").write_text(json.dumps(facts))
        self.pip = Pip(Host(prefix, "science"))

    def newest(self, name: str, version: str) -> None:
        """Let the index have a version."""
        text = f"{name} ({version})\nAvailable versions: {version}\n"
        (self.place / "index" / name).write_text(text)

    def resolve(
        self,
        words: str,
        *answers: Answer,
        allow_conflicts: bool = False,
        overlay: Dists | None = None,
        pins: Mapping[str, Pin] | None = None,
    ) -> Resolution:
        """Resolve a request, with these answers of pip in turn."""
        for number, answer in enumerate(answers):
            place = self.place / "answers" / str(number)
            (place / "files").mkdir(parents=True)
            put(place / "files", answer.installs)
            texts = {"stderr": answer.stderr, "explanation": answer.explanation}
            texts |= {"links": answer.links, "code": str(answer.code if answer.stderr else 0)}
            for name, text in texts.items():
                (place / name).write_text(text)
        scratch = self.place / "scratch"
        scratch.mkdir()
        above = [] if overlay is None else [put(self.place / "overlay", overlay)]
        layers = {site: read_site(site) for site in above}
        arguments = shlex.split(words)
        options = Options.from_json([word for word in arguments if word.startswith("-")])
        request = Request.parse((w for w in arguments if not w.startswith("-")), options)
        sources = self.place / "src"
        places = layers, scratch, sources
        resolver = Resolver(self.pip, request, *places, allow_conflicts, pins=pins or {})
        try:
            return resolver.resolve()
        finally:
            shutil.rmtree(self.place / "answers")

    @property
    def locations(self) -> list[str]:
        """Where the pip of each run is."""
        runs = sorted((self.place / "runs").iterdir(), key=lambda run: int(run.name))
        return [run.read_text().splitlines()[2] for run in runs]

    @property
    def runs(self) -> list[tuple[str, list[str]]]:
        """The words of the user's in each run of pip, with the dependents that join; constraints.

        Our own options come before the user's.
        """
        found = []
        for number in range(len([*(self.place / "runs").iterdir()])):
            argv = (self.place / "runs" / str(number)).read_text().splitlines()
            file = self.place / "scratch" / f"stage{number}.work" / "constraints.txt"
            ours = argv.index("-c") + 2 if file.exists() else argv.index("off") + 1
            lines = file.read_text().splitlines() if file.exists() else []
            found.append((" ".join(word for word in argv[ours:] if word != "--"), lines))
        return found
