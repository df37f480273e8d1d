"""Writes the file ``host`` of an overlay; activation reads it: see `locate.recorded_paths`."""

from __future__ import annotations

import os
from pathlib import Path

from conda_overlay.activation import locate
from conda_overlay.filesystem.atomic import replace_file


def record_host(overlay: Path, host: Path, named: Path) -> None:
    """Record the real path of a host, and the last path through links by which it was named.

    Args:
        overlay: the public path of the overlay.
        host: the real path.
        named: the path as the user or conda names it.
    """
    recorded, link = locate.recorded_paths(str(overlay))
    now = link if named == host else str(named)
    if (recorded, link) != (str(host), now):
        lines = [host, *([now] if now else [])]
        content = b"".join(os.fsencode(f"{line}\n") for line in lines)
        replace_file(Path(locate.state_dir(str(overlay)), "host"), content)
