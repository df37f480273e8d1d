"""Reads unified diffs, as patches have them, and applies their parts with git."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import chain, pairwise
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from conda_overlay.core.errors import OverlayError
from conda_overlay.edits import git
from conda_overlay.filesystem.atomic import drop_bytecode

_NEVER = float("inf")
_DEEPEST = 9  # strip fewer leading directories than this
_HEAD = re.compile(
    rb"^(?:diff --git [^\n]*\n(?:(?:---|\+\+\+|index|(?:dis)?similarity index|"
    rb"(?:old|new|deleted file|new file) mode|(?:copy|rename) (?:from|to)) [^\n]*\n)+"
    rb"|--- [^\n]*\n\+\+\+ [^\n]*\n(?=@@ -))",
    re.MULTILINE,
)
"""The lines with which a section begins, up to its first hunk; of git, or plain."""
_TOP_MODULE = re.compile(r"[^/]+(/__init__)?\.py")
_SOURCE = re.compile(rb"^(?:rename|copy) from (.+)$", re.MULTILINE)
_NO_FILE = re.compile(rb"^(?:new file mode|new mode|index \S+) 1[26]0000$", re.MULTILINE)
_RANGE = rb"(\d{1,9})(?:,(\d{1,9}))?"
_NEXT = re.compile(rb"^(?:From|commit) [0-9a-f]{7,64}\b", re.MULTILINE)
"""The line with which the next commit of a series begins."""
_HUNK = re.compile(rb"^@@ -%s \+%s @@[^\n]*\n" % (_RANGE, _RANGE), re.MULTILINE)
_REMOVES = {
    False: re.compile(rb"^(?:deleted file mode|\+\+\+ /dev/null)", re.MULTILINE),
    True: re.compile(rb"^(?:new file mode|--- /dev/null)", re.MULTILINE),
}
"""Parts after which there may be no file: of a patch, and of one that is reverted."""
_MODE = {
    False: re.compile(rb"^new mode 100[0-7]{2}([0-7])$", re.MULTILINE),
    True: re.compile(rb"^old mode 100[0-7]{2}([0-7])$", re.MULTILINE),
}
"""The mode after a patch, and after one that is reverted."""
_OFFSET = re.compile(r"\(offset (-?\d+) line")


class Part(NamedTuple):
    """All changes of a patch to one file; of a series of commits, also to its earlier names."""

    path: str
    steps: tuple[bytes, ...]  # one after the other; more than one in a series
    earlier: tuple[str, ...] = ()  # the other paths

    @property
    def text(self) -> bytes:
        """All steps."""
        return b"\n".join(self.steps)  # else one may become the head of the next

    @property
    def paths(self) -> tuple[str, ...]:
        """All paths."""
        return (self.path, *self.earlier)

    @property
    def deletes(self) -> bool:
        """Whether the file is deleted."""
        return bool(_REMOVES[False].search(self.text))


class _Section(NamedTuple):
    """The changes of one commit to one file."""

    path: str
    text: bytes
    commit: int
    paths: set[str]  # also those that it renames or copies


class Fit(NamedTuple):
    """How a patch matches the installed files."""

    strip: int  # number of leading directories to strip from each path
    inside: list[Part]  # the parts for files that the patch may change
    outside: list[str]  # the other files of the patch
    modules: tuple[str, ...] = ()  # those of them that are new modules beside the packages


def fit(
    patch: bytes,
    belongs: Callable[[str], bool],
    strip: int | None = None,
    there: Collection[str] = (),
) -> Fit:
    """Find how many leading directories to strip from the paths of a patch, and its parts.

    Args:
        patch: unified diffs, with any text between them.
        belongs: whether a path is one of the files that the patch may change.
        strip: the number, if it is known.
        there: the existing files; the number that matches most of them is chosen.

    Raises:
        OverlayError: the text is not a patch, the patch creates a link, or git is not installed.
    """
    found = []
    patch += b"" if patch.endswith(b"\n") else b"\n"  # which a pasted one may lack
    for level in range(_DEEPEST) if strip is None else [strip]:
        names = _names(patch, min(level, 1))
        if texts := _split(patch, len(names)):
            paths = ["/".join(name.split("/")[max(level - 1, 0) :]) for name in names]
            commits = _commits(names, texts)
            every = [
                _Section(path, text, commit, {path, *_sources(text, level)})
                for path, text, commit in zip(paths, texts, commits, strict=True)
            ]
            inside: list[_Section] = []
            outside: dict[str, tuple[bytes, ...]] = {}
            roots: set[str] = set()
            for name, one in zip(names, every, strict=True):
                if one.path and all(map(belongs, one.paths)):
                    inside.append(one)
                    roots.add(name.removesuffix(one.path))
                else:
                    outside[name] = (*outside.get(name, ()), one.text)
            new = (n for n, steps in outside.items() if _is_new_module(Part(n, steps), roots))
            found.append((inside, Fit(level, _parts(inside), [*outside], tuple(new))))
    if not found:
        raise OverlayError("This is not a patch.", "git diff writes one")

    def match(one: tuple[Sequence[_Section], Fit]) -> tuple[int, int]:
        return sum(section.path in there for section in one[0]), len(one[0])

    sections, best = max(found, key=match)
    if any(_NO_FILE.search(_HUNK.split(one.text)[0]) for one in sections):
        raise OverlayError(
            "The patch creates a link or a submodule.", "packages cannot contain these"
        )
    if bare := next((one.path for one in sections if _lacks_context(one.text)), None):
        sentence = f"The patch of {bare} does not apply: it has no lines around those it changes."
        raise OverlayError(sentence, "git diff, without -U0, writes them")
    return best


def _commits(names: Sequence[str], texts: Sequence[bytes]) -> Iterator[int]:
    """The number of the commit of each section, given its name: in one diff, no name repeats."""
    number, seen = 0, set[str]()
    for name, text in zip(names, texts, strict=True):
        if name in seen:
            number, seen = number + 1, set()
        seen.add(name)
        yield number
        if _NEXT.search(text):
            number, seen = number + 1, set()


def _parts(sections: Sequence[_Section]) -> list[Part]:
    """Join the sections of one file from several commits, under all names that it has had."""
    groups: list[list[_Section]] = []
    for one in sections:
        mine = [group for group in groups if any(one.paths & other.paths for other in group)]
        groups = [group for group in groups if group not in mine]
        groups.append([*sorted(chain(*mine), key=attrgetter("commit")), one])
    found = []
    for group in groups:
        commits = {one.commit: b"" for one in group}
        if len(commits) == 1:  # which git applies at once
            found += [Part(one.path, (one.text,)) for one in group]
            continue
        for one in group:
            commits[one.commit] += one.text + b"\n"
        last = group[-1].path
        earlier = {path for one in group for path in one.paths} - {last}
        found.append(Part(last, (*commits.values(),), (*sorted(earlier),)))
    return found


def _sources(section: bytes, level: int) -> list[str]:
    """The files that a section renames or copies; git strips one directory less from these."""
    found = [os.fsdecode(name) for name in _SOURCE.findall(_HUNK.split(section)[0])]
    return ["/".join(name.split("/")[max(level - 1, 0) :]) or ".." for name in found]


def _is_new_module(part: Part, roots: Collection[str]) -> bool:
    """Whether a part adds a module, or a package, directly in one of some directories."""
    below = (part.path[len(root) :] for root in roots if part.path.startswith(root))
    is_module = any(_TOP_MODULE.fullmatch(name) for name in below)
    return is_module and _may_remove(part, reverse=True)


def _lacks_context(section: bytes) -> bool:
    """Whether a hunk has no context, though it is not a whole file; git takes it for the end."""
    found = _HUNK.split(section)[1:]
    for old, olds, new, news, body in zip(*[iter(found)] * 5, strict=True):
        lines = [line for line in body.split(b"\n") if line[:1] != b"\\"]
        bare = all(line[:1] in (b"+", b"-") for line in lines[: int(olds or 1) + int(news or 1)])
        if bare and max(int(old), int(new)) > 1:
            return True
    return False


def _split(patch: bytes, count: int) -> list[bytes]:
    """The sections of a patch, one per file; empty unless there are as many as git has found."""
    starts: list[int] = []
    end = 0
    while head := _HEAD.search(patch, end):
        starts.append(head.start())
        end = _end_of_hunks(patch, head.end())
    sections = [patch[start:end] for start, end in pairwise([*starts, len(patch)])]
    return sections if len(sections) == count else []


def _end_of_hunks(patch: bytes, at: int) -> int:
    """Where the hunks end that begin at a place; by their counts, as their lines may be any."""
    while hunk := _HUNK.match(patch, at):
        at = hunk.end()
        old, new = (int(count or 1) for count in hunk.group(2, 4))
        while (old > 0 or new > 0) and at < len(patch):
            sign = patch[at : at + 1]
            old -= sign not in (b"+", b"\\")
            new -= sign not in (b"-", b"\\")
            at = patch.find(b"\n", at) + 1 or len(patch)
        if patch.startswith(b"\\ ", at):
            at = patch.find(b"\n", at) + 1 or len(patch)
    return at


@cache
def _names(patch: bytes, strip: int) -> list[str]:
    """The files that the sections change, as git reads them; empty if git rejects the patch."""
    done = git.run(["apply", "--numstat", "-z", f"-p{strip}", "-"], patch, Path("/"))
    lines = done.stdout.split(b"\0")[:-1] if done.returncode == 0 else []
    return [os.fsdecode(line.split(b"\t", 2)[-1]) for line in lines]


def lacking(directory: Path, parts: Sequence[Part], strip: int, *, reverse: bool) -> list[Part]:
    """The parts of a patch that are not applied yet.

    Raises:
        OverlayError: a part and its reverse both apply, as can happen in repetitive code.
    """
    found = []
    for part in parts:
        there = any(os.path.lexists(directory / path) for path in part.paths)
        if not (there or _may_remove(part, reverse=reverse)):
            found.append(part)
            continue
        to, back = (_distance(directory, part, strip, reverse=r) for r in (reverse, not reverse))
        lacks = to == 0 != back or back == _NEVER
        if to == back == 0 and part.steps[1:] and _is_nothing(directory, part, strip):
            continue  # one step takes back what another does
        if to == back == 0 and not _HUNK.search(part.text):
            lacks = _lacks_mode(directory / part.path, part, reverse=reverse)
        elif not lacks and to != _NEVER and (back != 0 or to == 0):
            sentence = f"It is not clear where in {part.path} the patch belongs."
            raise OverlayError(sentence, "make the change by hand: conda overlay edit NAME")
        found += [part] if lacks else []
    return found


def _is_nothing(directory: Path, part: Part, strip: int) -> bool:
    """Whether the steps of a part leave the files as they are."""
    with _copy_of(directory, part) as place:
        before = [_content(place / path) for path in part.paths]
        for _ in _apply_in_turn(place, part, strip, reverse=False):
            pass
        return before == [_content(place / path) for path in part.paths]


def _content(file: Path) -> tuple[bytes, int] | None:
    """The content and the mode of a file; None if there is none."""
    return (file.read_bytes(), file.stat().st_mode) if file.is_file() else None


def _lacks_mode(file: Path, part: Part, *, reverse: bool) -> bool:
    """Whether a part that changes nothing else changes the mode that a file has."""
    wanted = _MODE[reverse].search(part.text)
    return wanted is not None and os.access(file, os.X_OK) != bool(int(wanted[1]) & 1)


def _may_remove(part: Part, *, reverse: bool) -> bool:
    """Whether a part may leave no file at its path, or takes it from another."""
    return bool(_REMOVES[reverse].search(part.text) or _SOURCE.search(part.text))


def _distance(directory: Path, part: Part, strip: int, *, reverse: bool) -> float:
    """The offset in lines at which a part applies; infinite if it does not apply."""
    if part.steps[1:]:  # each needs what the last one has changed
        with _copy_of(directory, part) as place:
            every = [done for _, done in _apply_in_turn(place, part, strip, reverse=reverse)]
    else:
        every = [git.apply(directory, part.text, strip, reverse=reverse, check=True)]
    said = "".join(done.stderr.decode("utf-8", "replace") for done in every)
    failed = any(done.returncode for done in every)
    return _NEVER if failed else sum(abs(int(n)) for n in _OFFSET.findall(said))


@contextmanager
def _copy_of(directory: Path, part: Part) -> Iterator[Path]:
    """A directory with copies of the files of a part."""
    with tempfile.TemporaryDirectory() as scratch:
        for path in part.paths:
            source, target = directory / path, Path(scratch, path)
            if source.is_file() or source.is_symlink():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target, follow_symlinks=False)
        yield Path(scratch)


def _apply_in_turn(
    directory: Path, part: Part, strip: int, *, reverse: bool
) -> Iterator[tuple[bytes, git.Done]]:
    """Apply the steps of a part, up to the first one that fails."""
    for step in part.steps[::-1] if reverse else part.steps:
        done = git.apply(directory, step, strip, reverse=reverse)
        yield step, done
        if done.returncode:
            break


def apply_parts(directory: Path, parts: Sequence[Part], strip: int, *, reverse: bool) -> list[str]:
    """Apply parts of a patch below a directory: all of them, or none.

    Args:
        directory: the base of the paths.
        parts: of the patch.
        strip: the number of leading directories to strip from each path.
        reverse: undo the patch.

    Returns:
        The lines that describe the failed parts; empty if all parts apply.

    Raises:
        OverlayError: git is not installed, or the patch creates a link.
    """
    series = [part for part in parts if part.steps[1:]]
    for part in series:  # first elsewhere, as a later step may fail
        with _copy_of(directory, part) as place:
            if faults := _apply_series(place, part, strip, reverse=reverse):
                return faults
    if text := b"\n".join(part.text for part in parts if part not in series):
        done = git.apply(directory, text, strip, reverse=reverse)
        if done.returncode:
            return git.faults(directory, text, strip, done, reverse=reverse)
    for part in series:
        if faults := _apply_series(directory, part, strip, reverse=reverse):
            return faults  # as behind a link
    paths = [path for part in parts for path in part.paths]
    if link := next((path for path in paths if (directory / path).is_symlink()), None):
        raise OverlayError(
            f"The patch turns this into a link: {link}.", "packages cannot contain links"
        )
    for path in paths:
        drop_bytecode(directory / path)
    return []


def _apply_series(directory: Path, part: Part, strip: int, *, reverse: bool) -> list[str]:
    """Apply the steps of a part; return the lines that describe the one that fails."""
    for step, done in _apply_in_turn(directory, part, strip, reverse=reverse):
        if done.returncode:
            return git.faults(directory, step, strip, done, reverse=reverse)
    return []
