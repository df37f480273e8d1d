"""The edits of a copy as a patch: compared with its originals, counted, reverted, reapplied."""

from __future__ import annotations

import difflib
import io
import os
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from conda_overlay.activation.shells import visible
from conda_overlay.core.errors import OverlayError
from conda_overlay.core.models import Distribution
from conda_overlay.distributions.record import read_record
from conda_overlay.edits import unified_diff
from conda_overlay.edits.originals import (
    added_files,
    belongs,
    files_of,
    load_originals,
    note_files,
    text_of,
)
from conda_overlay.filesystem.atomic import put_file
from conda_overlay.filesystem.manifest import Manifest, is_there, take_manifest
from conda_overlay.filesystem.tree import (
    discard,
    in_repository,
    is_own,
    make_own,
    remove_files,
    without_links,
)

NO_TEXT = "# edited, not included in this patch: "
"""The start of a comment in a patch that names an edited file whose edits it cannot contain.

These are files that are not text, scripts, metadata, and files whose original is unknown.
"""

_SHOWN = 10  # files that a summary names
_LONGEST_PATCH = 1 << 22  # characters


_TAB = "\t"  # ends a name in a diff


class Edit(NamedTuple):
    """An edited file; the content is None if there is no file, or if it is not text."""

    path: str  # relative to site-packages
    old: str | None
    new: str | None


def edits_of(
    distribution: Distribution, added: Iterable[str] = (), *, unchanged: Collection[str] = ()
) -> list[Edit]:
    """The files of a copy that were edited since it was made.

    Args:
        distribution: the copy.
        added: new files that RECORD does not have yet.
        unchanged: files that are known to be unchanged, and so are not read.
    """
    before = load_originals(distribution, unchanged)
    if before is None:
        return []
    found = []
    names = sorted(filter(str.isprintable, {*before, *added_files(distribution), *added}))
    below = distribution.below
    own = without_links(distribution.prefix, (below + name for name in names))
    for path in names:
        old, place = before.get(path), distribution.site / path
        is_own = below + path in own  # what is behind a link is no part of the copy
        new = text_of(place) if is_own else None
        if old != new and (new is not None or not is_own or not is_there(place)):
            found.append(Edit(path, *(c if c is None else c.decode() for c in (old, new))))
    return found


def patch_of(
    distribution: Distribution,
    edited: Collection[str] = (),
    added: Iterable[str] = (),
    *,
    unchanged: Collection[str] = (),
) -> str:
    """The edits of a copy as a patch; empty if there are none.

    Args:
        distribution: the copy.
        edited: its edited files; those that are not text are named in comments.
        added: new files that RECORD does not have yet.
        unchanged: its files that are known to be unchanged, and so are not read.
    """
    found = edits_of(distribution, added, unchanged=unchanged)
    site = distribution.site
    lines: list[str] = []
    for path, old, new in found:
        runs = new is not None and os.access(site / path, os.X_OK)
        lines += unified((path, path), (old, new), runs=runs)
    if sum(map(len, lines)) > _LONGEST_PATCH:
        found, lines = [], []
    others = sorted({*edited} - {edit.path for edit in found})
    return "".join([*lines, *(f"{NO_TEXT}{visible(path, keep='')}\n" for path in others)])


def unified(
    paths: tuple[str, str],
    texts: tuple[str | None, str | None],
    labels: tuple[str, str] = ("", ""),
    *,
    runs: bool = False,
) -> Iterator[str]:
    """Write a unified diff of a text file, for ``git apply`` and ``patch -p1``.

    Args:
        paths: of the file on both sides, relative to the directory where the diff is applied.
        texts: its content on both sides; None where the file does not exist.
        labels: descriptions of the sides, for people.
        runs: whether a new file is executable.
    """
    if paths[0] == paths[1]:
        yield f"diff --git a/{paths[0]} b/{paths[1]}\n"
        if None in texts:
            mode = "100755" if runs else "100644"
            yield f"{'new' if texts[0] is None else 'deleted'} file mode {mode}\n"
    old, new = map(_lines, texts)
    here, there = (
        os.devnull
        if text is None
        else f"{side}/{path}{_TAB if label or ' ' in path else ''}{label}"
        for side, path, text, label in zip("ab", paths, texts, labels, strict=True)
    )
    for line in difflib.unified_diff(old, new, here, there):
        yield line if line.endswith("\n") else line + "\n\\ No newline at end of file\n"


def summary(
    distribution: Distribution, changed: Collection[str] = (), new: Iterable[str] = ()
) -> list[str]:
    """Summarize the edits of a copy, one text per file: ``sessions.py +2 -1``, without the package.

    Args:
        distribution: the copy.
        changed: its changed files; those that are not text are listed by name only.
        new: new files that RECORD does not have yet.
    """
    found, every = [], edits_of(distribution, new)
    others = sorted({*changed} - {edit.path for edit in every})
    for path, *texts in every[:_SHOWN]:
        added, removed = lines_changed(*texts)
        found.append(f"{path.partition('/')[2] or path} +{added} -{removed}")
    found += [os.path.basename(path) for path in others[: _SHOWN - len(found)]]
    rest = len(every) + len(others) - len(found)
    return [*found, f"{rest} more"] if rest else found


def lines_changed(old: str | None, new: str | None) -> tuple[int, int]:
    """The numbers of lines that were added and removed between two texts."""
    lines = [*difflib.unified_diff(_lines(old), _lines(new), n=0)][2:]
    added, removed = (sum(line[0] == sign for line in lines) for sign in "+-")
    return added, removed


def revert(distribution: Distribution) -> bool:
    """Revert all edits of a copy; return whether there were any."""
    found = edits_of(distribution)
    _put(distribution, {path: None if old is None else old.encode() for path, old, _ in found})
    return bool(found)


def _put(copy: Distribution, wanted: Mapping[str, bytes | None]) -> None:
    """Write text files of a copy, also where a directory or a link is in their place; None: remove.

    A link is never followed, and goes only if a file is wanted in its place.
    """
    gone = (copy.site / path for path, content in wanted.items() if content is None)
    own = [place for place in gone if is_own(copy.prefix, place)]
    remove_files(copy.prefix, own)
    for path, content in wanted.items():
        place = copy.site / path
        if content is not None:
            make_own(copy.prefix, Path(copy.below + path).parent)
            if place.is_dir() and not place.is_symlink():
                discard(place)  # only what programs leave is still there
            put_file(place, content)


def start_again(distribution: Distribution) -> bool:
    """Reset a copy to its originals, recorded edits included; return whether there were any."""
    before, site = load_originals(distribution) or {}, distribution.site
    added = [name for name in added_files(distribution) if name not in before]
    remove_files(distribution.prefix, [site / name for name in added])
    if not revert(distribution) and not added:
        return False
    names = {*before, *(name for name, *_ in read_record(distribution.path) or ())}
    note_files(distribution, {name for name in names if is_there(site / name)})
    return True


def restore(
    copies: Mapping[str, Distribution],
    patches: Mapping[str, str | None],
    recorded: Manifest | None,
    kept: Collection[str] = (),
) -> list[str]:
    """Bring copies back to their recorded edits, because their files may be edited in place.

    Args:
        copies: of one tree, by normalized name; other distributions are left as they are.
        patches: their recorded edits, by normalized name.
        recorded: the manifest of the tree when it was committed, if known.
        kept: new files that stay, as `left_out` names them.

    Returns:
        The lines that describe the edits that cannot be restored.
    """
    faults: list[str] = []
    known = ((copy, patches.get(key)) for key, copy in copies.items())
    edited = [
        (copy, patch)
        for copy, patch in known
        if patch is not None and load_originals(copy) is not None
    ]
    new: Collection[str] = ()
    if recorded is not None and edited:
        new = take_manifest(edited[0][0].prefix, recorded).keys() - recorded.keys()
    for copy, patch in edited:
        names = files_of(copy) or set()
        mine = (path for path in new if path.startswith(copy.below))
        mine = (path for path in mine if belongs(path.removeprefix(copy.below), names))
        mine = (p for p in mine if visible(p.removeprefix(copy.below), keep="") not in kept)
        remove_files(copy.prefix, [copy.prefix / path for path in mine])
        if patch_of(copy) != text_in(patch):
            faults += _edit_again(copy, parts_of(copy, patch, names))
    return faults


def _edit_again(copy: Distribution, parts: Sequence[unified_diff.Part]) -> list[str]:
    """Replace the edits of a copy with those of a patch; return why this is not possible.

    The files are made elsewhere, because one may be in the place of a directory, or the reverse.
    """
    before, paths = load_originals(copy) or {}, [path for part in parts for path in part.paths]
    wanted = {edit.path: before.get(edit.path) for edit in edits_of(copy)}
    with TemporaryDirectory() as directory:
        scratch = Path(directory)
        for path in before.keys() & {*paths}:
            put_file(scratch / path, before[path])
        if faults := unified_diff.apply_parts(scratch, parts, 1, reverse=False):
            return faults
        made = {path: scratch / path for path in paths if is_there(scratch / path)}
        wanted |= {path: made[path].read_bytes() if path in made else None for path in paths}
        own = without_links(copy.prefix, (copy.below + path for path in wanted))
        there = {p: text_of(copy.site / p) if copy.below + p in own else None for p in wanted}
        new = {path: text for path, text in wanted.items() if text is None or text != there[path]}
        _put(copy, new)
        for path in new.keys() & made.keys() - before.keys():
            shutil.copymode(made[path], copy.site / path)
    return []


def parts_of(copy: Distribution, patch: str, names: Collection[str]) -> list[unified_diff.Part]:
    """The parts of a recorded patch, which may only change files of the copy.

    Those for files of a repository, which an older patch may have, are left out.

    Raises:
        OverlayError: it changes other files.
    """
    text = text_in(patch).encode()
    fit = unified_diff.fit(text, lambda path: belongs(path, names, named=True), 1) if text else None
    if others := [name for name in fit.outside if not in_repository(name)] if fit else []:
        sentence = f"The edits of {copy.name} change files that are not its own."
        hint = f"edit the file: its edits of {copy.name} may change files of {copy.name} only"
        raise OverlayError(sentence, hint, others, name=copy.name)
    return fit.inside if fit else []


def text_in(patch: str | None) -> str:
    """What can be made again of recorded edits: the patch without our comments."""
    return "".join(line for line in _lines(patch) if not line.startswith(NO_TEXT))


def left_out(patch: str | None) -> list[str]:
    """The files whose recorded edits no patch can say."""
    return [
        line.removeprefix(NO_TEXT).rstrip("\n")
        for line in _lines(patch)
        if line.startswith(NO_TEXT)
    ]


def _lines(text: str | None) -> list[str]:
    return io.StringIO(text or "", newline="\n").readlines()
