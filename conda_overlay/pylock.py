"""Writes and reads ``pylock.toml``, the lock file of PEP 751."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from packaging.markers import Marker
from packaging.tags import Tag, compatible_tags, cpython_tags, platform_tags
from packaging.utils import parse_wheel_filename

from conda_overlay.document import Document, Locked

VERSION = "1.0"


def tables(document: Document) -> dict[str, Any]:
    """The content of the file.

    Raises:
        ValueError: nobody knows which file a distribution came from, and the format needs one.
    """
    minor = ".".join(document.python.split(".")[:2])
    return {
        "lock-version": VERSION,
        "requires-python": f"=={minor}.*",
        "created-by": "conda-overlay",
        "packages": [_package(item) for item in document.locked],
    }


def locked(
    data: Mapping[str, Any], directory: Path, markers: Mapping[str, str]
) -> Iterator[Locked]:
    """What a file locks for one environment.

    Args:
        data: the content of the file.
        directory: where the file is: paths in it are relative to that.
        markers: of the environment (PEP 508): choose packages and wheels.

    Raises:
        ValueError: it does not say what the format demands, or has nothing for the environment.
    """
    if str(data["lock-version"]).partition(".")[0] != "1":
        raise ValueError(f"lock-version {data['lock-version']} is not known")
    groups = frozenset(data.get("default-groups", ()))
    environment: dict[str, Any] = {**markers, "extras": frozenset(), "dependency_groups": groups}
    tags = {tag: rank for rank, tag in enumerate(_tags(markers["python_version"]))}
    for package in data["packages"]:
        marker = package.get("marker")
        if not marker or Marker(marker).evaluate(environment):
            yield _locked(package, directory, tags)


def _package(item: Locked) -> dict[str, Any]:
    return {"name": item.key, "version": item.version, **_source(item)}


def _source(item: Locked) -> dict[str, Any]:
    if item.editable:
        return {"directory": {"path": item.editable, "editable": True}}
    kind, plus, repository = (item.url or "").partition("+")
    if plus and kind.isalpha():
        return {"vcs": _vcs(kind, repository)}
    if not item.url or not item.sha256:
        raise ValueError(f"nobody knows which file {item.name} {item.version} came from")
    name = PurePosixPath(unquote(urlsplit(item.url).path)).name
    file = {"name": name, "url": item.url, "hashes": {"sha256": item.sha256}}
    if name.endswith(".whl"):
        return {"wheels": [file]}
    if name.endswith((f"-{item.version}.tar.gz", f"-{item.version}.zip")):
        return {"sdist": file}
    del file["name"]
    return {"archive": file}


def _vcs(kind: str, repository: str) -> dict[str, str]:
    url, _, fragment = repository.partition("#")
    url, _, commit = url.rpartition("@")
    subdirectory = parse_qs(fragment).get("subdirectory", [None])[0]
    found = {"type": kind, "url": url, "commit-id": commit, "subdirectory": subdirectory}
    return {name: value for name, value in found.items() if value is not None}


def _locked(package: Mapping[str, Any], directory: Path, tags: Mapping[Tag, int]) -> Locked:
    name, version = package["name"], package.get("version", "")
    tree = package.get("directory", {})
    if tree.get("editable"):
        path = directory / tree["path"] / tree.get("subdirectory", "")
        return Locked(name, version, editable=str(path), requested=True)
    if tree:
        return Locked(name, version, (directory / tree["path"]).as_uri(), requested=True)
    if "vcs" in package:
        vcs = package["vcs"]
        url = vcs.get("url") or (directory / vcs["path"]).as_uri()
        below = f"#subdirectory={vcs['subdirectory']}" if "subdirectory" in vcs else ""
        url = f"{vcs['type']}+{url}@{vcs['commit-id']}{below}"
        return Locked(name, version, url, requested=True)
    file = _file(package, tags)
    url = file.get("url") or (directory / file["path"]).absolute().as_uri()
    return Locked(name, version, url, file["hashes"].get("sha256"), requested=True)


def _file(package: Mapping[str, Any], tags: Mapping[Tag, int]) -> Mapping[str, Any]:
    """The wheel that fits best, or else the source."""
    ranked = []
    for number, wheel in enumerate(package.get("wheels", ())):
        ranks = [tags[tag] for tag in parse_wheel_filename(_name(wheel))[3] if tag in tags]
        if ranks:
            ranked.append((min(ranks), number))
    if ranked:
        file: Mapping[str, Any] = package["wheels"][min(ranked)[1]]
        return file
    for kind in ("sdist", "archive"):
        if kind in package:
            source: Mapping[str, Any] = package[kind]
            return source
    raise ValueError(f"it has no file of {package['name']} for this environment")


def _name(file: Mapping[str, Any]) -> str:
    place = file.get("name") or file.get("path") or unquote(urlsplit(file["url"]).path)
    return PurePosixPath(str(place)).name


def _tags(python: str) -> Sequence[Tag]:
    """What wheels a CPython of this machine takes, the best first."""
    major, minor = map(int, python.split("."))
    platforms = list(platform_tags())
    mine = f"cp{major}{minor}"
    return [
        *cpython_tags((major, minor), [mine], platforms),
        *compatible_tags((major, minor), mine, platforms),
    ]
