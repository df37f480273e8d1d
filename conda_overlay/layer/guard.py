"""Writes the guard into an overlay: `activation/sitecustomize_template.py` with the host filled in."""

from __future__ import annotations

import os
from pathlib import Path

from conda_overlay.activation import locate
from conda_overlay.filesystem.tree import put_file

NAME = locate.GUARD
_TEMPLATE = Path(__file__).parents[1] / "activation" / "sitecustomize_template.py"


def text(host_site: Path) -> bytes:
    """The guard for a host's site-packages, the same by whatever path it is reached."""
    prefix = host_site.parents[2]
    real = Path(os.path.realpath(prefix), host_site.relative_to(prefix))
    # Bytes, because decoding depends on the interpreter and its locale.
    host = f"HOST = {os.fsencode(real)!r}\n"
    lines = _TEMPLATE.read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(host if line.startswith("HOST = ") else line for line in lines).encode()


def write(site: Path, host_site: Path) -> None:
    """Write the guard into an overlay's site-packages, replacing any existing file."""
    put_file(site / NAME, text(host_site))


def is_intact(site: Path, host_site: Path) -> bool:
    """Whether the guard exists and is unchanged."""
    return locate.read(str(site / NAME)) == text(host_site)
