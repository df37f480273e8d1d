"""Layers for everybody: whether others can read one, and trust its owner."""

from __future__ import annotations

import shlex
from datetime import timedelta
from pathlib import Path

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
    for place in (directory, *directory.resolve().parents):
        if place.exists() and not place.stat().st_mode & 0o001:
            sentence = f"Others cannot read the layer {directory}, because of {place}."
            hint = shlex.join(["chmod", "o+rx", str(place)])
            raise OverlayDirError(sentence, hint, **data)
