"""The record of a revision, ``record.json``: written, read and checked."""

from __future__ import annotations

import json
from pathlib import Path

from conda_overlay.core import serialize
from conda_overlay.core.errors import StateError
from conda_overlay.core.models import Revision

FORMAT = 1
"""The version of the record."""

UNREADABLE = (OSError, *serialize.UNFIT)
"""The exceptions that reading a damaged file can raise."""


def dump_record(revision: Revision) -> bytes:
    """Convert a revision to the text of its record."""
    data = {"format": FORMAT, **serialize.encode(revision)}
    return json.dumps(data, indent=1).encode()


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
    """Raise an error if the mappings of a revision lack entries that other modules rely on."""
    host, changes = revision.host, revision.plan["changes"]
    texts = [host["python"], *host["distributions"].values(), *(c["name"] for c in changes)]
    if "abi" not in host or not all(isinstance(text, str) for text in texts):
        raise TypeError(f"{revision.host!r}")


def name_of(number: int | None) -> str:
    """Describe a revision, the host (0), or the overlay as it is now (None)."""
    return "overlay" if number is None else f"revision {number}" if number else "host"
