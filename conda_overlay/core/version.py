"""The version, which the build takes from git; see ``pyproject.toml``."""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib.metadata import distributions
from pathlib import Path


def _version(root: Path) -> str:
    """Return the version that was built; of a checkout, the version that a build would have now.

    The latter needs setuptools-scm, which builds use. Without it, an editable installation has the
    version that was installed, and a mere checkout 0.0.

    Args:
        root: the directory that has the package.
    """
    path = [str(root)]
    if (root / "pyproject.toml").exists():
        with suppress(ImportError, LookupError):
            from setuptools_scm import get_version

            return str(get_version(root))
        path = sys.path
    return next((found.version for found in distributions(name="conda-overlay", path=path)), "0.0")


__version__ = _version(Path(__file__).resolve().parents[2])
