"""The facade: one overlay of one host, and what can be done with it.

    overlay = Overlay.open("/opt/envs/science")
    result = overlay.install(Request(arguments=("flask>=3",), requirements=("flask>=3",)))

Every change is the same sentence: read host and overlay, resolve into a stage, plan, show and
confirm, compose a tree, verify it with the host's interpreter, commit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from conda_overlay import status
from conda_overlay.comparison import Comparison, Side, compare
from conda_overlay.distributions import read_site
from conda_overlay.document import Document, describe
from conda_overlay.exceptions import (
    DroppedRevisionError,
    NoSuchRevisionError,
    NotProtectedError,
)
from conda_overlay.models import Cleaned, Log, Plan, Request, Result
from conda_overlay.operations import apply, install, remove, undo
from conda_overlay.pip import Pip
from conda_overlay.stack import Stack
from conda_overlay.status import Status
from conda_overlay.store import Store

Confirm = Callable[[Plan], bool]
"""Shown a plan, says whether to go on."""

_NO_LOG = Log()


def yes(plan: Plan) -> bool:
    """Go on without asking."""
    return True


class Overlay(Stack):
    """The overlays of one host, and every operation on the one that is written."""

    def install(
        self,
        request: Request,
        *,
        pip: Pip | None = None,
        confirm: Confirm = yes,
        force: bool = False,
    ) -> Result:
        """Install distributions into the overlay with pip.

        Args:
            request: what the user asks for.
            pip: how pip is called; quietly by default.
            confirm: shown the plan before anything is committed; when it returns False nothing is.
            force: make an overlay although the host is not protected.

        Raises:
            NotProtectedError: the user may write the host.
            ResolutionError: no consistent set of distributions exists.
            PipError: pip failed.
            VerificationError: what was staged does not work.
            LockedError: another command changes the overlay.
        """
        self._check_protection(force)
        return install.install(self, request, pip or self._pip(), confirm)

    def remove(
        self,
        names: Sequence[str],
        *,
        log: Log = _NO_LOG,
        confirm: Confirm = yes,
        keep_dependencies: bool = False,
        allow_conflicts: bool = False,
        force: bool = False,
    ) -> Result:
        """Take distributions out of the overlay, with what only they needed.

        Args:
            names: of distributions.
            log: for the history.
            confirm: as of `install`.
            keep_dependencies: leave what only they needed.
            allow_conflicts: do it although something breaks, and record what.
            force: do it although files of theirs were changed by hand.

        Raises:
            NotInOverlayError: the overlay has no such distribution.
            EditedError: files were changed by hand.
            ResolutionError: something that stays would break.
        """
        return remove.remove(
            self,
            names,
            log,
            confirm,
            keep_dependencies=keep_dependencies,
            allow_conflicts=allow_conflicts,
            force=force,
        )

    def reset(
        self, names: Sequence[str] = (), *, log: Log = _NO_LOG, confirm: Confirm = yes
    ) -> Result:
        """Go back to the host, for the named distributions or for everything.

        Raises:
            NotInOverlayError: the overlay has no such distribution.
        """
        if not names:
            return remove.reset(self, log, confirm)
        return self.remove(names, log=log, confirm=confirm, allow_conflicts=True, force=True)

    def undo(
        self,
        number: int | None = None,
        *,
        log: Log = _NO_LOG,
        pip: Pip | None = None,
        confirm: Confirm = yes,
    ) -> Result:
        """Go back to the state before the last change, or to a revision, as a new revision.

        An undo is a change too: undoing it does again what it undid.

        Raises:
            NoSuchRevisionError: there is none of that number.
            PipError: the files of that revision were dropped, and pip cannot have them again.
        """
        return undo.undo(self, number, log, pip or self._pip(), confirm)

    def apply(
        self,
        document: Document,
        *,
        log: Log = _NO_LOG,
        pip: Pip | None = None,
        confirm: Confirm = yes,
        exactly: bool = False,
        allow_conflicts: bool = False,
        force: bool = False,
    ) -> Result:
        """Make the overlay what a document says, and take away what it does not name.

        Args:
            document: from a file, or from another overlay.
            log: for the history.
            pip: as of `install`.
            confirm: as of `install`.
            exactly: take the locked files with their hashes, or fail.
            allow_conflicts: as of `install`.
            force: as of `install`.
        """
        self._check_protection(force)
        pip = pip or self._pip()
        return apply.apply(
            self, document, log, pip, confirm, exactly=exactly, allow_conflicts=allow_conflicts
        )

    def rebase(
        self,
        document: Document | None = None,
        *,
        log: Log = _NO_LOG,
        pip: Pip | None = None,
        confirm: Confirm = yes,
        allow_conflicts: bool = False,
        force: bool = False,
    ) -> Result:
        """Make the overlay right for the host as it is now.

        Args:
            document: another overlay's, to be carried here; this one is there all the same.
            log: for the history.
            pip: as of `install`.
            confirm: as of `install`.
            allow_conflicts: as of `install`.
            force: as of `install`.

        Raises:
            NoSuchRevisionError: there is nothing to make right.
        """
        if document is not None:
            self._check_protection(force)
        own = self.document() if document is None or self.store.exists else None
        return apply.rebase(
            self,
            own,
            document,
            log,
            pip or self._pip(),
            confirm,
            allow_conflicts=allow_conflicts,
        )

    def clean(self, keep: int = 1, *, dry_run: bool = False) -> Cleaned:
        """Drop the trees of old revisions; their records stay.

        Args:
            keep: how many revisions keep their trees; the current one always does.
            dry_run: only say what would go.
        """
        if not self.store.spare(keep):
            return Cleaned()
        with self.change():
            going = self.store.spare(keep)
            size, inodes = self.store.weight(going)
            if not dry_run:
                self.store.drop_trees(going)
        return Cleaned(tuple(going), size, inodes)

    def delete(self) -> None:
        """Remove the overlay and its history, for good."""
        with self.change():
            self.store.delete()

    def compare(self, old: int | None = None, new: int | None = None) -> Comparison:
        """What two revisions differ in.

        Args:
            old: a revision; 0 or None for the host.
            new: a revision, or 0 for the host; the current one when None.

        Raises:
            NoSuchRevisionError: there is none of that number.
            DroppedRevisionError: its tree was dropped.
        """
        return compare(self.host, self.below_view, self._side(old or 0), self._side(new))

    def _side(self, number: int | None) -> Side:
        """What is compared: of a revision, of the host (0), or of the overlay as it is (None)."""
        if number == 0:
            return Side("host", None)
        if number is None:
            if self.store.exists and not self.store.managed:
                return Side("overlay", self.tree)
            number = self.store.current()
        tree = self.store.tree(number) if number is not None else None
        if number in self.store.numbers() and tree is None:
            raise DroppedRevisionError(str(self.store.overlay), number)
        if tree is None:
            raise NoSuchRevisionError(str(self.store.overlay), number, self.store.numbers())
        return Side(f"revision {number}", tree)

    def document(self) -> Document:
        """The overlay, to be repeated elsewhere; credentials taken out.

        Raises:
            NoSuchRevisionError: there is none.
        """
        if not self.store.exists:
            raise NoSuchRevisionError(str(self.store.overlay), None, [])
        site = {} if self.is_stale() else read_site(self.site)
        return describe(self.host.name, self.host.fingerprint(), self.entries(), site)

    def _check_protection(self, force: bool) -> None:
        if self.host.protection is None and not force:
            raise NotProtectedError(str(self.host.prefix))

    def _pip(self) -> Pip:
        return Pip(self.host, verbosity=-1)

    def status(self) -> list[Status]:
        """What each overlay of the host is; empty where there is none.

        Raises:
            StateError: the state files of an overlay cannot be read.
        """
        return status.status(self)


def document_of(overlay: Path) -> Document:
    """An overlay by its own path, as far as its history tells: its host may be gone.

    Raises:
        NoSuchRevisionError: nothing is there that has a history.
    """
    kept = Store(overlay)
    number = kept.current()
    if number is None:
        raise NoSuchRevisionError(str(overlay), None, [])
    revision = kept.revision(number)
    minor = ".".join(str(revision.host["python"]).split(".")[:2])
    site = read_site(overlay / "lib" / f"python{minor}" / "site-packages")
    return describe(overlay.name, revision.host, revision.distributions, site)
