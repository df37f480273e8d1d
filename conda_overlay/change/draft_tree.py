"""The tree of a draft, and the index of what it contains."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from conda_overlay.core.errors import OvertakenError
from conda_overlay.distributions.dependencies import View, effective
from conda_overlay.distributions.record import uninstall
from conda_overlay.distributions.site import Known, Site, by_name, read_metadata
from conda_overlay.filesystem.manifest import FileInfo, Manifest
from conda_overlay.filesystem.tree import clone, make_own, move_in, remove_files
from conda_overlay.layer import scaffolding, scripts
from conda_overlay.layer.index import Index
from conda_overlay.layer.stack import Stack
from conda_overlay.layer.state import State, is_leftover
from conda_overlay.resolve.stage import Stage


class DraftTree:
    """The files of a draft: at first those of the current tree, of which it makes a clone.

    Attributes:
        stack: the layers over the host; the draft changes the writable one.
        directory: of the draft.
        before: the state of the overlay when the draft was started.
        why: the reasons for changes, by normalized name; those of "" apply to all.
        known: the manifest entries of new files, as far as they are known.
        added: the normalized names of the distributions that pip has just installed.
        committed: whether the tree has become that of a revision.
    """

    def __init__(self, stack: Stack, directory: Path) -> None:
        """Begin with the current tree, in an empty directory."""
        self.stack = stack
        self.directory = directory
        self.before: State = stack.state()
        self.why: dict[str, str] = {}
        self.known: dict[str, FileInfo] = {}
        self.added: set[str] = set()
        self.committed = False
        self._tree = directory / "revision" / "tree"
        self._source: Path | None = None
        self._index = self.before.index
        self._interpreter = stack.store.overlay / "bin" / scaffolding.INTERPRETER
        self._scratches = 0
        self.start_from(stack.store.real if stack.store.exists else None)

    @property
    def tree(self) -> Path:
        """The files, which may also be changed directly. The clone is made at the first use.

        Raises:
            OvertakenError: the tree to clone was dropped in the meantime.
        """
        if not self._tree.exists() and not self.committed:
            self._make_tree()
        return self._tree

    @property
    def site(self) -> Path:
        """Its site-packages."""
        return self.tree / self.stack.host.site_below_prefix

    @property
    def installed(self) -> Site:
        """The distributions in the draft now."""
        found = read_metadata(self.site, self._index.metadata)
        self._index = Index({**self._index.metadata, **found}, self._index.rows)
        return by_name(found)

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
        above = map(self.stack.read_site, self.stack.above)
        return {**self.stack.below_view, **effective(*above, self.before.site)}

    def start_from(self, source: Path | None) -> None:
        """Replace the tree with a clone of another one, or with an empty one."""
        if self._tree.exists():
            os.rename(self._tree, self.new_scratch() / "replaced")
        self._source = source
        if source is not None and not self.stack.store.managed:  # made by hand, and now adopted
            scripts.rewrite(self.tree, self.site, [self.stack.host.python], self._interpreter)
            self.why.update(dict.fromkeys(self.before.site, "its scripts now work from anywhere"))

    def _make_tree(self) -> None:
        if self._source is not None:
            try:
                clone(self._source, self._tree, self.stack.progress)
            except FileNotFoundError as error:
                raise OvertakenError(str(self.stack.store.overlay)) from error
        self._tree.parent.mkdir(exist_ok=True)
        for directory in (Path("bin"), self.stack.host.site_below_prefix):
            make_own(self._tree, directory)

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
        self.added -= {*keys}
        site = self.installed if keys else {}
        if going := [found for key in keys for found in site.get(key, ())]:
            uninstall(going, self.tree, "overlay")

    def add(self, stage: Stage, staged: Known) -> None:
        """Move the distributions that pip staged to the draft, replacing other versions.

        Raises:
            OverlayError: a distribution would replace the guard, or run before it.
        """
        if not staged:
            return
        scaffolding.check_for_intruders(stage.site)
        self.drop(by_name(staged))
        self.added |= by_name(staged).keys()
        self._index = Index({**self._index.metadata, **staged}, self._index.rows)
        stage.finish(self._interpreter)
        move_in(self.tree, stage.root)

    def take(self, root: Path, key: str, known: Manifest) -> None:
        """Move a copy of a distribution to the draft, replacing the distribution there.

        Args:
            root: the directory of the copy.
            key: the normalized name of the distribution.
            known: an earlier manifest of the directory.

        Raises:
            OverlayError: it would replace the guard, or run before it.
        """
        host, below = self.stack.host, self.stack.below
        site = root / host.site_below_prefix
        scaffolding.check_for_intruders(site)
        self.drop({key})
        theirs = [site.parents[2] / "bin" / scaffolding.INTERPRETER for site in below]
        interpreters = [host.python, *theirs, self._interpreter]
        scripts.rewrite(root, site, interpreters, self._interpreter)
        move_in(self.tree, root)
        self.known.update(known)

    def renew_scripts(self) -> None:
        """Let scripts start with the overlay's own interpreter, wherever it was when they came."""
        root = self._tree if self._tree.exists() else self._source
        others = scripts.interpreters(root) - {self._interpreter} if root else set()
        if others:
            scripts.rewrite(self.tree, self.site, sorted(others), self._interpreter)

    def damaged(self, keys: Collection[str]) -> set[str]:
        """Find the distributions among these that lack files."""
        return {key for key in keys if key in self.before.site and self.before.missing(key)}

    @property
    def leftovers(self) -> list[str]:
        """The files that an interrupted pip has left behind under other names."""
        return [path for path in self.before.files if is_leftover(path)]

    def drop_damaged(self, keys: Collection[str]) -> None:
        """Remove damaged distributions, which pip then reinstalls, and leftovers of pip."""
        damaged = self.damaged(keys)
        self.drop(damaged)
        self.why.update(dict.fromkeys(damaged, "files were missing"))
        if self.leftovers:
            remove_files(self.tree, [self.tree / path for path in self.leftovers])
