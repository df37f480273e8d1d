"""The API of an overlay, for scripts and commands: open it by its environment, read it, change it.

Example:
    overlay = Overlay.open("science")
    with overlay.draft(reason="ticket 1234") as draft:
        draft.install("flask>=3")
        print(draft.plan())
        draft.commit()
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from conda_overlay.activation.settings import observe
from conda_overlay.change import plan
from conda_overlay.change.commit import check_rules
from conda_overlay.change.draft import Draft
from conda_overlay.core.errors import (
    HostError,
    NoSuchRevisionError,
    NotProtectedError,
    OvertakenError,
)
from conda_overlay.core.models import Plan, Result, Revision
from conda_overlay.core.progress import SILENT, Progress
from conda_overlay.filesystem.processes import running_programs
from conda_overlay.filesystem.tree import linked
from conda_overlay.formats.document import Document, describe
from conda_overlay.host.host import Host, prefix_of
from conda_overlay.layer import scaffolding
from conda_overlay.layer.present import present
from conda_overlay.layer.revision import name_of
from conda_overlay.layer.stack import Stack, hosts
from conda_overlay.layer.store import PATIENCE
from conda_overlay.resolve.pip import Pip
from conda_overlay.resolve.uv import installer

if TYPE_CHECKING:
    from conda_overlay.report.status import Status

_ATTEMPTS = 3  # how often to try, at least, while other commands commit


class Overlay:
    """The overlay of a host: the writable layer among those over it.

    Attributes:
        stack: the host, and all layers over it.
    """

    def __init__(self, stack: Stack) -> None:
        self.stack = stack

    @classmethod
    def open(cls, environment: str | Path, progress: Progress = SILENT) -> Overlay:
        """Open the overlay of an environment, which need not have one yet.

        Args:
            environment: its name, or its prefix.
            progress: shows the progress of long steps.

        Raises:
            HostError: it is not an environment with Python.
        """
        from conda.base.context import env_name

        path = prefix_of(environment)
        name = os.path.basename(str(env_name(str(path))))
        return cls(Stack(Host(path, name), observe(), progress))

    @classmethod
    def all(cls) -> Iterator[Overlay]:
        """The overlay of each existing environment that has a trusted one."""
        for prefix in sorted(hosts(observe())):
            with suppress(HostError):
                yield cls.open(Path(prefix))

    @property
    def host(self) -> Host:
        """The environment below."""
        return self.stack.host

    @property
    def path(self) -> Path:
        """The public path of the overlay, which need not exist yet."""
        return self.stack.store.overlay

    @property
    def revision(self) -> int | None:
        """The number of the current revision, if there is one.

        Raises:
            StateError: its state cannot be read.
        """
        return self.stack.store.current()

    def history(self) -> list[Revision]:
        """The current revision and those that led to it, oldest first.

        Raises:
            StateError: the state of the overlay cannot be read.
        """
        return self.stack.store.line()

    def status(self) -> Status:
        """Report on the host, the layers, their distributions and their problems.

        Raises:
            StateError: the state of an overlay cannot be read.
        """
        from conda_overlay.report.status import status

        return status(self.stack)

    def compare(self, old: int, new: int | None) -> Plan:
        """Work out the differences between two revisions.

        Args:
            old: the number of a revision; 0 is the host.
            new: the number of another one; None is the overlay as it is now.

        Raises:
            NoSuchRevisionError: there is no overlay, or no such revision.
            DroppedRevisionError: the files of one were dropped.
        """
        store = self.stack.store
        if new is None and not store.exists:
            raise NoSuchRevisionError(str(store.overlay), None, store.numbers())
        why = {"": f"{name_of(old)} -> {name_of(new)}"}
        sides = self.stack.committed(old), self.stack.committed(new)
        return replace(plan.compare(*sides, plan.Ground.of(self.stack), why), lost=())

    def scripts(self) -> set[str]:
        """The names of the programs that the overlay has now."""
        with suppress(OSError):
            return {n for n in os.listdir(self.path / "bin") if not n.startswith(".")}
        return set()

    def document(self) -> Document:
        """The overlay as a document from which it can be recreated, without credentials.

        Raises:
            NoSuchRevisionError: there is no overlay.
        """
        stack, store = self.stack, self.stack.store
        if not store.exists:
            raise NoSuchRevisionError(str(store.overlay), None, [])
        number = store.current()
        if number is not None and stack.is_stale():  # installed for another Python
            entries, own = present(store, number)
        else:
            now = stack.state()
            entries, own = now.entries, now.own(self.host.site_below_prefix)
        return describe(self.host.name, self.host.fingerprint(), entries, own)

    # -- changes

    @contextmanager
    def draft(
        self,
        reason: str | None = None,
        *,
        command: Sequence[str] = (),
        pip: Pip | None = None,
        allow_conflicts: bool = False,
        dry_run: bool = False,
        timeout: float = PATIENCE,
    ) -> Iterator[Draft]:
        """Start a draft of the next revision, which is thrown away unless it is committed.

        Args:
            reason: for the history.
            command: for the history: the words of the command line.
            pip: how to call pip; quietly by default.
            allow_conflicts: accept a solution that breaks something.
            dry_run: make the draft in a temporary directory; it can only be planned.
            timeout: how long to wait for another command that commits, in seconds.

        Raises:
            LockedError: another command is committing.
            OverlayDirError: the overlay cannot be written, or would never be trusted.
        """
        stack, store = self.stack, self.stack.store
        previous = os.umask(0o022)  # whoever can write to an overlay controls its users' programs
        if not stack.is_shared:
            os.umask(previous | 0o022)
        try:
            stack.check_trust()
            paths = self.host.real, self.host.prefix
            new = store.new_draft(*paths, dry_run=dry_run, timeout=timeout)
            with new as directory:
                stack.check_trust()
                pip = pip or installer(self.host, stack.settings.overlay_installer)
                draft = Draft(
                    stack,
                    directory,
                    pip,
                    reason=reason,
                    command=command,
                    allow_conflicts=allow_conflicts,
                )
                try:
                    yield draft
                finally:
                    if not draft.committed:
                        draft.drop_checkouts()
        finally:
            os.umask(previous)

    def change(
        self,
        step: Callable[[Draft], None],
        confirm: Callable[[Plan], bool] = lambda _: True,
        *,
        reason: str | None = None,
        command: Sequence[str] = (),
        pip: Pip | None = None,
        allow_conflicts: bool = False,
        force: bool = False,
        dry_run: bool = False,
        timeout: float = PATIENCE,
    ) -> Result:
        """Change the overlay: make a draft, plan, ask, commit.

        If another command commits first, this starts over, and asks again if the plan differs.

        Args:
            step: makes the change in a draft.
            confirm: called with a plan that is not empty; if it returns False, nothing is changed.
            reason: for the history.
            command: for the history: the words of the command line.
            pip: how to call pip; quietly by default.
            allow_conflicts: proceed even if something breaks, and record it.
            force: proceed even if edits made by hand are lost.
            dry_run: only plan.
            timeout: how long to wait for other commands, in seconds.

        Raises:
            ResolutionError: something would break.
            EditedError: edits made by hand would be lost.
            PipError: pip failed.
            VerificationError: the host's interpreter does not find the distributions as planned.
            LockedError: another command is committing.
            OvertakenError: other commands kept committing first.
        """
        agreed: Plan | None = None
        streams: dict[str, bytes] = {}
        start, attempt = time.monotonic(), 0
        leaves = {"allow_conflicts": allow_conflicts, "force": force or dry_run}
        while True:
            attempt += 1
            try:
                with self.draft(
                    reason,
                    command=command,
                    pip=pip,
                    allow_conflicts=allow_conflicts,
                    dry_run=dry_run,
                    timeout=timeout,
                ) as draft:
                    draft.streams = streams  # which nobody can read again
                    step(draft)
                    found = draft.plan()
                    check_rules(draft, found, **leaves)
                    agrees = not found or found == agreed or confirm(found)
                    if dry_run or not found or not agrees:
                        return Result(found, None, dry_run)
                    agreed = found
                    number = draft.commit(**leaves, timeout=timeout)
                    return Result(found, number, running=running_programs(self.host.real))
            except OvertakenError:
                if attempt >= _ATTEMPTS and time.monotonic() - start > timeout:
                    raise
                self.stack.progress.tell("Another command has changed the overlay; trying again.")

    def renew(self) -> bool:
        """Replace our own files in the current revision, which another version may have written.

        This makes no revision: the guard and the overlay's pip are no part of its content.

        Returns:
            Whether any has changed.

        Raises:
            LockedError: another command is committing.
            OverlayDirError: the overlay cannot be written.
        """
        stack, store = self.stack, self.stack.store
        if not store.managed or stack.is_stale():
            return False
        if linked(store.real, self.host.site_below_prefix):
            return False  # a draft says so
        stack.check_trust()
        whose = store.overlay, self.host, stack.around_scripts
        if scaffolding.is_current(store.real, *whose):
            return False
        with store.lock():
            scaffolding.renew(store.real, *whose)
        return True

    def check_protection(self, force: bool) -> None:
        """Refuse to overlay a host that the user can write, unless forced.

        Raises:
            NotProtectedError: the user can write the host.
        """
        if self.host.protection is None and not force:
            raise NotProtectedError(str(self.host.prefix))
