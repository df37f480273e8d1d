"""The version, which the build takes from git; see ``pyproject.toml``."""

from __future__ import annotations

import sys
from importlib.metadata import distributions
from pathlib import Path


def _version(root: Path) -> str:
    """Return the version of the installation that has the package; of a mere checkout, 0.0.

    Args:
        root: the directory that has the package.
    """
    path = sys.path if (root / "pyproject.toml").exists() else [str(root)]
    return next((found.version for found in distributions(name="conda-overlay", path=path)), "0.0")


__version__ = _version(Path(__file__).resolve().parents[2])
