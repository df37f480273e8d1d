"""Lists every distribution in effect, for ``conda overlay status --merged``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from conda_overlay.core.text import user_base
from conda_overlay.distributions.site import Site, read_site
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


class Place(NamedTuple):
    """An overlay or a site-packages directory, and the distributions in it."""

    name: str
    """A short one; the path if several overlays have none."""
    path: str
    site: Site


def places(stack: Stack) -> list[Place]:
    """The places of the distributions in an activated host, in order of precedence."""
    host, layers = stack.host, stack.layers
    labels = [stack.label_of(layer) for layer in layers]
    own = "overlay" if labels.count(None) == 1 else ""
    found = [
        Place(label or own or str(layer), str(layer), site)
        for label, layer, site in zip(labels, layers, stack.read_layers(), strict=True)
    ]
    environ = shell.wired_environ(host, stack.settings)
    if mine := user_site.user_site_directory(host, environ):
        found.append(Place(user_base(environ), str(mine), read_site(mine)))
    return [*found, Place("environment", str(host.site_packages), host.distributions)]


def merged(sites: Sequence[Place]) -> list[MergedDistribution]:
    """List every distribution in effect, given all places."""
    names: dict[str, str] = {}
    copies: dict[str, list[PlacedVersion]] = {}
    for _, place, site in sites:
        for key, (found, *_) in site.items():
            names.setdefault(key, found.name)
            copies.setdefault(key, []).append(PlacedVersion(found.version, place))
    return [
        MergedDistribution(names[key], first.version, first.place, tuple(others))
        for key, (first, *others) in sorted(copies.items())
    ]
