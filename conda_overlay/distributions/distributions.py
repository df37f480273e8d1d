"""Reads what is installed in a site-packages directory, and corrects what it records."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from email.parser import HeaderParser
from importlib.metadata import Distribution as Installed
from importlib.metadata import EntryPoint
from pathlib import Path
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name

from conda_overlay.activation import locate
from conda_overlay.core.errors import StateError
from conda_overlay.core.models import Distribution
from conda_overlay.core.redact import without_credentials
from conda_overlay.filesystem.tree import remove_files, replace_file

LARGEST = 2**26
"""The bytes that are read of one file of metadata or history; RECORD has a row per file."""

Site = Mapping[str, Sequence[Distribution]]
"""The distributions of a directory by normalized name; two of one name are an error."""


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
    """Read one ``.dist-info``, ``.egg-info`` or ``.egg-link``; None when it names no project.

    Only the headers are parsed: the long description behind them is most of the file.
    """
    info = _behind(path) if path.suffix == ".egg-link" else path
    texts = map(_text, (info / "METADATA", info / "PKG-INFO", info))
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


def record(path: Path) -> list[list[str]] | None:
    """The rows of a distribution's RECORD: path, hash, size; None where there is none."""
    try:
        text = _read(path / "RECORD").decode("utf-8")
        return [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    except (OSError, ValueError, csv.Error):
        return None


def owned_files(distribution: Distribution, root: Path) -> dict[str, str | None] | None:
    """The files of a distribution, relative to a root, with their sha256 in hex if recorded.

    Rows of RECORD that lead out of the root are ignored. None if there is no RECORD.
    """
    path = distribution.path
    if path.suffix == ".egg-link":
        return {os.path.relpath(path, root): None}
    rows = record(path)
    if rows is None:
        return None
    inside = os.path.join(root, "")
    found = {os.path.normpath(path.parent / name): _sha256(*digest[:1]) for name, *digest in rows}
    return {name[len(inside) :]: sha for name, sha in found.items() if name.startswith(inside)}


def uninstall(distributions: Iterable[Distribution], root: Path, where: str) -> None:
    """Remove the files of distributions below a root.

    Raises:
        StateError: one of them has no RECORD.
    """
    for found in distributions:
        files = owned_files(found, root)
        if files is None:
            what = f"{found.name} {found.version} in the {where} has no RECORD"
            sentence = f"{what}, so it cannot be replaced without leaving files behind."
            hint = f"remove {found.path.name} and its modules by hand"
            raise StateError(sentence, hint, path=str(found.path))
        remove_files(root, [root / file for file in files])


def _sha256(digest: str = "") -> str | None:
    """The sha256 of a RECORD row in hex."""
    algorithm, _, value = digest.partition("=")
    if algorithm != "sha256":
        return None
    try:
        return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).hex()
    except ValueError:
        return None


def is_compiled(path: Path) -> bool:
    """Whether a distribution was built for one Python and platform, as its WHEEL says."""
    return "Root-Is-Purelib: false" in _text(path / "WHEEL")


def row(path: str, sha256: str, size: int) -> list[str]:
    """A row of RECORD, given the sha256 in hex and the size in bytes."""
    digest = base64.urlsafe_b64encode(bytes.fromhex(sha256)).rstrip(b"=")
    return [path, "sha256=" + digest.decode(), str(size)]


def modules(files: Collection[str]) -> set[str]:
    """The public modules of a distribution, at the top, given its files in site-packages."""
    tops = {path.partition("/")[0].partition(".")[0] for path in files if ".dist-info/" not in path}
    return {top for top in tops if top.isidentifier() and not top.startswith("_")}


def programs(distribution: Distribution) -> list[EntryPoint]:
    """The scripts of a distribution, as its metadata says: their names, and what they start."""
    points = Installed.at(distribution.path).entry_points
    return [p for p in points if p.group in ("console_scripts", "gui_scripts")]


def main_module(distribution: Distribution, names: Collection[str]) -> str:
    """The module of a distribution's name among its modules, else its first one."""
    likely = distribution.key.replace("-", "_")
    first = min(names, default=likely)
    return next((name for name in sorted(names) if name.lower() == likely), first)


def update_record(info: Path, changed: Mapping[str, bytes]) -> None:
    """Bring the RECORD of a distribution up to date with files that have changed."""
    rows = record(info) or []
    ours = [one for one in rows if one[0] in changed]
    for one in ours:
        content = changed[one[0]]
        one[:] = row(one[0], hashlib.sha256(content).hexdigest(), len(content))
    if ours:
        write_record(info, rows)


def write_record(info: Path, rows: Iterable[Sequence[str]]) -> None:
    """Write the RECORD of a distribution anew: an older revision may share the one there is."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    replace_file(info / "RECORD", text.getvalue().encode())


def clean_origin(info: Path) -> None:
    """Take the credentials out of the direct_url.json (PEP 610) of a distribution."""
    path = info / "direct_url.json"
    text = _text(path)
    clean = without_credentials(text)
    if clean != text:
        replace_file(path, clean.encode())
        update_record(info, {f"{info.name}/{path.name}": clean.encode()})


def _direct_url(path: Path) -> tuple[str | None, str | None]:
    """The editable source and the origin, as direct_url.json (PEP 610) says."""
    try:
        record = json.loads(_text(path / "direct_url.json"))
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
    """The egg-info in the source that an egg-link names.

    pip before 25.3 leaves one for an editable whose backend is older than PEP 660.
    """
    infos = Path(_text(link).partition("\n")[0] or link).glob("*.egg-info")
    same = (path for path in infos if canonicalize_name(path.stem) == canonicalize_name(link.stem))
    return next(same, link)


def _text(path: Path) -> str:
    """The text of a file; empty if it cannot be read."""
    try:
        text = _read(path).decode("utf-8", "replace")
    except OSError:
        return ""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _read(path: Path) -> bytes:
    """The content of a file, which may be a link, as one installer makes them."""
    return locate.read_file(str(path), largest=LARGEST, follow=True)
