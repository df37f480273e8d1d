"""RECORD: the list of a distribution's files, used to remove it, and updated when files change."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from conda_overlay.activation import files
from conda_overlay.core.errors import StateError
from conda_overlay.core.models import Distribution
from conda_overlay.core.redact import without_credentials
from conda_overlay.distributions.site import read_text
from conda_overlay.filesystem.atomic import replace_file
from conda_overlay.filesystem.manifest import Manifest, digest, is_there
from conda_overlay.filesystem.tree import in_repository, remove_files


def read_record(path: Path) -> list[list[str]] | None:
    """The rows of a distribution's RECORD: path, hash, size; None if it cannot be read."""
    try:
        content = files.read_file(str(path / "RECORD"), largest=files.LARGE, follow=True)
        text = content.decode("utf-8")
        rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
        rows = [row if len(row) > 1 else [*row, ""] for row in rows]
        return [row for row in rows if "\0" not in row[0]]  # which no file can have
    except (OSError, ValueError, csv.Error):
        return None


def owned_files(distribution: Distribution, root: Path) -> dict[str, str | None] | None:
    """The files of a distribution, relative to a root, with their sha256 in hex if recorded.

    Rows of RECORD that lead out of the root are ignored, and files of a repository that were added
    to a copy. Returns None if there is no RECORD.
    """
    path = distribution.path
    if path.suffix == ".egg-link":
        return {os.path.relpath(path, root): None}
    rows = read_record(path)
    if rows is None:
        return None
    inside = os.path.join(root, "")
    found = {os.path.normpath(path.parent / name): _sha256(*digest[:1]) for name, *digest in rows}
    mine = {name: sha for name, sha in found.items() if sha or not in_repository(name)}
    return {name[len(inside) :]: sha for name, sha in mine.items() if name.startswith(inside)}


def differing(rows: Mapping[str, str | None], files: Manifest) -> dict[str, str | None]:
    """The rows whose file has another sha256, or none recorded, or is gone; not bytecode.

    Args:
        rows: the result of `owned_files`.
        files: the manifest of the same root, which has no bytecode.
    """
    return {
        path: sha
        for path, sha in rows.items()
        if path[-4:] != ".pyc" and (path not in files or files[path][2] != sha)
    }


def uninstall(
    distributions: Iterable[Distribution], root: Path, where: str, kept: Collection[str] = ()
) -> set[str]:
    """Remove the files of distributions below a root.

    Args:
        distributions: to remove.
        root: the directory that contains them.
        where: what that is, for an error.
        kept: the files that others own as well, relative to the root.

    Returns:
        The paths of the removed files, relative to the root.

    Raises:
        StateError: a distribution has no RECORD.
    """
    removed: set[str] = set()
    for found in distributions:
        files = owned_files(found, root)
        if files is None:
            what = f"{found.name} {found.version} in the {where} has no RECORD"
            sentence = f"{what}, so it cannot be replaced without leaving files behind."
            hint = f"remove {found.path.name} and its modules by hand"
            if where == "overlay":
                hint = f"conda overlay repair {found.key}, or {hint}"
            raise StateError(sentence, hint, path=str(found.path))
        going = files.keys() - {*kept}
        remove_files(root, [root / file for file in going])
        removed |= going
    return removed


def _sha256(digest: str = "") -> str | None:
    """The sha256 of a RECORD row, in hex instead of base64; None if it is none."""
    algorithm, _, value = digest.partition("=")
    if algorithm != "sha256":
        return None
    try:
        found = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
    except ValueError:
        return None
    return found.hex() if len(found) == hashlib.sha256().digest_size else None


def row(path: str, sha256: str, size: int) -> list[str]:
    """A row of RECORD, given the sha256 in hex and the size in bytes."""
    digest = base64.urlsafe_b64encode(bytes.fromhex(sha256)).rstrip(b"=")
    return [path, "sha256=" + digest.decode(), str(size)]


def update_record(info: Path, changed: Mapping[str, tuple[bytes, bytes]]) -> None:
    """Update the RECORD of a distribution with the new content of files that we have changed.

    A file that was edited before keeps its hash in RECORD, so that the edit can still be found.

    Args:
        info: its metadata.
        changed: the old and the new content, by path as in RECORD.
    """
    rows = read_record(info) or []
    ours = []
    for one in (one for one in rows if one[0] in changed):
        old, new = (hashlib.sha256(content).hexdigest() for content in changed[one[0]])
        if _sha256(*one[1:2]) in (None, old):
            one[:] = row(one[0], new, len(changed[one[0]][1]))
            ours.append(one)
    if ours:
        write_record(info, rows)


def list_files(found: Distribution, paths: Iterable[str]) -> None:
    """List those of some files in RECORD that are new, and no longer those that are gone.

    The others keep their hash, so that their edits can still be found. Without RECORD nothing is
    written.

    Args:
        found: a distribution.
        paths: relative to its site-packages.
    """
    rows = read_record(found.path)
    if rows is None:
        return
    names = {os.path.normpath(one[0]): one for one in rows}
    there = {path for path in paths if is_there(found.site / path)}
    new = sorted(there - names.keys())
    kept = [one for name, one in names.items() if name in there or name not in {*paths}]
    for path in new:
        size = (found.site / path).lstat().st_size
        kept.append(row(path, digest(found.site / path), size))
    if new or len(kept) < len(rows):
        write_record(found.path, kept)


def correct_record(found: Distribution, files: Manifest) -> bool:
    """Correct the hashes of a RECORD that its builder has got wrong; return whether there are any.

    Args:
        found: a distribution as it was installed.
        files: the manifest of the tree that contains it.
    """
    rows, wrong = read_record(found.path) or [], False
    for one in (one for one in rows if len(one) > 1 and one[1]):
        there = files.get(os.path.normpath(os.path.join(found.below, one[0])))
        if there is not None and _sha256(one[1]) != there[2]:
            one[:], wrong = row(one[0], there[2], there[0]), True
    if wrong:
        write_record(found.path, rows)
    return wrong


def write_record(info: Path, rows: Iterable[Sequence[str]]) -> None:
    """Replace the RECORD of a distribution, because an older revision may share the old file.

    Nothing is written behind a link in the place of the metadata.
    """
    if info.is_symlink():
        return
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)  # with the line ends of csv, it quotes either of them
    replace_file(info / "RECORD", text.getvalue().encode())


def clean_origin(info: Path) -> None:
    """Remove the credentials from the direct_url.json (PEP 610) of a distribution."""
    path = info / "direct_url.json"
    text = read_text(path)
    clean = without_credentials(text)
    if clean != text:
        replace_file(path, clean.encode())
        update_record(info, {f"{info.name}/{path.name}": (text.encode(), clean.encode())})
