"""One tree, and what the history knows of it: what two of which are compared."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path, PurePosixPath

from conda_overlay import guard, scripts
from conda_overlay.distributions import Site, owned_files, read_site
from conda_overlay.models import Distribution, Entry
from conda_overlay.tree import Manifest, differences, take_manifest

BOOKKEEPING = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")
"""What pip notes of an installation, beside what is installed."""


@dataclass(frozen=True)
class State:
    """A tree as it is now.

    `read` makes it; without arguments it is that of the host with nothing over it.
    """

    site: Site = field(default_factory=dict)
    entries: Mapping[str, Entry] = field(default_factory=dict)
    """By normalized name; what was installed by hand has one, too."""
    files: Manifest = field(default_factory=dict)
    owned: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The files of each distribution as its RECORD has them, there or not."""
    edited: frozenset[str] = frozenset()
    """Files that somebody has changed or added by hand."""

    def content(self, key: str) -> dict[str, str]:
        """The hashes of the files of a distribution, without pip's notes."""
        return {
            path: self.files[path][2]
            for path in self.owned.get(key, ())
            if path in self.files and not is_bookkeeping(path)
        }

    def missing(self, key: str) -> list[str]:
        """The files of a distribution that are not there."""
        owned = self.owned.get(key, ())
        return sorted(path for path in owned if path not in self.files and path[-4:] != ".pyc")

    @property
    def edited_keys(self) -> set[str]:
        """The distributions with files that were edited by hand."""
        return {key for key, files in self.owned.items() if self.edited & files}

    @property
    def requested(self) -> dict[str, Entry]:
        """What was asked for."""
        return {k: e for k, e in self.entries.items() if e.requested and k in self.site}

    @property
    def requirements(self) -> list[str]:
        """What was typed for it, where that is known."""
        return [e.requirement for e in self.requested.values() if e.requirement]


def read(
    tree: Path,
    site_below_prefix: Path,
    entries: Mapping[str, Entry],
    recorded: Manifest | None = None,
    known: Manifest | None = None,
) -> State:
    """Read a tree.

    Args:
        tree: a directory; one that does not exist holds nothing.
        site_below_prefix: where site-packages is in it.
        entries: what the history knows of its distributions.
        recorded: the manifest of when it was committed; None when nobody knows.
        known: any manifest that saves reading the same files again.
    """
    site = read_site(tree / site_below_prefix)
    files = take_manifest(tree, known or recorded)
    owned: dict[str, frozenset[str]] = {}
    edited: set[str] = set()
    for key, found in site.items():
        rows = {p: sha for one in found for p, sha in (owned_files(one, tree) or {}).items()}
        owned[key] = frozenset(rows)
        edited.update(p for p, sha in rows.items() if sha and p in files and files[p][2] != sha)
    if recorded is not None:
        found_by_hand = differences(recorded, files)
        edited.update((*found_by_hand.added, *found_by_hand.changed))
    ours = scaffolding(site_below_prefix)
    return State(
        site,
        {key: _entry(found[0], entries.get(key)) for key, found in site.items()},
        files,
        owned,
        frozenset(path for path in edited if path not in ours and not is_leftover(path)),
    )


def scaffolding(site_below_prefix: Path) -> set[str]:
    """The files of a tree that are ours: the guard, and the interpreter of its scripts."""
    return {str(site_below_prefix / guard.NAME), os.path.join("bin", scripts.NAME)}


def is_leftover(path: str) -> bool:
    """Whether pip has moved a file aside, to remove or to replace it, and could not go on."""
    parts = pairwise(PurePosixPath(path).parts)
    return any(above == "site-packages" and name.startswith("~") for above, name in parts)


def is_bookkeeping(path: str) -> bool:
    """Whether a file is one of pip's notes of an installation."""
    name = PurePosixPath(path)
    return name.name in BOOKKEEPING and name.parent.suffix == ".dist-info"


def _entry(found: Distribution, entry: Entry | None) -> Entry:
    """What is known of a distribution; one of another version than recorded was made by hand."""
    if entry is not None and entry.version == found.version:
        return entry
    return Entry(
        found.version,
        found.name,
        reason="made by hand",
        requested=True,
        requirement=found.editable or f"{found.name}=={found.version}",
        url=found.direct_url,
        editable=found.editable,
        intent="dev" if found.editable else "hold",
    )
