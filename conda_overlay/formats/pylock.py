"""Writes and reads ``pylock.toml``, the lock file of PEP 751."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from packaging.markers import Marker
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import canonicalize_name, parse_wheel_filename

from conda_overlay.core.models import HistoryEntry
from conda_overlay.formats.document import Document


def tables(document: Document) -> dict[str, Any]:
    """The content of the file.

    Raises:
        ValueError: the source file of a distribution is unknown.
    """
    python = "=={}.{}.*".format(*document.python.split("."))
    entries = document.entries.items()
    packages = [{"name": key, "version": e.version, **_source(e)} for key, e in entries]
    head = {"lock-version": "1.0", "requires-python": python, "created-by": "conda-overlay"}
    return {**head, "packages": packages}


def entries(
    data: Mapping[str, Any], base: Path, markers: Mapping[str, str]
) -> dict[str, HistoryEntry]:
    """The distributions locked for one environment, by normalized name.

    Args:
        data: the content of the file.
        base: the directory of the file, to which paths in it are relative.
        markers: the marker environment (PEP 508), which selects packages and wheels.

    Raises:
        ValueError: the file is invalid, or has no file for the environment.
    """
    if str(data["lock-version"]).partition(".")[0] != "1":
        raise ValueError(f"lock-version {data['lock-version']} is not known")
    groups = frozenset(data.get("default-groups", ()))
    environment: dict[str, Any] = {**markers, "extras": frozenset(), "dependency_groups": groups}
    major, minor = map(int, markers["python_version"].split("."))
    mine = f"cp{major}{minor}"
    best = [*cpython_tags((major, minor), [mine]), *compatible_tags((major, minor), mine)]
    tags = {tag: rank for rank, tag in enumerate(best)}
    found: dict[str, HistoryEntry] = {}
    for package in data["packages"]:
        marker = package.get("marker")
        if marker and not Marker(marker).evaluate(environment):
            continue
        key = str(canonicalize_name(package["name"]))
        if key in found:
            raise ValueError(f"it has {key} twice for this environment")
        found[key] = _entry(package, base, tags)
    return found


def _source(entry: HistoryEntry) -> dict[str, Any]:
    if entry.editable:
        return {"directory": {"path": entry.editable, "editable": True}}
    kind, plus, repository = (entry.url or "").partition("+")
    if plus and kind.isalpha():
        place, _, fragment = repository.partition("#")
        url, _, commit = place.rpartition("@")
        below = parse_qs(fragment).get("subdirectory", [None])[0]
        return {"vcs": {"type": kind, "url": url, "commit-id": commit, "subdirectory": below}}
    if not entry.url or not entry.sha256:
        raise ValueError(f"source file unknown for {entry.name} {entry.version}")
    name = _file_name({"url": entry.url})
    file = {"url": entry.url, "hashes": {"sha256": entry.sha256}}
    if name.endswith(".whl"):
        return {"wheels": [{"name": name, **file}]}
    if name.endswith((f"-{entry.version}.tar.gz", f"-{entry.version}.zip")):
        return {"sdist": {"name": name, **file}}
    return {"archive": file}


def _entry(package: Mapping[str, Any], base: Path, tags: Mapping[Tag, int]) -> HistoryEntry:
    entry = HistoryEntry(package.get("version", ""), package["name"], requested=True)
    if tree := package.get("directory"):
        path = base / tree["path"] / tree.get("subdirectory", "")
        place = {"editable": str(path)} if tree.get("editable") else {"url": path.as_uri()}
        return replace(entry, **place)
    source = package.get("vcs") or _file(package, tags)
    url = source.get("url") or (base / source["path"]).as_uri()
    if "vcs" in package:
        url = f"{source['type']}+{url}@{source['commit-id']}"
    if "subdirectory" in source:
        url += f"#subdirectory={source['subdirectory']}"
    return replace(entry, url=url, sha256=source.get("hashes", {}).get("sha256"))


def _file(package: Mapping[str, Any], tags: Mapping[Tag, int]) -> Mapping[str, Any]:
    """The best matching wheel, or else the source."""

    def rank(wheel: Mapping[str, Any]) -> int:
        found = parse_wheel_filename(_file_name(wheel))[3]
        return min((tags[tag] for tag in found if tag in tags), default=len(tags))

    wheel = min(package.get("wheels", ()), key=rank, default=None)
    if wheel and rank(wheel) < len(tags):
        return dict(wheel)
    for kind in ("sdist", "archive"):
        if kind in package:
            return dict(package[kind])
    raise ValueError(f"it has no file of {package['name']} for this environment")


def _file_name(file: Mapping[str, Any]) -> str:
    place = file.get("name") or file.get("path") or unquote(urlsplit(file["url"]).path)
    return PurePosixPath(str(place)).name
