"""Selects the environment and overlay of a command: by -n, by -p, or the active one."""

from __future__ import annotations

import os
import shlex
import sys
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from conda.base.context import context

from conda_overlay.activation import locate, trust, wiring
from conda_overlay.activation.settings import observe
from conda_overlay.cli.render import progress
from conda_overlay.cli.render.output import tell
from conda_overlay.core.errors import (
    NoSuchEnvironmentError,
    NoSuchRevisionError,
    OverlayDirError,
    RefusedError,
    UsageError,
)

if TYPE_CHECKING:
    from conda_overlay.activation.moved import Relative
    from conda_overlay.change.overlay import Overlay
    from conda_overlay.formats.document import Document
    from conda_overlay.layer.store import Store


def opened(arguments: Namespace, prefix: Path | None = None) -> Overlay:
    """Open the overlay of the environment that the command line names, or of the active one.

    Args:
        arguments: the parsed command line, which may name a layer.
        prefix: that of another environment instead.

    Raises:
        UsageError: there is neither; conda would use base.
        OverlayDirError: there is no such layer.
    """
    from conda_overlay.change.overlay import Overlay

    overlay = Overlay.open(prefix or Path(named_prefix()), progress.Shown())
    layer = getattr(arguments, "layer", None)
    return Overlay(overlay.stack.from_layer(layer)) if layer else overlay


def check_named(*names: str, sentence: str = "Name a package.") -> None:
    """Refuse names that are empty, as of a variable that is not set.

    Raises:
        UsageError: one is.
    """
    if not all(map(str.strip, names)):
        raise UsageError(sentence, "conda overlay status")


def tell_refused(overlay: Overlay, environ: Mapping[str, str]) -> None:
    """Say which overlays are refused in an environ, unless the calling shell has been told."""
    from conda_overlay.activation import engine

    settings, told = overlay.stack.settings, os.environ.get(wiring.STATE, "")
    environ = {**environ, wiring.STATE: told}
    dirs, owners = settings.overlay_dirs, settings.overlay_trusted_owners
    for path, reason in engine.reconcile(environ, dirs, owners).news.items():
        tell(f"conda-overlay: {path} is not used: {reason}.")


def check_writable(overlay: Overlay) -> None:
    """Refuse to change a layer that the command line names and that the user cannot write to.

    Raises:
        OverlayDirError: the user cannot; who owns it can, by the command in the hint.
    """
    from conda_overlay.report.shell import command_of_owner

    layer, owner = overlay.stack.layer, overlay.stack.owner_of_layer()
    if layer is None or owner is None:
        return
    words = iter(sys.argv[2:])
    rest = []
    for word in words:
        name, equals, _ = word.partition("=")
        if name not in ("-n", "--name", "-p", "--prefix", "--layer"):
            rest.append(word)
        elif not equals:
            next(words, None)
    hint = command_of_owner(overlay.host, layer, owner, *rest)
    sentence = f"The layer {layer} belongs to {owner}, and you cannot write to it."
    raise OverlayDirError(sentence, hint, directories=[str(layer)])


def with_python_below(prefix: Path) -> Path | None:
    """The environment with Python on which an active one is stacked; None if there is none."""
    active = wiring.active_prefixes(os.environ)
    below = map(Path, active[1:] if str(prefix) in active[:1] else ())
    return next((path for path in below if (path / "bin" / "python").exists()), None)


def relative_of(overlay: Overlay) -> Relative | None:
    """The one overlay that may be meant for an environment without one, if there is any.

    Raises:
        UsageError: there are several.
    """
    found = overlay.stack.relatives()
    if len(found) > 1:
        prefix = str(overlay.host.prefix)
        lines = [one.sentence(prefix) for one in found]
        ways = [["conda", "overlay", "rebase", "-p", prefix, "--from", o.overlay] for o in found]
        sentence = f"Several overlays may be meant for {prefix}:"
        raise UsageError(sentence, " or ".join(map(shlex.join, ways[:2])), lines)
    return found[0] if found else None


def named_prefix(*, active: bool = True) -> str:
    """The prefix that the command line names, or, if `active` permits it, the active one.

    Raises:
        UsageError: there is neither; conda would use base.
    """
    if not context.prefix_specified and not (active and context.active_prefix):
        hint = "name one with -n ENV, or conda activate ENV first" if active else "-n NEW"
        raise UsageError(
            "No environment is active." if active else "Give the new environment a name.", hint
        )
    return str(context.target_prefix)


def store_of(arguments: Namespace) -> Store:
    """The store of an overlay, selected by its environment, which may be gone, or by its path."""
    try:
        return opened(arguments).stack.store
    except NoSuchEnvironmentError:
        if store := orphaned(arguments):
            return store
        raise


def orphaned(arguments: Namespace) -> Store | None:
    """The store of an overlay whose environment is gone, by its name or by a path."""
    return _orphaned(arguments.prefix or arguments.name or "")


def document(arguments: Namespace) -> Document:
    """The document of an overlay, selected as by `store_of`."""
    try:
        return opened(arguments).document()
    except NoSuchEnvironmentError:
        if store := orphaned(arguments):
            return _document_in(store)
        raise


def document_of(source: str) -> Document:
    """The document of an environment's overlay, or of an overlay whose environment is gone."""
    from conda_overlay.change.overlay import Overlay

    try:
        return Overlay.open(source).document()
    except NoSuchEnvironmentError:
        if store := _orphaned(source):
            return _document_in(store)
        raise


def _document_in(store: Store) -> Document:
    from conda_overlay.formats.document import describe
    from conda_overlay.layer.present import present

    number = store.current()
    if number is None:
        raise NoSuchRevisionError(str(store.overlay), None, [])
    host = store.revision(number).host
    return describe(store.overlay.name, host, *present(store, number))


def _orphaned(name: str) -> Store | None:
    """Find an overlay by its own path or name, or by the path of its host, which may be gone."""
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
