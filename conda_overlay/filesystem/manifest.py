"""The manifest of a tree: the size, time and sha256 of each file; and the comparison of two."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from conda_overlay.core.models import FileChanges
from conda_overlay.core.progress import SILENT, Progress

FileInfo = tuple[int, int, str]
"""Size in bytes, modification time in nanoseconds, sha256 in hex (of a link: of its target)."""

Manifest = Mapping[str, FileInfo]
"""Every file and link of a tree, by its path relative to the tree.

Bytecode is left out, because Python writes it; so are pipes, sockets and devices. The sha256 of a
file that cannot be read is `UNREADABLE`; a directory that cannot be read has such an entry, too.
"""

UNREADABLE = ""
"""The sha256 of files and directories that cannot be read."""


def take_manifest(
    tree: Path, known: Manifest | None = None, progress: Progress = SILENT
) -> Manifest:
    """Take the manifest of a tree.

    Files with the same size and time as in `known`, an earlier manifest, are not read again.
    """
    manifest: dict[str, FileInfo] = {}
    known = known or {}
    with progress.watch("Hashing") as step:
        files = [*_files(tree)]
        for path, status in files:
            size, time = status.st_size, status.st_mtime_ns
            old = known.get(path)
            same = old and old[:2] == (size, time) and status.st_mode & stat.S_IRUSR
            manifest[path] = old if old and same else (size, time, _digest(tree / path))
            step(len(manifest), len(files))
    return manifest


def differences(before: Manifest, after: Manifest) -> FileChanges:
    """The files whose content differs between two manifests."""
    if before is after:
        return FileChanges()
    both = before.keys() & after.keys()
    return FileChanges(
        tuple(sorted(after.keys() - before.keys())),
        tuple(sorted(path for path in both if before[path][2] != after[path][2])),
        tuple(sorted(before.keys() - after.keys())),
    )


def dump_manifest(manifest: Manifest) -> bytes:
    """Convert a manifest to bytes, for a file."""
    return json.dumps(manifest, separators=(",", ":")).encode("utf-8", "surrogatepass")


def load_manifest(content: bytes) -> Manifest:
    """The reverse of `dump_manifest`.

    Raises:
        ValueError: the content is not a manifest.
    """
    try:
        return {
            str(path): (int(size), int(time), str(digest))
            for path, (size, time, digest) in json.loads(content).items()
        }
    except (AttributeError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(str(error)) from error


def _files(tree: Path) -> Iterator[tuple[str, os.stat_result]]:
    pending = [""]
    while pending:
        below = pending.pop()
        try:
            with suppress(FileNotFoundError), os.scandir(tree / below) as entries:
                for entry in entries:
                    path = below + entry.name
                    if entry.is_dir(follow_symlinks=False):
                        pending += [path + "/"] if entry.name != "__pycache__" else []
                    elif not path.endswith(".pyc"):
                        status = entry.stat(follow_symlinks=False)
                        if stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode):
                            yield path, status
        except PermissionError:
            yield below.rstrip("/") or ".", (tree / below).lstat()


def _digest(path: Path) -> str:
    try:
        return UNREADABLE if path.is_dir() and not path.is_symlink() else digest(path)
    except PermissionError:
        return UNREADABLE


def unreadable(files: Manifest) -> list[str]:
    """The files and directories in a manifest that could not be read."""
    return sorted(path for path, (*_, sha256) in files.items() if sha256 == UNREADABLE)


def digest(path: Path) -> str:
    """The sha256 of a file in hex; of a link: of its target."""
    if path.is_symlink():
        return hashlib.sha256(os.fsencode(os.readlink(path))).hexdigest()
    whole = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            whole.update(block)
    return whole.hexdigest()


def has_digest(path: Path, wanted: str | None) -> bool:
    """Whether a path is a file or link with this sha256; one that cannot be read has none."""
    return is_there(path) and _digest(path) == wanted


def is_there(path: Path) -> bool:
    """Whether a path is a file or a link, even a broken one."""
    return path.is_symlink() or path.is_file()
