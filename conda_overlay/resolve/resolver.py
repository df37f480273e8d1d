"""Runs pip's resolver repeatedly, until nothing breaks that was consistent before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from conda_overlay.core.errors import ResolutionError
from conda_overlay.core.models import Conflict, Distribution
from conda_overlay.core.request import Request, key_of, names_of, text_of
from conda_overlay.core.text import few
from conda_overlay.distributions import dependencies
from conda_overlay.distributions.dependencies import View
from conda_overlay.distributions.site import Known, Site, by_name, read_metadata
from conda_overlay.formats.document import PINS
from conda_overlay.resolve import configuration
from conda_overlay.resolve.pip import Pip
from conda_overlay.resolve.pip_output import PipRun
from conda_overlay.resolve.stage import Stage

_ROUNDS = 12  # maximum number of runs of pip
_SHOWN = 3  # reasons that a message names
_LOOSENED = 3  # how often only the blamed constraints are dropped, before all are


@dataclass(frozen=True)
class Pin:
    """The version of a distribution that the user requested earlier, and not again."""

    text: str
    """The requirement as it is recorded."""
    allowed: Requirement
    """By name and version."""
    there: Distribution
    """The overlay's own, which may be hidden by a layer in front."""
    held: bool
    """Whether it is given up only if the user accepts conflicts."""
    is_source: bool = False
    """Whether it is of a path or a URL, and not of any build of the version."""

    def is_kept_by(self, new: Distribution) -> bool:
        """Whether a distribution in place of the present one was requested."""
        mine = self.there
        same = (new.editable, new.direct_url) == (mine.editable, mine.direct_url)
        return dependencies.holds(self.allowed, new) and (same or not self.is_source)

    def constraint(self, now: Distribution) -> Requirement:
        """The constraint that keeps it: if a layer in front hides it, of the version there."""
        if dependencies.holds(self.allowed, now):
            return self.allowed
        return Requirement(f"{now.name}=={now.version}")


@dataclass(frozen=True)
class Resolution:
    """The distributions that pip left in a stage, and their effect on the installed ones."""

    stage: Stage
    metadata: Known
    """Of the distributions in the stage."""
    moved: dict[str, Conflict]
    """The dependents that had to change, each with its requirement that would break."""
    broken: tuple[Conflict, ...]
    """The new conflicts."""
    unwanted: tuple[Conflict, ...]
    """The new conflicts that the request does not imply."""
    held_back: tuple[str, ...] = ()
    """A sentence for each requested upgrade that does not reach the newest version."""
    given_up: Mapping[str, str] = field(default_factory=dict)
    """Why each pin is given up that does not fit, by normalized name."""
    refused: tuple[str, ...] = ()
    """A sentence for each of them that is held."""

    @property
    def faults(self) -> int:
        """The number of conflicts, and of pins that are held and do not fit."""
        return len(self.broken) + len(self.refused)

    @cached_property
    def staged(self) -> Site:
        """The distributions in the stage."""
        return by_name(self.metadata)


@dataclass
class Resolver:
    """One search for a consistent set of distributions.

    It begins with constraints that keep the installed distributions consistent. Constraints that
    make it impossible are dropped; the dependents that then break are requested as well.
    """

    pip: Pip
    request: Request
    layers: Mapping[Path, Site]
    """The distributions above the host, by site-packages; the first wins."""
    scratch: Path
    """A directory for stages."""
    source_dir: Path
    """Where checkouts of editables are kept."""
    allow_conflicts: bool
    """Accept that there is no consistent set."""
    in_front: int = 0
    """How many of the layers stay in front of the new distributions."""
    fork: Sequence[str] = ()
    """The options that name the fork that is being made."""
    pins: Mapping[str, Pin] = field(default_factory=dict)
    """Those of installed distributions, by normalized name; they are kept if that is possible."""
    asked: Sequence[Requirement] = ()
    """What the user requested earlier, which may have extras."""

    def __post_init__(self) -> None:
        sites = [*self.layers.values(), self.pip.host.distributions]
        self.front, self.rest = sites[: self.in_front], sites[self.in_front :]
        self.before = dependencies.effective(*sites)
        markers, wanted = self.pip.host.markers, self.request.requirements
        wanted = tuple(one for one in wanted if dependencies.applies(one, markers))
        self.named = names_of(wanted)
        now = [one for one in wanted if isinstance(one, Requirement)]
        self.typed = self.asked, [*self.asked, *now]
        self.moved: dict[str, Conflict] = {}
        self.stuck: set[str] = set()
        """Dependents that cannot move."""
        self.free: set[str] = set()
        """Names whose constraints are dropped."""
        self.loosened = 0
        self.fallback: Resolution | None = None

    def resolve(self) -> Resolution:
        """Run pip until it finds a consistent set.

        Raises:
            ResolutionError: no consistent set exists.
            PipError: pip failed.
        """
        why = ""
        for number in range(_ROUNDS):
            if number:
                self.pip.say(f"Resolving again (round {number + 1}): {why}")
            constraints = self._constraints()
            stage = Stage(self.scratch / f"stage{number}", self.pip.host, self.layers)
            wanted = (*self.request.requirements, *map(Requirement, self.moved))
            words = self._words(replace(self.request, requirements=wanted))
            outcome = self.pip.install(stage, words, constraints, self.source_dir, again=number > 0)
            if outcome.ok:
                found = self._judge(stage)
                if not found.unwanted and not found.refused:
                    return replace(found, held_back=self._held_back(found, constraints))
                if self.fallback is None or found.faults < self.fallback.faults:
                    self.fallback = found
                if not (why := self._join(found)):
                    break
            elif not (why := self._loosen(outcome, constraints) or self._leave_behind(outcome)):
                if self.fallback is None or not outcome.impossible:
                    asked = [*map(text_of, self.request.requirements)]
                    raise outcome.error(asked, self.pip.host.name, self.fork)
                break
        assert self.fallback is not None
        if self.allow_conflicts:
            return self.fallback
        hint = None
        if "no-deps" in configuration.options(self.pip.host.prefix):
            hint = "unset PIP_NO_DEPS, or take no-deps out of pip's configuration: pip config list"
        raise ResolutionError(
            "No consistent set of distributions exists, so nothing was installed:",
            self.fallback.unwanted,
            hint,
            self.fallback.refused,
        )

    def _words(self, request: Request) -> tuple[str, ...]:
        """The words for pip, which may name a requirements file."""
        if not request.lines:
            return request.words
        file = self.scratch / "requirements.txt"
        file.write_text("".join(f"{line}\n" for line in request.lines), encoding="utf-8")
        return ("--requirement", str(file), *request.words)

    def _constraints(self) -> list[Requirement]:
        going = {*self.named, *self.moved}
        found = dependencies.constraints(self.before, self.pip.host.markers, going, self.asked)
        kept = (pin.constraint(self.before[key]) for key, pin in self.pins.items())
        every = {str(one): one for one in (*found, *kept)}
        return [every[s] for s in sorted(every) if key_of(every[s]) not in self.free]

    def _new_conflicts(self, before: View, after: View) -> tuple[Conflict, ...]:
        host = self.pip.host
        return dependencies.new_conflicts(
            before, after, host.markers, host.site_packages, self.typed
        )

    def _with(self, staged: Site) -> View:
        """The distributions in effect once those of a stage are installed."""
        return dependencies.effective(*self.front, staged, *self.rest)

    def _judge(self, stage: Stage) -> Resolution:
        metadata = read_metadata(stage.site)
        staged = by_name(metadata)
        after = self._with(staged)
        broken = self._new_conflicts(self.before, after)
        implied = set(staged) if self.request.options.has("--no-deps") else set()
        unwanted = tuple(c for c in broken if canonicalize_name(c.name) not in implied)
        given_up = dict(self._given_up(after, staged))
        refused = tuple(
            f"{self.pins[key].text} was requested, but {why}"
            for key, why in given_up.items()
            if self.pins[key].held and key not in self.moved
        )
        found = Resolution(stage, metadata, dict(self.moved), broken, unwanted)
        return replace(found, given_up=given_up, refused=refused)

    def _given_up(self, after: View, staged: Site) -> Iterator[tuple[str, str]]:
        """The names of the pins that do not fit, each with the reason."""
        for key in self.pins.keys() & staged.keys():
            pin, now = self.pins[key], staged[key][0]
            if pin.is_kept_by(now):
                continue
            if key not in self.moved and (now.path / "REQUESTED").exists():
                continue  # requested by a path or a URL
            conflicts = self._new_conflicts(after, {**after, key: pin.there})
            why = few([conflict.reason for conflict in conflicts])
            other = "another build of " if now.version == pin.there.version else ""
            yield key, why or f"the request needs {other}{now.name} {now.version}"

    def _join(self, found: Resolution) -> str:
        """Request the dependents that break as well, and say why; empty if none is left."""
        known = {*self.named, *self.stuck, *found.staged}
        joining = dependencies.joining(found.unwanted, known)
        if not joining or self.request.options.has("--no-deps"):
            return ""
        self.moved.update(joining)
        needs = [f"{c.name} needs {c.requirement}" for _, c in sorted(joining.items())]
        return "; ".join([*needs[:_SHOWN], *(["and others"] if len(needs) > _SHOWN else [])])

    def _loosen(self, outcome: PipRun, constraints: Sequence[Requirement]) -> str:
        """Drop the constraints that pip blames, and say why; empty if it does not blame any."""
        held = names_of(constraints)
        blamed = held & outcome.blamed
        theirs = (outcome.unknown and not blamed) or (outcome.explanation and not outcome.blamed)
        if not outcome.impossible or not held or theirs:
            return ""
        self.loosened += 1
        one_by_one = bool(blamed) and self.loosened < _LOOSENED
        self.free |= blamed if one_by_one else held
        if not one_by_one:
            return "with any version of what is installed"
        who = ", ".join(sorted(outcome.requiring - blamed)) or "the request"
        return f"{who} needs another {', '.join(sorted(blamed))}"

    def _leave_behind(self, outcome: PipRun) -> str:
        """Stop requesting the dependents that cannot change, if others perhaps can; say why."""
        stuck = outcome.blamed & set(self.moved)
        if not outcome.impossible or not stuck or stuck == set(self.moved):
            return ""
        self.stuck |= stuck
        for key in stuck:
            del self.moved[key]
        return f"no other version of {', '.join(sorted(stuck))} fits"

    def _held_back(self, found: Resolution, constraints: Sequence[Requirement]) -> tuple[str, ...]:
        """Say why each requested upgrade does not reach the newest version."""
        options = self.request.options
        own = options.values("--constraint")
        if not options.has("--upgrade") or options.missing("--constraint"):
            return ()
        after = dependencies.effective(found.staged, *self.rest, *self.front)
        configured = configuration.constrained(self.pip.host.prefix)
        configured |= configuration.limited(own)  # the user's own need no explanation
        known = self.named & names_of(constraints)
        if len(self.named) <= _SHOWN:  # the index is asked for each
            known |= {key for key in self.named if any(self._limits(key))}
        keys = sorted((known & after.keys()) - configured)
        return tuple(filter(None, (self._holders(key, after, found.stage) for key in keys)))

    def _limits(self, key: str) -> Iterator[str]:
        """The requests that may hold another distribution back."""
        if self.request.options.has("--constraint"):
            yield "what -c names"
        yield from (pin.text for pin in self.pins.values())
        for one in self.typed[1][len(self.asked) :]:
            if key_of(one) != key and any(s.operator in PINS for s in one.specifier):
                yield text_of(one)

    def _holders(self, key: str, after: View, stage: Stage) -> str | None:
        newest, now = self.pip.newest(stage, key, self.request.options), after[key]
        if newest is None or not dependencies.is_newer(newest, now.version):
            return None
        # Treat the user's request like a distribution that requires it.
        requires = tuple(map(text_of, self.request.requirements))
        user = Distribution("", "", "", requires, stage.root)
        after = {**after, "": user}
        holders = self._new_conflicts(after, {**after, key: replace(now, version=newest)})
        names = sorted({conflict.name for conflict in holders})
        limits = [*self._limits(key)]
        if not names and limits:  # only the index knows what the newest one requires
            why = f"{now.name} {newest} is held back, perhaps by {few(limits)} or what is there"
            if self.request.options.has("--constraint"):
                return why  # the command would be without these
            return f"{why}; conda overlay install '{now.name}>={newest}' says why"
        if not all(names) or not names:
            return None
        who = ", ".join(conflict.reason for conflict in holders)
        return (
            f"{now.name} {newest} is held back: {who}; "
            f"conda overlay install '{now.name}>={newest}', which needs another {few(names)}"
        )
