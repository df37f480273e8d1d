"""Runs git, which reads only what it is given: to apply patches, and to merge files."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from conda_overlay.core.errors import OverlayError

Done = subprocess.CompletedProcess[bytes]

_MARKS = 47  # characters of a conflict's marker: more than any text has
_CONFLICT = re.compile(
    rf"^<{{{_MARKS}}} [^\n]*\n(.*?)^={{{_MARKS}}}\r?\n(.*?)^>{{{_MARKS}}} [^\n]*$",
    re.DOTALL | re.MULTILINE,
)
_FAILED = re.compile(
    r"error: while searching for:\n(?P<wanted>.*?)\n+"
    r"error: patch failed: (?P<path>[^\n]*):(?P<line>\d+)$",
    re.DOTALL | re.MULTILINE,
)


def apply(
    directory: Path,
    text: bytes,
    strip: int,
    *,
    reverse: bool,
    check: bool = False,
    reject: bool = False,  # tells all hunks that fail, not only the first of each file
) -> Done:
    """Apply a text below a directory, with the words of ``git apply``."""
    given = {"--reverse": reverse, "--check": check, "--reject": reject}
    flags = [flag for flag, on in given.items() if on]
    return run(["apply", "-v", f"-p{strip}", "--whitespace=nowarn", *flags, "-"], text, directory)


def faults(
    directory: Path,
    text: bytes,
    strip: int,
    done: Done,
    *,
    reverse: bool,
) -> list[str]:
    """The lines that describe why git has not applied a text."""
    every = apply(directory, text, strip, reverse=reverse, check=True, reject=True)
    said = every.stderr.decode("utf-8", "replace")
    lines = [line for one in _FAILED.finditer(said) for line in _both_sides(directory, one)]
    said = done.stderr.decode("utf-8", "replace")
    return lines or [line for line in said.splitlines() if line.startswith("error: ")]


def merge(ours: Path, base: bytes, theirs: bytes) -> tuple[bytes | None, list[tuple[str, str]]]:
    """Merge the changes from `base` to `theirs` into a file.

    Returns:
        Its new content, or None if the changes conflict with the file's own; and the conflicts:
        the lines of the file, and those of the changes.

    Raises:
        OverlayError: git is not installed.
    """
    with tempfile.TemporaryDirectory() as directory:
        places = [Path(directory, name) for name in ("base", "theirs")]
        for place, content in zip(places, (base, theirs), strict=True):
            place.write_bytes(content)
        words = ["merge-file", "-p", f"--marker-size={_MARKS}", str(ours), *map(str, places)]
        done = run(words, b"", Path(directory))
    if done.returncode == 0:
        return done.stdout, []
    said = done.stdout.decode("utf-8", "replace")
    return None, _CONFLICT.findall(said)


def _both_sides(directory: Path, failed: re.Match[str]) -> list[str]:
    """Describe a failed hunk: the lines that the patch expects, and the lines of the file."""
    wanted, line = failed["wanted"].splitlines(), int(failed["line"])
    try:
        there = (directory / failed["path"]).read_bytes().decode("utf-8", "replace").split("\n")
    except OSError:
        there = []
    there = there[line - 1 : line - 1 + len(wanted)]
    same = wanted != there and [t.split() for t in wanted] == [t.split() for t in there]
    return [
        f"{failed['path']}, line {line}: the patch expects",
        *(f"    {text}" for text in wanted),
        "where the file has" + (", with other white space or line ends," if same else ""),
        *(f"    {text}" for text in there or ["(its end)"]),
    ]


def run(words: Sequence[str], patch: bytes, directory: Path) -> Done:
    """Run git outside of any repository, and without user or system configuration."""
    program = shutil.which("git")
    if program is None:
        sentence = "Patches are applied with git, which is not on PATH."
        raise OverlayError(sentence, "install git or load its module, and try again")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environ |= dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL"), os.devnull)
    environ |= dict.fromkeys(("GIT_CONFIG_NOSYSTEM", "GIT_ATTR_NOSYSTEM"), "1")
    above = {"GIT_CEILING_DIRECTORIES": os.path.dirname(os.path.realpath(directory))}
    return subprocess.run(
        [program, *words],
        input=patch,
        cwd=directory,
        env={**environ, **above, "LC_ALL": "C"},
        capture_output=True,
        check=False,
    )
