"""Copies a prefix to another path, quickly and such that the copy works there."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

_LINKED = re.compile(
    r"lib/(python\d\.\d+/(?!site-packages/(?!pip/)|_sysconfigdata)|[^/]+$)|include/"
)


def copy(source: Path, target: Path, *, without: Collection[str] = ()) -> None:
    """Copy the prefix `source` to `target`, where text then names the new path, not the old.

    What nobody edits, the standard library, pip and the headers, is hard-linked where the file
    system allows it; all that a package manager or a test may write to is copied, since what is
    written through a link is written to the source.

    Args:
        source: An existing prefix.
        target: Does not exist yet.
        without: Top-level names to leave out.
    """
    for directory, folders, files in os.walk(source):
        here = Path(directory)
        there = target / here.relative_to(source)
        if here == source:
            folders[:] = [name for name in folders if name not in without]
        there.mkdir(parents=here == source)
        links = [name for name in folders if (here / name).is_symlink()]
        for name in (*files, *links):
            _transfer(here / name, there / name, source, target)
    # The modes come last, and from below: a protected directory takes no more files.
    for directory, _, _ in os.walk(target, topdown=False):
        shutil.copystat(source / Path(directory).relative_to(target), directory)


def _transfer(old: Path, new: Path, source: Path, target: Path) -> None:
    if old.is_symlink():
        new.symlink_to(str(old.readlink()).replace(str(source), str(target)))
        return
    if _LINKED.match(old.relative_to(source).as_posix()):
        with suppress(OSError):  # another file system, or not our file
            os.link(old, new)
            return
    content = old.read_bytes()
    if b"\0" not in content:
        content = _moved(content, os.fsencode(source), os.fsencode(target))
    new.write_bytes(content)
    shutil.copystat(old, new)


def _moved(content: bytes, old: bytes, new: bytes) -> bytes:
    # Not where the old path is merely the beginning of another's name, as `base` is of `base-2`.
    return re.sub(re.escape(old) + rb"(?![\w.-])", lambda _: new, content)
