"""Finds modules of a new distribution that hide those of another one below the overlay."""

from __future__ import annotations

import glob
import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from conda_overlay.core.models import Distribution
from conda_overlay.distributions.record import owned_files
from conda_overlay.distributions.site import Site, modules
from conda_overlay.layer.stack import Stack
from conda_overlay.layer.state import State


def hidden_modules(stack: Stack, after: State, keys: Iterable[str]) -> Iterator[str]:
    """Say which modules of other distributions are not in effect any more.

    Only a distribution that may be hidden is read.

    Args:
        stack: the layers over the host.
        after: the state of a draft.
        keys: the normalized names of distributions in it that the layers below and the host lack.
    """
    sites = [(site, "a layer below") for site in stack.below]
    for key in keys:
        mine = after.site[key][0]
        paths = (path for path in after.owned[key] if path.startswith(mine.below))
        names = {path.removeprefix(mine.below) for path in paths}
        for module in sorted(filter(lambda name: _is_regular(name, names), modules(names))):
            for site, where in [*sites, (stack.host.site_packages, "host")]:
                if _has(site, module):
                    below = stack.host.distributions if where == "host" else stack.read_site(site)
                    owner = _owner(below, module)
                    whose = f" of {owner.name} {owner.version}" if owner else ""
                    yield f"{mine.name} {mine.version} hides the module {module}{whose} ({where})"
                    break


def _is_regular(module: str, names: Collection[str]) -> bool:
    """Whether a module is a file or a package, and not a part of a namespace."""
    return f"{module}/__init__.py" in names or any(
        name.startswith(f"{module}.") and "/" not in name for name in names
    )


def _has(site: Path, module: str) -> bool:
    """Whether a site-packages has a module, or a part of a namespace, of this name."""
    return os.path.isdir(site / module) or any(site.glob(f"{glob.escape(module)}.*"))


def _owner(site: Site, module: str) -> Distribution | None:
    """The distribution that a module belongs to."""
    for found in (one for several in site.values() for one in several):
        starts = (f"{found.below}{module}/", f"{found.below}{module}.")
        if any(path.startswith(starts) for path in owned_files(found, found.prefix) or ()):
            return found
    return None
