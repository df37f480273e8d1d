"""Lists all overlays in the overlay directories, for ``conda overlay list``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from conda_overlay.activation import locate
from conda_overlay.activation.settings import Settings
from conda_overlay.core.errors import StateError
from conda_overlay.filesystem.tree import size
from conda_overlay.layer.stack import everywhere
from conda_overlay.layer.store import Store

HOST_IS_GONE, LINK_IS_GONE = "host is gone", "its link is gone"


@dataclass(frozen=True)
class ListedOverlay:
    """An overlay in one of the overlay directories."""

    overlay: str
    host: str | None
    """The real prefix of its environment, if that is known."""
    revision: int | None
    size: int
    """In bytes."""
    state: str
    """``ok``, ``by hand``, ``host is gone``, or another problem."""


@dataclass(frozen=True)
class Overlays:
    """All overlays."""

    overlays: tuple[ListedOverlay, ...]


def overlays(settings: Settings) -> Overlays:
    """List all overlays in the overlay directories."""
    return Overlays(tuple(_listed(settings)))


def _listed(settings: Settings) -> Iterator[ListedOverlay]:
    for path, reason in everywhere(settings):
        if reason:
            yield ListedOverlay(str(path), None, None, 0, f"not used: {reason}")
            continue
        store = Store(path)
        if not store.exists and not store.managed:
            continue
        host = locate.recorded_host(str(path))
        number, condition = None, "ok" if store.managed else "by hand"
        try:
            number = store.current()
        except StateError as error:
            condition = error.message
        if host is not None and not os.path.isdir(os.path.join(host, "conda-meta")):
            condition = HOST_IS_GONE
        elif not store.exists:
            condition = "its current revision is gone"
        yield ListedOverlay(str(path), host, number, size(store.real), condition)
    for directory in locate.expand(settings.overlay_dirs, os.environ):
        for state in sorted(Path(directory).glob(".*")):
            store = Store(state.with_name(state.name[1:]))
            if is_lost(store):
                host = locate.recorded_host(str(store.overlay))
                yield ListedOverlay(str(store.overlay), host, None, size(state), LINK_IS_GONE)


def is_lost(store: Store) -> bool:
    """Whether somebody has removed the link to an overlay, whose revisions are there."""
    return not os.path.lexists(store.overlay) and any(map(store.tree, store.numbers()))
