"""Layers for everybody: whether others can read one, and trust its owner."""

from __future__ import annotations

import os
import shlex
from datetime import timedelta
from pathlib import Path

from conda_overlay.activation import trust
from conda_overlay.activation.settings import trusted_by_root
from conda_overlay.core.errors import OverlayDirError
from conda_overlay.filesystem.lock import account
from conda_overlay.host.host import owner_of

FOR_GROUPS = (
    "A layer for a group belongs to one account, which its members become by sudo. As root:",
    "  useradd --system --create-home --shell /usr/sbin/nologin ACCOUNT",
    "  install -d -o ACCOUNT -m 755 DIRECTORY",
    "  visudo, for the line: %GROUP ALL=(ACCOUNT) NOPASSWD: BASE/bin/conda",
    "  overlay_dirs and overlay_trusted_owners in /etc/conda/.condarc, as in docs/staff.md",
)
"""The way to a layer that a group shares."""

WEEK = timedelta(days=7)
"""How long the tree of a revision stays that was current: programs elsewhere run from it."""


def check_shared(directory: Path) -> None:
    """Refuse to write to a layer that others would not use.

    Args:
        directory: the overlay directory; it need not exist yet.

    Raises:
        OverlayDirError: not everybody trusts its owner, or others cannot read it.
    """
    owner = owner_of(directory) if directory.exists() else account()
    data = {"directories": [str(directory)], "owner": owner}
    if owner != "root" and owner not in trusted_by_root():
        sentence = f"Others would not use the layer {directory}: it belongs to {owner}, and no "
        sentence += "condarc that root owns names that account."
        hint = f"as root, add {owner} to overlay_trusted_owners in /etc/conda/.condarc"
        raise OverlayDirError(sentence, hint, FOR_GROUPS, **data)
    if place := closed(directory):
        sentence = f"Others cannot read the layer {directory}, because of {place}."
        raise OverlayDirError(sentence, _opened(place), **data)


def closed(directory: Path) -> Path | None:
    """The directory on the way to one that others cannot enter."""
    way = (place for place in (directory, *directory.resolve().parents) if place.exists())
    return next((place for place in way if not place.stat().st_mode & 0o001), None)


def fault_of_source(directory: Path, what: str, layer: Path) -> str | None:
    """Say why not everybody can run an editable of a layer, or should; None if there is nothing.

    Args:
        directory: the source.
        what: the distribution.
        layer: the overlay directory; it need not exist yet.
    """
    if place := closed(directory):
        return f"others cannot read the source of {what}: {_opened(place)}"
    owners = {0, layer.stat().st_uid if layer.exists() else os.geteuid()}
    if reason := trust.distrust(str(directory), (), owners):
        return f"everybody with the layer would run {what} from its source: {reason}"
    return None


def _opened(place: Path) -> str:
    return shlex.join(["chmod", "o+rx", str(place)])
