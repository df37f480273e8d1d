"""The user's own site-packages, below ``~/.local``, which every environment of that Python sees."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from conda_overlay.distributions.dependencies import View
from conda_overlay.distributions.site import read_site
from conda_overlay.host.host import Host

_ASK = "import site; print(site.getusersitepackages())"


@dataclass(frozen=True)
class UserDistribution:
    """A distribution of the user site that meets one of the host or of an overlay."""

    name: str
    version: str
    host_version: str | None  # that it hides
    overlay_version: str | None  # that hides it


def directory(host: Host, environ: Mapping[str, str] = os.environ) -> Path | None:
    """Where it is for the host's Python; None if that does not look there."""
    if environ.get("PYTHONNOUSERSITE"):
        return None
    place = Path(host.run(["-I", "-S", "-c", _ASK]).stdout.strip() or os.devnull)
    return place if place.is_dir() else None


def in_effect(host: Host, overlays: View, environ: Mapping[str, str]) -> list[UserDistribution]:
    """What of it hides a distribution of the host, or is hidden by one of an overlay.

    Args:
        host: whose Python looks there.
        overlays: the distributions of its overlays in effect.
        environ: the variables of that Python.
    """
    place = directory(host, environ)
    found = []
    for key, (mine, *_) in sorted(read_site(place).items()) if place else ():
        of_host, over = host.distributions.get(key), overlays.get(key)
        versions = of_host[0].version if of_host else None, over.version if over else None
        if any(versions):
            found.append(UserDistribution(mine.name, mine.version, *versions))
    return found
