"""An overlay as a file holds it: what was asked for, and every distribution exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from conda_overlay.models import Entry


@dataclass(frozen=True)
class Document:
    """An overlay, to be repeated elsewhere."""

    host: str
    """The name of the environment."""
    python: str
    """Its Python, X.Y.Z."""
    fingerprint: str
    """sha256 of what was installed in it."""
    entries: Mapping[str, Entry]
    """By normalized name; without a version where the file locks none."""
    conda: Mapping[str, str] = field(default_factory=dict)
    """The host's conda package of that name, by normalized name."""

    @property
    def requested(self) -> dict[str, Entry]:
        """What was asked for, as the file says it; a lock alone (PEP 751) does not."""
        return {k: e for k, e in self.entries.items() if e.requested and e.requirement}


def describe(name: str, fingerprint: Mapping[str, Any], entries: Mapping[str, Entry]) -> Document:
    """Describe the overlay of a host: its distributions by normalized name."""
    packages = (str(package).rsplit("-", 2)[0] for package in fingerprint["packages"])
    conda = {str(canonicalize_name(package)): package for package in packages}
    conda = {key: conda[key] for key in entries if key in conda}
    ordered = dict(sorted(entries.items()))
    return Document(name, fingerprint["python"], fingerprint["sha256"], ordered, conda)


def default_intent(requirement: str, *, editable: bool = False) -> str:
    """What somebody means who says no more: a source, and a version that is pinned, are to stay."""
    if editable:
        return "dev"
    try:
        parsed = Requirement(requirement)
    except InvalidRequirement:
        return "hold"  # a path or a URL
    pins = any(s.operator in ("==", "===", "<", "<=", "~=") for s in parsed.specifier)
    return "hold" if pins or parsed.url else "fix"
