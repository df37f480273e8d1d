"""The index of a tree: what its distributions, and those of the host, say of themselves.

A revision keeps its index, so that metadata that has not changed since is not parsed again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conda_overlay.distributions.record import owned_files
from conda_overlay.distributions.site import (
    Known,
    Site,
    by_name,
    dump_metadata,
    load_metadata,
    read_metadata,
)
from conda_overlay.filesystem.manifest import FileInfo, Manifest

Rows = tuple[FileInfo | None, Mapping[str, str | None] | None]
"""The entry of a RECORD in the manifest, and the result of `owned_files` for it."""


@dataclass(frozen=True)
class Index:
    """The metadata of the distributions in a tree, and their files by RECORD."""

    metadata: Known = field(default_factory=dict)
    rows: Mapping[str, Rows] = field(default_factory=dict)
    """By the name of the .dist-info, as in `metadata`."""

    @property
    def site(self) -> Site:
        """The distributions."""
        return by_name(self.metadata)


def read_index(tree: Path, site_below_prefix: Path, files: Manifest, known: Index) -> Index:
    """Read the index of a tree, which need not exist.

    Args:
        tree: the directory.
        site_below_prefix: its site-packages, relative to it.
        files: the manifest of the tree as it is now.
        known: an earlier index, of this tree or of one that it is a clone of.
    """
    metadata = read_metadata(tree / site_below_prefix, known.metadata)
    rows: dict[str, Rows] = {}
    for name, one in metadata.items():
        record, old = files.get(f"{site_below_prefix}/{name}/RECORD"), known.rows.get(name)
        same = old is not None and old[0] is not None and old[0] == record
        rows[name] = old if old and same else (record, owned_files(one.distribution, tree))
    return Index(metadata, rows)


def dump_index(index: Index) -> dict[str, Any]:
    """Convert an index to JSON values."""
    return {"metadata": dump_metadata(index.metadata), "rows": index.rows}


def load_index(data: Any, site: Path) -> Index:
    """The reverse of `dump_index`, for a site-packages with the same metadata.

    Raises:
        Exception: one of `serialize.UNFIT`: these are other values.
    """
    rows: dict[str, Rows] = {}
    for name, (record, files) in data["rows"].items():
        if record is not None:
            size, time, sha256 = record
            shas = {str(path): None if sha is None else str(sha) for path, sha in files.items()}
            rows[name] = (int(size), int(time), str(sha256)), shas
    return Index(load_metadata(data["metadata"], site), rows)
