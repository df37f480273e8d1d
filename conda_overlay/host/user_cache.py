"""The user's cache (XDG Base Directory Specification)."""

from __future__ import annotations

import os
from pathlib import Path


def user_cache(name: str) -> Path:
    """A directory of ours in the user's cache, which need not exist."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(os.path.abspath(home)) / "conda-overlay" / name
