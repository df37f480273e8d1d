"""Applies patches with git, which reads nothing but the patch and the files that it names."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from conda_overlay.exceptions import OverlayError

_DEEPEST = 9  # how many directories a path of a patch may have to lose
_FAILED = re.compile(
    r"error: while searching for:\n(?P<wanted>.*?)\n+"
    r"error: patch failed: (?P<path>.*):(?P<line>\d+)$",
    re.DOTALL | re.MULTILINE,
)
_SPECIAL = re.compile(r"[*?\[\\]")  # in a pattern


class Fit(NamedTuple):
    """How the paths of a patch fit to installed files."""

    strip: int  # the directories that each path loses
    inside: list[str]  # the files that it changes
    outside: list[str]  # its other files


def fit(
    patch: bytes,
    belongs: Callable[[str], bool],
    strip: int | None = None,
    there: Collection[str] = (),
) -> Fit:
    """Find how many leading directories the paths of a patch have too many.

    Args:
        patch: unified diffs, with any text between them.
        belongs: whether a path is one of the files that the patch may change.
        strip: how many it is, if that is known.
        there: the files that exist, which decide.

    Raises:
        OverlayError: it is not a patch, or there is no git.
    """
    found: list[Fit] = []
    whole: list[str] = []
    for level in range(_DEEPEST) if strip is None else [strip]:
        paths = _paths(patch, level)
        whole = whole or paths
        inside = [path for path in paths if belongs(path)]
        if len(paths) == len(whole):
            named = zip(whole, paths, strict=True)
            outside = [name.removeprefix("b/") for name, path in named if path not in inside]
            found.append(Fit(level, inside, outside))
    if not whole:
        why = _git(["apply", "--numstat", "-"], patch, Path("/")).stderr.decode(errors="replace")
        raise OverlayError("This is not a patch.", "git diff writes one", why.split("\n")[:1])
    return max(found, key=lambda fit: (len({*fit.inside} & {*there}), len(fit.inside)))


def apply(
    directory: Path,
    patch: bytes,
    files: Collection[str],
    strip: int = 1,
    *,
    reverse: bool = False,
    check: bool = False,
) -> list[str]:
    """Apply the part of a patch that changes some files below a directory: all of it, or nothing.

    Args:
        directory: that the paths are relative to.
        patch: unified diffs.
        files: those to change.
        strip: the leading directories that each path of the patch loses.
        reverse: undo what the patch does.
        check: only try.

    Returns:
        Nothing if it applies; else what does not, line by line.

    Raises:
        OverlayError: there is no git, or the patch makes a link.
    """
    only = ["--include=" + _SPECIAL.sub(r"\\\g<0>", file) for file in files]
    flags = [*(["--reverse"] if reverse else []), *(["--check"] if check else [])]
    words = ["apply", "-v", f"-p{strip}", "--whitespace=nowarn", *flags, *only, "-"]
    done = _git(words, patch, directory)
    if done.returncode == 0:
        if link := next((file for file in files if (directory / file).is_symlink()), None):
            raise OverlayError(f"The patch makes a link of {link}.", "a package has no links")
        return []
    said = done.stderr.decode("utf-8", "replace")
    failed = [*_FAILED.finditer(said)]
    lines = [line for one in failed for line in _both_sides(directory, one)]
    return lines or [line for line in said.splitlines() if line.startswith("error: ")]


def lacking(
    directory: Path,
    patch: bytes,
    files: Collection[str],
    strip: int = 1,
    *,
    reverse: bool = False,
) -> list[str]:
    """The files that a patch has not changed yet; the arguments are those of `apply`."""
    options: dict[str, Any] = {"reverse": not reverse, "check": True}
    return [file for file in files if apply(directory, patch, [file], strip, **options)]


def _both_sides(directory: Path, failed: re.Match[str]) -> list[str]:
    """What a patch expects in a file, and what is there."""
    wanted, line = failed["wanted"].splitlines(), int(failed["line"])
    try:
        there = (directory / failed["path"]).read_text("utf-8", "replace").splitlines()
    except OSError:
        there = []
    there = there[line - 1 : line - 1 + len(wanted)]
    return [
        f"{failed['path']}, line {line}: the patch expects",
        *(f"    {text}" for text in wanted),
        "where the file has",
        *(f"    {text}" for text in there or ["(its end)"]),
    ]


def _paths(patch: bytes, strip: int) -> list[str]:
    """The files that a patch changes; none where its paths have fewer directories."""
    done = _git(["apply", "--numstat", "-z", f"-p{strip}", "-"], patch, Path("/"))
    lines = done.stdout.split(b"\0") if done.returncode == 0 else []
    return [os.fsdecode(line.split(b"\t", 2)[-1]) for line in lines if line]


def _git(words: Sequence[str], patch: bytes, directory: Path) -> subprocess.CompletedProcess[bytes]:
    """Run git outside of any repository, and without the configuration of anybody."""
    program = shutil.which("git")
    if program is None:
        sentence = "There is no git on PATH, which a patch is applied with."
        raise OverlayError(sentence, "load or install git, and try again")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    nothing = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
    above = {"GIT_CEILING_DIRECTORIES": os.path.dirname(os.path.realpath(directory))}
    return subprocess.run(
        [program, *words],
        input=patch,
        cwd=directory,
        env={**environ, **nothing, **above},
        capture_output=True,
        check=False,
    )
