"""The index of a tree: what its distributions, and those of the host, say of themselves.

A revision keeps its index, so that metadata that has not changed since is not parsed again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from conda_overlay.core.models import Distribution
from conda_overlay.distributions.record import differing, owned_files
from conda_overlay.distributions.site import (
    Known,
    Site,
    by_name,
    dump_metadata,
    load_metadata,
    metadata_in,
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

    @property
    def owners(self) -> dict[str, Distribution]:
        """The distribution of each file that a RECORD lists, by its path relative to the tree."""
        return {
            path: self.metadata[name].distribution
            for name, (_, owned) in self.rows.items()
            for path in owned or ()
        }

    def at(self, site: Path) -> Index:
        """The index of a clone of the tree, given its site-packages."""
        moved = {
            name: replace(one, distribution=replace(one.distribution, path=site / name))
            for name, one in self.metadata.items()
        }
        return Index(moved, self.rows)

    def without(self, names: Collection[str]) -> Index:
        """The index after some distributions, by the names of their .dist-info, were removed."""
        metadata = {name: one for name, one in self.metadata.items() if name not in names}
        return Index(metadata, {name: self.rows[name] for name in metadata})

    def wrong(self, files: Manifest) -> set[str]:
        """The names of the .dist-info whose RECORD has other hashes than the files of a tree."""
        return {
            name
            for name, (_, owned) in self.rows.items()
            for path, sha in differing(owned or {}, files).items()
            if sha and path in files
        }

    def unsure(self, files: Manifest) -> Manifest:
        """The files of a tree that are as no RECORD has them; of two owners, one has written it."""
        rows = [item for _, owned in self.rows.values() for item in (owned or {}).items()]
        sure = {path for path, sha in rows if path in files and files[path][2] == sha}
        return {path: info for path, info in files.items() if path not in sure}

    def joined(self, other: Index) -> Index:
        """The index after the distributions of another one were moved into the tree."""
        return Index({**self.metadata, **other.metadata}, {**self.rows, **other.rows})


def read_index(tree: Path, site_below_prefix: Path, files: Manifest, known: Index) -> Index:
    """Read the index of a tree, which need not exist.

    Args:
        tree: the directory.
        site_below_prefix: its site-packages, relative to it.
        files: the manifest of the tree as it is now.
        known: an earlier index, of this tree or of one that it is a clone of.
    """
    below = str(site_below_prefix)
    metadata = metadata_in(files, tree / site_below_prefix, below, known.metadata)
    rows: dict[str, Rows] = {}
    for name, one in metadata.items():
        record, old = files.get(f"{below}/{name}/RECORD"), known.rows.get(name)
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
