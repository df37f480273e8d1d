"""Compares the wiring of the calling shell with what it should be."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from conda_overlay.activation import engine, wiring
from conda_overlay.host import Host
from conda_overlay.settings import Settings


@dataclass(frozen=True)
class Wired:
    """The wiring of this shell for one host."""

    state: str
    """``on``, ``off`` or ``stale``."""
    detail: str

    def to_json(self) -> dict[str, Any]:
        """All fields, for JSON."""
        return {"state": self.state, "detail": self.detail}


def wired(host: Host, settings: Settings) -> Wired:
    """Ask the engine what it would change in this shell."""
    environ = os.environ
    if wiring.disabled(environ):
        return Wired("off", f"{wiring.DISABLE} is set")
    real = str(host.real)
    active = [os.path.realpath(p) for p in wiring.active_prefixes(environ)]
    if real not in active:
        return Wired("off", f"conda activate {host.name} switches it on")
    layers = wiring.State.decode(environ.get(wiring.STATE)).layers
    mine = [layer for layer in layers if os.path.realpath(layer.prefix) == real]
    outcome = engine.run(environ, settings.overlay_dirs, settings.overlay_trusted_owners)
    should = [layer for layer in outcome.layers if os.path.realpath(layer.prefix) == real]
    if mine and mine == should and not outcome.diff:
        return Wired("on", "in this shell")
    if outcome.refused and not should:
        return Wired("off", "the overlay is not trusted")
    if not should and not mine:
        return Wired("off", "there is nothing to wire")
    if mine:
        return Wired("stale", f"conda activate {host.name} puts it right")
    return Wired("off", f"conda activate {host.name} switches it on")
