"""Copies of distributions that are there to be edited, and what was edited in them, as a patch.

Such a copy keeps the text files as they were in its metadata, in ``originals.zip``, and their
hashes in RECORD, so that each edit is seen, whatever becomes of the host. A file that was added has
no hash there.
"""

from __future__ import annotations

import difflib
import hashlib
import io
import json
import os
import re
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from conda_overlay.activation import locate
from conda_overlay.activation.shells import visible
from conda_overlay.core.errors import OverlayError
from conda_overlay.core.models import Distribution
from conda_overlay.distributions.distributions import (
    LARGEST,
    owned_files,
    programs,
    record,
    row,
    write_record,
)
from conda_overlay.edits import git
from conda_overlay.filesystem.tree import (
    FileInfo,
    Manifest,
    digest,
    is_there,
    put_file,
    remove_files,
    take_manifest,
)

NO_TEXT = "# edited, but no part of this patch: "
"""How a comment begins in a patch."""

ORIGINALS = "originals.zip"
"""The file in the metadata of a copy that has its text files as they were."""

LONGEST = 1 << 20
"""The bytes of a file that counts as text."""

_SHOWN = 10  # files that a summary names
_MOST = LARGEST // 2  # bytes of all originals of a copy
_LONGEST_PATCH = 1 << 22  # characters
_TEMPORARY = re.compile(r".*~|[.#].*|.*\.(sw[a-z]|bak|orig|rej|pyc)")  # what programs leave


_TAB = "\t"  # ends a name in a diff


class Edit(NamedTuple):
    """A file that was edited; the content is None where there is no file, or no text."""

    path: str  # relative to site-packages
    old: str | None
    new: str | None


def originals(distribution: Distribution, without: Collection[str] = ()) -> dict[str, bytes] | None:
    """The text files of a copy as they were, by their paths below site-packages.

    Args:
        distribution: the copy; the result is None if it is none.
        without: files to leave out.
    """
    try:
        content = locate.read_file(str(distribution.path / ORIGINALS), largest=LARGEST)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(info.file_size for info in archive.infolist()) > LARGEST:
                return None
            names = (name for name in archive.namelist() if is_inside(name))
            return {name: archive.read(name) for name in names if name not in without}
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return None


def keep_originals(distribution: Distribution, files: Iterable[str]) -> dict[str, FileInfo]:
    """Keep the text files of a new copy as they are, and write RECORD for all of its files.

    Args:
        distribution: in the site-packages that it was copied to.
        files: its files, relative to there.

    Returns:
        What is known of each of them now.
    """
    info, rows, known = distribution.path, [], {}
    names = sorted({*files, f"{info.name}/{ORIGINALS}"} - {f"{info.name}/RECORD"})
    room, inside = _MOST, [n for n in names if not n.startswith((f"{info.name}/", ".."))]
    with zipfile.ZipFile(info / ORIGINALS, "w") as archive:
        for name in sorted(inside, key=lambda name: not name.endswith(".py")):
            content = text_of(distribution.site / name)
            if content is not None and len(content) <= room and name.isprintable():
                room -= len(content)
                member = zipfile.ZipInfo(name)  # without the time, so that it is always the same
                archive.writestr(member, content, zipfile.ZIP_DEFLATED, compresslevel=1)
    for name in names:
        place = distribution.site / name
        status = place.lstat()
        known[name] = (status.st_size, status.st_mtime_ns, digest(place))
        rows.append(row(name, known[name][2], status.st_size))
    write_record(info, [*rows, [f"{info.name}/RECORD", "", ""]])
    return known


def note_files(distribution: Distribution, files: Iterable[str]) -> None:
    """Bring RECORD up to date with files that were added to a copy, or removed from it."""
    there, before = {*files}, originals(distribution) or {}
    rows = [one for one in record(distribution.path) or () if one[0] in there]
    for name in sorted(there - {name for name, *_ in rows}):
        rows.append([name, "", ""])
        if name in before:  # it was removed, and has come back
            content = before[name]
            rows[-1] = row(name, hashlib.sha256(content).hexdigest(), len(content))
    write_record(distribution.path, rows)


def belongs(path: str, names: Collection[str]) -> bool:
    """Whether a file is, or would be, part of a copy: one of its files, or beside its modules.

    Args:
        path: of the file, relative to site-packages.
        names: the files of the copy, relative to there.
    """
    if not is_inside(path) or ".dist-info/" in path or ".egg-info/" in path:
        return False
    if path in names:
        return True
    own = {os.path.dirname(name) for name in names if name.endswith(".py")} - {""}
    above = {str(parent) for parent in PurePosixPath(path).parents}
    return bool(own & above) and not is_temporary(path)


def is_temporary(path: str) -> bool:
    """Whether an editor, patch or Python has left a file beside another."""
    name = PurePosixPath(path)
    return bool(_TEMPORARY.fullmatch(name.name)) or "__pycache__" in name.parts


def editable_files(distribution: Distribution) -> list[Path]:
    """The text files of a copy, which its user may write."""
    names = {*(originals(distribution) or ()), *_added(distribution)}
    places = (distribution.site / name for name in names)
    return [place for place in places if place.is_file() and not place.is_symlink()]


def edits(
    distribution: Distribution, added: Iterable[str] = (), *, unchanged: Collection[str] = ()
) -> list[Edit]:
    """What was edited in a copy since it was made.

    Args:
        distribution: the copy.
        added: new files that RECORD does not have yet.
        unchanged: files that need no look.
    """
    before = originals(distribution, unchanged)
    if before is None:
        return []
    found = []
    for path in filter(str.isprintable, sorted({*before, *_added(distribution), *added})):
        old, place = before.get(path), distribution.site / path
        new = text_of(place)
        if old != new and (new is not None or not is_there(place)):
            found.append(Edit(path, *(c if c is None else c.decode() for c in (old, new))))
    return found


def _added(distribution: Distribution) -> list[str]:
    """The files in RECORD that were added to a copy."""
    own = f"{distribution.path.name}/"
    rows = record(distribution.path) or ()
    return [path for path, sha, *_ in rows if not sha and not path.startswith((own, ".."))]


def patch_of(
    distribution: Distribution, edited: Collection[str] = (), *, unchanged: Collection[str] = ()
) -> str:
    """The edits of a copy as a patch; empty if there are none.

    Args:
        distribution: the copy.
        edited: its files that were edited; a comment names those that are no text.
        unchanged: its files that need no look.
    """
    found = edits(distribution, unchanged=unchanged)
    lines = [line for path, old, new in found for line in unified((path, path), (old, new))]
    if sum(map(len, lines)) > _LONGEST_PATCH:
        found, lines = [], []
    others = sorted({*edited} - {edit.path for edit in found})
    return "".join([*lines, *(f"{NO_TEXT}{visible(path, keep='')}\n" for path in others)])


def unified(
    paths: tuple[str, str], texts: tuple[str | None, str | None], labels: tuple[str, str] = ("", "")
) -> Iterator[str]:
    """A unified diff of a text file, as ``git apply`` and ``patch -p1`` take it.

    Args:
        paths: of the file on both sides, relative to where it is to be applied.
        texts: its content; None where there is no such file.
        labels: what the sides are, for people.
    """
    if paths[0] == paths[1]:
        yield f"diff --git a/{paths[0]} b/{paths[1]}\n"
        if None in texts:
            yield f"{'new' if texts[0] is None else 'deleted'} file mode 100644\n"
    old, new = map(_lines, texts)
    here, there = (
        os.devnull
        if text is None
        else f"{side}/{path}{_TAB if label or ' ' in path else ''}{label}"
        for side, path, text, label in zip("ab", paths, texts, labels, strict=True)
    )
    for line in difflib.unified_diff(old, new, here, there):
        yield line if line.endswith("\n") else line + "\n\\ No newline at end of file\n"


def summary(distribution: Distribution, changed: Collection[str] = ()) -> list[str]:
    """What was edited in a copy, a file each: ``sessions.py +2 -1``, without the package.

    Args:
        distribution: the copy.
        changed: files that differ now from what they were; those that are no text are named alone.
    """
    found, every = [], edits(distribution)
    others = sorted({*changed} - {edit.path for edit in every})
    for path, old, new in every[:_SHOWN]:
        lines = [*difflib.unified_diff(_lines(old), _lines(new), n=0)][2:]
        added, removed = (sum(line[0] == sign for line in lines) for sign in "+-")
        found.append(f"{path.partition('/')[2] or path} +{added} -{removed}")
    found += [os.path.basename(path) for path in others[: _SHOWN - len(found)]]
    rest = len(every) + len(others) - len(found)
    return [*found, f"{rest} more"] if rest else found


def is_inside(path: str) -> bool:
    """Whether a relative path leads to no place above."""
    return ".." not in path.split("/") and not path.startswith("/")


def text_of(path: Path) -> bytes | None:
    """The content of a text file; None for what is none, too long, or not there."""
    try:
        content = locate.read_file(str(path), largest=LONGEST, follow=True)
        content.decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    return None if b"\0" in content else content


def revert(distribution: Distribution) -> bool:
    """Take back all that was edited in a copy; whether there was anything."""
    found = edits(distribution)
    for path, old, _ in found:
        put_file(distribution.site / path, None if old is None else old.encode())
    return bool(found)


def start_again(distribution: Distribution) -> bool:
    """Make a copy what it was before all edits, recorded ones included; whether there are any."""
    before, site = originals(distribution) or {}, distribution.site
    added = [name for name in _added(distribution) if name not in before]
    remove_files(distribution.prefix, [site / name for name in added])
    if not revert(distribution) and not added:
        return False
    names = {*before, *(name for name, *_ in record(distribution.path) or ())}
    note_files(distribution, {name for name in names if is_there(site / name)})
    return True


def restore(
    copies: Mapping[str, Distribution], patches: Mapping[str, str | None], recorded: Manifest | None
) -> list[str]:
    """Make copies what the history says: files were edited in place since.

    Args:
        copies: of one tree, by normalized name.
        patches: their edits by name, as recorded.
        recorded: the files of the tree, if these are known.

    Returns:
        What cannot be restored, line by line.
    """
    faults: list[str] = []
    known = ((copy, patches.get(key)) for key, copy in copies.items())
    edited = [(copy, patch) for copy, patch in known if patch is not None]
    new: Collection[str] = ()
    if recorded is not None and edited:
        new = take_manifest(edited[0][0].prefix, recorded).keys() - recorded.keys()
    for copy, patch in edited:
        names = files_of(copy) or set()
        if patch_of(copy) != _without_comments(patch):
            revert(copy)
            faults += git.apply(copy.site, parts_of(copy, patch, names), 1, reverse=False)
        mine = (path for path in new if path.startswith(copy.below))
        mine = (path for path in mine if belongs(path.removeprefix(copy.below), names))
        remove_files(copy.prefix, [copy.prefix / path for path in mine])
    return faults


def parts_of(copy: Distribution, patch: str, names: Collection[str]) -> list[git.Part]:
    """The parts of a recorded patch, which changes the files of the copy alone.

    Raises:
        OverlayError: it changes others.
    """
    text = _without_comments(patch).encode()
    fit = git.fit(text, lambda path: belongs(path, names), 1) if text else None
    if fit and fit.outside:
        sentence = f"The edits of {copy.name} change files that are not its own."
        raise OverlayError(sentence, None, fit.outside, name=copy.name)
    return fit.inside if fit else []


def _without_comments(patch: str) -> str:
    return "".join(line for line in _lines(patch) if not line.startswith(NO_TEXT))


def _lines(text: str | None) -> list[str]:
    return io.StringIO(text or "", newline="\n").readlines()


def files_of(distribution: Distribution) -> set[str] | None:
    """The files of a distribution below site-packages, and its scripts, relative to there.

    By RECORD, or by the list of the conda package that it came with; None where there is neither.
    """
    site, prefix = distribution.site, distribution.prefix
    owned: Collection[str] | None = owned_files(distribution, prefix)
    if owned is None:
        owned = _files_of_conda(distribution)
    if owned is None:
        return None
    names = {os.path.relpath(prefix / path, site) for path in owned}
    inside = {n for n in names if not n.startswith("..") and not n.endswith((".pyc", ".pyo"))}
    scripts = {point.name for point in programs(distribution)}
    scripts |= {Path(path).name for path in owned if Path(path).parent == Path("bin")}
    there = (prefix / "bin" / name for name in scripts if "/" not in name)
    return inside | {os.path.relpath(path, site) for path in there if path.is_file()}


def _files_of_conda(distribution: Distribution) -> list[str] | None:
    """The files of the conda package that a distribution of the host came with."""
    prefix = distribution.prefix
    mine = os.path.relpath(distribution.path, prefix)
    for file in sorted((prefix / "conda-meta").glob("*.json")):
        try:
            files = json.loads(locate.read_file(str(file), largest=LARGEST))["files"]
        except (OSError, ValueError, LookupError, TypeError):
            continue
        if any(path == mine or path.startswith(f"{mine}/") for path in files):
            return [path for path in files if os.path.lexists(prefix / path)]
    return None
