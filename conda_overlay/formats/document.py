"""An overlay as exported to a file: the requested distributions, and the exact version of each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from packaging.utils import canonicalize_name

from conda_overlay.core.models import HistoryEntry
from conda_overlay.core.pip_options import PLACE, Options
from conda_overlay.core.request import as_requirement, named_as

PINS = ("==", "===", "<", "<=", "~=")
"""The operators of a version specifier that hold a distribution back."""


@dataclass(frozen=True)
class BaselineRef:
    """The table ``[baseline]``: the environment or the list of packages that a fork is based on."""

    env: str | None = None
    """Its name or prefix."""
    spec: str | None = None
    """The path or URL of an explicit list, as written by ``conda list --explicit``."""


@dataclass(frozen=True)
class ForkSpec:
    """The table ``[fork]``: the conda packages in which a fork differs from its baseline."""

    drop: tuple[str, ...] = ()
    """The names of packages to leave out."""
    conda: tuple[str, ...] = ()
    """The specs of packages to add."""
    channels: tuple[str, ...] = ()
    """The channels for these; empty for the user's configured channels."""


@dataclass(frozen=True)
class Document:
    """An overlay or a fork, in a form that can be reproduced elsewhere."""

    host: str
    """The name of the environment."""
    python: str
    """Its Python version, X.Y.Z."""
    fingerprint: str
    """SHA-256 of the list of installed packages."""
    entries: Mapping[str, HistoryEntry]
    """By normalized name; the version is empty if the file does not lock it."""
    conda: Mapping[str, str] = field(default_factory=dict)
    """The name of the corresponding conda package in the host, by normalized name."""
    baseline: BaselineRef = BaselineRef()
    fork: ForkSpec = ForkSpec()
    own: tuple[str, ...] = ()
    """The user's own files, which no distribution has, and which no file can contain."""
    is_part: bool = False
    """Whether these are some distributions of an overlay, to be added to another one."""

    def part(self, names: Sequence[str]) -> Document:
        """Only some distributions, as requests.

        Raises:
            KeyError: there is no such distribution.
        """
        found = {}
        for key in map(canonicalize_name, names):
            entry = self.entries[key]
            pin = entry.requirement or f"{entry.name or key}=={entry.version}"
            found[str(key)] = replace(entry, requested=True, requirement=pin)
        return replace(self, entries=dict(sorted(found.items())), own=(), is_part=True)

    def over(self, behind: Document) -> Document:
        """This overlay with what another one behind it has: all that is in effect of both.

        A copy whose original is behind is that original, with the edits of both.
        """
        found = dict(behind.entries)
        for key, entry in self.entries.items():
            named = named_as(entry.name or key, entry.requirement)
            hidden, pin = behind.entries.get(key), f"{named}=={entry.version}"
            if hidden and entry.copied and hidden.version == entry.version:
                text = hidden.requirement if hidden.is_direct else pin
                edits, why = f"{hidden.patch or ''}{entry.patch or ''}", entry.reason
                entry = replace(hidden, requested=True, requirement=text, patch=edits, reason=why)
            elif hidden and hidden.requested and not entry.requested:
                entry = replace(entry, requested=True, requirement=pin)
            found[key] = entry
        conda, own = {**behind.conda, **self.conda}, dict.fromkeys((*behind.own, *self.own))
        return replace(self, entries=dict(sorted(found.items())), conda=conda, own=(*own,))

    @property
    def requested(self) -> dict[str, HistoryEntry]:
        """The requested distributions; a plain lock file (PEP 751) does not record them."""
        return {k: e for k, e in self.entries.items() if e.requested and e.requirement}


def describe(
    name: str,
    fingerprint: Mapping[str, Any],
    entries: Mapping[str, HistoryEntry],
    own: Collection[str] = (),
) -> Document:
    """Describe the overlay of a host.

    Args:
        name: of the host.
        fingerprint: of the host.
        entries: its distributions, by normalized name.
        own: the user's own files, relative to the tree.
    """
    packages = (str(package).rsplit("-", 2)[0] for package in fingerprint["packages"])
    conda = {str(canonicalize_name(package)): package for package in packages}
    conda = {key: conda[key] for key in entries if key in conda}
    ordered = dict(sorted(entries.items()))
    mine = tuple(sorted(path.rpartition("/site-packages/")[2] for path in own))
    return Document(name, fingerprint["python"], fingerprint["sha256"], ordered, conda, own=mine)


def places(entries: Mapping[str, HistoryEntry]) -> Options:
    """The options of pip that say where the files of some distributions are, for one run of it.

    These are recorded ones, and local directories. An option that not all share must not keep pip
    from finding the files of the others.
    """
    asked = [entry.options for entry in entries.values() if entry.requested]
    found: dict[tuple[str, str | None], None] = {}
    for option in (one for options in asked for one in options.used(PLACE).given):
        name, value = option
        if name in ("--index-url", "--no-index") and not all(option in o.given for o in asked):
            option = ("--extra-index-url", value)
        if option != ("--extra-index-url", None):
            found[option] = None
    for url in (urlsplit(entry.url) for entry in entries.values() if entry.url):
        if url.scheme == "file":
            found["--find-links", f"file://{PurePosixPath(url.path).parent}"] = None
    return Options(tuple(found))


def typed_intent(entry: HistoryEntry) -> str | None:
    """The recorded intent of a request if a user typed it: if it differs from the default one."""
    default = default_intent(entry.requirement or entry.name, editable=bool(entry.editable))
    return entry.intent if entry.requested and entry.intent != default else None


def default_intent(requirement: str, *, editable: bool = False) -> str:
    """The default intent: ``dev`` for editables, ``hold`` for sources and pins, else ``fix``."""
    if editable:
        return "dev"
    wanted = as_requirement(requirement)
    if wanted is None or wanted.url or any(s.operator in PINS for s in wanted.specifier):
        return "hold"
    return "fix"
