"""Compares the files of two revisions, or of a revision and the host; all, or by distribution."""

from __future__ import annotations

import filecmp
import os
import re
from collections.abc import Collection, Iterable, Iterator
from itertools import dropwhile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from conda_overlay.core.errors import OverlayError
from conda_overlay.core.models import FileChanges
from conda_overlay.distributions.record import owned_files
from conda_overlay.edits import patch
from conda_overlay.edits.originals import text_of
from conda_overlay.filesystem.manifest import differences, has_digest
from conda_overlay.layer import scaffolding
from conda_overlay.layer.scripts import in_one_form
from conda_overlay.layer.state import State, is_bookkeeping

if TYPE_CHECKING:
    from conda_overlay.layer.stack import Stack

_HEAD = ("#!", "'''exec'", "' '''")  # starts of the lines that name a script's interpreter
_VERSION = re.compile(r"(?<=site-packages/)([^/-]+)-[^/]+(?=\.(?:dist|egg)-info\b)")
"""The name and version of a metadata directory; the group is the name."""


class Place(NamedTuple):
    """A file on one side of a comparison."""

    origin: str  # the revision or the host, in words
    path: str  # relative to the root of the origin
    file: Path


Pair = tuple[Place | None, Place | None]
"""The same file on both sides; None on a side that lacks it."""


def compare_files(stack: Stack, old: int | None, new: int | None) -> FileChanges:
    """Find the files that differ.

    Against the host (0), those that the overlay adds or hides, or that were deleted from copies.
    """
    states = stack.committed(old), stack.committed(new)
    before, after = (state.files for state in states)
    if old != 0 and new != 0:
        return differences(before, after)
    host = stack.host.prefix
    ours = scaffolding.paths(stack.host.site_below_prefix)
    paths = sorted(path for path in {**before, **after} if path not in ours)
    tree = _root(stack, old if new == 0 else new)
    shas = {path: info[2] for path, info in {**before, **after}.items()}
    same = (p for p in paths if _same(host / p, tree / p) or has_digest(host / p, shas[p]))
    hiding = [path for path in sorted({*paths}.difference(same)) if os.path.lexists(host / path)]
    alone = tuple(path for path in paths if not os.path.lexists(host / path))
    deleted = {path for state in states for paths in state.deleted.values() for path in paths}
    gone = tuple(path for path in sorted(deleted) if os.path.lexists(host / path))
    if new == 0:
        return FileChanges(added=gone, changed=tuple(hiding), removed=alone)
    return FileChanges(added=alone, changed=tuple(hiding), removed=gone)


def unified_files(
    stack: Stack, old: int | None, new: int | None, files: FileChanges
) -> Iterator[str]:
    """Yield the lines of a unified diff of differing files, except for pip's bookkeeping files."""
    from conda_overlay.layer.revision import name_of

    sides = [(name_of(number), _root(stack, number)) for number in (old, new)]
    for path in files.all:
        found = [Place(name, path, root / path) for name, root in sides]
        before, after = (place if _is_file(place.file) else None for place in found)
        if path in files.added:
            before = None  # what is in its tree was made there later
        same = before and after and _agree(before, after)
        if before and after and _same(before.file, after.file) and not is_bookkeeping(path):
            yield f"# {path} was edited in place, so its earlier text is gone\n"
        elif (before or after) and not same and not is_bookkeeping(path):
            yield from text(before, after)


def of(stack: Stack, keys: Iterable[str], old: int | None, new: int | None) -> list[Pair]:
    """Find the differing files of distributions, except for pip's bookkeeping files.

    If a revision lacks a distribution, that below it is compared, because it is in effect.

    Args:
        stack: the layers of a host.
        keys: normalized names.
        old: a revision, the host (0), or the overlay as it is now (None).
        new: the other side, likewise.

    Raises:
        OverlayError: neither side has one of the distributions.
    """
    from conda_overlay.layer.revision import name_of

    pairs = []
    states = {number: stack.committed(number) for number in (old, new)}
    for key in keys:
        copies = [state for state in states.values() if state.is_copy(key)]
        copied = frozenset[str]().union(
            *(state.owned[key] | state.deleted[key] for state in copies)
        )
        before, after = (_of(stack, key, number, states[number], copied) for number in (old, new))
        if before is None and after is None:
            places = dict.fromkeys(map(name_of, (old, new, 0)))
            sentence = f"There is no {key} in {' or '.join(places)}."
            raise OverlayError(sentence, "conda overlay status", name=key)
        one, other = before or {}, after or {}
        if copies:
            shared = one.keys() & other.keys()  # RECORD of a conda package may have no scripts
            shared |= {path for state in copies for path in state.deleted[key]}
            one, other = (
                {p: f for p, f in d.items() if "site-packages/" in p or p in shared}
                for d in (one, other)
            )
        pairs += [(one.get(path), other.get(path)) for path in sorted({**one, **other})]
    return [(one, other) for one, other in pairs if not (one and other and _agree(one, other))]


def changes_of(pairs: Iterable[Pair]) -> FileChanges:
    """Sort differing files into added, changed and removed ones."""
    pairs = [*pairs]
    return FileChanges(
        tuple(new.path for old, new in pairs if new and not old),
        tuple(new.path for old, new in pairs if new and old),
        tuple(old.path for old, new in pairs if old and not new),
    )


def text(before: Place | None, after: Place | None) -> Iterator[str]:
    """Yield the unified diff of a text file, or a comment for a binary one.

    Paths in site-packages are relative to it.
    """
    places = before or after, after or before
    paths = [_below_site(place) for place in places if place]
    texts = [place and _text_of(place) for place in (before, after)]
    if (before and texts[0] is None) or (after and texts[1] is None):
        yield f"# Binary files a/{paths[0]} and b/{paths[1]} differ\n"
        return
    old, new = (None if content is None else content.decode() for content in texts)
    labels = before.origin if before else "", after.origin if after else ""
    yield from patch.unified((paths[0], paths[1]), (old, new), labels)


def _text_of(place: Place) -> bytes | None:
    """The text of a file; below the overlay also of one that is there by a link."""
    from conda_overlay.layer.revision import name_of

    return text_of(place.file, follow=place.origin == name_of(0))


def _below_site(place: Place) -> str:
    """The path of a file, relative to site-packages if the file is in there."""
    return place.path.partition("site-packages/")[2] or place.path


def _of(
    stack: Stack, key: str, number: int | None, state: State, copied: Collection[str]
) -> dict[str, Place] | None:
    """The files of a distribution by path, without the version in the metadata's paths.

    Args:
        stack: the layers of a host.
        key: the normalized name of the distribution.
        number: a revision, the host (0), or the overlay as it is now (None).
        state: the state of that.
        copied: the files of a copy; below it, no package may list some of those.
    """
    from conda_overlay.layer.revision import name_of

    if key in state.site:
        origin, root, owned = name_of(number), _root(stack, number), state.owned[key]
    elif key in stack.below_view:
        found = stack.below_view[key]
        origin, root = name_of(0), found.prefix
        beside = (path for path in copied if path.startswith(found.below))
        owned = frozenset(owned_files(found, root) or ()).union(beside)
    else:
        return None
    mine = (p for p in owned if not is_bookkeeping(p) and not p.endswith(".pyc"))
    there = (path for path in mine if os.path.lexists(root / path))
    return {_VERSION.sub(r"\1", path): Place(origin, path, root / path) for path in there}


def _agree(one: Place, other: Place) -> bool:
    """Whether two files are the same; of scripts, except for the interpreter and pip's form."""
    if _same(one.file, other.file):
        return True
    texts = [_text_of(place) for place in (one, other) if place.path.startswith("bin/")]
    lines = [found.decode().splitlines() for found in texts if found]
    bodies = ["\n".join(dropwhile(lambda n: n.startswith(_HEAD), found)) for found in lines]
    return len(bodies) == 2 and len({in_one_form(body.encode()) for body in bodies}) == 1


def _root(stack: Stack, number: int | None) -> Path:
    """The root of the files of a revision, the host (0), or the overlay as it is now (None)."""
    if number == 0:
        return stack.host.prefix
    tree = stack.store.real if number is None else stack.store.tree(number)
    assert tree is not None
    return tree


def _is_file(path: Path) -> bool:
    return path.is_symlink() or (os.path.lexists(path) and not path.is_dir())


def _same(one: Path, other: Path) -> bool:
    try:
        return filecmp.cmp(one, other, shallow=False)
    except OSError:
        return False
