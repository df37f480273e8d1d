"""The only writer of overlay state: lock, stages, revisions, and the link to the current one.

    <overlay dir>/<name>                  link to the current revision's tree
    <overlay dir>/.<name>/host            the real path of the host
    <overlay dir>/.<name>/lock            who changes the overlay now
    <overlay dir>/.<name>/revisions/<N>/  a tree
    <overlay dir>/.<name>/history/<N>.json, <N>.files
    <overlay dir>/.<name>/notice          what activation compares the host with
    <overlay dir>/.<name>/staging/        gone when no command runs
    <overlay dir>/.<name>/staging/number  link to nothing, named by the revision that is being made

A revision is complete before the link names it, and the link changes by one rename. What a command
that died has left is told from what was committed by the number in staging, never guessed.
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
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, fields
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeVar

from conda_overlay import manifest
from conda_overlay.activation import locate
from conda_overlay.exceptions import LockedError, OverlayDirError, OverlayError, StateError
from conda_overlay.models import Entry, Revision

FORMAT = 1
"""The version of the state files."""

_Value = TypeVar("_Value", Revision, Entry)

_FICLONE = 0x40049409  # linux/fs.h: share the data blocks of another file

_FULL = {errno.ENOSPC, errno.EDQUOT}
_IN_THE_WAY = {errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE, errno.ENOLCK}


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
    def real(self) -> Path:
        """The real directory of the current revision, or of what was made by hand."""
        return Path(os.path.realpath(self.overlay))

    @property
    def managed(self) -> bool:
        """Whether it is ours, and not a directory that somebody made by hand."""
        return self.overlay.is_symlink()

    def current(self) -> int | None:
        """The number of the current revision; None where there is none.

        Raises:
            StateError: the link leads to nothing, or to what is no revision of this overlay; or
                something else is in its place.
        """
        if not self.managed:
            if os.path.lexists(self.overlay) and not self.exists:
                raise StateError(
                    f"{self.overlay} is neither a directory nor a link.",
                    f"move {self.overlay} away",
                    overlay=str(self.overlay),
                )
            return None
        target = Path(os.readlink(self.overlay))
        number = _number(target.name)
        if target.parent != Path(self.state.name, "revisions") or number is None:
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
        return number

    def numbers(self) -> list[int]:
        """The numbers of all revisions that were committed."""
        making, recorded = self._making(), self._recorded()
        if making is None or making == self.current():
            return recorded
        return [number for number in recorded if number != making]

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
            revision: Revision = _value(
                Revision,
                {
                    **data,
                    "number": number,
                    "edits": {
                        verb: files
                        for verb, files in data.get("edits", {}).items()
                        if verb in _EDITS and isinstance(files, list)
                    },
                    "distributions": {
                        k: _value(Entry, v) for k, v in data["distributions"].items()
                    },
                },
            )
            _check_facts(revision)
            return revision
        except _UNREADABLE as error:
            raise StateError(
                f"The record {path} of the overlay cannot be read: {error!r}.",
                f"restore it from a backup, or move {self.state} away and start anew",
                path=str(path),
            ) from error

    def tree(self, number: int) -> Path | None:
        """The tree of a revision; None when it has been dropped."""
        tree = self._tree(number)
        return tree if tree.is_dir() else None

    def spare(self, keep: int) -> list[int]:
        """The revisions whose trees may go.

        Args:
            keep: how many trees stay; that of the current revision always does.
        """
        current = self.current()
        old = [n for n in self.numbers() if n != current and self.tree(n) is not None]
        return old[: max(0, len(old) - max(keep, 1) + 1)]

    def facts(self, number: int | None) -> dict[str, manifest.Fact] | None:
        """What the files of a revision were when it was committed; None when nobody knows."""
        if number is None:
            return None
        try:
            return manifest.load((self.state / "history" / f"{number}.files").read_bytes())
        except _UNREADABLE:
            return None

    def edits(self) -> manifest.Differences | None:
        """What was done by hand to the current revision; None when nobody knows."""
        facts = self.facts(self.current())
        return manifest.compare(self.real, facts) if facts is not None else None

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
            try:
                yield
            finally:
                with suppress(OSError):  # the next command does it
                    self._recover()
                    self._forget_if_empty()
        except OSError as error:
            if error.errno in _FULL | _IN_THE_WAY:
                raise unwritable(self.overlay, error) from error
            raise
        finally:
            os.close(handle)

    @property
    def staging(self) -> Path:
        """A place for this process beside the revisions, gone when the lock is given back.

        It is not made yet. Nobody else's has its name: what a command that was killed has started
        may live on and write where it was told to.
        """
        return self.state / "staging" / str(os.getpid())

    def adopt(self, revision: Revision, facts: dict[str, manifest.Fact]) -> None:
        """Make a directory that was made by hand the tree of a revision."""
        for path in facts:
            _protect(self.overlay / path)
        self._announce(revision.number)
        self._write_record(revision, facts)
        self._trees.mkdir(exist_ok=True)
        _open(self.overlay)
        os.rename(self.overlay, self._tree(revision.number))
        self._point_to(revision.number)

    def commit(
        self, tree: Path, revision: Revision, facts: dict[str, manifest.Fact], notice: str
    ) -> None:
        """Make a complete tree the current one, its files read-only.

        An editor that writes in place could reach into older revisions, which share the files.

        Args:
            tree: in `staging`.
            revision: its record.
            facts: what its files are.
            notice: what activation compares the host and the date with.
        """
        for path in facts:
            _protect(tree / path)
        self._announce(revision.number)
        _write(self._next_notice, notice.encode("utf-8", "surrogateescape"))
        self._write_record(revision, facts)
        self._trees.mkdir(exist_ok=True)
        os.rename(tree, self._tree(revision.number))
        self._point_to(revision.number)
        self._put_up_notice()

    def weight(self, numbers: Sequence[int]) -> tuple[int, int]:
        """The bytes and inodes that dropping some trees frees: what no other tree shares."""
        seen: Counter[int] = Counter()
        found: dict[int, os.stat_result] = {}
        for number in numbers:
            tree = self._tree(number)
            for path in (tree, *tree.rglob("*")):
                status = path.lstat()
                found[status.st_ino] = status
                seen[status.st_ino] += 1
        freed = [
            status.st_blocks * 512
            for inode, status in found.items()
            if stat.S_ISDIR(status.st_mode) or seen[inode] == status.st_nlink
        ]
        return sum(freed), len(freed)

    def drop_trees(self, numbers: Sequence[int]) -> None:
        """Remove the trees of revisions that are not current; their records stay."""
        for number in numbers:
            tree, trash = self.tree(number), self.state / "trash"
            if tree is not None:
                trash.mkdir(exist_ok=True)
                _open(tree)  # or it cannot be moved
                os.rename(tree, trash / str(number))
                _discard(trash)

    def delete(self) -> None:
        """Remove the overlay and its history; no space is needed for it."""
        if self.managed:
            self.overlay.unlink()
        elif self.exists:
            (self.state / "trash").mkdir(exist_ok=True)
            _open(self.overlay)
            os.rename(self.overlay, self.state / "trash" / "0")
        _sync(self.overlay.parent)
        with suppress(FileNotFoundError):
            os.rename(self.state / "history", self.state / "deleted")
        self._recover()

    def next_number(self) -> int:
        """The number of the revision to come."""
        trees = [_number(path.name) or 0 for path in self._trees.glob("*")]
        return max([0, *self._recorded(), *trees]) + 1

    def _record(self, number: int) -> Path:
        return self.state / "history" / f"{number}.json"

    def _tree(self, number: int) -> Path:
        return self._trees / str(number)

    @property
    def _trees(self) -> Path:
        return self.state / "revisions"

    @property
    def _next_notice(self) -> Path:
        return self.state / "staging" / "notice"

    def _recorded(self) -> list[int]:
        numbers = (_number(path.stem) for path in (self.state / "history").glob("*.json"))
        return sorted(number for number in numbers if number is not None)

    def _making(self) -> int | None:
        """The revision that a command is making, or was when it died."""
        try:
            return _number(os.readlink(self.state / "staging" / "number"))
        except OSError:
            return None

    def _announce(self, number: int) -> None:
        """Say which revision is being made, so that it is known when it is never committed."""
        self.staging.mkdir(parents=True, exist_ok=True)
        _link(self.state / "staging" / "number", str(number), self.state / "staging" / "number.new")

    def _write_record(self, revision: Revision, facts: dict[str, manifest.Fact]) -> None:
        path = self._record(revision.number)
        path.parent.mkdir(exist_ok=True)
        _write(path.with_suffix(".files"), manifest.dump(facts))
        data = {"format": FORMAT, **asdict(revision)}
        _write(path, json.dumps(data, indent=1, default=dict).encode())

    def _point_to(self, number: int) -> None:
        target = os.path.join(self.state.name, "revisions", str(number))
        _link(self.overlay, target, self.state / "link")
        _sync(self.overlay.parent)

    def _put_up_notice(self) -> None:
        with suppress(FileNotFoundError):
            os.rename(self._next_notice, self.state / "notice")

    def _acquire(self, timeout: float) -> int:
        """Wait for the lock, and write into its file who holds it."""
        deadline = time.monotonic() + timeout
        while True:
            _make_directories(self.state)
            path = self.state / "lock"
            try:
                handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            except FileNotFoundError:  # its last holder has discarded the state
                if time.monotonic() >= deadline:
                    raise
                continue
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
            except OSError:
                os.close(handle)
                raise
            os.close(handle)
        who = f"{user()} on {socket.gethostname()}, process {os.getpid()}, since {now()}\n"
        with suppress(OSError):  # on a full disk, clean and delete must be possible
            os.ftruncate(handle, 0)
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
        """Put right what a command that was cut short has left; nothing that was committed goes.

        A tree that was moved away to be adopted, or to be the first one, becomes current.
        """
        if (self.state / "deleted").exists():
            for name in ("revisions", "deleted"):  # in this order
                _discard(self.state / name)
        making = self._making()
        whole = [number for number in self._recorded() if self.tree(number) is not None]
        if whole and not os.path.lexists(self.overlay):
            self._point_to(max(whole))
        if making is not None and making == self.current():
            self._put_up_notice()
        elif making is not None:
            _discard(self._tree(making))
            for suffix in (".json", ".json.new", ".files", ".files.new"):
                self._record(making).with_suffix(suffix).unlink(missing_ok=True)
        for name in ("link", "host.new"):
            (self.state / name).unlink(missing_ok=True)
        for name in ("trash", "staging"):
            _discard(self.state / name)

    def _forget_if_empty(self) -> None:
        """Leave nothing of an overlay that has no revision; the lock goes last, for it is held."""
        if self._recorded() or any(self._trees.glob("*")) or os.path.lexists(self.overlay):
            return
        lock = self.state / "lock"
        for path in self.state.glob("*"):
            if path != lock:
                _discard(path)
        lock.unlink(missing_ok=True)
        self.state.rmdir()


def unwritable(path: Path, error: OSError) -> OverlayError:
    """The error for a directory that cannot be written."""
    if error.errno in _FULL:
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


_UNREADABLE = (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError,
               RecursionError)  # fmt: skip

_EDITS = frozenset(field.name for field in fields(manifest.Differences))

_TYPES: dict[str, type | tuple[type, ...]] = {
    "str": str,
    "str | None": (str, type(None)),
    "int": int,
    "int | None": (int, type(None)),
    "bool": bool,
    "tuple[str, ...]": list,
    "Mapping[str, Any]": dict,
    "Mapping[str, Entry]": dict,
}
"""What JSON has for the types of the fields of `Revision` and `Entry`."""


def _value(kind: type[_Value], data: Mapping[str, Any]) -> _Value:
    """Make a value of what JSON has; fields of a later version are passed over.

    Raises:
        TypeError: a field is missing, or of another type.
    """
    known = {}
    for field in fields(kind):
        if field.name in data:
            value = data[field.name]
            if not isinstance(value, _TYPES.get(str(field.type), object)):
                raise TypeError(f"{field.name} is {value!r}")
            if isinstance(value, list):
                value = tuple(map(str, value))
            known[field.name] = value
    return kind(**known)


def _check_facts(revision: Revision) -> None:
    """Look for what everybody counts on in the mappings of a revision.

    Raises:
        LookupError, TypeError: it is not there.
    """
    host, changes = revision.host, revision.plan["changes"]
    texts = [host["python"], *host["distributions"].values(), *(c["name"] for c in changes)]
    if "abi" not in host or not all(isinstance(text, str) for text in texts):
        raise TypeError(f"{revision.host!r}")


def _number(name: str) -> int | None:
    """The number of a revision, as `str` writes it."""
    digits = name.isascii() and name.isdigit() and len(name) < 10
    return int(name) if digits and name == str(int(name)) else None


def _protect(path: Path) -> None:
    mode = path.lstat().st_mode
    if mode & 0o222 and not stat.S_ISLNK(mode):
        with suppress(PermissionError):  # then it is another user's, or has no modes
            path.chmod(mode & 0o7555)


def _open(directory: Path) -> None:
    """Let its owner write a directory."""
    with suppress(PermissionError):
        directory.chmod(directory.stat().st_mode & 0o7777 | 0o700)


def _discard(path: Path) -> None:
    """Remove a tree, as far as it can be: others may have written into it, or do so now."""
    shutil.rmtree(path, ignore_errors=True)
    if path.is_dir():
        for directory, _, _ in os.walk(path):
            _open(Path(directory))
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def clone(source: Path, target: Path) -> None:
    """Copy a tree as cheaply as the file system allows: shared blocks, else hard links, else bytes.

    Whoever changes a file of the copy must replace it, never write into it.
    """
    ways = [_reflink, _hard_link, _copy]
    for directory, names, files in os.walk(source):
        place = Path(target, os.path.relpath(directory, source))
        place.mkdir(mode=0o755, parents=True, exist_ok=True)
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
                        if len(ways) == 1 or error.errno in _FULL:
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


def move_in(tree: Path, root: Path) -> None:
    """Move all that is below one root to the same places below a tree, replacing what is there.

    A directory that the tree lacks moves as a whole: to empty one and to remove it costs much more.
    """
    with os.scandir(root) as entries:
        for entry in entries:
            target = tree / entry.name
            is_directory = entry.is_dir(follow_symlinks=False)
            if is_directory and target.is_dir() and not target.is_symlink():
                move_in(target, Path(entry.path))
            else:
                os.rename(entry.path, target)


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


def _link(path: Path, target: str, temporary: Path) -> None:
    """Make a symbolic link, in place of what is there, at once."""
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
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
    os.chmod(target, os.stat(source).st_mode & 0o7755 | 0o700)
