"""Reads ``conda-meta``: conda's records of the packages in an environment."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from conda_overlay.activation import files
from conda_overlay.core.models import Distribution


def read_records(prefix: Path) -> Iterator[tuple[Path, dict[str, Any] | Exception]]:
    """Read the record of each conda package of an environment.

    Yields:
        The file; and its content, or the error if it is not a record.
    """
    for file in sorted((prefix / "conda-meta").glob("*.json")):
        yield file, read_package(file)


def read_package(file: Path) -> dict[str, Any] | Exception:
    """Read the record of a conda package; return the error if it is not a record."""
    try:
        record = json.loads(files.read_file(str(file), largest=files.LARGE, follow=True))
        name, listed = record.get("name", ""), [*map(str, record.get("files", ()))]
        return {**record, "name": str(name), "files": listed}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        return error


def hashes_in(record: Mapping[str, Any]) -> dict[str, str | None]:
    """The files that a record names, each with its sha256 in the environment if that is known."""
    found: dict[str, str | None] = dict.fromkeys(record["files"])
    with suppress(TypeError, AttributeError):
        for path in record.get("paths_data", {}).get("paths", ()):
            if path.get("path_type") == "hardlink":  # a regular file
                same = None if path.get("prefix_placeholder") else path.get("sha256")
                found[str(path.get("_path"))] = path.get("sha256_in_prefix") or same
    return found


def files_of_package(distribution: Distribution) -> list[str] | None:
    """The files of the conda package that contains a distribution, relative to its prefix.

    Returns None if no package lists the distribution.
    """
    prefix = distribution.prefix
    mine = os.path.relpath(distribution.path, prefix)
    for _, record in read_records(prefix):
        listed = [] if isinstance(record, Exception) else record["files"]
        if any(path == mine or path.startswith(f"{mine}/") for path in listed):
            return [path for path in listed if os.path.lexists(prefix / path)]
    return None


def versions_of(fingerprint: Mapping[str, Any]) -> dict[str, str]:
    """The version and build of each conda package of a host, by name, from its fingerprint."""
    parts = [str(package).rsplit("-", 2) for package in fingerprint.get("packages", ())]
    return {name: "-".join(rest) for name, *rest in parts}


def moved(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """The differences between two mappings of names to versions, each as a line of text."""
    keys = (key for key in sorted({*old, *new}) if old.get(key) != new.get(key))
    return [f"{key} {old.get(key, 'absent')} -> {new.get(key, 'absent')}" for key in keys]
