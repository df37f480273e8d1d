"""The values that modules exchange: frozen dataclasses with almost no behaviour."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from conda_overlay.core.pip_options import NONE, Options
from conda_overlay.core.request import as_requirement, is_direct, named_as
from conda_overlay.core.text import named

INTENTS = ("fix", "hold", "dev")
"""How long a distribution stays.

``fix``: until the host has it; ``hold``: also after that, because the host's version is the
problem; ``dev``: forever.
"""


COPIED, EDITED, UNEDITED = "copied for editing", "edited", "no edits are left"
"""How the reasons begin of changes that copy or edit a distribution, or take its edits back."""

LEFT = "its metadata is gone"
"""How the reason begins for which a distribution is none any more, although files of it stay."""


@dataclass(frozen=True)
class Distribution:
    """An installed distribution, as its metadata describes it."""

    name: str
    key: str  # the normalized name (PEP 503), by which distributions are compared
    version: str
    requires: tuple[str, ...]  # Requires-Dist, with markers
    path: Path  # its .dist-info or .egg-info
    editable: str | None = None  # the source directory of an editable install (PEP 610)
    direct_url: str | None = None  # PEP 610, without credentials: URL, or git+URL@COMMIT

    @property
    def site(self) -> Path:
        """The site-packages directory that contains it."""
        return self.path.parent

    @property
    def prefix(self) -> Path:
        """The environment, or the tree of an overlay, that contains it."""
        return self.path.parents[3]

    @property
    def below(self) -> str:
        """Its site-packages, relative to the prefix, with a trailing slash."""
        return f"{self.site.relative_to(self.prefix)}/"


@dataclass(frozen=True)
class HistoryEntry:
    """The record of a distribution in the history, or in an exported file."""

    version: str  # empty in a file that does not give it
    name: str = ""  # as in its metadata
    since: str = field(default="", compare=False)  # time of installation (ISO 8601, UTC)
    by: str = field(default="", compare=False)
    reason: str | None = None
    requested: bool = False
    requirement: str | None = None  # to repeat the request; None for dependencies
    options: Options = NONE  # pip's, for sources and builds, without credentials
    url: str | None = None  # of its file, without credentials, or git+URL@COMMIT
    sha256: str | None = None
    editable: str | None = None
    intent: str = "fix"
    until: str | None = None  # the date (ISO 8601) after which it is overdue
    patch: str | None = None  # its edits; None: it is no copy for editing, and nothing is edited
    copied: bool = False  # whether it was copied from a layer below or from the host

    @property
    def is_direct(self) -> bool:
        """Whether a path or a URL was requested, and not a version from an index."""
        return bool(self.editable) or is_direct(self.requirement)

    @property
    def is_edited_copy(self) -> bool:
        """Whether it is a copy with edits: no other file than an overlay's can give it."""
        return self.copied and bool(self.patch)


def requirements_of(entries: Iterable[HistoryEntry]) -> list[Requirement]:
    """The requirements that were requested, those of paths and URLs by their names and extras."""
    found = []
    for text, name in ((e.requirement, e.name) for e in entries if e.requirement):
        one = as_requirement(text) or as_requirement(named_as(name, text))
        found += [one] if one else []
    return found


@dataclass(frozen=True)
class Change:
    """The differences in one distribution between two states of an overlay."""

    name: str
    kind: str  # the overlay's against the host's: add, upgrade, downgrade, replace, or remove
    host_version: str | None
    before: str | None  # the overlay's own version until now
    after: str | None  # the overlay's own version from now on
    differs: tuple[str, ...]  # version, or origin, content, and fields of HistoryEntry
    why: str
    requested: bool = False  # this, and the rest: from now on, as in `HistoryEntry`
    requirement: str | None = None
    editable: str | None = None
    url: str | None = None
    sha256: str | None = None
    intent: str | None = None
    until: str | None = None
    reason: str | None = None
    hides: str | None = None  # where the host's version is: ``host``, or the path of another layer
    was: Mapping[str, str | None] = field(default_factory=dict)
    """The recorded texts that differ, such as the reason, as they were before."""

    @property
    def key(self) -> str:
        """The normalized name."""
        return canonicalize_name(self.name)

    @property
    def visible(self) -> str | None:
        """The version in effect afterwards."""
        return self.after or self.host_version

    @property
    def files_differ(self) -> bool:
        """Whether files change, and not only the history."""
        return bool({"version", "origin", "content"} & {*self.differs})


@dataclass(frozen=True)
class Conflict:
    """A requirement of a distribution that is not satisfied."""

    name: str
    version: str
    origin: str  # of the distribution: "host" or "overlay"
    requirement: str
    found: str | None  # the version in effect, if any
    found_origin: str | None = None

    def __str__(self) -> str:
        there = "it is not installed"
        if self.found:
            there = f"{self.found} ({named(self.found_origin)}) would be in effect"
        origin = f"{self.name} {self.version} ({named(self.origin)})"
        return f"{origin} requires {self.requirement}, but {there}"

    @property
    def reason(self) -> str:
        """The requirement, as the reason of a change that satisfies it."""
        return f"{self.name} {self.version} requires {self.requirement}"

    @property
    def identity(self) -> tuple[str, str, str]:
        """The fields by which to recognize the same conflict before and after a change."""
        return self.name, self.version, self.requirement


@dataclass(frozen=True)
class FileChanges:
    """Files that differ between two trees, by their relative paths."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)

    def without(self, paths: Collection[str]) -> FileChanges:
        """The differences except for some paths."""
        kinds = (self.added, self.changed, self.removed)
        return FileChanges(*(tuple(p for p in kind if p not in paths) for kind in kinds))

    @property
    def all(self) -> tuple[str, ...]:
        """All paths, sorted."""
        return tuple(sorted((*self.added, *self.changed, *self.removed)))


@dataclass(frozen=True)
class Plan:
    """Everything that differs between two states: shown, printed as JSON, kept in the history."""

    host: str  # its prefix
    overlay: str
    changes: tuple[Change, ...] = ()
    files: FileChanges = FileChanges()  # files that belong to no distribution
    lost: tuple[str, ...] = ()  # files with edits by hand that would be lost
    conflicts: tuple[Conflict, ...] = ()  # new ones
    resolved: tuple[Conflict, ...] = ()
    accepts_host: bool = False  # whether the changed host is recorded as it is now
    notes: tuple[str, ...] = ()  # for the user

    def __bool__(self) -> bool:
        return bool(self.changes or self.files or self.accepts_host)


@dataclass(frozen=True)
class Program:
    """A running process."""

    pid: int
    command: str
    started: str  # ISO 8601, UTC


@dataclass(frozen=True)
class Result:
    """The outcome of a change, or of its dry run."""

    plan: Plan
    revision: int | None  # the new revision, if something was committed
    dry_run: bool = False
    running: tuple[Program, ...] = ()  # the user's programs that still use the old files


@dataclass(frozen=True)
class Revision:
    """The record of one immutable, numbered state of an overlay."""

    number: int
    time: str  # ISO 8601, UTC
    user: str
    hostname: str
    command: tuple[str, ...]
    reason: str | None
    host: Mapping[str, Any]  # the host's fingerprint at that time
    plan: Plan
    distributions: Mapping[str, HistoryEntry] = field(default_factory=dict)  # by normalized name
    parent: int | None = None  # the revision that it was made from
    restores: int | None = None  # the revision whose state it restores; 0 is the host
    edits: FileChanges = FileChanges()  # edits by hand to the parent that are included here


@dataclass(frozen=True)
class Finding:
    """A fact about an overlay that its user should know."""

    kind: str  # such as "conflict", "drift" or "missing"
    text: str
    remedies: tuple[str, ...] = ()  # commands: what mends it, or the ways to choose from
