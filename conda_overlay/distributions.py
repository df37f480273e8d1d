"""Reads what is installed in a site-packages directory."""

from __future__ import annotations

import base64
import csv
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from email.message import Message
from email.parser import HeaderParser
from importlib.metadata import Distribution as Installed
from pathlib import Path
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name

from conda_overlay.models import Distribution

_SECRET = re.compile(
    r"([?&][^=&#\s]*(?:token|key|secret|passw|pwd|sig|auth|credential)[^=&#\s]*=)[^&#\s]*", re.I
)

Site = Mapping[str, Sequence[Distribution]]
"""The distributions of a directory by normalized name; more than one of a name is a fault."""


def read_site(site: Path) -> Site:
    """Read the distributions of a site-packages directory.

    Only the headers of each METADATA are parsed, because the long description behind them is most
    of the file.

    Args:
        site: a directory; one that does not exist holds nothing.
    """
    found: dict[str, list[Distribution]] = {}
    try:
        entries = sorted(site.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return found
    for entry in entries:
        if entry.suffix in (".dist-info", ".egg-info"):
            distribution = read_distribution(entry)
        elif entry.suffix == ".egg-link":
            distribution = _read_egg_link(entry)
        else:
            continue
        if distribution is not None:
            found.setdefault(distribution.key, []).append(distribution)
    return found


def read_distribution(path: Path) -> Distribution | None:
    """Read one ``.dist-info`` or ``.egg-info``; None when it names no project."""
    headers = _headers(path)
    if headers is None or not headers["Name"] or not headers["Version"]:
        return None
    if path.suffix == ".egg-info":
        requires = Installed.at(path).requires if path.is_dir() else None
    else:
        requires = headers.get_all("Requires-Dist")
    editable, direct_url = _direct_url(path)
    return Distribution(
        name=headers["Name"],
        key=canonicalize_name(headers["Name"]),
        version=headers["Version"],
        requires=tuple(requires or ()),
        path=path,
        editable=editable,
        direct_url=direct_url,
    )


def record(path: Path) -> list[list[str]] | None:
    """The rows of a distribution's RECORD: path, hash, size; None where there is none."""
    try:
        with (path / "RECORD").open(newline="", encoding="utf-8") as file:
            return [row for row in csv.reader(file) if row]
    except (OSError, ValueError, csv.Error):
        return None


def owned_files(distribution: Distribution, root: Path) -> dict[str, str | None] | None:
    """The files of a distribution below a root, as its RECORD has them.

    Rows that lead out of the root are passed over: a RECORD is not trusted with other files.

    Returns:
        The path of each relative to the root, and its sha256 in hex, None where RECORD has none;
        None where nothing tells the files.
    """
    path = distribution.path
    if path.suffix == ".egg-link":
        return {os.path.relpath(path, root): None}
    rows = record(path)
    if rows is not None:
        named = [(os.path.join(path.parent, row[0]), *row[1:2]) for row in rows]
    else:
        try:  # what setup.py install leaves, by way of a pip before 23.1
            listed = (path / "installed-files.txt").read_text(encoding="utf-8")
        except (OSError, ValueError):
            return None
        named = [(os.path.join(path, name), "") for name in listed.splitlines() if name]
    inside = os.path.join(root, "")
    found = {os.path.normpath(name): _sha256(*digest) for name, *digest in named}
    return {name[len(inside) :]: sha for name, sha in found.items() if name.startswith(inside)}


def _sha256(digest: str = "") -> str | None:
    """The hash of a row of RECORD in hex."""
    algorithm, _, value = digest.partition("=")
    if algorithm != "sha256":
        return None
    try:
        return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).hex()
    except ValueError:
        return None


def is_compiled(path: Path) -> bool:
    """Whether a distribution was built for one Python and platform, as its WHEEL says."""
    try:
        return "Root-Is-Purelib: false" in (path / "WHEEL").read_text(encoding="utf-8")
    except OSError:
        return False


def without_credentials(text: str) -> str:
    """The text with the user, password and tokens of every URL, and of every proxy, taken out.

    The user ``git`` is no secret, and the URL is worth nothing without it (PEP 610). A token is
    the value of a query that is named as one, or follows ``/t/`` in a path, as conda has it.
    """
    text = re.sub(r"(\w://)(?!git@)[^/\s]*@|(?<!\S)[^/\s:@]+:[^/\s@]*@", r"\1", text)
    text = re.sub(r"(\w://[^\s?#]*?)/t/[^/\s]+", r"\1", text)
    return _SECRET.sub(r"\1", text)


def _headers(path: Path) -> Message | None:
    for file in (path / "METADATA", path / "PKG-INFO", path):
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        return HeaderParser().parsestr(re.split(r"\r?\n\r?\n", text, maxsplit=1)[0])
    return None


def _direct_url(path: Path) -> tuple[str | None, str | None]:
    """The editable source and the origin, as direct_url.json (PEP 610) says."""
    try:
        record = json.loads((path / "direct_url.json").read_text(encoding="utf-8"))
        url = str(record["url"])
        editable = bool(record.get("dir_info", {}).get("editable"))
        vcs = record.get("vcs_info")
        origin = f"{vcs['vcs']}+{url}@{vcs['commit_id']}" if vcs else url
        if "subdirectory" in record:
            origin += f"#subdirectory={record['subdirectory']}"
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None, None
    source = unquote(urlsplit(url).path) if editable else None
    return source, without_credentials(origin)


def _read_egg_link(link: Path) -> Distribution | None:
    """An editable install of a pip before 21.3: the egg-info lies in the source."""
    try:
        source = Path(link.read_text(encoding="utf-8").splitlines()[0])
        info = next(_egg_infos(source, link.stem))
    except (OSError, IndexError, StopIteration):
        return None
    found = read_distribution(info)
    if found is None:
        return None
    return Distribution(
        found.name, found.key, found.version, found.requires, link, str(source), None
    )


def _egg_infos(source: Path, name: str) -> Iterator[Path]:
    for path in source.glob("*.egg-info"):
        if canonicalize_name(path.stem) == canonicalize_name(name):
            yield path
