"""The origin of a fork: its baseline, its file, and the changes in both since it was made."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from conda_overlay.activation import files, notice, trust
from conda_overlay.core.errors import OverlayError
from conda_overlay.core.models import HistoryEntry
from conda_overlay.core.redact import without_credentials
from conda_overlay.edits.patch import text_in
from conda_overlay.fork import baseline
from conda_overlay.fork.baseline import Baseline
from conda_overlay.formats import overlay_toml
from conda_overlay.formats.document import Document
from conda_overlay.host.host import no_environment, prefix_of

CHANGES = "changes"
"""The file in a fork with the pinned packages that were allowed to change, one name per line."""
DIGEST = "origin.sha256"
"""The file in a fork with the sha256 of the file that it was made from.

Only the hash is kept, because that file may contain credentials.
"""


def source(made_from: Document) -> str:
    """The name, path or URL of the baseline, without credentials."""
    found = made_from.baseline
    return without_credentials(found.env or found.spec or "")


def read_file(file: Path, *, complete: bool = True) -> Document:
    """Read an ``overlay.toml``; the baseline in it is relative to its directory.

    Args:
        file: to read.
        complete: whether it must name a baseline.

    Raises:
        OverlayError: it cannot be read, or does not name the baseline that it must.
    """
    try:
        text = files.read_file(str(file), largest=files.LARGE, follow=True).decode()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise OverlayError(f"{file} cannot be read: {why}.", path=str(file)) from error
    found = overlay_toml.located(overlay_toml.parse(text, str(file)), file.absolute().parent)
    spec = found.baseline.spec
    if complete and not source(found):
        sentence = f"{file} has no table [baseline] with an 'env' or a 'spec'."
        hint = "add that table to it, or name the file and its baseline: --from ENV"
        raise OverlayError(sentence, hint, path=str(file))
    env, here = found.baseline.env, file.absolute().parent
    if spec and "://" not in spec:
        spec = absolute(here / os.path.expanduser(spec))
    if env and "/" in env:
        env = absolute(here / os.path.expanduser(env))
    return replace(found, baseline=replace(found.baseline, env=env, spec=spec))


def edits_in(prefix: Path) -> dict[str, HistoryEntry]:
    """The distributions in a fork with edits; none if the environment is not a fork."""
    file = prefix / notice.FORK / "overlay.toml"
    entries = read_file(file).entries if file.is_file() else {}
    return {key: entry for key, entry in entries.items() if text_in(entry.patch)}


def absolute(path: Path) -> str:
    """Make a path absolute and free of ``..``, which would depend on the directories before it."""
    above = os.path.realpath(path.parent) if ".." in path.parts else path.parent.absolute()
    return os.path.join(above, path.name)


def kept(prefix: Path) -> tuple[Document, Path | None, str | None]:
    """The document that a fork is made from, its file, and why that is the fork's own copy.

    Returns:
        The document; its file, unless that is the fork's own copy; the sentence of `unread`.

    Raises:
        NoSuchEnvironmentError: there is no fork at the prefix.
        OverlayError: somebody else could have written the files of the fork, or one is invalid.
    """
    place = prefix / notice.FORK
    if not place.is_dir():
        raise no_environment(prefix)
    if reason := trust.distrust(str(place), (), trust.trusted_owners()):
        raise OverlayError(f"{place} is not used: {reason}.", f"ls -ld {place}")
    origin, why = _origin(place)
    return read_file(origin or place / "overlay.toml"), origin, why


def _origin(place: Path) -> tuple[Path | None, str | None]:
    """The file that a fork was made from, if it is read again; else the sentence of `unread`."""
    origin = os.fsdecode(files.read(str(place / "origin")) or b"")
    why = unread(Path(origin)) if origin else None
    return (Path(origin) if origin and not why else None), why


def unread(file: Path, *, is_new: bool = False) -> str | None:
    """Say why a file is not read when the fork of it is made again; None if it is read.

    It must exist, unless it is new, and nobody else can have put it there.
    """
    try:
        why = trust.distrust_way(absolute(file), trust.trusted_owners())
        if not is_new:
            file.stat()
    except OSError as error:
        why = error.strerror
    follows = "the fork follows its own copy of it, unless you name the file"
    return f"{file} is not read again: {why}; {follows}" if why else None


def digest_of(file: Path) -> bytes:
    """The sha256 of a file, in hex."""
    return hashlib.sha256(files.read(str(file), follow=True) or b"").hexdigest().encode()


def agreed(prefix: Path) -> set[str]:
    """The packages that the user agreed to drop from a fork."""
    with suppress(OverlayError):
        return {*read_file(prefix / notice.FORK / "overlay.toml").fork.drop}
    return set()


def let_change(prefix: Path) -> set[str]:
    """The pinned packages that the user allowed to change in a fork."""
    return {*os.fsdecode(files.read(str(prefix / notice.FORK / CHANGES)) or b"").split()}


@dataclass(frozen=True)
class ForkDrift:
    """The baseline of a fork, and the changes since the fork was made."""

    baseline: str
    """Its name, path or URL."""
    changes: tuple[str, ...]
    """In the baseline."""
    unknown: str | None
    """Why these cannot be determined."""
    remedy: tuple[str, ...]
    """The words after ``conda overlay`` of the command that follows the changes."""
    changed_file: str | None
    """The file that the fork was made from, if it has changed since."""
    unread_file: str | None
    """Why that is not read when the fork is made again."""


def drift(prefix: Path) -> ForkDrift | None:
    """Compare a fork with its baseline and its file as they are now; None if it is not a fork."""
    place = prefix / notice.FORK
    if not place.is_dir():
        return None
    name, why = "", None
    changes: list[str] = []
    try:
        made_from = read_file(place / "overlay.toml")
        name, was = source(made_from), baseline.load_list(str(place / "baseline.txt"))
        changes = was.changes(baseline_of(made_from))
    except OverlayError as error:
        why = error.message
    (file, unused), digest = _origin(place), files.read(str(place / DIGEST))
    file = None if digest is None or (file and digest == digest_of(file)) else file
    remedy = ("fork", "--recreate", "-p", str(prefix))
    return ForkDrift(name, tuple(changes), why, remedy, str(file) if file else None, unused)


def baseline_of(made_from: Document) -> Baseline:
    """The baseline that a file names, as it is now.

    Raises:
        OverlayError: it cannot be read.
    """
    if made_from.baseline.env:
        return baseline.of_environment(prefix_of(made_from.baseline.env))
    return baseline.load_list(made_from.baseline.spec or "")
