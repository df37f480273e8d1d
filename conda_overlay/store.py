"""The only writer of overlay state: lock, stages, revisions, and the link to the current one.

    <overlay dir>/<name>                  link to the current revision's tree
    <overlay dir>/.<name>/host            the real path of the host
    <overlay dir>/.<name>/lock            who changes the overlay now
    <overlay dir>/.<name>/revisions/<N>/  a tree
    <overlay dir>/.<name>/history/<N>.json
    <overlay dir>/.<name>/staging/        gone when no command runs

A revision is complete before the link names it, and the link changes by one rename.
"""

from __future__ import annotations

import errno
import fcntl
import getpass
import json
import os
import shutil
import socket
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, fields
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from conda_overlay import manifest
from conda_overlay.activation import locate
from conda_overlay.exceptions import LockedError, OverlayDirError, OverlayError, StateError
from conda_overlay.models import Entry, Revision

FORMAT = 1
"""The version of the state files."""

_FICLONE = 0x40049409  # linux/fs.h: share the data blocks of another file


class Store:
    """One overlay on disk.

    Attributes:
        overlay: ``<overlay dir>/<name>``, the path of policy.
        state: ``<overlay dir>/.<name>``.
    """

    def __init__(self, overlay: Path) -> None:
        self.overlay = overlay
        self.state = Path(locate.state_dir(str(overlay)))

    # -- reading

    @property
    def exists(self) -> bool:
        """Whether there is anything at the path of policy."""
        return self.overlay.is_dir()

    @property
    def managed(self) -> bool:
        """Whether it is ours, and not a directory that somebody made by hand."""
        return self.overlay.is_symlink()

    def current(self) -> int | None:
        """The number of the current revision; None where there is none.

        Raises:
            StateError: the link leads to nothing, or to what is no revision of this overlay.
        """
        if not self.managed:
            return None
        target = Path(os.readlink(self.overlay))
        if target.parent != Path(self.state.name, "revisions") or not target.name.isdigit():
            raise StateError(
                f"{self.overlay} is a link to {target}, which is no revision of it.",
                f"rm {self.overlay}",
                overlay=str(self.overlay),
            )
        if not self.exists:
            raise StateError(
                f"Revision {target.name} of {self.overlay}, the current one, is gone.",
                f"rm {self.overlay}, and the next change goes on from the newest that is left",
                overlay=str(self.overlay),
            )
        return int(target.name)

    def numbers(self) -> list[int]:
        """The numbers of all revisions that have a record."""
        found = (self.state / "history").glob("*.json")
        return sorted(int(path.stem) for path in found if path.stem.isdigit())

    def revision(self, number: int) -> Revision:
        """Read the record of a revision.

        Raises:
            StateError: it cannot be read, or is of a newer version.
        """
        path = self._record(number)
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data["format"] > FORMAT:
                raise StateError(
                    f"{path} was written by a newer version of conda-overlay "
                    f"(format {data['format']}, this one reads {FORMAT}).",
                    "conda update -n base conda-overlay",
                    path=str(path),
                )
            return Revision(
                number=number,
                time=str(data["time"]),
                user=str(data["user"]),
                hostname=str(data["hostname"]),
                command=tuple(map(str, data["command"])),
                reason=data["reason"],
                host=dict(data["host"]),
                plan=dict(data["plan"]),
                distributions={k: _entry(v) for k, v in data["distributions"].items()},
                restores=data.get("restores"),
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise StateError(
                f"The record {path} of the overlay cannot be read: {error!r}.",
                f"restore it from a backup, or move {self.state} away and start anew",
                path=str(path),
            ) from error

    def tree(self, number: int) -> Path | None:
        """The tree of a revision; None when it has been dropped."""
        tree = self.state / "revisions" / str(number)
        return tree if tree.is_dir() else None

    def facts(self, number: int | None) -> dict[str, manifest.Fact] | None:
        """What the files of a revision were when it was committed; None when nobody knows."""
        if number is None:
            return None
        try:
            return manifest.load((self.state / "history" / f"{number}.files").read_bytes())
        except (OSError, ValueError):
            return None

    # -- writing

    @contextmanager
    def lock(self, timeout: float, host: Path) -> Iterator[None]:
        """Be the only writer, and put right what a writer that died has left.

        Args:
            timeout: seconds to wait for another writer.
            host: the real path of the host, recorded when the overlay is new.

        Raises:
            LockedError: another writer is still at work.
            OverlayDirError: the directory cannot be written.
            StateError: what is there cannot be read, or belongs to another host.
        """
        try:
            handle = self._acquire(timeout)
        except OSError as error:
            raise unwritable(self.overlay, error) from error
        try:
            current = self.current()
            if current is not None:
                self.revision(current)  # what cannot be read must not be put right
            self._claim(host)
            self._recover()
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES):
                raise unwritable(self.overlay, error) from error
            raise
        finally:
            os.close(handle)

    @contextmanager
    def stage(self) -> Iterator[Path]:
        """A directory beside the revisions, gone afterwards whatever happens."""
        staging = self.state / "staging"
        staging.mkdir(mode=0o755)
        try:
            yield staging
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def adopt(self, revision: Revision, facts: dict[str, manifest.Fact]) -> None:
        """Make a directory that was made by hand the tree of the first revision."""
        self._write_record(revision, facts)
        revisions = self.state / "revisions"
        revisions.mkdir(exist_ok=True)
        os.rename(self.overlay, revisions / str(revision.number))
        self._point_to(revision.number)

    def commit(self, tree: Path, revision: Revision, facts: dict[str, manifest.Fact]) -> None:
        """Make a complete tree the current one, its files read-only.

        An editor that writes in place could reach into older revisions, which share the files.
        """
        for path in facts:
            _protect(tree / path)
        revisions = self.state / "revisions"
        revisions.mkdir(exist_ok=True)
        os.rename(tree, revisions / str(revision.number))
        self._write_record(revision, facts)
        self._point_to(revision.number)

    def weight(self, numbers: Sequence[int]) -> tuple[int, int]:
        """The bytes and inodes that dropping some trees frees: what no other tree shares."""
        links: dict[int, tuple[int, int, int]] = {}
        directories = 0
        for number in numbers:
            for directory, _, files in os.walk(self.state / "revisions" / str(number)):
                directories += 1
                for name in files:
                    status = os.lstat(os.path.join(directory, name))
                    seen = links.get(status.st_ino, (0, 0, 0))[0] + 1
                    links[status.st_ino] = (seen, status.st_nlink, status.st_blocks * 512)
        freed = [size for seen, count, size in links.values() if seen == count]
        return sum(freed), len(freed) + directories

    def drop_trees(self, numbers: Sequence[int]) -> None:
        """Remove the trees of revisions that are not current; their records stay."""
        for number in numbers:
            trash = self.state / "trash"
            tree = self.tree(number)
            if tree is not None:
                shutil.rmtree(trash, ignore_errors=True)
                os.rename(tree, trash)
                shutil.rmtree(trash, ignore_errors=True)

    def delete(self) -> None:
        """Remove the overlay and its history."""
        trash = self.state / "trash"
        if self.managed:
            self.overlay.unlink()
        elif self.exists:
            os.rename(self.overlay, trash)
        _sync(self.overlay.parent)
        shutil.rmtree(self.state)

    def write_notice(self, text: str) -> None:
        """What activation compares the host and the date with."""
        _write(self.state / "notice", text.encode("utf-8", "surrogateescape"))

    def next_number(self) -> int:
        """The number of the revision to come."""
        trees = (self.state / "revisions").glob("*")
        numbers = [int(path.name) for path in trees if path.name.isdigit()]
        return max([0, *self.numbers(), *numbers]) + 1

    def discard_if_empty(self) -> None:
        """Leave nothing of an overlay that never had a revision."""
        if not self.numbers() and not self.exists:
            shutil.rmtree(self.state, ignore_errors=True)

    def _record(self, number: int) -> Path:
        return self.state / "history" / f"{number}.json"

    def _write_record(self, revision: Revision, facts: dict[str, manifest.Fact]) -> None:
        path = self._record(revision.number)
        path.parent.mkdir(exist_ok=True)
        _write(path.with_suffix(".files"), manifest.dump(facts))
        data = {"format": FORMAT, **asdict(revision)}
        _write(path, json.dumps(data, indent=1, default=dict).encode())

    def _point_to(self, number: int) -> None:
        target = os.path.join(self.state.name, "revisions", str(number))
        link = self.state / "link"
        with suppress(FileNotFoundError):
            link.unlink()
        link.symlink_to(target)
        os.rename(link, self.overlay)
        _sync(self.overlay.parent)

    def _acquire(self, timeout: float) -> int:
        """Wait for the lock, and write into its file who holds it."""
        deadline = time.monotonic() + timeout
        while True:
            _make_directories(self.state)
            path = self.state / "lock"
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(handle).st_nlink:
                    break  # else its holder has discarded the state, and the file locks nothing
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    holder = os.pread(handle, 500, 0).decode(errors="replace").strip()
                    os.close(handle)
                    raise LockedError(str(self.overlay), holder or "somebody", timeout) from None
                time.sleep(0.05)
            os.close(handle)
        os.ftruncate(handle, 0)
        who = f"{user()} on {socket.gethostname()}, process {os.getpid()}, since {now()}\n"
        os.pwrite(handle, who.encode(), 0)
        return handle

    def _claim(self, host: Path) -> None:
        """Record the host, unless a command for another host of the same name has been quicker."""
        recorded = locate.recorded_host(str(self.overlay))
        if recorded is None:
            _write(self.state / "host", os.fsencode(f"{host}\n"))
        elif recorded != str(host):
            raise StateError(
                f"{self.overlay} has just become the overlay of {recorded}.",
                "try again",
                overlay=str(self.overlay),
                host=recorded,
            )

    def _recover(self) -> None:
        """Drop what never became current; put the link back that a cut-short adoption took away."""
        for name in ("staging", "trash"):
            shutil.rmtree(self.state / name, ignore_errors=True)
        current = self.current()
        revisions = self.state / "revisions"
        complete = [n for n in self.numbers() if (revisions / str(n)).is_dir()]
        if not os.path.lexists(self.overlay) and complete:
            current = max(complete)
            self._point_to(current)
        for tree in revisions.glob("*"):
            if not tree.name.isdigit() or int(tree.name) > (current or 0):
                shutil.rmtree(tree, ignore_errors=True)
        for number in self.numbers():
            if number > (current or 0):
                self._record(number).unlink()
                self._record(number).with_suffix(".files").unlink(missing_ok=True)


def unwritable(path: Path, error: OSError) -> OverlayError:
    """The error for a directory that cannot be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OverlayError(
            f"No space left at {path}; the overlay is as it was.",
            f"df -h {path.parent}",
            path=str(path),
        )
    return OverlayDirError(
        f"The overlay directory {path.parent} cannot be written: {error.strerror}.",
        "export CONDA_PLUGINS_OVERLAY_DIRS=/a/directory/of/yours",
        path=str(path.parent),
    )


def _entry(data: dict[str, Any]) -> Entry:
    known = {field.name for field in fields(Entry)}
    data = {name: value for name, value in data.items() if name in known}
    return Entry(**{**data, "options": tuple(data.get("options", ()))})


def _protect(path: Path) -> None:
    mode = path.lstat().st_mode
    if mode & 0o222 and not stat.S_ISLNK(mode):
        path.chmod(mode & 0o7555)


def clone(source: Path, target: Path) -> None:
    """Copy a tree as cheaply as the file system allows: shared blocks, else hard links, else bytes.

    Whoever changes a file of the copy must replace it, never write into it.
    """
    ways = [_reflink, _hard_link, _copy]
    for directory, names, files in os.walk(source):
        place = Path(target, os.path.relpath(directory, source))
        place.mkdir(mode=0o755, exist_ok=True)
        for name in [*names, *files]:
            path = os.path.join(directory, name)
            if os.path.islink(path):
                os.symlink(os.readlink(path), place / name)
            elif name in files:
                while True:
                    try:
                        ways[0](path, str(place / name))
                        break
                    except OSError as error:
                        if len(ways) == 1 or error.errno in (errno.ENOSPC, errno.EDQUOT):
                            raise
                        del ways[0]  # what fails for one file fails for all
        _copy_mode(directory, place)


def remove(tree: Path, files: Sequence[Path]) -> None:
    """Remove files below a tree, the bytecode made from them, and directories that become empty."""
    parents = set()
    for file in files:
        cached = file.parent / "__pycache__"
        doomed = [file]
        if file.suffix == ".py" and cached.is_dir():
            doomed += cached.glob(f"{file.stem}.*.pyc")
        for path in doomed:
            with suppress(FileNotFoundError, NotADirectoryError):
                path.unlink()
            parents.add(path.parent)
    for parent in sorted(parents, key=lambda p: len(p.parts), reverse=True):
        while parent != tree and tree in parent.parents:
            try:
                parent.rmdir()
            except OSError:
                break
            parent = parent.parent


def move_in(tree: Path, root: Path, files: Sequence[Path]) -> None:
    """Move files from below one root to the same places below a tree, replacing what is there."""
    for file in files:
        target = tree / file.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.rename(file, target)


def user() -> str:
    """The name of the user who runs this."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def now() -> str:
    """The time, ISO 8601 in UTC."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _make_directories(path: Path) -> None:
    """Like ``mkdir -p``, but closed to others whatever the umask says."""
    if not path.is_dir():
        _make_directories(path.parent)
        with suppress(FileExistsError):
            path.mkdir(mode=0o755)


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(path.name + ".new")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.rename(temporary, path)


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _reflink(source: str, target: str) -> None:
    with open(source, "rb") as old, open(target, "xb") as new:
        try:
            fcntl.ioctl(new, _FICLONE, old.fileno())
        except OSError:
            os.unlink(target)
            raise
    shutil.copystat(source, target)


def _hard_link(source: str, target: str) -> None:
    os.link(source, target)


def _copy(source: str, target: str) -> None:
    shutil.copy2(source, target)


def _copy_mode(source: str, target: Path) -> None:
    os.chmod(target, os.stat(source).st_mode & 0o7755)
