"""The state of one tree, with its entries in the history."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from packaging.requirements import Requirement

from conda_overlay.core.models import Distribution, HistoryEntry, requirements_of
from conda_overlay.core.progress import SILENT, Progress
from conda_overlay.distributions.record import differing
from conda_overlay.distributions.site import Site
from conda_overlay.edits import originals
from conda_overlay.edits.patch import patch_of
from conda_overlay.filesystem.manifest import Manifest, differences, take_manifest
from conda_overlay.layer import scaffolding
from conda_overlay.layer.index import Index, read_index

BOOKKEEPING = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", originals.ORIGINALS)
"""The files that describe an installation (written by pip) or a copy for editing (by us)."""


@dataclass(frozen=True)
class State:
    """A tree as it is now; without arguments an empty one."""

    site: Site = field(default_factory=dict)
    entries: Mapping[str, HistoryEntry] = field(
        default_factory=dict
    )  # also of distributions that were installed by hand
    files: Manifest = field(default_factory=dict)
    owned: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By RECORD, also missing files; and the new files of copies."""
    edited: frozenset[str] = frozenset()  # files that were changed or added by hand
    index: Index = field(default_factory=Index, compare=False)
    new: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Of each copy that has any: the files beside its modules that its RECORD lacks."""

    def has_files_of(self, other: State, key: str) -> bool:
        """Whether a distribution has, and lacks, the same files in both, without bookkeeping."""
        if self.files is other.files:
            return True
        if self.content(key) != other.content(key):
            return False
        deleted = self.deleted.get(key, set()) | other.deleted.get(key, set())  # from a copy
        one, two = ({*state.missing(key)} - deleted for state in (self, other))
        return all(path.endswith("/RECORD") for path in one ^ two)

    def names(self, key: str) -> set[str]:
        """The files that a distribution owns, relative to site-packages."""
        return {os.path.relpath(path, self.site[key][0].below) for path in self.owned[key]}

    def content(self, key: str) -> dict[str, str]:
        """The hashes of the files of a distribution, without pip's bookkeeping."""
        owned = (path for path in self.owned.get(key, ()) if not is_bookkeeping(path))
        return {path: self.files[path][2] for path in owned if path in self.files}

    def rows(self, key: str) -> dict[str, str | None]:
        """The files of a distribution by RECORD, with their sha256 if recorded."""
        rows = self.index.rows
        found = (rows[one.path.name][1] or {} for one in self.site[key])
        return {path: sha for one in found for path, sha in one.items()}

    def missing(self, key: str) -> list[str]:
        """The files of a distribution that do not exist."""
        return missing_files(self.owned.get(key, ()), self.files)

    def has_record(self, key: str) -> bool:
        """Whether all metadata of a distribution has a RECORD."""
        return all(self.index.rows[one.path.name][1] is not None for one in self.site[key])

    @cached_property
    def edited_keys(self) -> set[str]:
        """The normalized names of distributions with edited files, and of all copies."""
        return {key for key, files in self.owned.items() if self.edited & files} | {*self.copies}

    @cached_property
    def copies(self) -> dict[str, Distribution]:
        """The distributions that are copies for editing."""
        return {key: found[0] for key, found in self.site.items() if self.is_copy(key)}

    def is_copy(self, key: str) -> bool:
        """Whether a distribution is a copy for editing."""
        return key in self.site and self._originals(key) in self.owned.get(key, ())

    def own(self, site_below_prefix: Path) -> set[str]:
        """The user's own files, which no distribution has."""
        return own_files(self.files, self.all_owned, site_below_prefix)

    @cached_property
    def all_owned(self) -> frozenset[str]:
        """The files of all distributions; see `owned`."""
        return frozenset().union(*self.owned.values())

    @cached_property
    def deleted(self) -> dict[str, set[str]]:
        """Of each copy: its original files that were deleted, and the added ones in RECORD."""
        found = {}
        for key, copy in self.copies.items():
            paths = {os.path.normpath(copy.below + p) for p in originals.original_hashes(copy)}
            paths |= {path for path, sha in self.rows(key).items() if sha is None}
            gone = missing_files(paths, self.files)
            found[key] = {path for path in gone if not is_bookkeeping(path)}
        return found

    @cached_property
    def unlisted(self) -> dict[str, frozenset[str]]:
        """Of each copy of which files were added or deleted since RECORD was written: its files."""
        listed = {key: self.deleted[key] & self.owned[key] for key in self.copies}
        changed = (key for key in self.copies if listed[key] or key in self.new)
        return {key: self.owned[key] - listed[key] for key in changed}

    def shows_edits(self, key: str) -> bool:
        """Whether a distribution has its RECORD and, if it is a copy, its originals as kept."""
        path = self._originals(key)
        kept = path in self.files and path not in self.edited
        return self.has_record(key) and (kept or not self.is_copy(key))

    def _originals(self, key: str) -> str:
        info = "/".join(self.site[key][0].path.parts[-4:])
        return f"{info}/{originals.ORIGINALS}"

    @property
    def requested(self) -> dict[str, HistoryEntry]:
        """The entries of installed distributions that the user requested."""
        return {k: e for k, e in self.entries.items() if e.requested and k in self.site}

    @property
    def requirements(self) -> list[Requirement]:
        """The known requirements of requested distributions; see `requirements_of`."""
        return requirements_of(self.requested.values())


def read_state(
    tree: Path,
    site_below_prefix: Path,
    entries: Mapping[str, HistoryEntry],
    recorded: Manifest | None = None,
    index: Index | None = None,
    progress: Progress = SILENT,
) -> State:
    """Read a tree, which need not exist, and match it with its entries in the history.

    Args:
        tree: the directory.
        site_below_prefix: its site-packages, relative to it.
        entries: the entries in the history, by normalized name.
        recorded: the manifest of the tree when it was committed; unchanged files are not read.
        index: the index of the tree at some time; unchanged metadata is not read again.
        progress: shows the progress.
    """
    files = take_manifest(tree, recorded, progress)
    index = read_index(tree, site_below_prefix, files, index or Index())
    return state_of(files, index, site_below_prefix, entries, recorded)


def state_of(
    files: Manifest,
    index: Index,
    site_below_prefix: Path,
    entries: Mapping[str, HistoryEntry],
    recorded: Manifest | None = None,
) -> State:
    """Match a tree, given its manifest and its index, with its entries in the history.

    The other arguments are those of `read_state`.
    """
    site, read = index.site, State(index.site, index=index)
    owned: dict[str, frozenset[str]] = {}
    edited: set[str] = set()
    same: set[str] = set()
    for key in site:
        rows = read.rows(key)
        owned[key] = frozenset(rows)
        copied = any(path.endswith(f"-info/{originals.ORIGINALS}") for path in rows)
        changed = differing(rows, files)
        same.update(rows.keys() & files.keys() - changed.keys())
        # An added file has no hash.
        edited.update(p for p, sha in changed.items() if p in files and (sha or copied))
    edited -= same  # of two distributions with the same file, one has written it
    if recorded is not None:
        since = differences(recorded, files)
        edited.update((*since.added, *since.changed))
    ours = scaffolding.paths(site_below_prefix)
    edited -= {p for p in edited if p in ours or is_leftover(p) or p.endswith("/RECORD")}
    known_entries = {key: _entry(found[0], entries.get(key)) for key, found in site.items()}
    new = _new_files(State(site, files=files, owned=owned))
    owned.update({key: owned[key] | names for key, names in new.items()})
    edited.update(*new.values())
    whole = State(site, known_entries, files, owned, frozenset(edited), index, new)
    return replace(whole, entries=dict(_with_patches(whole)))


def _with_patches(state: State) -> Iterator[tuple[str, HistoryEntry]]:
    """The entries of a state, with the present edits of the distributions.

    Edits that cannot be seen, because what they are compared with is gone, stay as recorded.
    """
    for key, entry in state.entries.items():
        if entry.patch is not None and not state.shows_edits(key):
            yield key, entry
            continue
        found, owned, copied = state.site[key][0], state.owned[key], key in state.copies
        paths = {path for path in owned & state.edited if not is_bookkeeping(path)}
        patch = None
        if copied or paths:
            edited = {path.removeprefix(found.below) for path in paths}
            there = {path.removeprefix(found.below) for path in owned & state.files.keys()}
            gone = (name.removeprefix("../../../") for name in originals.removed_files(found))
            new = {path.removeprefix(found.below) for path in state.new.get(key, ())}
            patch = patch_of(found, [*edited, *gone], new, unchanged=there - edited)
        yield key, replace(entry, patch=patch)


def with_entries(state: State, entries: Mapping[str, HistoryEntry]) -> State:
    """The same tree with other entries in the history; the present edits of copies stay."""
    known = {key: _entry(found[0], entries.get(key)) for key, found in state.site.items()}
    patches = {key: entry.patch for key, entry in state.entries.items()}
    return replace(state, entries={k: replace(e, patch=patches[k]) for k, e in known.items()})


def _new_files(state: State) -> dict[str, frozenset[str]]:
    """The new files of each copy that has any, given the others by RECORD."""
    if not state.copies:
        return {}
    below = next(iter(state.copies.values())).below
    free = state.files.keys() - state.all_owned
    beside = (path.removeprefix(below) for path in free if path.startswith(below))
    found = originals.new_files(beside, {key: state.names(key) for key in state.copies})
    return {key: frozenset(below + name for name in names) for key, names in found.items()}


def note_files(state: State, site: Site) -> bool:
    """List the new files of copies in their RECORDs, and not the deleted ones.

    Args:
        state: of a tree.
        site: the distributions of that tree, or of a clone of it, in which that is done.

    Returns:
        Whether there are any.
    """
    for key, paths in state.unlisted.items():
        names = {os.path.relpath(path, state.site[key][0].below) for path in paths}
        originals.note_files(site[key][0], names)
    return bool(state.unlisted)


def missing_files(owned: Collection[str], files: Manifest) -> list[str]:
    """The files that a distribution owns and that a tree lacks, except for bytecode."""
    return sorted(path for path in owned if path not in files and path[-4:] != ".pyc")


def own_files(files: Collection[str], owned: Collection[str], site_below_prefix: Path) -> set[str]:
    """The files of a tree that no distribution owns and that are not ours: the user's own."""
    found = {*files}.difference(owned, scaffolding.paths(site_below_prefix))
    return {path for path in found if not is_leftover(path)}


def is_leftover(path: str) -> bool:
    """Whether pip renamed a file in order to remove or replace it, and was interrupted."""
    return "/site-packages/~" in f"/{path}"


def is_bookkeeping(path: str) -> bool:
    """Whether a file only describes an installation."""
    above, _, name = path.rpartition("/")
    return name in BOOKKEEPING and above.endswith((".dist-info", ".egg-info"))


def _entry(found: Distribution, entry: HistoryEntry | None) -> HistoryEntry:
    """The entry of a distribution; one whose version is not recorded was installed by hand."""
    if entry is not None and entry.version == found.version:
        return entry
    return HistoryEntry(
        found.version,
        found.name,
        reason="made by hand",
        requested=True,
        requirement=found.editable or f"{found.name}=={found.version}",
        url=found.direct_url,
        editable=found.editable,
        intent="dev" if found.editable else "hold",
    )
