"""The record of a revision, ``record.json``: written, read and checked."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from conda_overlay.core import serialize
from conda_overlay.core.errors import StateError
from conda_overlay.core.models import Revision
from conda_overlay.filesystem.atomic import sync
from conda_overlay.filesystem.manifest import Manifest, dump_manifest
from conda_overlay.filesystem.tree import protect

FORMAT = 1
"""The version of the record."""

UNREADABLE = (OSError, *serialize.UNFIT)
"""The exceptions that reading a damaged file can raise."""


def dump_record(revision: Revision) -> bytes:
    """Convert a revision to the text of its record."""
    data = {"format": FORMAT, **serialize.encode(revision)}
    return json.dumps(data, indent=1).encode()


def write_records(
    directory: Path,
    revision: Revision,
    manifest: Manifest,
    known: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> None:
    """Write the records of a revision, make them read-only, and sync everything to disk.

    Args:
        directory: of the revision; it may have more files, and the tree.
        revision: for ``record.json``.
        manifest: for ``manifest.json``.
        known: the content of other JSON files, by name.
    """
    (directory / "record.json").write_bytes(dump_record(revision))
    (directory / "manifest.json").write_bytes(dump_manifest(manifest))
    for name, data in known.items():
        text = json.dumps(data, separators=(",", ":"))
        (directory / name).write_bytes(text.encode("utf-8", "surrogatepass"))
    protect(directory)
    sync(directory, below=True)


def load_record(content: bytes, number: int, path: Path) -> Revision:
    """Read the record of a revision.

    Args:
        content: the text of the record.
        number: of the revision, from its directory; it overrides the number in the record.
        path: of the record, for messages.

    Raises:
        StateError: it was written by a newer version.
        Exception: one of `UNREADABLE`.
    """
    data = json.loads(content)
    if data["format"] > FORMAT:
        formats = f"(format {data['format']}, this one reads {FORMAT})"
        sentence = f"{path} was written by a newer version of conda-overlay {formats}."
        raise StateError(sentence, "conda update -n base conda-overlay", path=str(path))
    revision: Revision = serialize.decode(Revision, {**data, "number": number})
    _check(revision)
    return revision


def _check(revision: Revision) -> None:
    """Raise an error if the host of a revision lacks entries that other modules rely on."""
    host = revision.host
    texts = [host["python"], *host["distributions"].values()]
    if "abi" not in host or not all(isinstance(text, str) for text in texts):
        raise TypeError(f"{revision.host!r}")


def name_of(number: int | None) -> str:
    """Describe a revision, the host (0), or the overlay as it is now (None)."""
    return "overlay" if number is None else f"revision {number}" if number else "host"


def number_in(name: str) -> int | None:
    """The number in the canonical name of a revision's directory."""
    digits = name.isascii() and name.isdigit() and len(name) < 10
    return int(name) if digits and name == str(int(name)) else None


def of_older_format(overlay: Path, state: Path) -> StateError:
    """The error for an overlay whose records an older version has written elsewhere."""
    sentence = f"{overlay} was made by an older version of conda-overlay, and stays as it is."
    hint = f"{shlex.join(['ls', str(state / 'history')])}, which has a file for each revision"
    return StateError(sentence, hint, overlay=str(overlay))
