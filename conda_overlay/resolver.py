"""Lets pip resolve, again and again, until nothing breaks that was whole."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from conda_overlay import dependencies
from conda_overlay.distributions import Site
from conda_overlay.exceptions import ResolutionError
from conda_overlay.models import Conflict, Request
from conda_overlay.outcome import Outcome
from conda_overlay.pip import Pip, Stage

_ROUNDS = 12  # how often pip may be asked
_LOOSENED = 3  # how often constraints are dropped one by one, before all are


@dataclass(frozen=True)
class Resolution:
    """What pip left in a stage, and what it means for what is installed."""

    stage: Stage
    staged: Site
    """The distributions in the stage."""
    moved: dict[str, Conflict]
    """The dependents that had to move, each with the requirement of it that would break."""
    broken: tuple[Conflict, ...]
    """What was whole and is so no more."""
    unwanted: tuple[Conflict, ...]
    """The part of it that the request does not imply."""
    held_back: tuple[str, ...] = ()
    """Of what is to be upgraded and is not at its newest version: a sentence that says why."""


class Resolver:
    """One search for a consistent set.

    It begins under constraints that keep whole what depends on what is installed. Those that make
    it impossible are dropped; the dependents that break then are asked for as well.
    """

    def __init__(
        self,
        pip: Pip,
        request: Request,
        sites: Sequence[Site],
        overlays: Sequence[Path],
        scratch: Path,
        source_dir: Path,
    ) -> None:
        """Prepare it.

        Args:
            pip: the pip of the host.
            request: what the user asks for.
            sites: what is in effect, first wins, the host's own site last.
            overlays: the site-packages above the host, in the same order.
            scratch: a directory for stages.
            source_dir: where checkouts of editables are kept.
        """
        self.pip = pip
        self.request = request
        self.sites = sites
        self.overlays = overlays
        self.scratch = scratch
        self.source_dir = source_dir
        self.before = dependencies.effective(*sites)
        self.named = dependencies.requested_names(request.requirements)
        self.moved: dict[str, Conflict] = {}
        self.stuck: set[str] = set()
        """Dependents that cannot move."""
        self.free: set[str] = set()
        """Names that no constraint holds any more."""
        self.loosened = 0
        self.fallback: Resolution | None = None

    def resolve(self) -> Resolution:
        """Search.

        Raises:
            ResolutionError: something breaks whatever is done.
            PipError: pip failed.
        """
        for number in range(_ROUNDS):
            lines = self._constraints()
            stage = Stage(self.scratch / f"stage{number}", self.pip.host, self.overlays)
            words = [*self.request.arguments, *self.moved]
            outcome = self.pip.install(stage, words, lines, self.source_dir, again=number > 0)
            if outcome.ok:
                found = self._judge(stage)
                if not found.unwanted:
                    return replace(found, held_back=self._held_back(found, lines))
                if self.fallback is None or len(found.broken) < len(self.fallback.broken):
                    self.fallback = found
                if not self._join(found):
                    break
            elif not (self._loosen(outcome, lines) or self._leave_behind(outcome)):
                if self.fallback is None or not outcome.impossible:
                    raise outcome.error(self.request.requirements)
                break
        return self._give_up()

    def _constraints(self) -> list[str]:
        going = {*self.named, *self.moved}
        lines = dependencies.constraints(self.before, self.pip.host.markers, going)
        return [line for line in lines if _name(line) not in self.free]

    def _judge(self, stage: Stage) -> Resolution:
        staged = stage.distributions()
        host = self.pip.host
        after = dependencies.effective(staged, *self.sites)
        broken = dependencies.new_conflicts(self.before, after, host.markers, host.site_packages)
        implied = set(staged) if self.request.has("--no-deps") else set()
        unwanted = tuple(c for c in broken if canonicalize_name(c.name) not in implied)
        return Resolution(stage, staged, dict(self.moved), broken, unwanted)

    def _join(self, found: Resolution) -> bool:
        """Ask for the dependents that break too; False when there is none left to ask for."""
        known = {*self.named, *self.stuck, *found.staged}
        joining = dependencies.joining(found.unwanted, known)
        if not joining or self.request.has("--no-deps"):
            return False
        self.pip.say(f"Also updating: {', '.join(sorted(joining))}.")
        self.moved.update(joining)
        return True

    def _loosen(self, outcome: Outcome, lines: Sequence[str]) -> bool:
        """Drop the constraints that pip blames; False when they are not to blame."""
        held = set(map(_name, lines))
        blamed = held & outcome.blamed
        theirs = (outcome.unknown and not blamed) or (outcome.explanation and not outcome.blamed)
        if not outcome.impossible or not held or theirs:
            return False
        if self.loosened == 0:
            who = ", ".join(sorted(outcome.requiring - blamed)) or "What you ask for"
            what = ", ".join(sorted(blamed)) or "set of versions"
            self.pip.say(f"{who} needs another {what}; looking for versions that fit.")
        self.loosened += 1
        self.free |= blamed if blamed and self.loosened < _LOOSENED else held
        return True

    def _leave_behind(self, outcome: Outcome) -> bool:
        """Ask no more for the dependents that cannot move, if others perhaps can."""
        stuck = outcome.blamed & set(self.moved)
        if not outcome.impossible or not stuck or stuck == set(self.moved):
            return False
        self.stuck |= stuck
        for key in stuck:
            del self.moved[key]
        return True

    def _held_back(self, found: Resolution, lines: Sequence[str]) -> tuple[str, ...]:
        """Say for what is to be upgraded what keeps it from its newest version."""
        if not self.request.has("--upgrade"):
            return ()
        after = dependencies.effective(found.staged, *self.sites)
        keys = sorted(self.named & set(map(_name, lines)) & after.keys())
        return tuple(filter(None, (self._holders(key, after, found.stage) for key in keys)))

    def _holders(self, key: str, after: dependencies.View, stage: Stage) -> str | None:
        newest, now = self.pip.newest(stage, key, self.request.arguments), after[key]
        if newest is None or not self._wants(key, newest, now.version):
            return None
        host = self.pip.host
        could = {**after, key: replace(now, version=newest)}
        holders = dependencies.new_conflicts(after, could, host.markers, host.site_packages)
        if not holders:
            return None
        who = ", ".join(f"{c.name} {c.version} requires {c.requirement}" for c in holders)
        names = ", ".join(sorted({conflict.name for conflict in holders}))
        return (
            f"{now.name} {newest} is held back: {who}; "
            f"conda overlay install '{now.name}>={newest}' moves {names} too"
        )

    def _wants(self, key: str, newest: str, now: str) -> bool:
        """Whether what the user asks for admits the newest version, and it is not there yet."""
        for text in self.request.requirements:
            with suppress(InvalidRequirement):
                asked = Requirement(text)
                if canonicalize_name(asked.name) == key and newest not in asked.specifier:
                    return False
        try:
            return Version(newest) > Version(now)
        except InvalidVersion:
            return False

    def _give_up(self) -> Resolution:
        assert self.fallback is not None
        if self.request.allow_conflicts:
            return self.fallback
        raise ResolutionError(
            "No consistent set of distributions exists, so nothing was installed:",
            self.fallback.unwanted,
        )


def _name(line: str) -> str:
    return canonicalize_name(Requirement(line).name)
