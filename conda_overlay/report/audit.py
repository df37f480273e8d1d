"""Reads the records of many overlays, for ``conda overlay audit``.

Records are data: they are read by descriptors and without following links, their sizes are bounded,
and their owner is that of the overlay's state. Nothing else of an overlay is opened.
"""

from __future__ import annotations

import errno
import json
import os
import pwd
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from conda_overlay.activation import files, locate, moved, notice
from conda_overlay.activation.trust import user_name
from conda_overlay.core import serialize
from conda_overlay.core.models import HistoryEntry
from conda_overlay.distributions.dependencies import is_newer
from conda_overlay.distributions.site import Known, load_metadata
from conda_overlay.layer.revision import FORMAT

_RECORD = 1 << 24  # the largest record that is read, in bytes
_FILE = 1 << 30  # the largest file of another machine
_WHY = 200  # characters
_UNREADABLE = (OSError, RecursionError, *serialize.UNFIT)

ATTENTION = {
    "broken": "with requirements that are not satisfied",
    "overdue": "kept beyond the date that was given",
    "redundant": "that the environment has",
    "unowned": "whose owner has no account",
    "by hand": "made by hand, without a history",
    "writable": "that others can write to",
    "host gone": "whose environment is gone or has moved",
    "older format": "of an older version of conda-overlay",
}
"""What staff should look at, each with the words that follow the number of overlays."""


@dataclass(frozen=True)
class Audited:
    """A distribution on top of an environment."""

    name: str
    version: str
    there: str | None
    """The version of the environment when the revision was made."""
    entry: HistoryEntry

    @property
    def key(self) -> str:
        """The normalized name."""
        return canonicalize_name(self.name)

    @property
    def kind(self) -> str:
        """Where it comes from, or how it compares with the environment's."""
        if self.entry.editable or self.entry.patch or self.entry.is_direct:
            return "editable" if self.entry.editable else "edited" if self.entry.patch else "source"
        if self.there is None:
            return "added"
        if self.there == self.version:
            return "same version"
        return "newer" if is_newer(self.version, self.there) else "older"

    def retires(self, version: str | None) -> bool:
        """Whether an environment with a version makes it redundant: see `plan.redundant`."""
        plain = self.kind not in ("editable", "edited", "source") and self.entry.intent == "fix"
        return plain and version is not None and not is_newer(self.version, version)


@dataclass(frozen=True)
class AuditedOverlay:
    """The record of one overlay, or of one fork."""

    overlay: str
    user: str
    host: str
    """The real path of its environment as recorded; empty if unknown; of a fork its own prefix."""
    revision: int | None
    time: str
    distributions: tuple[Audited, ...]
    attention: tuple[str, ...]
    """Of `ATTENTION`."""
    kind: str = "overlay"
    """``overlay`` or ``fork``."""


@dataclass(frozen=True)
class Unreadable:
    """A directory or an overlay that cannot be read."""

    path: str
    why: str


@dataclass(frozen=True)
class Place:
    """A directory to look in, and for one in a home the part below that, where links count not."""

    path: str
    below: tuple[str, ...] = ()
    holds: str = "overlays"
    """``overlays`` or ``forks``."""


def homes(overlay_dirs: Collection[str], envs_dirs: Collection[str]) -> Iterator[Place]:
    """The places of all accounts: their default ones, and those that settings name for everybody.

    Args:
        overlay_dirs: as in the setting, with ``$USER`` and ``~``.
        envs_dirs: conda's, with the same.
    """
    seen: set[tuple[str, str]] = set()
    for account in pwd.getpwall():
        home = account.pw_dir.rstrip("/")
        if not os.path.isdir(home or "/"):
            continue
        words = {"$USER": account.pw_name, "$LOGNAME": account.pw_name, "$HOME": home}
        for holds, dirs in (
            ("overlays", [locate.DEFAULT_DIR, *overlay_dirs]),
            ("forks", ["~/.conda/envs", *envs_dirs]),
        ):
            for text in dirs:
                for name, value in words.items():
                    text = text.replace(name, value).replace(f"${{{name[1:]}}}", value)
                if text.startswith("~/"):
                    text = f"{home}{text[1:]}"
                inside = text.startswith(f"{home}/") and home
                parts = tuple(text[len(home) :].strip("/").split("/")) if inside else ()
                place = Place(home or "/" if inside else text, parts, holds)
                if (text, holds) not in seen:
                    seen.add((text, holds))
                    yield place


def audit(
    places: Iterable[Place], known: Mapping[str, Mapping[str, str]], today: date | None = None
) -> Iterator[AuditedOverlay | Unreadable]:
    """Read the records of all overlays in some places, one after the other.

    Args:
        places: the directories; those that do not exist are skipped.
        known: the versions of the distributions of environments that are trusted, by real prefix.
        today: for what is overdue.
    """
    for place in places:
        where = os.path.join(place.path, *place.below)
        try:
            with _opened(place.path, place.below) as directory:
                for name in sorted(os.listdir(directory)):
                    yield from _one(where, directory, name, place.holds, known, today)
        except FileNotFoundError:
            continue
        except OSError as error:
            steps = range(1, len(place.below) + 1)
            links = (os.path.islink(os.path.join(place.path, *place.below[:n])) for n in steps)
            if not isinstance(error, NotADirectoryError) or any(links):
                yield Unreadable(where, _why(error))


def _one(
    where: str,
    directory: int,
    name: str,
    holds: str,
    known: Mapping[str, Mapping[str, str]],
    today: date | None,
) -> Iterator[AuditedOverlay | Unreadable]:
    """What a name in an overlay directory, or in a directory of environments, stands for."""
    path = os.path.join(where, name.lstrip(".") if holds == "overlays" else name)
    try:
        if holds == "forks":
            with suppress(FileNotFoundError, NotADirectoryError):
                yield from _fork(path, directory, name)
        elif name.startswith("."):
            is_state = stat.S_ISDIR(os.lstat(name, dir_fd=directory).st_mode)
            if is_state and (found := _overlay(path, directory, name[1:])):
                yield _judged(found, known, today or date.today())
        elif _is_by_hand(directory, name):
            owner = os.stat(name, dir_fd=directory, follow_symlinks=False)
            yield AuditedOverlay(path, user_name(owner.st_uid), "", None, "", (), ("by hand",))
    except _UNREADABLE as error:
        yield Unreadable(path, _why(error))


def _overlay(path: str, directory: int, name: str) -> AuditedOverlay | None:
    """Read the record of the current revision of an overlay."""
    with _opened(f".{name}", (), directory) as state:
        owner = os.fstat(state)
        host = (files.read("host", state) or b"").split(b"\n")[0]
        attention = []
        if owner.st_mode & (stat.S_IWOTH | stat.S_IWGRP):
            attention.append("writable")
        try:
            pwd.getpwuid(owner.st_uid)
        except KeyError:
            attention.append("unowned")
        about = path, user_name(owner.st_uid), os.fsdecode(host)
        there = os.listdir(state)
        if "revisions" not in there or "history" in there:
            attention += ["older format"] if "history" in there else []
            return AuditedOverlay(*about, None, "", (), (*attention,)) if attention else None
        try:
            number = os.path.basename(os.path.dirname(os.readlink(name, dir_fd=directory)))
        except OSError as error:
            raise OSError(0, "the link to its current revision is gone") from error
        data = _json(state, number, "record.json", owner.st_uid)
    if data["format"] < FORMAT:
        attention.append("older format")
    if data["plan"]["conflicts"]:
        attention.append("broken")
    versions = serialize.decode(Mapping[str, str], data["host"]["distributions"])
    entries = serialize.decode(Mapping[str, HistoryEntry], data["distributions"])
    found = tuple(
        Audited(entry.name or key, entry.version, versions.get(key), entry)
        for key, entry in sorted(entries.items())
    )
    return AuditedOverlay(*about, int(number), str(data["time"]), found, (*attention,))


def _judged(
    found: AuditedOverlay, known: Mapping[str, Mapping[str, str]], today: date
) -> AuditedOverlay:
    """Add what can be told from its distributions, and from its environment as it is now."""
    more = [*found.attention]
    if any(one.entry.until and one.entry.until < today.isoformat() for one in found.distributions):
        more.append("overdue")
    if found.host and moved.is_gone(found.host):
        more.append("host gone")
    now = known.get(os.path.realpath(found.host)) if found.host else None
    if now and any(one.retires(now.get(one.key)) for one in found.distributions):
        more.append("redundant")
    return replace(found, attention=(*more,))


def requirements(overlay: AuditedOverlay) -> Known | None:
    """What the distributions of an overlay require, as its revision records; None if unknown."""
    directory, name = os.path.split(overlay.overlay)
    try:
        with _opened(directory, ()) as place, _opened(f".{name}", (), place) as state:
            data = _json(state, str(overlay.revision), "index.json", os.fstat(state).st_uid)
            return load_metadata(data["metadata"], Path(overlay.overlay))
    except _UNREADABLE:
        return None


def _fork(path: str, directory: int, name: str) -> Iterator[AuditedOverlay]:
    """Read the file of a fork."""
    from conda_overlay.core.errors import OverlayError
    from conda_overlay.formats import overlay_toml

    with _opened(name, tuple(notice.FORK.split("/")), directory) as place:
        owner = os.fstat(place).st_uid
        content = _content("overlay.toml", place, owner)
    try:
        document = overlay_toml.parse(content.decode(), path)
    except OverlayError as error:
        raise ValueError(error.message) from error
    found = (
        Audited(entry.name or key, entry.version, None, entry)
        for key, entry in document.entries.items()
    )
    yield AuditedOverlay(path, user_name(owner), path, None, "", (*found,), (), "fork")


def _is_by_hand(directory: int, name: str) -> bool:
    """Whether a directory looks like an overlay that was made by hand."""
    if not stat.S_ISDIR(os.lstat(name, dir_fd=directory).st_mode):
        return False
    with suppress(OSError), _opened(name, ("lib",), directory) as place:
        return any(one.startswith("python") for one in os.listdir(place))
    return False


@contextmanager
def _opened(path: str, below: Collection[str], parent: int | None = None) -> Iterator[int]:
    """Open a directory; below it, and below `parent`, no link is followed."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    handle = os.open(path, flags | (0 if parent is None else os.O_NOFOLLOW), dir_fd=parent)
    try:
        for name in below:
            inner = os.open(name, flags | os.O_NOFOLLOW, dir_fd=handle)
            os.close(handle)
            handle = inner
        yield handle
    finally:
        os.close(handle)


def _json(state: int, number: str, name: str, owner: int) -> dict[str, Any]:
    """Read a JSON file of a revision, which belongs to the owner of the state."""
    if not number.isdecimal():
        raise ValueError("its current revision is unknown")
    with _opened("revisions", (number,), state) as place:
        return {**json.loads(_content(name, place, owner))}


def _content(name: str, place: int, owner: int) -> bytes:
    if (found := os.stat(name, dir_fd=place, follow_symlinks=False).st_uid) != owner:
        raise ValueError(f"{name} belongs to {user_name(found)}")
    return files.read_file(name, place, _RECORD)


def _why(error: BaseException) -> str:
    if isinstance(error, OSError):
        linked = error.errno in (errno.ENOTDIR, errno.ELOOP)
        return "a link, which is not followed" if linked else error.strerror or str(error)
    return f"damaged: {str(error)[:_WHY]}" if str(error) else "damaged"


def written(path: str) -> Iterator[AuditedOverlay | Unreadable]:
    """Read what ``audit --json`` wrote elsewhere, as for homes that root cannot read."""
    try:
        data = json.loads(files.read_file(path, largest=_FILE, follow=True))
        for one in data["overlays"]:
            found: AuditedOverlay = serialize.decode(AuditedOverlay, one)
            if unknown := {*found.attention} - ATTENTION.keys():
                raise ValueError(f"{sorted(unknown)[0]} is not known")
            yield found
        for one in data["unreadable"]:
            yield serialize.decode(Unreadable, one)
    except _UNREADABLE as error:
        yield Unreadable(path, _why(error))
