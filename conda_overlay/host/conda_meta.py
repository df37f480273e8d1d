"""Reads ``conda-meta``: what conda has recorded of the packages of an environment."""

from __future__ import annotations

import json
import os

from conda_overlay.activation import files
from conda_overlay.core.models import Distribution


def files_of_package(distribution: Distribution) -> list[str] | None:
    """The files of the conda package that a distribution came with, relative to its prefix.

    None where no package lists the distribution.
    """
    prefix = distribution.prefix
    mine = os.path.relpath(distribution.path, prefix)
    for file in sorted((prefix / "conda-meta").glob("*.json")):
        try:
            listed = json.loads(files.read_file(str(file), largest=files.LARGE))["files"]
        except (OSError, ValueError, LookupError, TypeError):
            continue
        if any(path == mine or path.startswith(f"{mine}/") for path in listed):
            return [path for path in listed if os.path.lexists(prefix / path)]
    return None
