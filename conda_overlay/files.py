"""Compares the files of two revisions, or of a revision and the host."""

from __future__ import annotations

import difflib
import filecmp
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from conda_overlay.activation.locate import read_file
from conda_overlay.models import Differences
from conda_overlay.state import scaffolding
from conda_overlay.tree import differences

if TYPE_CHECKING:
    from conda_overlay.overlay import Overlay

_LONGEST = 1 << 20  # bytes of a file that is compared as text


def compare(overlay: Overlay, old: int | None, new: int | None) -> Differences:
    """The files that differ; for the host (0), those that the overlay adds or hides."""
    before, after = overlay.state(old).files, overlay.state(new).files
    if old != 0 and new != 0:
        return differences(before, after)
    host = overlay.host.prefix
    ours = scaffolding(overlay.host.site_below_prefix)
    paths = sorted(path for path in {**before, **after} if path not in ours)
    tree = _root(overlay, old if new == 0 else new)
    hiding = [p for p in paths if os.path.lexists(host / p) and not _same(host / p, tree / p)]
    alone = tuple(path for path in paths if not os.path.lexists(host / path))
    if new == 0:
        return Differences(removed=alone, changed=tuple(hiding))
    return Differences(added=alone, changed=tuple(hiding))


def unified(
    overlay: Overlay, old: int | None, new: int | None, files: Differences
) -> Iterator[str]:
    """A unified diff of the text files that differ, line by line."""
    from conda_overlay.overlay import name_of

    roots = _root(overlay, old), _root(overlay, new)
    for path in files.all:
        before, after = (_lines(root / path) for root in roots)
        names = f"{name_of(old)}/{path}", f"{name_of(new)}/{path}"
        if before is None or after is None:
            yield f"Binary files {names[0]} and {names[1]} differ\n"
            continue
        for line in difflib.unified_diff(before, after, *names):
            yield line if line.endswith("\n") else line + "\n\\ No newline at end of file\n"


def _root(overlay: Overlay, number: int | None) -> Path:
    """Where the files of a revision, of the host (0), or of the overlay now (None) are."""
    if number == 0:
        return overlay.host.prefix
    tree = overlay.store.real if number is None else overlay.store.tree(number)
    assert tree is not None
    return tree


def _same(one: Path, other: Path) -> bool:
    try:
        return filecmp.cmp(one, other, shallow=False)
    except OSError:
        return False


def _lines(path: Path) -> list[str] | None:
    """The lines of a text file, none if it does not exist; None for a binary file."""
    try:
        content = read_file(str(path), largest=_LONGEST, follow=True)
    except FileNotFoundError:
        return []
    except OSError:
        return None
    if b"\0" in content:
        return None
    try:
        return io.StringIO(content.decode("utf-8"), newline="\n").readlines()
    except UnicodeDecodeError:
        return None
