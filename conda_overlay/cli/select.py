"""Which environment and overlay a command is about: by -n, by -p, or the active one."""

from __future__ import annotations

import os
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from conda.base.context import context

from conda_overlay.activation import locate, trust
from conda_overlay.activation.settings import observe
from conda_overlay.cli.render import progress
from conda_overlay.core.errors import (
    NoSuchEnvironmentError,
    NoSuchRevisionError,
    RefusedError,
    UsageError,
)

if TYPE_CHECKING:
    from conda_overlay.change.overlay import Overlay
    from conda_overlay.formats.document import Document
    from conda_overlay.layer.store import Store


def opened() -> Overlay:
    """The overlay of the environment that the command line names, or of the active one.

    Raises:
        UsageError: there is neither; conda would take base.
    """
    from conda_overlay.change.overlay import Overlay

    return Overlay.open(Path(named_prefix()), progress.Shown())


def named_prefix(*, active: bool = True) -> str:
    """The prefix that the command line names, or, where it may be that, the active one.

    Raises:
        UsageError: there is neither; conda would take base.
    """
    if not context.prefix_specified and not (active and context.active_prefix):
        hint = "name one with -n ENV, or conda activate ENV first" if active else "-n NEW"
        raise UsageError("No environment is active." if active else "The fork has no name.", hint)
    return str(context.target_prefix)


def store_of(arguments: Namespace) -> Store:
    """The overlay of the environment that is named, which itself may be gone, or by its path."""
    try:
        return opened().stack.store
    except NoSuchEnvironmentError:
        if store := _orphaned(arguments.prefix or arguments.name or ""):
            return store
        raise


def document_of(source: str) -> Document:
    """What is to be carried: of an environment, or of an overlay whose environment is gone."""
    from conda_overlay.change.overlay import Overlay
    from conda_overlay.formats.document import describe

    try:
        return Overlay.open(source).document()
    except NoSuchEnvironmentError:
        store = _orphaned(source)
        if store is None:
            raise
    number = store.current()
    if number is None:
        raise NoSuchRevisionError(str(store.overlay), None, [])
    revision = store.revision(number)
    return describe(store.overlay.name, revision.host, revision.distributions)


def _orphaned(name: str) -> Store | None:
    """The overlay at a path, or of that name, or whose host was at a path."""
    from conda_overlay.layer.stack import everywhere
    from conda_overlay.layer.store import Store

    settings = observe()
    path = os.path.abspath(os.path.expanduser(name)) if "/" in name else ""
    owners = trust.trusted_owners(settings.overlay_trusted_owners)
    if path and os.path.lexists(path) and (reason := locate.refusal(path, owners)):
        raise RefusedError(path, reason)
    if path and locate.recorded_host(path):
        return Store(Path(path))
    for place, reason in everywhere(settings):
        host = None if reason else locate.recorded_host(str(place))
        if host is not None and (host == path if path else place.name == name):
            return Store(place)
    return None
