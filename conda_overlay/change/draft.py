"""The draft of the next state of an overlay: a tree, and its entries for the history."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from conda_overlay.change import plan
from conda_overlay.core.errors import OvertakenError
from conda_overlay.core.models import FileChanges, HistoryEntry, Plan, Request
from conda_overlay.distributions.record import uninstall
from conda_overlay.distributions.site import Site, read_site
from conda_overlay.filesystem.manifest import FileInfo, Manifest, differences, take_manifest
from conda_overlay.filesystem.tree import clone, make_own, move_in, remove_files
from conda_overlay.formats.document import Document
from conda_overlay.layer import scaffolding, scripts, state
from conda_overlay.layer.stack import Stack
from conda_overlay.layer.state import State
from conda_overlay.layer.store import PATIENCE
from conda_overlay.resolve.pip import Pip
from conda_overlay.resolve.stage import Stage

_SHOWN = 5  # files that a note names


class Draft:
    """The next state of an overlay; it starts as a clone of the current tree.

    The methods up to `commit`, and `plan`, are for users; the others are steps of these.

    Attributes:
        stack: the layers over the host; the draft changes the writable one.
        before: the state of the overlay when the draft was started.
        tree: the files; they may also be changed directly.
        entries: the entries for the history, by normalized name. An entry without an installed
            distribution is ignored, and one without a time gets the time of the commit.
    """

    def __init__(
        self,
        stack: Stack,
        directory: Path,
        pip: Pip,
        *,
        reason: str | None = None,
        command: Sequence[str] = (),
        allow_conflicts: bool = False,
    ) -> None:
        """Start a draft in an empty directory; `Overlay.draft` makes one."""
        self.stack = stack
        self.pip = pip
        self.reason = reason
        self.command = tuple(command)
        self.allow_conflicts = allow_conflicts  # accept a solution that breaks something
        self.base = stack.store.current()
        self.before = stack.state()
        self.compared = self.before  # the state that the plan compares the draft with
        self.directory = directory
        self.tree = directory / "revision" / "tree"
        self.site = self.tree / stack.host.site_below_prefix
        self.entries: dict[str, HistoryEntry] = dict(self.before.entries)
        self.why: dict[str, str] = {}  # reasons by normalized name; "" applies to all changes
        self.notes: list[str] = []  # for the user
        self.accepted: set[str] = set()  # the distributions whose own conflicts the user accepts
        self.restores: int | None = None  # the revision whose state this one restores
        self.kept: set[str] = set()  # the files whose edits are still there, or there again
        self.known: dict[str, FileInfo] = {}  # the manifest entries of new files, as far as known
        self.accepts_host = False  # whether to record the changed host if nothing else changes
        self.is_dry_run = stack.store.state not in directory.parents
        # Where checkouts of editables from version control are kept.
        self.source_dir = (directory if self.is_dry_run else stack.store.state) / "src"
        self._interpreter = stack.store.overlay / "bin" / scaffolding.INTERPRETER
        self._scratches = 0
        self._planned: tuple[Plan, State, Any] | None = None
        self.start_from(stack.store.real if stack.store.exists else None)

    def install(
        self,
        *requirements: str,
        options: Sequence[str] = (),
        upgrade: bool = False,
        intent: str | None = None,
        until: str | None = None,
    ) -> None:
        """Install distributions and their missing dependencies with pip.

        Args:
            requirements: as for pip: names, specifiers, paths or URLs.
            options: of pip, such as ``--no-deps``, or ``--requirement`` and its file.
            upgrade: install the newest versions.
            intent: ``fix``, ``hold`` or ``dev``; None: derived from each requirement.
            until: the date (ISO 8601) after which the distributions are overdue.

        Raises:
            ResolutionError: no consistent set of distributions exists.
            PipError: pip failed.
        """
        from conda_overlay.change.install import install

        flags = (*options, *(["--upgrade"] if upgrade else []))
        words = (*flags, "--", *requirements) if requirements else flags
        install(self, Request(words, requirements, intent, until))

    def update(self, *names: str, options: Sequence[str] = ()) -> None:
        """Update distributions to their newest versions; without names all requested ones.

        Raises:
            NotInOverlayError: neither the overlay nor the host has one of them.
            ResolutionError: no consistent set of distributions exists.
            PipError: pip failed.
        """
        from conda_overlay.change.update import update

        update(self, names, options)

    def remove(self, *names: str) -> None:
        """Remove distributions, and the dependencies that only they needed.

        Raises:
            NotInOverlayError: the overlay does not have one of them, or another version of it.
        """
        from conda_overlay.change.remove import remove

        remove(self, names)

    def patch(
        self, name: str, text: bytes, *, strip: int | None = None, reverse: bool = False
    ) -> None:
        """Apply a patch to a copy of a distribution: all parts for its files, or none.

        Args:
            name: of the distribution, of a module or of a script.
            text: unified diffs.
            strip: the number of leading directories to strip from paths; None: detect it.
            reverse: revert the patch.

        Raises:
            OverlayError: it changes none of the distribution's files, or does not apply.
        """
        from conda_overlay.change.edit import find_distribution, patch

        patch(self, find_distribution(self, name)[0], text, strip, reverse=reverse)

    def record(self) -> None:
        """Record edits by hand to the overlay's files in the history.

        Raises:
            NoSuchRevisionError: there is no overlay.
        """
        from conda_overlay.change.edit import record

        record(self)

    def undo(self, number: int | None = None) -> None:
        """Go back to the state before the last change, or to a revision; 0 is the host.

        Raises:
            NoSuchRevisionError: there is no such revision.
            OverlayError: there is nothing to undo.
            CannotRestoreError: the files of the revision cannot be restored.
        """
        from conda_overlay.change.undo import undo

        undo(self, number)

    def redo(self) -> None:
        """Go forward again, one step for each undo.

        Raises:
            OverlayError: nothing was undone, or something was changed since.
            CannotRestoreError: the files of the revision cannot be restored.
        """
        from conda_overlay.change.undo import redo

        redo(self)

    def repair(self, *names: str) -> None:
        """Restore missing files; of the named distributions also the edited files.

        Raises:
            NoSuchRevisionError: the overlay has no history.
            NotInOverlayError: the current revision does not have one of the distributions.
            CannotRestoreError: pip installs files that differ from the recorded ones.
        """
        from conda_overlay.change.repair import repair

        repair(self, names)

    def apply(self, document: Document, *, locked: bool = False) -> None:
        """Make the overlay match an exported file; with `locked`, install exactly its locked files.

        Raises:
            OverlayError: a locked file has no hash, or the directory of an editable is gone.
            ResolutionError: no consistent set of distributions exists.
            PipError: pip failed.
        """
        from conda_overlay.change.apply import apply

        apply(self, document, locked=locked)

    def rebase(self, carried: Document | None = None) -> None:
        """Adapt the overlay to the host as it is now, and carry over another overlay if given.

        Raises:
            NoSuchRevisionError: there is no overlay yet.
            OverlayError: edits do not apply, or the directory of an editable is gone.
            ResolutionError: no consistent set of distributions exists.
            PipError: pip failed.
        """
        from conda_overlay.change.rebase import rebase

        rebase(self, carried)

    def commit(
        self, *, allow_conflicts: bool = False, force: bool = False, timeout: float = PATIENCE
    ) -> int | None:
        """Make the draft the current revision, unless it breaks or loses something.

        Args:
            allow_conflicts: commit even if requirements break, and record that.
            force: commit even if edits made by hand are lost.
            timeout: how long to wait for another command that commits, in seconds.

        Returns:
            The number of the new revision; None if nothing differs, so that none was made.

        Raises:
            ResolutionError: something would break.
            EditedError: edits made by hand would be lost.
            VerificationError: the host's interpreter does not find the distributions as planned.
            OvertakenError: the overlay has changed since the draft was started.
            LockedError: another command is committing.
        """
        from conda_overlay.change.commit import commit

        return commit(self, allow_conflicts=allow_conflicts, force=force, timeout=timeout)

    # -- the present state

    @property
    def installed(self) -> Site:
        """The distributions in the draft now."""
        return read_site(self.site)

    @cached_property
    def sites(self) -> list[Path]:
        """The site-packages of all layers in order, with the draft in place of the overlay."""
        return [*self.stack.above, self.site, *self.stack.below]

    @cached_property
    def by_hand(self) -> FileChanges:
        """The unrecorded edits by hand since the current revision was made."""
        recorded = self.stack.store.manifest(self.base)
        return differences(recorded, self.compared.files) if recorded else FileChanges()

    # -- steps

    def start_from(self, source: Path | None) -> None:
        """Replace the tree with a clone of another one, or with an empty one.

        Raises:
            OvertakenError: the other tree was dropped in the meantime.
        """
        host, store = self.stack.host, self.stack.store
        if self.tree.exists():
            os.rename(self.tree, self.new_scratch() / "replaced")
        if source is not None:
            try:
                clone(source, self.tree, self.stack.progress)
            except FileNotFoundError as error:
                raise OvertakenError(str(store.overlay)) from error
        self.tree.parent.mkdir(exist_ok=True)
        for directory in (Path("bin"), host.site_below_prefix):
            make_own(self.tree, directory)
        if source is not None and not store.managed:  # made by hand, and now adopted
            scripts.rewrite(self.tree, self.site, [host.python], self._interpreter)
            self.why.update(dict.fromkeys(self.before.site, "its scripts now work from anywhere"))

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
        site = self.installed if keys else {}  # reading it takes time
        uninstall((found for key in keys for found in site.get(key, ())), self.tree, "overlay")

    def add(self, stage: Stage, staged: Site) -> None:
        """Move the distributions that pip staged to the draft, replacing other versions.

        Raises:
            OverlayError: a distribution would replace the guard, or run before it.
        """
        scaffolding.check_for_intruders(stage.site)
        self.drop(staged)
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

    def damaged(self, keys: Collection[str]) -> set[str]:
        """Find the distributions among these that lack files."""
        return {key for key in keys if key in self.before.site and self.before.missing(key)}

    def drop_damaged(self, keys: Collection[str]) -> None:
        """Remove damaged distributions, which pip then reinstalls, and leftovers of pip."""
        damaged = self.damaged(keys)
        self.drop(damaged)
        self.why.update(dict.fromkeys(damaged, "files were missing"))
        leftovers = [path for path in self.before.files if state.is_leftover(path)]
        remove_files(self.tree, [self.tree / path for path in leftovers])

    # -- the plan

    def plan(self) -> Plan:
        """Work out all differences from the current state of the overlay."""
        host, store = self.stack.host, self.stack.store
        scaffolding.add_to_tree(self.tree, store.overlay, host, self.stack.below)
        after = self._read({**self.before.files, **self.known})
        if state.note_new_files(after):
            after = self._read(after.files)
        found = plan.compare(self.compared, after, plan.Ground.of(self.stack), self.why)
        found = replace(found, lost=tuple(self._lost(found.lost)))
        theirs = found.files.without(scaffolding.paths(host.site_below_prefix))
        if found.changes or theirs or self.base is None:
            found = replace(found, files=theirs)  # show our own files only if nothing else changes
        notes = (*self.notes, *self._carried(after)) if found else tuple(self.notes)
        found = replace(found, accepts_host=self.accepts_host, notes=notes)
        self._planned = found, after, self._decided()
        return found

    def planned(self) -> tuple[Plan, State]:
        """The last plan and its resulting state; a new plan if the draft has changed since."""
        if self._planned is not None:
            found, after, decided = self._planned
            # Files of the same size and time are not read again.
            if decided == self._decided() and take_manifest(self.tree, after.files) == after.files:
                return found, after
        self.plan()
        assert self._planned is not None
        return self._planned[:2]

    def _decided(self) -> tuple[Any, ...]:
        """Everything except the files that a plan depends on."""
        decided = self.entries, self.why, self.notes, self.accepted, self.kept
        return *(value.copy() for value in decided), self.restores, self.accepts_host

    def _read(self, known: Manifest) -> State:
        site, progress = self.stack.host.site_below_prefix, self.stack.progress
        return state.read_state(self.tree, site, self.entries, known=known, progress=progress)

    def _lost(self, edited: Sequence[str]) -> Iterator[str]:
        """The files whose edits would be lost: neither kept, nor recorded in the history."""
        kept = self.kept
        if self.restores is not None:
            now = self.before.files
            recorded = self.stack.store.manifest(self.base) or {}
            if self.base is None:  # made by hand: adopted as a revision first
                recorded = now
            kept = kept | {p for p in edited if p in recorded and recorded[p] == now[p]}
        return (path for path in edited if path not in kept)

    def _carried(self, after: State) -> Iterator[str]:
        """A note on the edits by hand that the revision will include but the plan does not show."""
        before, there = self.before.files, self.before.edited & after.files.keys()
        paths = (path for path in self.by_hand.all if path in there)
        same = [path for path in paths if after.files[path][2] == before[path][2]]
        if same:
            rest = f" and {len(same) - _SHOWN} more" if len(same) > _SHOWN else ""
            yield f"edited by hand, and in this revision, too: {', '.join(same[:_SHOWN])}{rest}"
