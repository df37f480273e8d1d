"""Reads pip's output: whether pip failed, with which distribution, and why."""

from __future__ import annotations

import re
import shlex
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

from packaging.utils import canonicalize_name

from conda_overlay.core.errors import PipError, fork_command

_USAGE = 2  # pip's exit code for wrong options, and for its own errors

_TAIL = 25  # lines of pip's output that an error quotes

_UNMATCHED = "No matching distribution found for"
_NO_MATCH = re.compile(_UNMATCHED + r" ([\w.-]+)")
_CONSTRAINED = re.compile(r"\s*The user requested \(constraint\) ([\w.-]+)")
_DEPENDS = re.compile(r"\s*([\w.-]+) \S+ depends on ")

_STEP = re.compile(r"\s*[\u00d7x] (?!git |hg |svn |bzr ).+ did not run successfully")
_NO_BACKEND = re.compile(r"\bBackendUnavailable\b|Cannot import build backend")
_CRASH = re.compile(f"^ERROR: Exception:|{_NO_BACKEND.pattern}")
"""Of a traceback of pip itself; older versions have one where a build backend is missing."""
_EXCEPTION = re.compile(r"\b[A-Z]\w*(?:Error|Exception)\b: .*")
_END = "[end of output]"
# The output of a program. It includes that of the programs which it ran, indented further.
_PRINTED = re.compile(r"^( *)(?:\S+ )?\[\d+ lines? of output\]\n(.*?)^\1    \[end of", re.M | re.S)
_FAILED = re.compile(r"Failed (?:building \w+ for|to build) ('?)([\w.-]+)\1(?:$| when)", re.M)
_SDIST = re.compile(r"([^/\s]+)-(\d[^-/\s]*)\.(?:tar\.gz|zip)\b")
_HEAD = re.compile(r"(?:.*[\s:])?(fatal )?error: (?!subprocess-exited|metadata-gen|failed-w)", re.I)
_NOWHERE = re.compile(r"satisfies the requirement ([\w.-]+)\S* \(from versions: none\)")
_TOOLS = r"(?:gcc|g\+\+|c\+\+|cc|clang|gfortran|cmake|ninja|make|meson|rustc|cargo|swig|pkg-config)"
_MISSING = {
    r"fatal error: ([\w./+-]+): No such file": "the header {} is missing",
    rf"\b({_TOOLS})['\" ]*(?:failed)?: (?:No such file|(?:command )?not found)": "{} is missing",
    rf"(?:unable to execute|No such file or directory:) ['\"]?({_TOOLS})\b": "{} is missing",
    r"can't find Rust compiler": "the Rust compiler is missing",
    r"(?i)\b(?:no|unknown) \w*compiler": "a compiler is missing",
    r"ModuleNotFoundError: No module named '([\w.]+)'": "its build needs the module {}",
}
"""The signs of a missing program, header or module in the output of a build, and the words."""


@dataclass(frozen=True)
class PipRun:
    """The outcome of a run of pip."""

    ok: bool
    arguments: tuple[str, ...] = ()
    """Its options and requirements."""
    output: tuple[str, ...] = ()
    """The lines of its stderr, without credentials."""
    explanation: tuple[str, ...] = ()
    """Its resolver's explanation of a conflict: the requirements of each distribution."""
    links: tuple[str, ...] = ()
    """Its messages about the files that it prepared."""

    @property
    def impossible(self) -> bool:
        """Whether it found no consistent set of versions, or none under the constraints."""
        return self.unknown or self._says("ResolutionImpossible", "--require-hashes mode")

    @property
    def unknown(self) -> bool:
        """Whether it found no distribution for one of the requirements."""
        return self._says(_UNMATCHED)

    @property
    def requiring(self) -> set[str]:
        """The normalized names of the distributions whose requirements conflict."""
        return _names(_DEPENDS, self.explanation)

    @property
    def blamed(self) -> set[str]:
        """The names in `requiring`, and those with a conflicting constraint or no match."""
        constrained = _names(_CONSTRAINED, self.explanation) | _names(_NO_MATCH, self.output)
        return self.requiring | constrained

    def error(
        self,
        requirements: Sequence[str] = (),
        environment: str = "ENV",
        fork: Sequence[str] = (),
    ) -> PipError:
        """The error for the user; of a failed build, all of the output is kept in a file.

        Args:
            requirements: the requested ones.
            environment: the name of the environment, for the command in the hint.
            fork: the options that name a fork that is being made, for that command.
        """
        if self._crashed:
            return self._crash(requirements)
        if not self.build_failed:
            output = [line for line in self.output if "ResolutionImpossible" not in line]
            told, hint = (*output[-_TAIL:], *self.explanation), None
            nowhere = _NOWHERE.search("\n".join(output))
            if nowhere and nowhere[1] in {text[: len(nowhere[1])] for text in requirements}:
                command = fork_command(nowhere[1], environment, fork)
                hint = f"check the name; if it is a conda package: {command}"
            return PipError(told, hint=hint, requirements=list(requirements))
        text = "\n".join(self.output)
        blocks = _PRINTED.findall(text)
        printed = [line[len(i) + 4 :] for i, block in blocks[-1:] for line in block.splitlines()]
        failed = _FAILED.search(text.rpartition(_END)[2])
        name, sdist = _built(self.links, failed and failed[2])
        hints = [f"for all of its output: cat {shlex.quote(_keep(self.output))}"]
        hints += self._hint_of(sdist)
        reason = _missing("\n".join(printed))
        what = f"Building {name} failed{reason and f': {reason}'}"
        hint = "; ".join(hints)
        return PipError(_telling(printed), what, hint, requirements=list(requirements))

    def _crash(self, requirements: Sequence[str]) -> PipError:
        """The error where pip itself ends with a traceback, or a build cannot begin: one line."""
        reasons = [found[0] for found in map(_EXCEPTION.search, self.output) if found]
        last, what, hint = (reasons or self.output)[-1], "pip failed", None
        if self.build_failed:
            name, sdist = _built(self.links, None)
            what, hint = f"Building {name} failed", "; ".join(self._hint_of(sdist)) or None
        return PipError([last], what, hint, requirements=list(requirements))

    def _hint_of(self, sdist: str | None) -> list[str]:
        """The hint for an sdist that the user has not named."""
        typed = sdist and any(word.endswith(sdist) for word in self.arguments)
        if not sdist or typed or any(word.startswith("--no-binary") for word in self.arguments):
            return []
        other = "try another version, or --only-binary :all: for any that has one"
        return [f"no wheel fits this Python: {other}"]

    @property
    def _crashed(self) -> bool:
        return any(map(_CRASH.search, self.output))

    @property
    def build_failed(self) -> bool:
        """Whether a source could not be built."""
        return any(_STEP.match(line) or _NO_BACKEND.search(line) for line in self.output)

    def _says(self, *signs: str) -> bool:
        found = any(sign in line for line in self.output for sign in signs)
        return found and not self.build_failed


def is_refusal(code: int, output: Sequence[str]) -> bool:
    """Whether pip did not begin: it does not know an option, or rejects an installed version."""
    rejected = "Cannot process installed package"
    return code == _USAGE or any(rejected in line for line in output)


def _names(pattern: re.Pattern[str], lines: Sequence[str]) -> set[str]:
    return {canonicalize_name(found[1]) for found in map(pattern.search, lines) if found}


def _telling(lines: Sequence[str]) -> Sequence[str]:
    """The line of the output that names the error, and the last line."""
    named = [line for line in lines if _HEAD.match(line)]
    fatal = [line for line in named if "fatal error:" in line]
    return [*dict.fromkeys([*(fatal or named)[:1], *lines[-1:]])]


def _missing(output: str) -> str:
    """What is missing for a build, in words; empty if its output does not show it."""
    for pattern, words in _MISSING.items():
        if found := re.search(pattern, output):
            return words.format(*found.groups())
    return ""


def _built(links: Sequence[str], name: str | None) -> tuple[str, str | None]:
    """The name and version of a distribution, or of the last one prepared, and its sdist."""
    for link in reversed(links):
        found = _SDIST.search(link)
        if found and canonicalize_name(name or found[1]) == canonicalize_name(found[1]):
            return f"{name or found[1]} {found[2]}", found[0]
        if name is None:
            return link.split(maxsplit=1)[1].partition(" (from ")[0], None
    return name or "a distribution", None


def _keep(lines: Sequence[str]) -> str:
    """Write the output of a failed build to a file of the user's, and return its path."""
    file, path = tempfile.mkstemp(prefix="conda-overlay-build-", suffix=".log")
    with open(file, "w", encoding="utf-8", errors="backslashreplace") as log:
        log.write("\n".join([*lines, ""]))
    return path
