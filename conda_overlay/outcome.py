"""Reads what pip said: whether it failed, at what, and why."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from packaging.utils import InvalidSdistFilename, canonicalize_name, parse_sdist_filename

from conda_overlay.exceptions import PipError

_TAIL = 25  # lines of pip's output that an error quotes
_BUILD_TAIL = 40  # lines of a build's output

_UNMATCHED = "No matching distribution found for"
_NO_MATCH = re.compile(_UNMATCHED + r" ([\w.-]+)")
_CONSTRAINED = re.compile(r"\s*The user requested \(constraint\) ([\w.-]+)")
_DEPENDS = re.compile(r"\s*([\w.-]+) \S+ depends on ")

_STEP = re.compile(r"\s*[\u00d7x] (?!git |hg |svn |bzr )(.+) did not run successfully")
_OUTPUT = re.compile(r"(\s*)(?:\S+ )?\[\d+ lines? of output\]")
_FAILED = re.compile(r"Failed (?:building \w+ for|to build) ('?)([\w.-]+)\1(?:$| when)", re.M)
_SDIST = re.compile(r"[^/\s]+\.(?:tar\.gz|zip)\b")
_HEAD = re.compile(r"\s*Traceback \(most|(?:.*[\s:])?(?:fatal )?error: ", re.I)


@dataclass(frozen=True)
class Build:
    """A build that failed."""

    name: str
    """Of the distribution, and its version where that is known."""
    sdist: str | None
    """The file that it was made from."""
    output: tuple[str, ...]
    """The end of what it printed."""


@dataclass(frozen=True)
class Outcome:
    """What a run of pip came to."""

    ok: bool
    arguments: tuple[str, ...] = ()
    """What it was asked for."""
    output: tuple[str, ...] = ()
    """What it wrote to stderr, without credentials."""
    explanation: tuple[str, ...] = ()
    """What its resolver says of a conflict: who requires what."""
    links: tuple[str, ...] = ()
    """What it says of each file that it prepared."""

    @cached_property
    def build(self) -> Build | None:
        """The build that it failed at."""
        ends = [number for number, line in enumerate(self.output) if "[end of output]" in line]
        end = ends[-1] if ends else 0
        steps = [line for line in self.output if _STEP.match(line)]
        if not steps:
            return None
        printed = list(_last_block(self.output[:end]))
        found = _FAILED.search("\n".join(self.output[end:]))
        name, sdist = _built(self.links, found and found[2])
        return Build(name, sdist, tuple(_end_of(printed)))

    @property
    def impossible(self) -> bool:
        """Whether it found no set of versions, or none under the constraints."""
        return self.unknown or self._says("ResolutionImpossible", "hashes")

    @property
    def unknown(self) -> bool:
        """Whether it found nothing at all for one of the requirements."""
        return self._says(_UNMATCHED)

    @property
    def requiring(self) -> set[str]:
        """The normalized names of what requires something, and so is in the way."""
        return _names(_DEPENDS, self.explanation)

    @property
    def blamed(self) -> set[str]:
        """These, and those whose constraints are in the way."""
        constrained = _names(_CONSTRAINED, self.explanation) | _names(_NO_MATCH, self.output)
        return self.requiring | constrained

    def error(self, requirements: Sequence[str] = ()) -> PipError:
        """What to tell the user."""
        if self.build is None:
            output = [line for line in self.output if "ResolutionImpossible" not in line]
            told = (*output[-_TAIL:], *self.explanation)
            return PipError(told, requirements=list(requirements))
        hints = ["-v shows all that the build prints"] if self.build.output else []
        sdist = self.build.sdist
        if sdist and not any(word.endswith(sdist) for word in self.arguments):
            hints.append(
                "no wheel fits this Python: ask for another version, or for any that has one with "
                "--only-binary :all:"
            )
        what = f"Building {self.build.name} failed"
        return PipError(
            self.build.output, what, "; ".join(hints) or None, requirements=list(requirements)
        )

    def _says(self, *signs: str) -> bool:
        found = any(sign in line for line in self.output for sign in signs)
        return found and self.build is None


def _names(pattern: re.Pattern[str], lines: Sequence[str]) -> set[str]:
    return {canonicalize_name(found[1]) for found in map(pattern.search, lines) if found}


def _last_block(lines: Sequence[str]) -> Iterator[str]:
    """The output of the last program that failed; one that it ran itself is indented further."""
    starts = [(number, found[1]) for number, found in enumerate(map(_OUTPUT.match, lines)) if found]
    begin = max((number for number, indent in starts if indent == starts[0][1]), default=None)
    if begin is not None:
        margin = len(starts[0][1]) + 4
        yield from (line[margin:] for line in lines[begin + 1 :])


def _end_of(lines: Sequence[str]) -> Sequence[str]:
    """The last lines, from the head of an error on."""
    tail = lines[-_BUILD_TAIL:]
    start = next((number for number, line in enumerate(tail) if _HEAD.match(line)), None)
    if start is not None or len(tail) == len(lines):
        return tail[start or 0 :]
    heads = [line for line in lines if _HEAD.match(line)]
    return [*heads[-1:], "...", *tail] if heads else tail


def _built(links: Sequence[str], name: str | None) -> tuple[str, str | None]:
    """The name, version and file of a distribution, or of the last one that was prepared."""
    for link in reversed(links):
        for file in _SDIST.findall(link)[:1]:
            try:
                key, version = parse_sdist_filename(file)
            except InvalidSdistFilename:
                continue
            if name is None or canonicalize_name(name) == key:
                return f"{name or key} {version}", file
        if name is None:
            return link.split(maxsplit=1)[1].partition(" (from ")[0], None
    return name or "a distribution", None
