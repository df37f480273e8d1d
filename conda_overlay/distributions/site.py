"""Reads the distributions of a site-packages directory from their metadata."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from email.parser import HeaderParser
from importlib.metadata import Distribution as Installed
from importlib.metadata import EntryPoint
from inspect import getmodulename
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name

from conda_overlay.activation import files
from conda_overlay.core import serialize
from conda_overlay.core.models import Distribution
from conda_overlay.core.redact import without_credentials
from conda_overlay.filesystem.manifest import Manifest

_SUFFIXES = (".dist-info", ".egg-info", ".egg-link")
_DESCRIBING = ("METADATA", "direct_url.json")
"""The files of a ``.dist-info`` that are read."""

_NAME = re.compile(r"[A-Z0-9]([A-Z0-9._-]*[A-Z0-9])?", re.I)
"""A valid name of a distribution (PEP 508); pip ignores those with others, too."""

Site = Mapping[str, Sequence[Distribution]]
"""The distributions of a directory by normalized name; more than one of a name is an error."""


@dataclass(frozen=True)
class Metadata:
    """A distribution, with the size and time of each file that describes it."""

    distribution: Distribution
    seen: tuple[int, ...]
    """Size in bytes and modification time in nanoseconds of each; empty if they are elsewhere."""


Known = Mapping[str, Metadata]
"""What is known of a directory, by the name of each ``.dist-info``."""


def read_site(site: Path, known: Known = MappingProxyType({})) -> Site:
    """Read the distributions of a site-packages directory, which need not exist."""
    return by_name(read_metadata(site, known))


def by_name(metadata: Known) -> Site:
    """Group distributions by their normalized names."""
    found: dict[str, list[Distribution]] = {}
    for one in metadata.values():
        found.setdefault(one.distribution.key, []).append(one.distribution)
    return found


def read_metadata(site: Path, known: Known = MappingProxyType({})) -> dict[str, Metadata]:
    """Read the metadata of a site-packages directory, which need not exist.

    Args:
        site: the directory.
        known: an earlier result, of this directory or of one that it is a clone of; metadata that
            has not changed since is not read again.
    """
    try:
        names = sorted(filter(_is_metadata, os.listdir(site)))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    return _read(site, {name: _seen(f"{site}/{name}") for name in names}, known)


def metadata_in(files: Manifest, site: Path, below: str, known: Known) -> dict[str, Metadata]:
    """Read the metadata of a site-packages directory whose files are known.

    Args:
        files: the manifest of the tree that contains the directory.
        site: the directory.
        below: its path relative to the tree.
        known: as for `read_metadata`.
    """
    start = len(below) + 1
    inside = (path[start:].partition("/")[0] for path in files if path.startswith(f"{below}/"))
    seen: dict[str, tuple[int, ...]] = {}
    for name in sorted(filter(_is_metadata, {*inside})):
        metadata, origin = (files.get(f"{below}/{name}/{file}") for file in _DESCRIBING)
        seen[name] = (*metadata[:2], *(origin or ())[:2]) if metadata else ()
    return _read(site, seen, known)


def _is_metadata(name: str) -> bool:
    """Whether a name is that of metadata; pip puts a ~ before those that it removes."""
    return name.endswith(_SUFFIXES) and not name.startswith("~")


def _read(site: Path, there: Mapping[str, tuple[int, ...]], known: Known) -> dict[str, Metadata]:
    found: dict[str, Metadata] = {}
    for name, seen in there.items():
        path, old = site / name, known.get(name)
        if old and seen and old.seen == seen:
            found[name] = Metadata(replace(old.distribution, path=path), seen)
        elif distribution := read_distribution(path):
            found[name] = Metadata(distribution, seen)
    return found


def _seen(info: str) -> tuple[int, ...]:
    """The sizes and times of METADATA and of direct_url.json; of other kinds nothing."""
    seen: list[int] = []
    for name in _DESCRIBING:
        try:
            status = os.stat(f"{info}/{name}")
            seen += (status.st_size, status.st_mtime_ns)
        except OSError:
            if not seen:
                return ()
    return tuple(seen)


def dump_metadata(metadata: Known) -> dict[str, Any]:
    """Convert metadata to JSON values, without the place of the directory."""
    return {
        name: {**serialize.encode(one.distribution), "path": "", "seen": [*one.seen]}
        for name, one in metadata.items()
    }


def load_metadata(data: Any, site: Path) -> dict[str, Metadata]:
    """The reverse of `dump_metadata`, for a site-packages with the same metadata.

    Raises:
        Exception: one of `serialize.UNFIT`: these are other values.
    """
    found = {}
    for name, facts in data.items():
        distribution = serialize.decode(Distribution, {**facts, "path": site / name})
        found[name] = Metadata(distribution, tuple(map(int, facts["seen"])))
    return found


def read_distribution(path: Path) -> Distribution | None:
    """Read a ``.dist-info``, ``.egg-info`` or ``.egg-link``; return None if it names no project.

    Only the headers are parsed: most of the file is the long description after them.
    """
    info = _behind(path) if path.suffix == ".egg-link" else path
    texts = map(read_text, (info / "METADATA", info / "PKG-INFO", info))
    headers = HeaderParser().parsestr(next(filter(None, texts), "").partition("\n\n")[0])
    name, version = headers["Name"], headers["Version"]
    if not version or not _NAME.fullmatch(name or ""):
        return None
    requires = headers.get_all("Requires-Dist")
    if info.suffix == ".egg-info" and info.is_dir():
        requires = Installed.at(info).requires
    editable, direct_url = _direct_url(path)
    if info is not path:
        editable = str(info.parent)
    key = canonicalize_name(name)
    return Distribution(name, key, version, tuple(requires or ()), path, editable, direct_url)


def is_compiled(path: Path) -> bool:
    """Whether a distribution was built for one Python and platform, according to its WHEEL file."""
    return "Root-Is-Purelib: false" in read_text(path / "WHEEL")


def modules(files: Collection[str]) -> set[str]:
    """The public top-level modules of a distribution, given its files in site-packages."""
    tops = {path.partition("/")[0].partition(".")[0] for path in files if ".dist-info/" not in path}
    return {top for top in tops if top.isidentifier() and not top.startswith("_")}


def programs(distribution: Distribution) -> list[EntryPoint]:
    """The entry points of the scripts of a distribution."""
    points = Installed.at(distribution.path).entry_points
    return [p for p in points if p.group in ("console_scripts", "gui_scripts")]


def main_module(distribution: Distribution, names: Collection[str]) -> str:
    """The module with the name of its distribution, else the first of its modules."""
    likely = distribution.key.replace("-", "_")
    first = min(names, default=likely)
    return next((name for name in sorted(names) if name.lower() == likely), first)


def names_in(sites: Iterable[Path]) -> set[str]:
    """The names of all distributions and top-level modules of site-packages, by their files."""
    files = [name for site in sites if site.is_dir() for name in os.listdir(site)]
    names = {getmodulename(name) or name.partition("-")[0] for name in files}
    return {name for name in names if not name.startswith(("_", "."))}


def sha256_of(archive_info: Mapping[str, Any]) -> str | None:
    """The hash in an ``archive_info`` (PEP 610), also in the form of older versions of pip."""
    algorithm, _, old = str(archive_info.get("hash")).partition("=")
    found = str((archive_info.get("hashes") or {algorithm: old}).get("sha256"))
    return found if re.fullmatch("[0-9a-f]{64}", found) else None


def _direct_url(path: Path) -> tuple[str | None, str | None]:
    """The editable source and the origin, from direct_url.json (PEP 610)."""
    try:
        record = json.loads(read_text(path / "direct_url.json"))
        url = str(record["url"])
        editable = bool(record.get("dir_info", {}).get("editable"))
        vcs = record.get("vcs_info")
        origin = f"{vcs['vcs']}+{url}@{vcs['commit_id']}" if vcs else url
        if "subdirectory" in record:
            origin += f"#subdirectory={record['subdirectory']}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return None, None
    source = unquote(urlsplit(url).path) if editable else None
    return source, without_credentials(origin)


def _behind(link: Path) -> Path:
    """The egg-info in the source directory of an egg-link.

    pip before 25.3 writes an egg-link for an editable whose build backend lacks PEP 660.
    """
    infos = Path(read_text(link).partition("\n")[0] or link).glob("*.egg-info")
    same = (path for path in infos if canonicalize_name(path.stem) == canonicalize_name(link.stem))
    return next(same, link)


def read_text(path: Path) -> str:
    """The text of a file or link; empty if it cannot be read.

    Links are followed because an installer may link all files of a distribution.
    """
    try:
        content = files.read_file(str(path), largest=files.LARGE, follow=True)
    except OSError:
        return ""
    return content.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
