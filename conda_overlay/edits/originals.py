"""The original files of copies that users edit.

Such a copy keeps its text files as they were in ``originals.zip``, in its metadata, and the hashes
of all its files in RECORD. Thus every edit can be found, even after the host has changed. An added
file has no hash in RECORD.
"""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
import zlib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path, PurePosixPath

from conda_overlay.activation import files
from conda_overlay.core.models import Distribution
from conda_overlay.distributions.record import owned_files, read_record, row, write_record
from conda_overlay.distributions.site import programs
from conda_overlay.filesystem.manifest import FileInfo, digest, is_there
from conda_overlay.filesystem.tree import in_repository, without_links
from conda_overlay.host.conda_meta import files_of_package

_FILES = "files.json"
"""The member of the archive with the hashes of all original files."""

ORIGINALS = "originals.zip"
"""The archive of original text files in the metadata of a copy."""

LONGEST = 1 << 20
"""The maximum size in bytes of a file that counts as text."""
_MOST = files.LARGE // 2  # maximum bytes of all originals of a copy
_UNREADABLE = (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)
_TEMPORARY = re.compile(r".*~|[.#].*|.*\.(sw[a-z]|bak|orig|rej|pyc)")  # left by programs
_LEFT = {"__pycache__", ".ipynb_checkpoints"}  # directories of these


def load_originals(
    distribution: Distribution, without: Collection[str] = ()
) -> dict[str, bytes] | None:
    """The original text files of a copy, by their paths relative to site-packages.

    Args:
        distribution: the copy; for any other distribution the result is None.
        without: files to leave out.
    """
    try:
        content = files.read_file(str(distribution.path / ORIGINALS), largest=files.LARGE)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(info.file_size for info in archive.infolist()) > files.LARGE:
                return None
            listing = f"{distribution.path.name}/{_FILES}"
            names = (name for name in archive.namelist() if is_inside(name) and name != listing)
            return {name: archive.read(name) for name in names if name not in without}
    except _UNREADABLE:
        return None


def keep_originals(
    distribution: Distribution, files: Iterable[str], edited: Mapping[str, str] | None = None
) -> dict[str, FileInfo]:
    """Store the text files of a new copy as its originals, and write RECORD for all its files.

    Args:
        distribution: in the site-packages that it was copied to.
        files: its files, relative to that site-packages.
        edited: the sha256 that files had before they were edited or removed; their original text
            is unknown.

    Returns:
        The manifest entry of each file.
    """
    info, site = distribution.path, distribution.site
    names = sorted({*files} - {f"{info.name}/{name}" for name in (ORIGINALS, "RECORD")})
    known = {name: _facts(site / name) for name in names}
    original = {**{name: sha256 for name, (*_, sha256) in known.items()}, **(edited or {})}
    texts = (name for name in names if original[name] == known[name][2])
    room, inside = _MOST, [n for n in texts if not n.startswith((f"{info.name}/", ".."))]
    with zipfile.ZipFile(info / ORIGINALS, "w") as archive:
        for name in sorted(inside, key=lambda name: not name.endswith(".py")):
            content = text_of(distribution.site / name)
            if content is not None and len(content) <= room and name.isprintable():
                room -= len(content)
                member = zipfile.ZipInfo(name)  # without a time, so that the zip is reproducible
                archive.writestr(member, content, zipfile.ZIP_DEFLATED, compresslevel=1)
        member = zipfile.ZipInfo(f"{info.name}/{_FILES}")
        archive.writestr(member, json.dumps(original), zipfile.ZIP_DEFLATED, compresslevel=1)
    zipped = f"{info.name}/{ORIGINALS}"
    known[zipped] = _facts(info / ORIGINALS)
    original[zipped] = known[zipped][2]
    rows = [row(name, original[name], size) for name, (size, *_) in sorted(known.items())]
    write_record(info, [*rows, [f"{info.name}/RECORD", "", ""]])
    return known


def _facts(place: Path) -> FileInfo:
    status = place.lstat()
    return status.st_size, status.st_mtime_ns, digest(place)


def removed_files(distribution: Distribution) -> dict[str, str]:
    """The original files of a copy that are gone and are no text, with their hashes.

    Those that are text are edits, too: see `patch.edits_of`.
    """
    found, site = original_hashes(distribution), distribution.site
    gone = {p: sha for p, sha in found.items() if not is_there(site / p)}  # a directory is none
    texts = load_originals(distribution) or {} if gone else {}
    return {p: sha for p, sha in gone.items() if p not in texts and p[-4:] != ".pyc"}


def original_hashes(distribution: Distribution) -> dict[str, str]:
    """The sha256 of all original files of a copy, in hex; none for other distributions."""
    info = distribution.path
    try:
        content = files.read_file(str(info / ORIGINALS), largest=files.LARGE)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            name = f"{info.name}/{_FILES}"
            if archive.getinfo(name).file_size > files.LARGE:
                return {}
            return {str(path): str(sha) for path, sha in json.loads(archive.read(name)).items()}
    except (*_UNREADABLE, LookupError, AttributeError):
        return {}


def note_files(distribution: Distribution, files: Iterable[str]) -> None:
    """Update RECORD with the files that were added to a copy, or removed from it."""
    there, before = {*files}, original_hashes(distribution)
    rows = [one for one in read_record(distribution.path) or () if one[0] in there]
    for name in sorted(there - {name for name, *_ in rows}):
        rows.append([name, "", ""])
        if name in before and is_there(distribution.site / name):  # it has come back
            size = (distribution.site / name).stat().st_size
            rows[-1] = row(name, before[name], size)
    write_record(distribution.path, rows)


def belongs(path: str, names: Collection[str], *, named: bool = False) -> bool:
    """Whether a file is, or would be, part of a copy: one of its files, or beside its modules.

    Args:
        path: of the file, relative to site-packages.
        names: the files of the copy, also relative to site-packages.
        named: whether a patch names the file, so that it is not left by a program.
    """
    if path in names:
        return _may_belong(path)
    return bool(new_files([path], {"": names}, named=named))


def new_files(
    paths: Iterable[str], copies: Mapping[str, Collection[str]], *, named: bool = False
) -> dict[str, set[str]]:
    """Find to which copies the files belong that no distribution owns.

    A file beside the modules of several copies belongs to the one with the nearest directory.

    Args:
        paths: of these files, relative to site-packages.
        copies: the files of each copy, by normalized name.
        named: include files that look like temporary ones, but not bytecode.

    Returns:
        The new files of each copy that has any.
    """
    nearest = {
        os.path.dirname(name): key
        for key in sorted(copies, reverse=True)
        for name in copies[key]
        if name.endswith(".py") and "/" in name
    }
    found: dict[str, set[str]] = {}
    for path in paths:
        above = (str(parent) for parent in PurePosixPath(path).parents)
        key = next((nearest[place] for place in above if place in nearest), None)
        if key is not None and _may_belong(path) and (named or not is_temporary(path)):
            found.setdefault(key, set()).add(path)
    return found


def _may_belong(path: str) -> bool:
    """Whether a path may be that of a file of a copy, except for its metadata and its scripts."""
    if not is_inside(path) or re.search(r"\.(dist|egg)-info/|\.pyc$|(^|/)__pycache__/", path):
        return False
    if in_repository(path):
        return False  # no patch can have it
    return path.isascii() or path.isprintable()  # else RECORD, in UTF-8, cannot list it


def is_temporary(path: str) -> bool:
    """Whether a file looks like a temporary or backup file of an editor, Jupyter or Python."""
    name = PurePosixPath(path)
    return bool(_TEMPORARY.fullmatch(name.name)) or not _LEFT.isdisjoint(name.parts)


def editable_files(distribution: Distribution) -> list[Path]:
    """The text files of a copy, which its user may edit."""
    names = {*(load_originals(distribution) or ()), *added_files(distribution)}
    paths = without_links(distribution.prefix, (distribution.below + name for name in names))
    places = (distribution.prefix / path for path in paths)
    return [place for place in places if place.is_file() and not place.is_symlink()]


def added_files(distribution: Distribution) -> list[str]:
    """The files in RECORD that were added to a copy."""
    own = f"{distribution.path.name}/"
    rows = read_record(distribution.path) or ()
    added = (path for path, sha, *_ in rows if not sha and not path.startswith((own, "..")))
    return [path for path in added if not in_repository(path)]


def is_inside(path: str) -> bool:
    """Whether a path is relative and does not lead out of its directory."""
    return ".." not in path.split("/") and not path.startswith("/")


def text_of(path: Path, *, follow: bool = False) -> bytes | None:
    """The content of a text file; None if it is not text, too long, or does not exist.

    Args:
        path: of the file.
        follow: whether a link is read as its target; else it is no text. A link in a copy is the
            user's, and may lead to a private file.
    """
    try:
        content = files.read_file(str(path), largest=LONGEST, follow=follow)
        content.decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    return None if b"\0" in content else content


def files_of(distribution: Distribution) -> set[str] | None:
    """The files of a distribution in site-packages, and its scripts, relative to site-packages.

    Read from RECORD, else from the list of the conda package that contains it; None if there is
    neither.
    """
    site, prefix = distribution.site, distribution.prefix
    owned: Collection[str] | None = owned_files(distribution, prefix)
    if owned is None:
        owned = files_of_package(distribution)
    if owned is None:
        return None
    names = {os.path.relpath(prefix / path, site) for path in owned}
    inside = {n for n in names if not n.startswith("..") and not n.endswith((".pyc", ".pyo"))}
    scripts = {point.name for point in programs(distribution)}
    scripts |= {Path(path).name for path in owned if Path(path).parent == Path("bin")}
    there = (prefix / "bin" / name for name in scripts if "/" not in name)
    return inside | {os.path.relpath(path, site) for path in there if path.is_file()}
