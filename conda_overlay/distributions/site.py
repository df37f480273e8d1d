"""Reads the distributions of a site-packages directory from their metadata."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from email.parser import HeaderParser
from importlib.metadata import Distribution as Installed
from importlib.metadata import EntryPoint
from pathlib import Path
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name

from conda_overlay.activation import files
from conda_overlay.core.models import Distribution
from conda_overlay.core.redact import without_credentials

Site = Mapping[str, Sequence[Distribution]]
"""The distributions of a directory by normalized name; more than one of a name is an error."""


def read_site(site: Path) -> Site:
    """Read the distributions of a site-packages directory, which need not exist."""
    found: dict[str, list[Distribution]] = {}
    try:
        entries = sorted(site.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return found
    for entry in entries:
        known = entry.suffix in (".dist-info", ".egg-info", ".egg-link")
        if known and (distribution := read_distribution(entry)):
            found.setdefault(distribution.key, []).append(distribution)
    return found


def read_distribution(path: Path) -> Distribution | None:
    """Read a ``.dist-info``, ``.egg-info`` or ``.egg-link``; return None if it names no project.

    Only the headers are parsed: most of the file is the long description after them.
    """
    info = _behind(path) if path.suffix == ".egg-link" else path
    texts = map(read_text, (info / "METADATA", info / "PKG-INFO", info))
    headers = HeaderParser().parsestr(next(filter(None, texts), "").partition("\n\n")[0])
    name, version = headers["Name"], headers["Version"]
    if not name or not version:
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
