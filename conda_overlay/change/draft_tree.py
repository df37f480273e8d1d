"""The tree of a draft, and the index of what it contains."""

from __future__ import annotations

import os
import shlex
from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path

from conda_overlay.core.errors import OverlayError, OvertakenError, way_to_move_back, way_to_read
from conda_overlay.core.models import HistoryEntry
from conda_overlay.distributions.dependencies import View, effective
from conda_overlay.distributions.record import correct_record, uninstall
from conda_overlay.distributions.site import Known, Site, by_name
from conda_overlay.filesystem.manifest import Manifest, take_manifest, unreadable
from conda_overlay.filesystem.tree import clone, linked, make_own, move_in
from conda_overlay.layer import scaffolding, scripts
from conda_overlay.layer.index import Index, read_index
from conda_overlay.layer.stack import Stack
from conda_overlay.layer.state import State, is_leftover, missing_files, note_files
from conda_overlay.resolve.stage import Stage


class DraftTree:
    """The files of a draft: at first those of the current tree, of which it makes a clone.

    Attributes:
        stack: the layers over the host; the draft changes the writable one.
        directory: of the draft.
        before: the state of the overlay when the draft was started.
        why: the reasons for changes, by normalized name; those of "" apply to all.
        files: the manifest of the tree. The methods keep it, and `index`, up to date; whoever
            changes the tree directly calls `look`.
        index: the distributions of the tree.
        committed: whether the tree has become that of a revision.
    """

    def __init__(self, stack: Stack, directory: Path) -> None:
        """Begin with the current tree, in an empty directory.

        Raises:
            OverlayError: a file of that tree cannot be read, or a directory above its packages is
                a link.
        """
        self.stack = stack
        self.directory = directory
        if path := linked(stack.store.real, stack.host.site_below_prefix):
            link = stack.store.overlay / path
            sentence = f"{path} in the overlay is a link, so nothing is changed."
            raise OverlayError(sentence, way_to_move_back(link), path=str(link))
        self.before: State = stack.state()
        for closed in unreadable(self.before.files):
            place = stack.store.overlay / closed
            sentence = f"{closed} in the overlay cannot be read, so nothing is changed."
            raise OverlayError(sentence, way_to_read(place), path=str(place))
        self.why: dict[str, str] = {}
        self.committed = False
        self._tree = directory / "revision" / "tree"
        self._source: Path | None = None
        self.files: Manifest = {}
        self.index = Index()
        self._interpreter = stack.store.overlay / "bin" / scaffolding.INTERPRETER
        self._scratches = 0
        self.start_from(stack.store.real if stack.store.exists else None)

    @property
    def tree(self) -> Path:
        """The files, which may also be changed directly. The clone is made at the first use.

        Raises:
            OvertakenError: the tree to clone was dropped in the meantime.
        """
        self._clone_once()
        return self._tree

    @property
    def site(self) -> Path:
        """Its site-packages."""
        return self.tree / self.stack.host.site_below_prefix

    @property
    def installed(self) -> Site:
        """The distributions in the draft now, with their places there."""
        self._clone_once()  # also moves the index there
        return self.index.site

    def look(self, known: Manifest | None = None) -> None:
        """Read the changes of the tree since the last look.

        Args:
            known: an earlier manifest of the tree; by default the one from the last look.
        """
        known = self.files if known is None else known
        self.files = take_manifest(self.tree, known, self.stack.progress)
        self.index = read_index(
            self.tree, self.stack.host.site_below_prefix, self.files, self.index
        )

    @property
    def is_untouched(self) -> bool:
        """Whether its files are those of the current tree, because nothing has written any."""
        store = self.stack.store
        return not self._tree.exists() and store.exists and self._source == store.real

    def layers(self) -> dict[Path, Site]:
        """The distributions of all layers, by site-packages; the draft replaces the overlay's.

        They are only for reading: as long as nothing is written, the tree is the current one.
        """
        read, stack = self.stack.read_site, self.stack
        above, below = ({site: read(site) for site in s} for s in (stack.above, stack.below))
        if self.is_untouched:
            mine = {stack.store.real / stack.host.site_below_prefix: self.before.site}
        else:
            mine = {self.site: self.installed}
        return {**above, **mine, **below}

    def in_effect_before(self) -> View:
        """The distributions in effect when the draft was started."""
        stack = self.stack
        return {**stack.below_view, **effective(self.before.site), **stack.above_view}

    def start_from(self, source: Path | None, known: Manifest | None = None) -> None:
        """Replace the tree with a clone of another one, or with an empty one.

        Args:
            source: the tree to clone.
            known: an earlier manifest of it.
        """
        if self._tree.exists():
            os.rename(self._tree, self.new_scratch() / "replaced")
        store, self._source = self.stack.store, source
        if source is None:
            self.files, self.index = {}, Index()
            return
        self.files, self.index = self.before.files, self.before.index
        if not store.managed:  # made by hand, and now adopted
            scripts.rewrite(self.tree, self.site, [self.stack.host.python], self._interpreter)
            self.why.update(dict.fromkeys(self.before.site, "its programs now work from anywhere"))
        if source != store.real or not store.managed:
            self.look(known)

    def check_fits(self) -> None:
        """Refuse to go on from a tree for another Python, whose distributions nothing sees here.

        Raises:
            OverlayError: it was built for another Python than the host's.
        """
        if self._source is not None and self._source == self.stack.store.real:
            self.stack.check_not_stale()

    def _clone_once(self) -> None:
        if self._tree.exists() or self.committed:
            return
        if self._source is not None:
            try:
                clone(self._source, self._tree, self.stack.progress)
            except FileNotFoundError as error:
                raise OvertakenError(str(self.stack.store.overlay)) from error
        self._tree.parent.mkdir(exist_ok=True)
        for directory in (Path("bin"), self.stack.host.site_below_prefix):
            make_own(self._tree, directory)
        self.index = self.index.at(self._tree / self.stack.host.site_below_prefix)
        # Whatever is made of a copy, its new files are part of it, and the deleted ones are not.
        if self._source == self.stack.store.real and note_files(self.before, self.index.site):
            self.look()

    def new_scratch(self) -> Path:
        """Make an empty directory for a stage."""
        self._scratches += 1
        scratch = self.directory / f"scratch{self._scratches}"
        scratch.mkdir()
        return scratch

    def drop(self, keys: Collection[str]) -> None:
        """Remove distributions.

        Raises:
            StateError: one of them has no RECORD.
        """
        site = self.installed if keys else {}
        if going := [found for key in keys for found in site.get(key, ())]:
            index = self.index.without({found.path.name for found in going})
            removed = uninstall(going, self.tree, "overlay", kept=index.owners)
            self.files = {path: info for path, info in self.files.items() if path not in removed}
            self.index = index

    def add(self, stage: Stage, staged: Known) -> None:
        """Move the distributions that pip staged to the draft, replacing other versions.

        Raises:
            OverlayError: a distribution would replace the guard, or run before it.
        """
        if not staged:
            return
        scaffolding.check_for_intruders(stage.site)
        self.drop(by_name(staged))
        stage.finish(self._interpreter, by_name(staged))
        files = take_manifest(stage.root, None, self.stack.progress)
        below = self.stack.host.site_below_prefix
        index = read_index(stage.root, below, files, Index(staged))
        unsure = index.unsure(files)
        wrong = index.wrong(unsure)
        if any([correct_record(index.metadata[name].distribution, unsure) for name in wrong]):
            files = take_manifest(stage.root, files)
            index = read_index(stage.root, below, files, index)
        self._move_in(stage.root, files, index)

    def take(self, root: Path, key: str, known: Manifest) -> None:
        """Move a copy of a distribution to the draft, replacing the distribution there.

        Args:
            root: the directory of the copy.
            key: the normalized name of the distribution.
            known: an earlier manifest of the directory.

        Raises:
            OverlayError: it would replace the guard, or run before it; or it would replace a file
                of another distribution.
        """
        below = self.stack.host.site_below_prefix
        scaffolding.check_for_intruders(root / below)
        files = take_manifest(root, known)
        self._check_owners(key, files)
        self.drop({key})
        self._move_in(root, files, read_index(root, below, files, Index()))

    def start_with_own_interpreter(self, root: Path) -> None:
        """Let the scripts of a new copy start with the overlay's own interpreter, in one form."""
        host, below = self.stack.host, self.stack.below
        theirs = [site.parents[2] / "bin" / scaffolding.INTERPRETER for site in below]
        interpreters = [host.python, *theirs, self._interpreter]
        site = root / host.site_below_prefix
        scripts.rewrite(root, site, interpreters, self._interpreter, new=True)

    def _check_owners(self, key: str, files: Manifest) -> None:
        """Refuse to replace a file of another distribution with another content."""
        for path, owner in self.index.owners.items():
            there = self.files.get(path)
            if owner.key != key and path in files and (not there or there[2] != files[path][2]):
                sentence = f"{path} belongs to {owner.name} {owner.version}: {key} cannot have it."
                raise OverlayError(sentence, f"conda overlay edit {owner.key}, to change it there")

    def _move_in(self, root: Path, files: Manifest, index: Index) -> None:
        """Move a directory with distributions to the tree, given its manifest and its index."""
        try:
            move_in(self.tree, root)
        except IsADirectoryError as error:
            raise self.has_directory_at(os.path.relpath(error.filename2, self.tree)) from error
        self.files = {**self.files, **files}
        self.index = self.index.joined(index.at(self.site))

    def has_directory_at(self, path: str) -> OverlayError:
        """The error for a directory that is not empty in the place of a file of the tree."""
        there = shlex.quote(str(self.stack.store.overlay / path))
        sentence = f"There is a directory where the file belongs: {path}."
        return OverlayError(sentence, f"move it away: {there}")

    def renew_scripts(self) -> None:
        """Let scripts start with the overlay's own interpreter, wherever it was when they came."""
        root = self._tree if self._tree.exists() else self._source
        others = scripts.interpreters(root) - {self._interpreter} if root else set()
        if others:
            scripts.rewrite(self.tree, self.site, sorted(others), self._interpreter)

    def damaged(self, keys: Collection[str]) -> set[str]:
        """Find the distributions among these that lack files, their RECORD, or their metadata.

        Not copies, of which a file may have been removed as an edit.
        """
        here = {one.distribution.key: name for name, one in self.index.metadata.items()}
        found = {key for key in self.recorded.keys() & {*keys} - here.keys() if self._remains(key)}
        for key in ({*keys} & here.keys()) - self.before.copies.keys():
            owned = self.index.rows[here[key]][1]
            lacks = here[key].endswith(".dist-info") if owned is None else False
            if lacks or missing_files(owned or (), self.files):
                found.add(key)
        return found

    def _remains(self, key: str) -> bool:
        """Whether files of a recorded distribution are there, though its metadata is not."""
        if self.leftovers:
            return True
        index = self.stack.store.index(None, self.stack.host.site_below_prefix)
        names = (name for name, one in index.metadata.items() if one.distribution.key == key)
        return any(path in self.files for name in names for path in index.rows[name][1] or ())

    @cached_property
    def recorded(self) -> Mapping[str, HistoryEntry]:
        """The distributions of the current revision, unless it is for another Python."""
        number = self.stack.store.current()
        if number is None or self.stack.is_stale():
            return {}
        return self.stack.store.revision(number).distributions

    @property
    def leftovers(self) -> list[str]:
        """The files that an interrupted pip has left behind under other names."""
        return [path for path in self.files if is_leftover(path)]
