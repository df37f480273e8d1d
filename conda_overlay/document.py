"""An overlay as a file holds it: what was asked for, and every distribution exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from conda_overlay.distributions import Site
from conda_overlay.models import Entry


@dataclass(frozen=True)
class Wanted:
    """What was asked for."""

    requirement: str
    """As typed; of an editable its directory or the URL of its repository."""
    name: str = ""
    """Of the distribution, where the requirement does not tell it."""
    editable: bool = False
    options: tuple[str, ...] = ()
    reason: str | None = None
    intent: str = "fix"
    until: str | None = None

    @property
    def key(self) -> str:
        """The normalized name.

        Raises:
            ValueError: nothing tells the name.
        """
        return canonicalize_name(self.name or Requirement(self.requirement).name)


@dataclass(frozen=True)
class Locked:
    """One distribution, exactly."""

    name: str
    version: str
    url: str | None = None
    """Of its file, or ``git+...@commit``."""
    sha256: str | None = None
    editable: str | None = None
    requested: bool = False
    conda: str | None = None
    """The host's conda package of that name."""

    @property
    def key(self) -> str:
        """The normalized name."""
        return canonicalize_name(self.name)


@dataclass(frozen=True)
class Document:
    """An overlay, as a file holds it."""

    host: str
    """The name of the environment."""
    python: str
    """Its Python, X.Y.Z."""
    fingerprint: str
    """sha256 of what was installed in it."""
    wanted: tuple[Wanted, ...]
    locked: tuple[Locked, ...]


def describe(
    name: str, fingerprint: Mapping[str, Any], entries: Mapping[str, Entry], site: Site
) -> Document:
    """Describe an overlay.

    Args:
        name: of the host.
        fingerprint: the host's.
        entries: what the history knows of the overlay's distributions.
        site: what is installed in it; empty when it is in the site-packages of another Python.
    """
    known = dict(entries)
    for key, (found, *_) in site.items():
        if key not in known or known[key].version != found.version:  # done by hand
            known[key] = Entry(found.version, "", "", None, True, editable=found.editable)
    conda = {canonicalize_name(n): n for n in _packages(fingerprint)}
    wanted, locked = [], []
    for key, entry in sorted(known.items()):
        if site and key not in site:
            continue  # taken away by hand
        spelled = site[key][0].name if key in site else key
        locked.append(
            Locked(
                name=spelled,
                version=entry.version,
                url=entry.url,
                sha256=entry.sha256,
                editable=entry.editable,
                requested=entry.requested,
                conda=conda.get(canonicalize_name(key)),
            )
        )
        if entry.requested:
            wanted.append(
                Wanted(
                    requirement=entry.requirement
                    or entry.editable
                    or f"{spelled}=={entry.version}",
                    name=spelled,
                    editable=entry.editable is not None,
                    options=entry.options,
                    reason=entry.reason,
                    intent=entry.intent,
                    until=entry.until,
                )
            )
    return Document(
        name, fingerprint["python"], fingerprint["sha256"], tuple(wanted), tuple(locked)
    )


def _packages(fingerprint: Mapping[str, Any]) -> list[str]:
    """The names of conda packages, which are recorded as ``name-version-build``."""
    return [str(package).rsplit("-", 2)[0] for package in fingerprint["packages"]]
