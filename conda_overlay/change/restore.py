"""Restores files of a revision: from any place that still has them, else by reinstalling.

The places are the trees of all revisions, the originals of copies, files that pip has renamed, and
the host. `undo` restores all files of a revision, `repair` the missing ones of the current one.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path, PurePosixPath

from packaging.utils import canonicalize_name

from conda_overlay.activation.shells import visible
from conda_overlay.change.draft import Draft
from conda_overlay.change.edit_again import reapply
from conda_overlay.change.install_exactly import install_exactly
from conda_overlay.change.working_copy import copy_of, take_copy
from conda_overlay.core.errors import CannotRestoreError
from conda_overlay.core.models import Distribution, HistoryEntry
from conda_overlay.distributions.record import owned_files
from conda_overlay.edits.originals import ORIGINALS, files_of, load_originals, note_files
from conda_overlay.edits.patch import left_out, text_in
from conda_overlay.filesystem.atomic import put_file
from conda_overlay.filesystem.manifest import digest, has_digest, is_there
from conda_overlay.filesystem.tree import copy_file, is_own, make_own, remove_files
from conda_overlay.layer import scaffolding
from conda_overlay.layer.index import Index
from conda_overlay.layer.state import is_bookkeeping, is_leftover


class Restorer:
    """The records of a revision, and the places where its files may still exist.

    Attributes:
        entries: its distributions, by normalized name.
        recorded: the paths in its manifest.
        files: the sha256 of these, and of files that were missing when it was made, by path.
        original: the sha256 of files in RECORD, as they were before any edit, by path.
        owned: the files of each distribution, by normalized name.
        replaced: the names of distributions with another version now, installed by hand.
    """

    def __init__(self, draft: Draft, number: int) -> None:
        self._draft, self._number = draft, number
        store, site, now = draft.stack.store, draft.before.site, draft.before.files
        self.entries = store.revision(number).distributions
        left = {path for path in now if is_leftover(path)}
        recorded = {path: sha for path, (*_, sha) in (store.manifest(number) or now).items()}
        for path in {*left, *scaffolding.paths(draft.stack.host.site_below_prefix)}:
            recorded.pop(path, None)
        self.recorded, self.files = {*recorded}, recorded
        self._left: dict[str, list[Path]] = {}  # by sha256
        for path in sorted(left):
            self._left.setdefault(now[path][2], []).append(draft.tree / path)
        self._known = {digest(path): path for path in _well_known(draft.new_scratch())}
        self._trees = [tree for n in reversed(store.numbers()) if (tree := store.tree(n))]
        for copy in draft.before.copies.values():
            self._trees.append(draft.new_scratch())
            for name, content in (load_originals(copy) or {}).items():
                put_file(self._trees[-1] / draft.stack.host.site_below_prefix / name, content)
        self._trees.append(draft.stack.host.real)
        infos: dict[str, set[str]] = {}
        for path in recorded:
            infos.setdefault(_distribution_of(path), set()).add(path)
        self.original: dict[str, str] = {}
        for key in self.entries:
            self._find_record(key, infos.get(key, set()))
        self.owned = {key: self._owned(key, infos.get(key, set())) for key in self.entries}
        self.replaced = {
            key
            for key in self.entries.keys() & site.keys()
            if self.entries[key].version not in {found.version for found in site[key]}
        }

    def _find_record(self, key: str, info: set[str]) -> None:
        """Take a RECORD that the revision lacks from an older one with the same distribution."""
        store, entry = self._draft.stack.store, self.entries[key]
        there = [path for path in info if path.endswith(".dist-info/METADATA")]
        for record in {f"{os.path.dirname(path)}/RECORD" for path in there} - info:
            for number in (n for n in reversed(store.numbers()) if n < self._number):
                old = store.revision(number).distributions.get(key)
                known = (store.manifest(number) or {}).get(record)
                if known and old and (old.version, old.sha256) == (entry.version, entry.sha256):
                    self.files[record] = known[2]
                    info.add(record)
                    break

    def _edited_earlier(self, key: str, paths: Collection[str]) -> dict[str, str]:
        """The sha256 of files of a copy as they were recorded last, before they were deleted."""
        store, entry, found = self._draft.stack.store, self.entries[key], dict[str, str]()
        for number in (n for n in store.numbers() if n < self._number and paths):
            old = store.revision(number).distributions.get(key)
            if old and old.patch and (old.version, old.copied) == (entry.version, entry.copied):
                known = store.manifest(number) or {}
                found.update({path: known[path][2] for path in paths if path in known})
        return found

    def _owned(self, key: str, info: set[str]) -> set[str]:
        """The files of a distribution: its metadata, and those in RECORD if that still exists."""
        owned = {*info}
        for path in (path for path in info if path.endswith(".dist-info/RECORD")):
            if (place := self._place_of(path)) is not None:
                root = place.parents[len(PurePosixPath(path).parts) - 1]
                distribution = Distribution("", "", "", (), place.parent)
                rows = owned_files(distribution, root) or {}
                hashed = {p: sha for p, sha in rows.items() if sha and p[-4:] != ".pyc"}
                earlier = self._edited_earlier(key, hashed.keys() - self.files.keys())
                self.files = {**hashed, **earlier, **self.files}
                owned.update(rows.keys() & self.files.keys())
                self.original.update({p: sha for p, sha in hashed.items() if p in owned})
            else:  # the index of the revision has its paths still
                known = self._index.rows.get(PurePosixPath(path).parent.name, (None, None))[1]
                owned.update((known or {}).keys() & self.files.keys())
        return owned

    @cached_property
    def _index(self) -> Index:
        below = self._draft.stack.host.site_below_prefix
        return self._draft.stack.store.index(self._number, below)

    def _place_of(self, path: str) -> Path | None:
        """A place where a file still exists as it was recorded; None if there is none."""
        wanted, mine = self.files[path], self._draft.tree
        trees = (*([mine] if is_own(mine, mine / path) else []), *self._trees)
        places = [*(tree / path for tree in trees), *self._left.get(wanted, ())]
        places += [self._known[wanted]] if wanted in self._known else []
        return next((place for place in places if has_digest(place, wanted)), None)

    def wanted(self, keys: Collection[str]) -> set[str]:
        """The files of some distributions; without names, all except those of replaced ones."""
        if keys:
            return self.owned_by(keys)
        return self.files.keys() - self.owned_by(self.replaced)

    def owned_by(self, keys: Collection[str]) -> set[str]:
        """The files of some distributions."""
        return set().union(*(self.owned[key] for key in keys))

    def has(self, path: str, *, whole: bool) -> bool:
        """Whether a file exists; with `whole`, or if edits are compared with it, as recorded."""
        place = self._draft.tree / path
        if not is_own(self._draft.tree, place):
            return False
        whole = whole or path.endswith(".dist-info/RECORD") or _is_archive(path)
        return has_digest(place, self.files.get(path)) if whole else is_there(place)

    def restore(self, path: str) -> bool:
        """Restore a file from a place where it still exists; return False if there is none.

        Raises:
            OverlayError: a directory that is not empty is in its place.
        """
        place, target = self._place_of(path), self._draft.tree / path
        if target.is_dir() and not target.is_symlink():
            remove_files(self._draft.tree, [target])
            if target.is_dir():
                raise self._draft.has_directory_at(path)
        if place is None or place == target:
            return place is not None
        self._put(path, place)
        return True

    def _put(self, path: str, place: Path) -> None:
        """Put a copy of a file, or of a link, into the draft."""
        tree = self._draft.tree
        remove_files(tree, [tree / path])
        make_own(tree, Path(path).parent)
        copy_file(place, tree / path)

    def restore_all(self, paths: Collection[str], *, whole: bool) -> tuple[set[str], set[str]]:
        """Restore those of some files that `has` does not find, and look at the result.

        Returns:
            These files; and those of them that are nowhere any more.
        """
        broken = {path for path in paths if not self.has(path, whole=whole)}
        lacking = {path for path in broken if not self.restore(path)}
        self.remove_leftovers(paths)
        self._draft.look()
        return broken, lacking

    def remove_leftovers(self, paths: Iterable[str]) -> None:
        """Remove what pip has renamed of some files, as far as these are there again.

        What is as no revision has it may be an edit by hand, and stays.
        """
        tree = self._draft.tree
        there = {path for path in paths if os.path.lexists(tree / path)}
        known = {
            shas[path] for path in there for shas in (self.files, self.original) if path in shas
        }
        missing = {sha for path, sha in self.files.items() if not os.path.lexists(tree / path)}
        remove_files(tree, [p for sha in known - missing for p in self._left.get(sha, ())])

    def owners(self, paths: Collection[str]) -> set[str]:
        """The normalized names of the distributions that have one of some files."""
        return {key for key, owned in self.owned.items() if not owned.isdisjoint(paths)}

    def reinstall(
        self, keys: Collection[str], edited: Collection[str] = (), *, named: bool = False
    ) -> None:
        """Reinstall distributions exactly as they were, and put back the given edited files.

        Args:
            keys: the normalized names.
            edited: the files, of which the revision has the content.
            named: whether recorded edits are left out, too.

        Raises:
            CannotRestoreError: pip installs files that differ from the recorded ones.
        """
        draft, tree = self._draft, self._draft.tree
        below = {key for key in keys if self.entries[key].copied}
        copies = below | {k for k in keys if any(_is_archive(path) for path in self.owned[k])}
        kept = set() if named else self.owned_by(copies)
        self.files.update({p: sha for p, sha in self.original.items() if p not in kept})
        owned = self.owned_by(keys)
        remove_files(tree, [tree / path for path in owned])
        draft.look()
        others = {key: self.entries[key] for key in sorted({*keys} - below)}
        check_editables(draft, self._number, others)
        install_exactly(draft, others)
        if self._number != draft.base:
            self._put_present(below - draft.stack.below_view.keys())
        for key in sorted(copies):
            text = text_in(self.entries[key].patch)
            again = text and not named
            if again or key not in {*draft.stack.below_view, *draft.installed}:  # an error there
                entry = replace(self.entries[key], patch=text)
                reapply(draft, key, entry, recorded=self.files)
            else:
                take_copy(draft, copy_of(draft, key, self.files))
            draft.entries[key] = self.entries[key]
            if not named:
                self._delete_again(key)
        for found in (found for key, found in draft.installed.items() if key in keys):
            owned.update(owned_files(found[0], tree) or ())
        compared = (p for p in owned if p not in edited and p[-4:] != ".pyc")
        files = sorted(path for path in compared if not is_bookkeeping(path))
        if faults := [path for path in files if not self.has(path, whole=True)]:
            raise CannotRestoreError(self._number, faults)
        notes = [path for path in owned if is_bookkeeping(path) and path in self.files]
        if all(map(self._place_of, notes)):  # else those of the new installation fit together
            all(map(self.restore, notes))
        for path in owned.intersection(edited):
            self._put(path, (draft.stack.store.tree(self._number) or tree) / path)

    def _put_present(self, keys: Collection[str]) -> None:
        """Put distributions that the overlay has now into the draft, so that they can be copied.

        Args:
            keys: the names of those that copies were made of, and that are no longer below.
        """
        draft, before = self._draft, self._draft.before
        for key in keys & before.site.keys():
            found = before.site[key][0]
            if found.version != self.entries[key].version:
                continue
            copied = {os.path.normpath(found.below + name) for name in files_of(found) or ()}
            paths = copied & before.files.keys()  # also what was deleted from the copy
            for path in paths:
                self._put(path, draft.stack.store.real / path)
            draft.look()
            names = {os.path.relpath(path, found.below) for path in paths}
            for mine in draft.installed.get(key, ()):
                note_files(mine, names)
        draft.look()

    def _delete_again(self, key: str) -> None:
        """Delete again the files of a copy whose deletion is only named in the patch: no text."""
        named = {*left_out(self.entries[key].patch)}
        for copy in self._draft.installed.get(key, ()):
            paths = {*(owned_files(copy, copy.prefix) or ())}
            edited = {p for p in paths if visible(p.removeprefix(copy.below), keep="") in named}
            if gone := edited - self.recorded:
                remove_files(copy.prefix, [copy.prefix / path for path in gone])
                note_files(copy, {os.path.relpath(path, copy.below) for path in paths - gone})


def _well_known(directory: Path) -> Iterator[Path]:
    """Make files with the content that REQUESTED and INSTALLER have: no other place is needed."""
    for number, content in enumerate((b"", b"pip\n", b"uv")):
        put_file(directory / str(number), content)
        yield directory / str(number)


def _is_archive(path: str) -> bool:
    """Whether a file is the archive of the originals of a copy."""
    return path.endswith(f".dist-info/{ORIGINALS}")


def check_editables(draft: Draft, number: int, entries: Mapping[str, HistoryEntry]) -> None:
    """Check that the directories of editables exist from which a revision is installed again.

    Raises:
        CannotRestoreError: one does not; of a checkout, no commit is recorded to clone it at.
    """
    gone = [e for e in entries.values() if e.editable and not os.path.isdir(e.editable)]
    if gone:
        remote = [e.requirement for e in gone if e.requirement and "://" in e.requirement]
        words = ["conda", "overlay", "install", "-p", str(draft.stack.host.prefix)]
        words += [word for requirement in remote for word in ("-e", requirement)]
        hint = f"{shlex.join(words)}, which clones what is there now" if remote else None
        kinds = [(e, "checkout" if e.requirement in remote else "directory") for e in gone]
        why = [f"the {kind} {e.editable} of {e.name} is gone" for e, kind in kinds]
        raise CannotRestoreError(number, why, hint)


def _distribution_of(path: str) -> str:
    """The normalized name of the distribution whose metadata has a file; else an empty text."""
    for above, name in pairwise(PurePosixPath(path).parts):
        if above == "site-packages" and name.endswith((".dist-info", ".egg-info", ".egg-link")):
            return canonicalize_name(name.rpartition(".")[0].partition("-")[0])
    return ""
