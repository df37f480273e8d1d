"""Lists every distribution in effect, for ``conda overlay status --merged``."""

from __future__ import annotations

from dataclasses import dataclass

from conda_overlay.distributions.site import read_site
from conda_overlay.host import user_site
from conda_overlay.layer.stack import Stack
from conda_overlay.report import shell


@dataclass(frozen=True)
class PlacedVersion:
    """A version, and the overlay or the site-packages directory that has it."""

    version: str
    place: str


@dataclass(frozen=True)
class MergedDistribution:
    """A distribution in effect."""

    name: str
    version: str
    place: str
    """The overlay or the site-packages directory that has it."""
    hides: tuple[PlacedVersion, ...]
    """Its other copies, in order of precedence."""


def merged(stack: Stack) -> list[MergedDistribution]:
    """List every distribution in effect for the interpreter of an activated host."""
    host = stack.host
    sites = [*zip(map(str, stack.layers), stack.read_layers(), strict=True)]
    environ = shell.wired_environ(host, stack.settings)
    if mine := user_site.user_site_directory(host, environ):
        sites.append((str(mine), read_site(mine)))
    sites.append((str(host.site_packages), host.distributions))
    names: dict[str, str] = {}
    copies: dict[str, list[PlacedVersion]] = {}
    for place, site in sites:
        for key, (found, *_) in site.items():
            names.setdefault(key, found.name)
            copies.setdefault(key, []).append(PlacedVersion(found.version, place))
    return [
        MergedDistribution(names[key], first.version, first.place, tuple(others))
        for key, (first, *others) in sorted(copies.items())
    ]
