"""What the files of a revision were when it was committed, and what has been done to them since.

Size and time of change are compared first, and a hash only where those differ, so that a check of
many thousand files costs little more than listing them. Bytecode does not count: Python writes it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

Fact = tuple[int, int, str]
"""Size in bytes, time of change in nanoseconds, sha256 in hex (of a link: of its target)."""


@dataclass(frozen=True)
class Differences:
    """Files, relative to the tree, that are not what they were."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


def take(tree: Path, known: Mapping[str, Fact] | None = None) -> dict[str, Fact]:
    """The facts of every file in a tree.

    Args:
        tree: a directory.
        known: facts of an earlier tree; a file of the same size and time is not read again.
    """
    facts = {}
    for path, status in _files(tree):
        old = (known or {}).get(path)
        same = old is not None and old[:2] == (status.st_size, status.st_mtime_ns)
        digest = old[2] if old is not None and same else _digest(tree / path)
        facts[path] = (status.st_size, status.st_mtime_ns, digest)
    return facts


def compare(tree: Path, facts: Mapping[str, Fact]) -> Differences:
    """What was done to a tree since its facts were taken."""
    added, changed = [], []
    seen = set()
    for path, status in _files(tree):
        seen.add(path)
        fact = facts.get(path)
        if fact is None:
            added.append(path)
        elif fact[:2] != (status.st_size, status.st_mtime_ns) and fact[2] != _digest(tree / path):
            changed.append(path)
    removed = [path for path in facts if path not in seen]
    return Differences(tuple(sorted(added)), tuple(sorted(changed)), tuple(sorted(removed)))


def dump(facts: Mapping[str, Fact]) -> bytes:
    """The facts as bytes, for a file."""
    return json.dumps(facts, separators=(",", ":")).encode("utf-8", "surrogatepass")


def load(content: bytes) -> dict[str, Fact]:
    """The reverse of `dump`.

    Raises:
        ValueError: it is something else.
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
        with suppress(FileNotFoundError), os.scandir(tree / below) as entries:
            for entry in entries:
                path = below + entry.name
                if entry.is_dir(follow_symlinks=False):
                    pending.append(path + "/")
                elif not path.endswith(".pyc"):
                    yield path, entry.stat(follow_symlinks=False)


def _digest(path: Path) -> str:
    if path.is_symlink():
        return hashlib.sha256(os.fsencode(os.readlink(path))).hexdigest()
    with path.open("rb") as file:
        whole = hashlib.sha256()
        while block := file.read(1 << 20):
            whole.update(block)
    return whole.hexdigest()
