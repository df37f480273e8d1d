"""The values that the parts of the house hand to one another: frozen, and free of behaviour."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

INTENTS = ("fix", "hold", "dev")
"""``fix``: until the host has it; ``hold``: the host's is at fault; ``dev``: permanently."""


@dataclass(frozen=True)
class Distribution:
    """What the files say of one installed project."""

    name: str
    """As its METADATA spells it."""
    key: str
    """The normalized name (PEP 503), by which distributions are compared."""
    version: str
    requires: tuple[str, ...]
    """``Requires-Dist``, markers included."""
    path: Path
    """Its ``.dist-info`` or ``.egg-info``."""
    editable: str | None = None
    """The directory of its source, when it is an editable install (PEP 610)."""
    direct_url: str | None = None
    """Where it came from when it did not come from an index (PEP 610), without credentials; of a
    repository ``git+URL@COMMIT``."""

    @property
    def site(self) -> Path:
        """The site-packages that holds it."""
        return self.path.parent


@dataclass(frozen=True)
class Entry:
    """What the history, or an exported file, knows of one distribution."""

    version: str
    """Empty in a file that does not say."""
    name: str = ""
    """As its METADATA spells it."""
    since: str = field(default="", compare=False)
    """The time (ISO 8601, UTC) at which it came at this version."""
    by: str = field(default="", compare=False)
    reason: str | None = None
    requested: bool = False
    requirement: str | None = None
    """What repeats the request; None for what came along."""
    options: tuple[str, ...] = ()
    """pip's options of that command that say where from and how, without credentials."""
    url: str | None = None
    """Of its file, without credentials, or ``git+URL@COMMIT``."""
    sha256: str | None = None
    editable: str | None = None
    intent: str = "fix"
    until: str | None = None
    """A date (ISO 8601) after which it is overdue."""


@dataclass(frozen=True)
class Change:
    """What differs in one distribution between two states of an overlay."""

    name: str
    key: str
    """The normalized name."""
    kind: str
    """What the overlay's distribution is to the host's: ``add``, ``upgrade``, ``downgrade``,
    ``replace`` (same version), ``remove``."""
    host_version: str | None
    """None when the host lacks it."""
    before: str | None
    """The overlay's own version until now."""
    after: str | None
    """The overlay's version from now on; None when the host's becomes visible again."""
    differs: tuple[str, ...]
    """``version``, or else what differs at the same version: ``origin``, ``content``, and the
    fields of `Entry` that a user decides."""
    why: str
    entry: Entry | None = None
    """What the history knows of it from now on."""

    @property
    def visible(self) -> str | None:
        """The version in effect afterwards."""
        return self.after or self.host_version

    @property
    def files_differ(self) -> bool:
        """Whether more changes than what the history knows of it."""
        return bool({"version", "origin", "content"} & {*self.differs})


@dataclass(frozen=True)
class Conflict:
    """A requirement of a distribution that another one, or its absence, breaks."""

    name: str
    version: str
    origin: str
    """``host`` or ``overlay``: where the distribution is that requires."""
    requirement: str
    found: str | None
    """The version that there is instead; None when there is none."""
    found_origin: str | None = None

    def __str__(self) -> str:
        what = f"{self.found} ({self.found_origin})" if self.found else "it is not installed"
        return f"{self.name} {self.version} ({self.origin}) requires {self.requirement}, but " + (
            f"{what} would be in effect" if self.found else what
        )

    @property
    def identity(self) -> tuple[str, str, str]:
        """What makes it the same conflict before and after a change."""
        return self.name, self.version, self.requirement


@dataclass(frozen=True)
class Differences:
    """Files, relative to the tree, that are not what they were."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)

    def without(self, paths: Collection[str]) -> Differences:
        """Those but for some."""
        kinds = (self.added, self.changed, self.removed)
        return Differences(*(tuple(p for p in kind if p not in paths) for kind in kinds))

    @property
    def all(self) -> tuple[str, ...]:
        """All of them, sorted."""
        return tuple(sorted((*self.added, *self.changed, *self.removed)))


@dataclass(frozen=True)
class Plan:
    """All that differs between two states: shown, printed as JSON, kept in the history."""

    host: str
    """The prefix of the host."""
    overlay: str
    changes: tuple[Change, ...] = ()
    files: Differences = Differences()
    """The files that belong to no distribution."""
    lost: tuple[str, ...] = ()
    """Files edited by hand whose edits would go."""
    conflicts: tuple[Conflict, ...] = ()
    """What breaks that was whole."""
    resolved: tuple[Conflict, ...] = ()
    """What was broken and is whole again."""
    accepts_host: bool = False
    """Whether the host, which has changed, is recorded as it is now."""
    notes: tuple[str, ...] = ()
    """What else a user should know."""

    def __bool__(self) -> bool:
        return bool(self.changes or self.files or self.accepts_host)

    def to_json(self) -> dict[str, Any]:
        """All of it, for ``--json`` and the history."""
        from conda_overlay.records import encode

        plan: dict[str, Any] = encode(self)
        for change in plan["changes"]:
            entry = change.pop("entry") or {}
            del change["key"]
            for name in ("requested", "requirement", "editable", "url", "sha256", "intent",
                         "until", "reason"):  # fmt: skip
                change[name] = entry.get(name, False if name == "requested" else None)
        return plan


@dataclass(frozen=True)
class Request:
    """What a user asks ``install`` for."""

    arguments: tuple[str, ...]
    """Options of pip, then requirements, as the user wrote them."""
    requirements: tuple[str, ...] = ()
    """The requirements among the arguments."""
    allow_conflicts: bool = False
    intent: str | None = None
    """As of `Entry`; chosen by what happens when None."""
    until: str | None = None

    def has(self, *options: str) -> bool:
        """Whether one of these flags of pip is given."""
        return any(option in self.arguments for option in options)


@dataclass(frozen=True)
class Log:
    """What the history keeps of a command."""

    command: tuple[str, ...] = ()
    """As typed; credentials taken out."""
    reason: str | None = None


@dataclass(frozen=True)
class Result:
    """What a command did, or would do."""

    plan: Plan
    revision: int | None
    """The number of the new revision; None when nothing was committed."""


@dataclass(frozen=True)
class Revision:
    """One immutable, numbered state of an overlay: its record."""

    number: int
    time: str
    """ISO 8601, UTC."""
    user: str
    hostname: str
    command: tuple[str, ...]
    reason: str | None
    host: Mapping[str, Any]
    """The host's fingerprint when the revision was made."""
    plan: Mapping[str, Any]
    distributions: Mapping[str, Entry] = field(default_factory=dict)
    """By normalized name."""
    parent: int | None = None
    """The revision that it was made of."""
    restores: int | None = None
    """The revision whose state this one brings back; 0: nothing overlaid."""
    edits: Differences = Differences()
    """What was done by hand to the revision before, and is in this one."""


@dataclass(frozen=True)
class Finding:
    """Something about an overlay that its user should know."""

    kind: str
    """``conflict``, ``python``, ``drift``, ``by-hand``, ``missing``, ``untrusted``, ``state``."""
    text: str
