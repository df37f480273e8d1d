"""The draft of the next state of an overlay: a tree, and its entries for the history."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from conda_overlay.change import hiding, plan, plan_notes
from conda_overlay.change.draft_tree import DraftTree
from conda_overlay.core.errors import UsageError
from conda_overlay.core.models import FileChanges, HistoryEntry, Plan, requirements_of
from conda_overlay.core.pip_options import NONE, Options
from conda_overlay.core.request import Request
from conda_overlay.filesystem.manifest import Manifest, differences, take_manifest
from conda_overlay.formats.document import Document
from conda_overlay.layer import checkouts, scaffolding, state
from conda_overlay.layer.stack import Stack
from conda_overlay.layer.state import State
from conda_overlay.layer.store import PATIENCE
from conda_overlay.resolve.configuration import with_configured
from conda_overlay.resolve.pip import Pip


class Draft(DraftTree):
    """The next state of an overlay; it starts as a clone of the current tree.

    The methods up to `commit`, and `plan`, are for users; the others are steps of these.

    Attributes:
        stack: the layers over the host; the draft changes the writable one.
        before: the state of the overlay when the draft was started.
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
        super().__init__(stack, directory)
        self.pip = pip
        self.reason = reason
        self.command = tuple(command)
        self.allow_conflicts = allow_conflicts  # accept a solution that breaks something
        self.base = stack.store.current()
        self.compared = self.before  # the state that the plan compares the draft with
        self.entries: dict[str, HistoryEntry] = dict(self.before.entries)
        self.notes: list[str] = []  # for the user
        self.accepted: set[str] = set()  # the distributions whose own conflicts the user accepts
        self.restores: int | None = None  # the revision whose state this one restores
        self.kept: set[str] = set()  # the files whose edits are still there, or there again
        self.retired: set[str] = set()  # those of which the host has edits, which a note says
        self.taken_back: set[str] = set()  # copies whose present edits are in no later revision
        self.pending: set[str] = set()  # what this change is yet to request, whatever its pins
        self.streams: dict[str, bytes] = {}  # what was read from pipes, by their names
        self.accepts_host = False  # whether to record the changed host if nothing else changes
        self.is_dry_run = stack.store.state not in directory.parents
        # Where this draft clones editables from version control.
        state_dir = directory if self.is_dry_run else stack.store.state
        self.source_dir = state_dir / checkouts.BELOW / directory.name
        self._planned: tuple[Plan, State, Any] | None = None

    def install(
        self,
        *requirements: str,
        options: Options | Sequence[str] = NONE,
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

        given = _parsed(options) + _parsed(["--upgrade"] if upgrade else [])
        given = with_configured(given, self.stack.host.prefix)
        install(self, Request.parse(requirements, given, intent, until))

    def update(self, *names: str, options: Options | Sequence[str] = NONE) -> None:
        """Update distributions to their newest versions; without names all requested ones.

        Raises:
            NotInOverlayError: neither the overlay nor the host has one of them.
            ResolutionError: no consistent set of distributions exists.
            PipError: pip failed.
        """
        from conda_overlay.change.update import update

        update(self, names, _parsed(options))

    def remove(self, *names: str, skip_missing: bool = False) -> None:
        """Remove distributions, and the dependencies that only they needed.

        Args:
            names: of the distributions, each optionally with the expected version.
            skip_missing: leave those that the overlay does not have, unless it has none of them.

        Raises:
            NotInOverlayError: the overlay does not have one of them, or another version of it.
        """
        from conda_overlay.change.remove import remove

        remove(self, names, skip_missing=skip_missing)

    def patch(
        self,
        name: str,
        text: bytes,
        *,
        strip: int | None = None,
        reverse: bool = False,
        force: bool = False,
    ) -> None:
        """Apply a patch to a copy of a distribution: all parts for its files, or none.

        Args:
            name: of the distribution, of a module or of a script.
            text: unified diffs.
            strip: the number of leading directories to strip from paths; None: detect it.
            reverse: revert the patch.
            force: revert it even in the lines of the distribution below.

        Raises:
            OverlayError: it changes none of the distribution's files, or does not apply; or the
                distribution below has the change to revert itself.
        """
        from conda_overlay.change.edit import find_distribution, patch

        key = find_distribution(self, name)[0]
        patch(self, key, text, strip, reverse=reverse, force=force)

    def record(self) -> None:
        """Record edits by hand to the overlay's files in the history.

        Raises:
            NoSuchRevisionError: there is no overlay.
        """
        from conda_overlay.change.edit import record

        record(self)

    def note(
        self,
        *names: str,
        reason: str | None = None,
        intent: str | None = None,
        until: str | None = None,
    ) -> None:
        """Record another reason, intent or date for distributions; empty text removes one.

        Raises:
            NotInOverlayError: the overlay has no such distribution.
        """
        from conda_overlay.change.note import note

        note(self, names, reason, intent, until)

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

    def rebase(self, carried: Document | None = None, *, force: bool = False) -> None:
        """Adapt the overlay to the host as it is now, and carry over another overlay if given.

        Args:
            carried: the other overlay.
            force: go back to the host's distributions where edits do not apply to them.

        Raises:
            NoSuchRevisionError: there is no overlay yet.
            OverlayError: edits do not apply, or the directory of an editable is gone.
            ResolutionError: no consistent set of distributions exists.
            PipError: pip failed.
        """
        from conda_overlay.change.rebase import rebase

        rebase(self, carried, force=force)

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

    def drop_checkouts(self) -> None:
        """Remove its clones, which no revision uses."""
        checkouts.drop(self.source_dir)

    # -- the present state

    @cached_property
    def by_hand(self) -> FileChanges:
        """The unrecorded edits by hand since the current revision was made."""
        recorded = self.recorded_files
        return differences(recorded, self.compared.files) if recorded else FileChanges()

    @cached_property
    def recorded_files(self) -> Manifest | None:
        """The manifest of the current revision; None if it is unknown."""
        return self.stack.store.manifest(self.base)

    @cached_property
    def own(self) -> set[str]:
        """The user's own files: no distribution has them, nor had them in the current revision."""
        store, below = self.stack.store, self.stack.host.site_below_prefix
        found = self.compared.own(below)
        return found.difference(store.index(self.base, store.real / below).owners if found else ())

    @property
    def requirements(self) -> list[Requirement]:
        """The known requirements of installed requested distributions; see `requirements_of`."""
        there = self.index.site
        return requirements_of(entry for key, entry in self.entries.items() if key in there)

    # -- the plan

    def plan(self) -> Plan:
        """Work out all differences from the current state of the overlay.

        Raises:
            OverlayError: it was built for another Python than the host's.
        """
        host = self.stack.host
        if self.restores is None:
            self.check_fits()
        after = self._after()
        found = plan.compare(self.compared, after, plan.Ground.of(self.stack), self.why, self.own)
        found = replace(found, accepts_host=self.accepts_host)
        if found:
            known = self.recorded if self.restores is None else {}
            gone = plan_notes.gone(self.stack, known, self.before, after)
            found = replace(found, changes=(*found.changes, *gone))
        found = replace(found, lost=tuple(self._lost(found.lost)))
        mine = scaffolding.paths(host.site_below_prefix)
        theirs = found.files.without(mine)
        if found.changes or theirs or self.base is None:
            found = replace(found, files=theirs)  # show our own files only if nothing else changes
        notes = tuple(self.notes)
        if found:
            by_hand = (path for path in self.by_hand.all if path not in self.retired)
            recorded = self.recorded_files or self.before.files
            notes += (*plan_notes.carried_edits(self.before, after, by_hand),)
            notes += (*plan_notes.ours_renewed(recorded, self.before, after, mine),)
            notes += (*plan_notes.files_left(self.before, after),)
            notes += (*plan_notes.checkouts_left(self.stack, self.before, after),)
        keys = [one.key for one in found.changes if one.after and one.files_differ]
        new = [one.key for one in found.changes if one.after and one.before != one.after]
        if keys:
            notes += (*plan_notes.in_front(self.stack, after, {*keys}),)
            notes += (*plan_notes.sources_of_others(self.stack, after, new),)
        if keys or self.accepts_host:
            below = [*map(self.stack.read_site, self.stack.below), host.distributions]
            whole = [*after.site] if self.accepts_host else []
            where = below, host.site_packages
            notes += (*hiding.notes(after, whole or new, whole or keys, *where),)
        found = replace(found, notes=tuple(dict.fromkeys(notes)))
        self._planned = found, after, self._decided()
        return found

    def _after(self) -> State:
        """Read the state of the draft, and complete its tree if it differs from the current one."""
        store, whose = self.stack.store, (self.stack.store.overlay, self.stack.host)
        around = self.stack.around_scripts
        if self.is_untouched and scaffolding.is_current(store.real, *whose, around):
            unchanged = state.with_entries(self.before, self.entries)
            if not unchanged.unlisted:
                return unchanged
        scaffolding.add_to_tree(self.tree, *whose, around)
        after = self.state_now()
        return self.state_now() if state.note_files(after, after.site) else after

    def state_now(self) -> State:
        """Read the state of the draft as it is."""
        self.look()
        below = self.stack.host.site_below_prefix
        return state.state_of(self.files, self.index, below, self.entries)

    def planned(self) -> tuple[Plan, State]:
        """The last plan and its resulting state; a new plan if the draft has changed since."""
        if self._planned is not None:
            found, after, decided = self._planned
            # Files of the same size and time are not read again.
            if decided == self._decided() and (
                self.is_untouched or take_manifest(self.tree, after.files) == after.files
            ):
                return found, after
        self.plan()
        assert self._planned is not None
        return self._planned[:2]

    def _decided(self) -> tuple[Any, ...]:
        """Everything except the files that a plan depends on."""
        decided = self.entries, self.why, self.notes, self.accepted, self.kept
        return *(value.copy() for value in decided), self.restores, self.accepts_host

    def _lost(self, edited: Sequence[str]) -> Iterator[str]:
        """The files whose edits would be lost: neither kept, nor recorded in the history."""
        kept = self.kept
        if self.restores is not None:
            now = self.before.files
            # What was made by hand is adopted as a revision first.
            recorded = now if self.base is None else self.recorded_files or {}
            kept = kept | {p for p in edited if recorded.get(p) == now.get(p)}
        return (path for path in edited if path not in kept)


def _parsed(options: Options | Sequence[str]) -> Options:
    """Read options of pip.

    Raises:
        UsageError: one of them is not an option.
    """
    try:
        return options if isinstance(options, Options) else Options.parse(options)
    except ValueError as error:
        raise UsageError(f"{error}.", "conda overlay install --help") from error
