"""What lies behind an overlay besides its host: other layers, as recorded by its revisions."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from conda_overlay.core.errors import StateError
from conda_overlay.distributions.site import Site
from conda_overlay.host.conda_meta import moved
from conda_overlay.layer.store import Store

FIELD = "layers"
"""The key in the fingerprint of a host; the value has the facts of each layer by its path."""


def facts(layer: Path, site: Site) -> dict[str, Any]:
    """The revision of a layer, None if it has none, and the versions of its distributions."""
    number = None
    with suppress(StateError):
        number = Store(layer).current()
    versions = {key: found[0].version for key, found in sorted(site.items())}
    return {"revision": number, "distributions": versions}


def changes(fingerprint: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Describe the changes of layers since a revision recorded them.

    Args:
        fingerprint: as recorded; one of an older version has no layers, which are then unknown.
        now: the `facts` of the layers, by their paths.
    """
    before = fingerprint.get(FIELD)
    if not isinstance(before, Mapping) or before == now:
        return []
    found = []
    for path in sorted({*before, *now}):
        old, new = ({"distributions": {}, **side.get(path, {})} for side in (before, now))
        if old != new:
            versions = moved(old["distributions"], new["distributions"])
            found += [f"{one} ({path})" for one in versions or ["other content"]]
    return found
