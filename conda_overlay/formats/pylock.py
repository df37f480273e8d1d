"""Writes ``pylock.toml``, the lock file of PEP 751."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from conda_overlay.core.models import HistoryEntry
from conda_overlay.formats.document import Document


def tables(document: Document) -> dict[str, Any]:
    """The content of a ``pylock.toml``.

    Raises:
        ValueError: the source file of a distribution is unknown.
    """
    python = "=={}.{}.*".format(*document.python.split("."))
    entries = document.entries.items()
    packages = [{"name": key, "version": e.version, **_source(e)} for key, e in entries]
    head = {"lock-version": "1.0", "requires-python": python, "created-by": "conda-overlay"}
    return {**head, "packages": packages}


def _source(entry: HistoryEntry) -> dict[str, Any]:
    if entry.editable:
        return {"directory": {"path": entry.editable, "editable": True}}
    kind, plus, repository = (entry.url or "").partition("+")
    if plus and kind.isalpha():
        place, _, fragment = repository.partition("#")
        url, _, commit = place.rpartition("@")
        below = parse_qs(fragment).get("subdirectory", [None])[0]
        return {"vcs": {"type": kind, "url": url, "commit-id": commit, "subdirectory": below}}
    if entry.is_edited_copy:
        raise ValueError(f"{entry.name} is edited, which a pylock.toml cannot contain")
    if not entry.url or not entry.sha256:
        raise ValueError(f"source file unknown for {entry.name} {entry.version}")
    name = PurePosixPath(unquote(urlsplit(entry.url).path)).name
    file = {"url": entry.url, "hashes": {"sha256": entry.sha256}}
    if name.endswith(".whl"):
        return {"wheels": [{"name": name, **file}]}
    if name.endswith((f"-{entry.version}.tar.gz", f"-{entry.version}.zip")):
        return {"sdist": {"name": name, **file}}
    return {"archive": file}
