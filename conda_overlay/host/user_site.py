"""The user's own site-packages below ``~/.local``, which all environments with its Python use."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from conda_overlay.core.text import user_base
from conda_overlay.distributions.dependencies import View
from conda_overlay.distributions.site import Site, read_site
from conda_overlay.host.host import Host


@dataclass(frozen=True)
class UserDistribution:
    """A distribution of the user site; the host and an overlay may have it, too."""

    name: str
    version: str
    host_version: str | None  # hidden by it
    overlay_version: str | None  # hides it


def user_site_directory(host: Host, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The user site of the host's Python; None if it does not exist or is switched off."""
    place = Path(os.path.expanduser(user_base(environ))) / host.site_below_prefix
    return place if place.is_dir() and not environ.get("PYTHONNOUSERSITE") else None


def read_user_site(host: Host) -> Site:
    """The distributions in the user site that the host's Python sees."""
    place = user_site_directory(host)
    return read_site(place) if place else {}


def user_distributions(
    host: Host, overlays: View, environ: Mapping[str, str]
) -> list[UserDistribution]:
    """The distributions in the user site.

    Each hides that of the host, and is hidden by that of an overlay.

    Args:
        host: the environment whose Python reads the user site.
        overlays: the distributions in effect of its overlays.
        environ: the variables of that Python.
    """
    place = user_site_directory(host, environ)
    found = []
    for key, (mine, *_) in sorted(read_site(place).items()) if place else ():
        of_host, over = host.distributions.get(key), overlays.get(key)
        versions = of_host[0].version if of_host else None, over.version if over else None
        found.append(UserDistribution(mine.name, mine.version, *versions))
    return found
