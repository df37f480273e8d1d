"""Lets pip resolve, again and again, until nothing breaks that was whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from conda_overlay import planner
from conda_overlay.distributions import Site
from conda_overlay.exceptions import PipError, ResolutionError
from conda_overlay.models import Conflict, Request
from conda_overlay.pip import Outcome, Pip, Stage

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
        self.before = planner.effective(*sites)
        self.named = planner.requested_names(request.requirements)
        self.moved: dict[str, Conflict] = {}
        self.stuck: set[str] = set()
        """Dependents that cannot move."""
        self.pushed: set[str] = set()
        """Dependents that do not move by being named: pip before 20.3 leaves what is installed."""
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
            outcome = self.pip.install(stage, self._arguments(), lines, self.source_dir)
            if outcome.ok:
                found = self._judge(stage)
                if not found.unwanted:
                    return found
                if self.fallback is None or len(found.broken) < len(self.fallback.broken):
                    self.fallback = found
                if not self._join(found):
                    break
            elif not (self._loosen(outcome, lines) or self._leave_behind(outcome)):
                if self.fallback is None or not outcome.impossible:
                    raise PipError(outcome.told, requirements=list(self.request.requirements))
                break
        return self._give_up()

    def _arguments(self) -> list[str]:
        joined = (
            f"{key}!={conflict.version}" if key in self.pushed else key
            for key, conflict in self.moved.items()
        )
        return [*self.request.arguments, *joined]

    def _constraints(self) -> list[str]:
        going = {*self.named, *self.moved}
        lines = planner.constraints(self.before, self.pip.host.markers, going)
        return [line for line in lines if _name(line) not in self.free]

    def _judge(self, stage: Stage) -> Resolution:
        staged = stage.distributions()
        host = self.pip.host
        after = planner.effective(staged, *self.sites)
        broken = planner.new_conflicts(self.before, after, host.markers, host.site_packages)
        implied = set(staged) if self.request.has("--no-deps") else set()
        unwanted = tuple(c for c in broken if canonicalize_name(c.name) not in implied)
        return Resolution(stage, staged, dict(self.moved), broken, unwanted)

    def _join(self, found: Resolution) -> bool:
        """Ask for the dependents that break too; False when there is none left to ask for."""
        known = {*self.named, *self.stuck, *found.staged, *self.pushed}
        joining = planner.joining(found.unwanted, known)
        if not joining or self.request.has("--no-deps"):
            return False
        self.pushed |= joining.keys() & self.moved.keys()
        self.pip.say(f"Moving too: {', '.join(sorted(joining))}.")
        self.moved.update(joining)
        return True

    def _loosen(self, outcome: Outcome, lines: Sequence[str]) -> bool:
        """Drop the constraints that pip blames; False when they are not to blame."""
        held = set(map(_name, lines))
        blamed = held & outcome.blamed
        theirs = (outcome.unknown and not blamed) or (outcome.account and not outcome.blamed)
        if not outcome.impossible or not held or theirs:
            return False
        if self.loosened == 0:
            self.pip.say("Not without moving what depends on it; looking for what has to move.")
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
