"""The overlays of one host: which one is writable, what is in effect, and how to change it.

    overlay = Overlay.open("/opt/envs/science")
    with overlay.draft() as draft:
        install(draft, Request(arguments=("flask>=3",), requirements=("flask>=3",)))
        plan = draft.plan()
        draft.commit()

`Overlay.change` does this for all commands.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from conda_overlay.activation import locate, trust
from conda_overlay.activation.settings import Settings, observe
from conda_overlay.change import plan
from conda_overlay.change.draft import Draft
from conda_overlay.core.errors import (
    ELSEWHERE,
    DroppedRevisionError,
    EditedError,
    NoSuchRevisionError,
    NotProtectedError,
    OverlayDirError,
    OverlayError,
    OvertakenError,
    RefusedError,
    ResolutionError,
)
from conda_overlay.core.models import Log, Plan, Result
from conda_overlay.distributions import dependencies
from conda_overlay.distributions.dependencies import View
from conda_overlay.distributions.site import read_site
from conda_overlay.filesystem.lock import Tell
from conda_overlay.filesystem.tree import Watch, unwatched
from conda_overlay.formats.document import Document, describe
from conda_overlay.host.host import Host
from conda_overlay.layer import state
from conda_overlay.layer.state import State
from conda_overlay.layer.store import Store
from conda_overlay.resolve.pip import Pip

_NO_LOG = Log()
_WOULD_BREAK = "The overlay is unchanged, because this would break:"

_ATTEMPTS = 3  # how often to try, at least, while other commands commit


class Overlay:
    """The overlays of one host, one of which is writable."""

    def __init__(
        self,
        host: Host,
        settings: Settings,
        tell: Tell = lambda _: None,
        watch: Watch = unwatched,
    ) -> None:
        self.host = host
        self.settings = settings
        self.tell = tell
        self.watch = watch

    @classmethod
    def open(
        cls,
        prefix: str | Path,
        tell: Tell = lambda _: None,
        watch: Watch = unwatched,
    ) -> Overlay:
        """Find the overlays of the host at a prefix, by conda's configuration.

        Raises:
            HostError: the prefix is not an environment with Python.
        """
        from conda.base.context import env_name

        path = Path(os.path.abspath(prefix))
        name = os.path.basename(str(env_name(str(path))))
        return cls(Host(path, name), observe(), tell, watch)

    # -- location

    @cached_property
    def directories(self) -> list[Path]:
        """The overlay directories, in order."""
        return [Path(d) for d in locate.expand(self.settings.overlay_dirs, os.environ)]

    @cached_property
    def owners(self) -> set[int]:
        """The user ids whose overlays are trusted."""
        return trust.trusted_owners(self.settings.overlay_trusted_owners)

    def found(self) -> list[tuple[Path, str | None]]:
        """The existing overlays of this host, and why some of them are refused."""
        directories = [str(directory) for directory in self.directories]
        found = locate.find(str(self.host.prefix), directories, self.owners, self.host.name)
        return [(Path(overlay), reason) for overlay, reason in found]

    @property
    def layers(self) -> list[Path]:
        """The existing overlays of this host that are trusted, in order of precedence."""
        return [overlay for overlay, reason in self.found() if not reason]

    @cached_property
    def store(self) -> Store:
        """The writable overlay, in the first directory that the user can write; else the first.

        Raises:
            OverlayDirError: no directory is writable, or the first one is unsuitable.
            RefusedError: the overlay in that directory is not trusted.
        """
        directory = next(filter(_can_write, self.directories), None)
        if directory is None and self.layers:
            return Store(self.layers[0])  # to look at
        if directory is None:
            paths = [str(path) for path in self.directories]
            sentence = f"No overlay directory can be written: {', '.join(paths)}."
            raise OverlayDirError(sentence, ELSEWHERE, directories=paths)
        sentence, path, prefix = "", str(directory), self.host.prefix
        if Path(os.path.realpath(directory)).is_relative_to(self.host.real):
            sentence = f"The overlay directory {path} is inside the environment {prefix}."
        elif locate.UNFIT & set(path):
            sentence = f"The path {path!r} contains a colon or a newline, which PATH cannot hold."
        if sentence:
            raise OverlayDirError(sentence, ELSEWHERE, directories=[path])
        return Store(self._place_in(directory), self.settings.overlay_lock_timeout, self.tell)

    def _place_in(self, directory: Path) -> Path:
        names = locate.names(str(self.host.prefix), self.host.name)
        hashed = directory / locate.hashed_name(names[0], str(self.host.real))
        found = locate.find_in(str(directory), str(self.host.real), names, self.owners)
        refused = set()
        for overlay, reason in found:
            if not reason:
                return Path(overlay)
            if overlay == str(hashed) or not _belongs_to_others(overlay):
                raise RefusedError(overlay, reason)
            refused.add(overlay)
        plain = directory / names[0]
        if str(plain) in refused or not locate.is_name(names[0]):
            return hashed
        if Store(plain).is_of(self.host.real):
            return plain  # its file ``host`` is damaged, which the next change repairs
        # Of a first command that is still running there may be a state directory and no more.
        taken = os.path.lexists(plain) or locate.recorded_host(str(plain))
        return hashed if taken else plain

    def sites(self, layers: list[Path]) -> list[Path]:
        """The site-packages directories of overlays."""
        return [layer / self.host.site_below_prefix for layer in layers]

    def layers_with_mine(self) -> list[Path]:
        """All layers, including the writable overlay even if it does not exist yet."""
        order = {directory: index for index, directory in enumerate(self.directories)}
        return sorted({*self.layers, self.store.overlay}, key=lambda path: order[path.parent])

    @cached_property
    def below(self) -> list[Path]:
        """The site-packages directories of the layers below the writable overlay."""
        layers = self.layers_with_mine()
        return self.sites(layers[layers.index(self.store.overlay) + 1 :])

    @cached_property
    def below_view(self) -> View:
        """The distributions in effect without the writable overlay."""
        return dependencies.effective(*map(read_site, self.below), self.host.distributions)

    @property
    def ground(self) -> plan.Ground:
        """What plans are worked out against."""
        host = self.host
        where = str(host.prefix), str(self.store.overlay)
        return plan.Ground(*where, self.below_view, host.markers, host.site_packages)

    # -- content

    def state(self, number: int | None = None) -> State:
        """The state of a revision; None: the overlay as it is now; 0: the host.

        Raises:
            NoSuchRevisionError: there is no such revision.
            DroppedRevisionError: its tree was dropped.
        """
        store = self.store
        if number == 0:
            return State()
        current = store.current()
        if number is None and current is None:
            return state.read(store.real, self.host.site_below_prefix, {}, watch=self.watch)
        number = current if number is None else number
        if number not in store.numbers():
            raise NoSuchRevisionError(str(store.overlay), number, store.numbers())
        place = store.tree(number)
        if place is None:
            raise DroppedRevisionError(str(store.overlay), number)
        entries = store.revision(number).distributions
        recorded, site = store.manifest(number), self.host.site_below_prefix
        return state.read(place, site, entries, recorded, watch=self.watch)

    def compare(self, old: int, new: int | None) -> Plan:
        """What turns one revision into another; numbers and errors are those of `state`.

        Raises:
            NoSuchRevisionError: there is no overlay.
        """
        if new is None and not self.store.exists:
            raise NoSuchRevisionError(str(self.store.overlay), None, self.store.numbers())
        why = {"": f"{name_of(old)} -> {name_of(new)}"}
        return replace(plan.compare(self.state(old), self.state(new), self.ground, why), lost=())

    def scripts(self) -> set[str]:
        """The names of the programs that the overlay has now."""
        with suppress(OSError):
            return {n for n in os.listdir(self.store.overlay / "bin") if not n.startswith(".")}
        return set()

    def has_moved_on(self) -> bool:
        """Whether the host has changed since the current revision was made."""
        number = self.store.current()
        return number is not None and self.host.has_changed(self.store.revision(number).host)

    def is_stale(self) -> bool:
        """Whether the current revision was built for another Python or ABI than the host's."""
        number = self.store.current()
        if number is None:
            return False
        return build(self.store.revision(number).host) != build(self.host.fingerprint())

    def document(self) -> Document:
        """The overlay as a document to recreate it from, without credentials.

        Raises:
            NoSuchRevisionError: there is no overlay.
        """
        if not self.store.exists:
            raise NoSuchRevisionError(str(self.store.overlay), None, [])
        number = self.store.current()
        if number is not None and self.is_stale():  # installed for another Python
            entries = self.store.revision(number).distributions
        else:
            entries = self.state().entries
        return describe(self.host.name, self.host.fingerprint(), entries)

    # -- changes

    @contextmanager
    def draft(
        self,
        log: Log = _NO_LOG,
        pip: Pip | None = None,
        *,
        allow_conflicts: bool = False,
        dry_run: bool = False,
    ) -> Iterator[Draft]:
        """Start a draft of the next revision; the arguments are those of `change`.

        Raises:
            LockedError: another command is committing.
            OverlayDirError: the overlay cannot be written, or would never be trusted.
        """
        previous = os.umask(0o022)
        os.umask(previous | 0o022)  # whoever can write to an overlay controls what its users run
        try:
            self._check_trust()
            with self.store.new_draft(self.host.real, dry_run=dry_run) as directory:
                self._check_trust()
                pip = pip or Pip(self.host, verbosity=-1)
                yield Draft(self, directory, log, pip, allow_conflicts)
        finally:
            os.umask(previous)

    def change(
        self,
        step: Callable[[Draft], None],
        confirm: Callable[[Plan], bool] = lambda _: True,
        *,
        log: Log = _NO_LOG,
        pip: Pip | None = None,
        allow_conflicts: bool = False,
        force: bool = False,
        dry_run: bool = False,
    ) -> Result:
        """Change the overlay: make a draft, plan, ask, commit.

        If another command commits first, this starts over, and asks again if the plan differs.

        Args:
            step: makes the change in a draft: a function of `conda_overlay.operations`.
            confirm: called with a plan that is not empty; nothing is done if it returns False.
            log: for the history.
            pip: how to call pip; quietly by default.
            allow_conflicts: proceed even if something breaks, and record it.
            force: proceed even if edits made by hand are lost.
            dry_run: only plan.

        Raises:
            ResolutionError: something would break.
            EditedError: edits made by hand would be lost.
            PipError: pip failed.
            VerificationError: the host's interpreter does not see what was installed.
            LockedError: another command is committing.
            OvertakenError: other commands kept committing first.
        """
        agreed: Plan | None = None
        start, attempt = time.monotonic(), 0
        while True:
            attempt += 1
            try:
                options = {"allow_conflicts": allow_conflicts, "dry_run": dry_run}
                with self.draft(log, pip, **options) as draft:
                    step(draft)
                    found = draft.plan()
                    if draft.unwanted(found) and not allow_conflicts:
                        raise ResolutionError(_WOULD_BREAK, found.conflicts)
                    if found.lost and not (force or dry_run):
                        raise EditedError(found.lost)
                    agrees = not found or found == agreed or confirm(found)
                    if dry_run or not found or not agrees:
                        return Result(found, None)
                    agreed = found
                    return Result(found, draft.commit())
            except OvertakenError:
                waited = time.monotonic() - start
                if attempt >= _ATTEMPTS and waited > self.settings.overlay_lock_timeout:
                    raise
                self.tell("The overlay has changed in the meantime; trying again.")

    def check_not_stale(self) -> None:
        """Refuse to look for edits or damage in what was built for another Python.

        Raises:
            OverlayError: the current revision was.
        """
        if self.is_stale():
            sentence = "The overlay was built for another Python than the host has now."
            raise OverlayError(sentence, "conda overlay rebase, which keeps edits")

    def check_protection(self, force: bool) -> None:
        """Refuse to overlay a host that the user can write, unless forced.

        Raises:
            NotProtectedError: the user can write the host.
        """
        if self.host.protection is None and not force:
            raise NotProtectedError(str(self.host.prefix))

    def _check_trust(self) -> None:
        """Refuse to write where the result would never be used."""
        if reason := locate.refusal(str(self.store.overlay), self.owners):
            directory = str(self.store.overlay.parent)
            sentence = f"An overlay in {directory} would never be used: {reason}."
            hint = "chmod go-w on that directory, or choose another overlay_dirs"
            raise OverlayDirError(sentence, hint, directories=[directory])


def build(fingerprint: Mapping[str, Any]) -> tuple[Any, Any]:
    """What compiled modules are built for: Python X.Y and its ABI."""
    return ".".join(str(fingerprint["python"]).split(".")[:2]), fingerprint["abi"]


def name_of(number: int | None) -> str:
    """A revision, the host (0), or the overlay as it is now (None), in words."""
    return "overlay" if number is None else f"revision {number}" if number else "host"


def _belongs_to_others(overlay: str) -> bool:
    """Whether an overlay, or the state of one, is not the user's own."""
    paths = (path for path in (overlay, locate.state_dir(overlay)) if os.path.lexists(path))
    return any(os.lstat(path).st_uid != os.geteuid() for path in paths)


def _can_write(directory: Path) -> bool:
    """Whether a directory can be written, or created."""
    while not directory.exists() and directory != directory.parent:
        directory = directory.parent
    return directory.is_dir() and os.access(directory, os.W_OK | os.X_OK)
