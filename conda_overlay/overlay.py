"""The overlays of one host: which is written, what is in effect, and how it is changed.

    overlay = Overlay.open("/opt/envs/science")
    with overlay.draft() as draft:
        install(draft, Request(arguments=("flask>=3",), requirements=("flask>=3",)))
        plan = draft.plan()
        draft.commit()

Every change is this sentence, and `Overlay.change` says it for all commands.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

from conda_overlay import dependencies, plan, state
from conda_overlay.activation import locate, trust
from conda_overlay.dependencies import View
from conda_overlay.distributions import Site, read_site
from conda_overlay.document import Document, describe
from conda_overlay.draft import Draft
from conda_overlay.exceptions import (
    DroppedRevisionError,
    EditedError,
    NoSuchRevisionError,
    NotProtectedError,
    OverlayDirError,
    OvertakenError,
    ResolutionError,
)
from conda_overlay.host import Host
from conda_overlay.models import Log, Plan, Result
from conda_overlay.pip import Pip
from conda_overlay.settings import Settings, observe
from conda_overlay.state import State
from conda_overlay.store import Store

_NO_LOG = Log()

_ATTEMPTS = 3  # how often a draft is made at least, when others commit meanwhile


def yes(plan: Plan) -> bool:
    """Go on without asking."""
    return True


class Overlay:
    """The overlays of one host, of which one is written.

    Attributes:
        host: the host environment.
        settings: where overlays are, and whom to trust.
        tell: shown what a user who waits should know.
    """

    def __init__(
        self, host: Host, settings: Settings, tell: Callable[[str], None] = lambda _: None
    ) -> None:
        self.host = host
        self.settings = settings
        self.tell = tell

    @classmethod
    def open(
        cls,
        prefix: str | Path,
        settings: Settings | None = None,
        tell: Callable[[str], None] = lambda _: None,
    ) -> Overlay:
        """Find a host and its overlays.

        Args:
            prefix: of the host.
            settings: conda's configuration when None.
            tell: shown what a user who waits should know.

        Raises:
            HostError: the prefix is no environment with a Python.
        """
        from conda.base.context import env_name

        path = Path(os.path.abspath(prefix))
        name = os.path.basename(str(env_name(str(path))))
        return cls(Host(path, name), settings or observe(), tell)

    # -- where

    @cached_property
    def directories(self) -> list[Path]:
        """The overlay directories, in order."""
        return [Path(d) for d in locate.expand(self.settings.overlay_dirs, os.environ)]

    @property
    def layers(self) -> list[Path]:
        """The overlays of this host that exist, in order; earlier ones win."""
        directories = [str(directory) for directory in self.directories]
        found = locate.find(str(self.host.prefix), directories, self.host.name)
        return [Path(overlay) for overlay in found]

    @cached_property
    def store(self) -> Store:
        """The overlay that is written: in the first directory that the user can write.

        Raises:
            OverlayDirError: there is none, or it is inside the host.
        """
        directory = next((d for d in self.directories if _can_write(d)), None)
        if directory is None:
            names = ", ".join(map(str, self.directories))
            raise _unusable(f"No overlay directory can be written: {names}.", *self.directories)
        real = Path(os.path.realpath(directory))
        if self.host.real in (real, *real.parents):
            where = f"inside the environment {self.host.prefix}"
            raise _unusable(f"The overlay directory {directory} is {where}.", directory)
        if set(path := str(directory)) & set(":\n"):
            why = "contains a colon or a newline, which PATH cannot hold"
            raise _unusable(f"The path {path!r} {why}.", directory)
        return Store(self._place_in(directory), self.settings.overlay_lock_timeout, self.tell)

    def _place_in(self, directory: Path) -> Path:
        names = locate.names(str(self.host.prefix), self.host.name)
        found = locate.find_in(str(directory), str(self.host.real), names)
        if found is not None:
            return Path(found)
        plain = directory / names[0]
        recorded = locate.recorded_host(str(plain))  # by a first command that is still at work
        free = recorded == str(self.host.real) or (recorded is None and not os.path.lexists(plain))
        if locate.is_name(names[0]) and free:
            return plain
        return directory / locate.hashed_name(names[0], str(self.host.real))

    def sites(self, layers: list[Path]) -> list[Path]:
        """The site-packages of overlays."""
        return [layer / self.host.site_below_prefix for layer in layers]

    def layers_with_mine(self) -> list[Path]:
        """All layers, and the overlay that is written, whether it exists or not."""
        order = {directory: index for index, directory in enumerate(self.directories)}
        return sorted({*self.layers, self.store.overlay}, key=lambda path: order[path.parent])

    @cached_property
    def below(self) -> list[Path]:
        """The site-packages of the layers behind the one that is written."""
        layers = self.layers_with_mine()
        return self.sites(layers[layers.index(self.store.overlay) + 1 :])

    @cached_property
    def below_sites(self) -> list[Site]:
        """What is installed behind the overlay, the host last."""
        return [*map(read_site, self.below), self.host.distributions]

    @property
    def ground(self) -> plan.Ground:
        """What lies under the overlay that is written."""
        host, overlay = self.host, str(self.store.overlay)
        below = self.below_view
        return plan.Ground(str(host.prefix), overlay, below, host.markers, host.site_packages)

    @property
    def below_view(self) -> View:
        """What is in effect behind the overlay."""
        return dependencies.effective(*self.below_sites)

    # -- what it is

    def state(self, number: int | None = None) -> State:
        """What a revision is, or was; the current one as it is now when None; 0: the host.

        Raises:
            NoSuchRevisionError: there is none of that number.
            DroppedRevisionError: its tree was dropped.
        """
        store = self.store
        if number == 0:
            return State()
        current = store.current()
        if number is None and current is None:
            return state.read(store.real, self.host.site_below_prefix, {})
        number = current if number is None else number
        if number not in store.numbers():
            raise NoSuchRevisionError(str(store.overlay), number, store.numbers())
        place = store.tree(number)
        if place is None:
            raise DroppedRevisionError(str(store.overlay), number)
        entries = store.revision(number).distributions
        return state.read(place, self.host.site_below_prefix, entries, store.manifest(number))

    def compare(self, old: int, new: int | None) -> Plan:
        """What turns one revision into another; 0: the host; None: the overlay as it is now.

        Raises:
            NoSuchRevisionError: there is none of that number.
            DroppedRevisionError: its tree was dropped.
        """
        if new is None and not self.store.exists:
            raise NoSuchRevisionError(str(self.store.overlay), None, self.store.numbers())
        title = f"{name_of(old)} -> {name_of(new)}"
        found = plan.compare(self.state(old), self.state(new), self.ground, {"": title})
        return replace(found, lost=())

    def has_moved_on(self) -> bool:
        """Whether the host has changed since the current revision was made."""
        number = self.store.current()
        return number is not None and self.host.has_changed(self.store.revision(number).host)

    def is_stale(self) -> bool:
        """Whether the current revision was made for another Python or ABI than the host has."""
        number = self.store.current()
        if number is None:
            return False
        return build(self.store.revision(number).host) != build(self.host.fingerprint())

    def document(self) -> Document:
        """The overlay, to be repeated elsewhere; credentials taken out.

        Raises:
            NoSuchRevisionError: there is none.
        """
        if not self.store.exists:
            raise NoSuchRevisionError(str(self.store.overlay), None, [])
        number = self.store.current()
        if self.is_stale() and number is not None:  # in the site-packages of another Python
            entries = self.store.revision(number).distributions
        else:
            entries = self.state().entries
        return describe(self.host.name, self.host.fingerprint(), entries)

    # -- how it changes

    @contextmanager
    def draft(
        self, log: Log = _NO_LOG, pip: Pip | None = None, *, allow_conflicts: bool = False
    ) -> Iterator[Draft]:
        """Begin a change: a draft of the next revision, which nobody sees before its commit.

        Args:
            log: for the history.
            pip: how pip is called; quietly by default.
            allow_conflicts: look for a solution although something breaks.

        Raises:
            LockedError: another command commits.
            OverlayDirError: the overlay cannot be written, or would never be trusted.
        """
        previous = os.umask(0o022)
        os.umask(previous | 0o022)  # whoever can write an overlay decides what its users run
        try:
            with self.store.new_draft(self.host.real) as directory:
                self._check_trust()
                pip = pip or Pip(self.host, verbosity=-1)
                yield Draft(self, directory, log, pip, allow_conflicts=allow_conflicts)
        finally:
            os.umask(previous)

    def change(
        self,
        step: Callable[[Draft], None],
        confirm: Callable[[Plan], bool] = yes,
        *,
        log: Log = _NO_LOG,
        pip: Pip | None = None,
        allow_conflicts: bool = False,
        force: bool = False,
        dry_run: bool = False,
    ) -> Result:
        """Change the overlay: make a draft, plan, ask, commit.

        If another command commits meanwhile, the draft is made again on top of that, and shown
        again if its plan is another one: each time somebody has got ahead, so it ends.

        Args:
            step: does to a draft what is asked for: a function of `conda_overlay.operations`.
            confirm: shown the plan if anything differs; when it returns False nothing is done.
            log: for the history.
            pip: how pip is called; quietly by default.
            allow_conflicts: proceed although something breaks, and record what.
            force: proceed although edits made by hand are lost.
            dry_run: only plan.

        Raises:
            ResolutionError: something would break.
            EditedError: edits made by hand would be lost.
            PipError: pip failed.
            VerificationError: what was installed is not what the host's interpreter sees.
            LockedError: another command commits.
            OvertakenError: others commit again and again.
        """
        agreed: Plan | None = None
        start = time.monotonic()
        for attempt in count(1):
            try:
                with self.draft(log, pip, allow_conflicts=allow_conflicts) as draft:
                    step(draft)
                    found = draft.plan()
                    self._check(draft, found, allow_conflicts, force or dry_run)
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
        raise AssertionError

    @staticmethod
    def _check(draft: Draft, found: Plan, allow_conflicts: bool, force: bool) -> None:
        if draft.unwanted(found) and not allow_conflicts:
            raise ResolutionError(
                "The overlay is unchanged, because this would break:", found.conflicts
            )
        if found.lost and not force:
            raise EditedError(found.lost)

    def check_protection(self, force: bool) -> None:
        """Refuse to overlay a host that the user may write, unless forced.

        Raises:
            NotProtectedError: the user may write the host.
        """
        if self.host.protection is None and not force:
            raise NotProtectedError(str(self.host.prefix))

    def _check_trust(self) -> None:
        owners = trust.trusted_owners(self.settings.overlay_trusted_owners)
        reason = trust.distrust(str(self.store.state), [], owners)
        if reason:
            place = str(self.store.overlay.parent)
            sentence = f"An overlay in {place} would never be used: {reason}."
            hint = "chmod go-w on that directory, or choose another overlay_dirs"
            raise OverlayDirError(sentence, hint, directories=[place])


def build(fingerprint: Mapping[str, Any]) -> tuple[Any, Any]:
    """What compiled modules are built for: Python X.Y, and its ABI."""
    return ".".join(str(fingerprint["python"]).split(".")[:2]), fingerprint["abi"]


def name_of(number: int | None) -> str:
    """A revision, the host (0), or the overlay as it is now (None), in words."""
    return "overlay" if number is None else f"revision {number}" if number else "host"


def _unusable(sentence: str, *directories: Path) -> OverlayDirError:
    hint = "export CONDA_PLUGINS_OVERLAY_DIRS=/a/directory/of/yours"
    return OverlayDirError(sentence, hint, directories=[*map(str, directories)])


def _can_write(directory: Path) -> bool:
    """Whether a directory can be written, or made."""
    while not directory.exists() and directory != directory.parent:
        directory = directory.parent
    return directory.is_dir() and os.access(directory, os.W_OK | os.X_OK)
