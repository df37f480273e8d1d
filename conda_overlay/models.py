"""The values that the parts of the house hand to one another: frozen, and free of behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Distribution:
    """An installed Python project at one version."""

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
class Request:
    """What a user asks ``install`` for."""

    arguments: tuple[str, ...]
    """Options of pip, then requirements, as the user wrote them."""
    requirements: tuple[str, ...] = ()
    """The requirements among the arguments."""
    allow_conflicts: bool = False
    reason: str | None = None
    command: tuple[str, ...] = ()
    """For the history; credentials taken out."""
    intent: str | None = None
    """As of `Entry`; chosen by what happens when None."""
    until: str | None = None

    def has(self, *options: str) -> bool:
        """Whether one of these flags of pip is given."""
        return any(option in self.arguments for option in options)


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
        what = (
            f"{self.found} ({self.found_origin}) would be in effect"
            if self.found
            else "it is not there"
        )
        return f"{self.name} {self.version} ({self.origin}) requires {self.requirement}, but {what}"

    def to_json(self) -> dict[str, Any]:
        """All fields, for JSON."""
        return asdict(self)

    @property
    def identity(self) -> tuple[str, str, str]:
        """What makes it the same conflict before and after a change."""
        return self.name, self.version, self.requirement


@dataclass(frozen=True)
class Change:
    """What an operation does to one distribution."""

    name: str
    key: str
    kind: str
    """``add``, ``upgrade``, ``downgrade``, ``replace`` (same version), ``remove``."""
    host_version: str | None
    """None when the host lacks it."""
    before: str | None
    """The overlay's own version until now."""
    after: str | None
    """The overlay's version from now on; None when the host's becomes visible again."""
    why: str
    requested: bool = False
    editable: str | None = None
    url: str | None = None
    """Where the file came from, without credentials; None when pip does not tell."""
    sha256: str | None = None

    @property
    def visible(self) -> str | None:
        """The version in effect afterwards."""
        return self.after or self.host_version

    def to_json(self) -> dict[str, Any]:
        """All fields but the normalized name, for JSON."""
        return {name: value for name, value in asdict(self).items() if name != "key"}


@dataclass(frozen=True)
class Plan:
    """What an operation will do: shown, printed as JSON, executed and kept in the history."""

    host: str
    """The prefix of the host."""
    overlay: str
    changes: tuple[Change, ...]
    conflicts: tuple[Conflict, ...] = ()
    """What will be broken that was not before: allowed by the user."""
    files: bool = False
    """Whether files change although no distribution does."""

    def to_json(self) -> dict[str, Any]:
        """The same object for ``--json`` and the history."""
        return {
            "host": self.host,
            "overlay": self.overlay,
            "changes": [change.to_json() for change in self.changes],
            "conflicts": [conflict.to_json() for conflict in self.conflicts],
        }


@dataclass(frozen=True)
class Log:
    """What the history keeps of a command."""

    command: tuple[str, ...] = ()
    """As typed; credentials taken out."""
    reason: str | None = None
    restores: int | None = None
    """The revision that an undo goes back to."""


@dataclass(frozen=True)
class Result:
    """What an operation did, or would do."""

    plan: Plan
    revision: int | None
    """The number of the new revision; None when nothing was committed."""


@dataclass(frozen=True)
class Entry:
    """What the history knows of one distribution of a revision."""

    version: str
    since: str
    """The time (ISO 8601, UTC) at which it came at this version."""
    by: str
    reason: str | None
    requested: bool
    requirement: str | None = None
    """What the user typed for it; None for what came along."""
    options: tuple[str, ...] = ()
    """pip's options of that command that say where from and how, without credentials."""
    url: str | None = None
    sha256: str | None = None
    editable: str | None = None
    intent: str = "fix"
    """``fix``: until the host has it; ``hold``: the host's is the fault; ``dev``: for ever."""
    until: str | None = None
    """A date (ISO 8601) after which it is overdue."""


@dataclass(frozen=True)
class Revision:
    """One immutable, numbered state of an overlay."""

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
    restores: int | None = None
    """The revision that this one goes back to."""
    edits: Mapping[str, Any] = field(default_factory=dict)
    """The files that were added, changed and removed by hand in the revision before."""


@dataclass(frozen=True)
class Cleaned:
    """What `Overlay.clean` dropped, or would drop."""

    revisions: tuple[int, ...] = ()
    """Those whose trees went."""
    bytes: int = 0
    """What no other revision shares."""
    inodes: int = 0

    def to_json(self) -> dict[str, Any]:
        """All fields, for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Finding:
    """Something about an overlay that its user should know."""

    kind: str
    """``conflict``, ``python``, ``drift``, ``by-hand``, ``missing``, ``untrusted``, ``state``."""
    text: str

    def to_json(self) -> dict[str, str]:
        """All fields, for JSON."""
        return asdict(self)
