"""Lists all overlays in the overlay directories, for ``conda overlay list``."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from conda_overlay.activation import locate, moved
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
    remedies: tuple[str, ...] = ()
    """Commands."""


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
        ways: tuple[str, ...] = ()
        try:
            number = store.current()
        except StateError as error:
            condition = error.message
        if host is not None and moved.is_gone(host):
            condition, ways = HOST_IS_GONE, tuple(ways_without_host(path, host))
        elif not store.exists:
            condition = "its current revision is gone"
        yield ListedOverlay(str(path), host, number, size(store.real), condition, ways)
    for directory in locate.expand(settings.overlay_dirs, os.environ):
        for state in sorted(Path(directory).glob(".*")):
            store = Store(state.with_name(state.name[1:]))
            if is_lost(store):
                host = locate.recorded_host(str(store.overlay))
                ways = (_command("repair", "-p", host),) if host else ()
                ways += (_command("delete", "-p", str(store.overlay)),)
                facts = str(store.overlay), host, None, size(state), LINK_IS_GONE, ways
                yield ListedOverlay(*facts)


def ways_without_host(overlay: Path, host: str) -> Iterator[str]:
    """The commands for an overlay whose environment is gone; other ones may be the same."""
    from conda.core.envs_manager import list_all_known_prefixes

    for prefix in list_all_known_prefixes():
        if moved.is_same(str(overlay), host, os.path.realpath(prefix)):
            yield _command("rebase", "-p", prefix, "--from", str(overlay))
    yield _command("delete", "-p", str(overlay))


def _command(*words: str) -> str:
    return shlex.join(["conda", "overlay", *words])


def is_lost(store: Store) -> bool:
    """Whether somebody has removed the link to an overlay, whose revisions are there."""
    return not os.path.lexists(store.overlay) and any(map(store.tree, store.numbers()))
