"""The only writer of overlay state: the lock, drafts, revisions, and the link to the current one.

    <overlay dir>/<name>                    link to the tree of the current revision
    <overlay dir>/.<name>/host              the real path of the host
    <overlay dir>/.<name>/lock              who commits now
    <overlay dir>/.<name>/revisions/<N>/    record.json, manifest.json, notice, tree/
    <overlay dir>/.<name>/drafts/<random>/  what a command that runs is preparing

A revision is complete before it gets its number by one rename, and current once the link names it,
by another. A command that dies between the two leaves a revision that is not current, and whole.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from conda_overlay import lock, records
from conda_overlay.activation import locate
from conda_overlay.exceptions import FULL, OverlayError, StateError, unwritable
from conda_overlay.models import Revision
from conda_overlay.tree import (
    Manifest,
    discard,
    dump_manifest,
    load_manifest,
    make_directories,
    open_directory,
    protect,
    sync,
    sync_directory,
    write_file,
)

FORMAT = 1
"""The version of the state files."""

_BLOCKED = {errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE, errno.ENOLCK,
            errno.ELOOP, errno.ENXIO}  # fmt: skip

_UNREADABLE = (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError,
               RecursionError)  # fmt: skip


class Store:
    """One overlay on disk.

    Attributes:
        overlay: ``<overlay dir>/<name>``, its public path.
        state: ``<overlay dir>/.<name>``.
        timeout: seconds to wait for another command that commits.
        tell: shown what is waited for.
    """

    def __init__(
        self, overlay: Path, timeout: float = 0, tell: Callable[[str], None] = lambda _: None
    ) -> None:
        self.overlay = overlay
        self.state = Path(locate.state_dir(str(overlay)))
        self.timeout = timeout
        self.tell = tell

    # -- reading

    @property
    def exists(self) -> bool:
        """Whether there is anything at the public path."""
        return self.overlay.is_dir()

    @property
    def real(self) -> Path:
        """The tree of the current revision, or of what was made by hand."""
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
        here = str(self.overlay)
        if not self.managed:
            if os.path.lexists(here) and not self.exists:
                sentence = f"{here} is neither a directory nor a link."
                raise StateError(sentence, f"move {here} away", overlay=here)
            return None
        target = Path(os.readlink(here))
        number = _number(target.parent.name)
        if number is None or target != Path(self._target(number)):
            sentence = f"{here} is a link to {target}, which is no revision of it."
            raise StateError(sentence, f"rm {here}", overlay=here)
        if not self.exists:
            sentence = f"Revision {number} of {here}, the current one, is gone."
            hint = f"rm {here}; the next change then builds on the newest revision left"
            raise StateError(sentence, hint, overlay=here)
        return number

    def numbers(self) -> list[int]:
        """The numbers of all revisions."""
        numbers = (_number(path.name) for path in self._revisions.glob("*"))
        return sorted(number for number in numbers if number is not None)

    def revision(self, number: int) -> Revision:
        """Read the record of a revision.

        Raises:
            StateError: it cannot be read, or is of a newer version.
        """
        path = self._directory(number) / "record.json"
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data["format"] > FORMAT:
                both = f"format {data['format']}, this one reads {FORMAT}"
                sentence = f"{path} was written by a newer version of conda-overlay ({both})."
                raise StateError(sentence, "conda update -n base conda-overlay", path=str(path))
            revision: Revision = records.decode(Revision, {**data, "number": number})
            _check(revision)
            return revision
        except _UNREADABLE as error:
            sentence = f"The record {path} of the overlay cannot be read: {error!r}."
            hint = f"restore it from a backup, or move {self.state} away and start anew"
            raise StateError(sentence, hint, path=str(path)) from error

    def line(self) -> list[Revision]:
        """The revisions that led to the current one, in order."""
        found: list[Revision] = []
        number = self.current()
        while number is not None:
            try:
                found.append(self.revision(number))
            except StateError:
                if not found:
                    raise
                break  # what came before it is not known
            parent = found[-1].parent
            number = parent if parent is not None and parent < number else None
        return found[::-1]

    def tree(self, number: int) -> Path | None:
        """The tree of a revision; None when it has been dropped."""
        tree = self._directory(number) / "tree"
        return tree if tree.is_dir() else None

    def manifest(self, number: int | None) -> Manifest | None:
        """What the files of a revision were when it was committed; None when nobody knows."""
        if number is None:
            return None
        try:
            return load_manifest((self._directory(number) / "manifest.json").read_bytes())
        except _UNREADABLE:
            return None

    # -- drafts

    @contextmanager
    def new_draft(self, host: Path) -> Iterator[Path]:
        """Make a directory for what is being prepared, beside the revisions; it goes at the end.

        Nobody else's has its name: what a command that was killed has started may live on and
        write where it was told to.

        Args:
            host: the real path of the host, recorded when the overlay is new.

        Raises:
            LockedError: another command commits.
            OverlayDirError: the directory cannot be written.
            StateError: what is there cannot be read, or belongs to another host.
        """
        with self._as_our_errors():
            with self.lock():
                self._claim(host)
                drafts = self.state / "drafts"
                drafts.mkdir(exist_ok=True)
                draft = Path(tempfile.mkdtemp(dir=drafts, prefix=""))
                draft.chmod(0o755)
                alive = lock.take(draft / "lock")
            try:
                yield draft
            finally:
                discard(draft)
                os.close(alive)
                with suppress(OSError, OverlayError), self.lock():
                    pass  # which tidies up

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Be the only writer, and put right what a writer that died has left.

        Raises:
            LockedError: another writer is still at work.
            StateError: what is there cannot be read.
        """
        with self._as_our_errors():
            make_directories(self.state)
            with lock.hold(self.state / "lock", self.timeout, str(self.overlay), self.tell):
                current = self.current()
                if current is not None:
                    self.revision(current)  # what cannot be read must not be put right
                self._recover()
                try:
                    yield
                finally:
                    with suppress(OSError):  # else the next command does it
                        self._forget_if_empty()

    @contextmanager
    def _as_our_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in FULL | _BLOCKED:
                raise unwritable(self.overlay, error) from error
            raise

    # -- writing, under the lock

    def adopt(self, draft: Path, revision: Revision, manifest: Manifest) -> None:
        """Make a directory that was made by hand the tree of a revision.

        Args:
            draft: a place for the record.
            revision: its record.
            manifest: what its files are.
        """
        protect(self.overlay, manifest)
        directory = draft / "adopted"
        directory.mkdir()
        _write_records(directory, revision, manifest)
        self._number_it(directory, revision.number)
        open_directory(self.overlay)
        os.rename(self.overlay, self._directory(revision.number) / "tree")
        self._point_to(revision.number)

    def prepare(self, directory: Path, revision: Revision, manifest: Manifest, notice: str) -> None:
        """Complete a revision in a draft, its files read-only and on the disk; needs no lock.

        Args:
            directory: holds its tree.
            revision: its record.
            manifest: what its files are.
            notice: what activation compares the host and the date with.
        """
        protect(directory / "tree", manifest)
        (directory / "notice").write_bytes(notice.encode("utf-8", "surrogateescape"))
        _write_records(directory, revision, manifest)

    def commit(self, directory: Path, number: int) -> None:
        """Make a complete revision the current one."""
        self._number_it(directory, number)
        self._point_to(number)

    def drop_trees(self, numbers: Sequence[int]) -> None:
        """Remove the trees of revisions that are not current; their records stay."""
        for number in numbers:
            tree = self.tree(number)
            if tree is not None:
                self._throw_away(tree)

    def delete(self) -> None:
        """Remove the overlay and its history; no space is needed for it."""
        if self.managed:
            self.overlay.unlink()
        elif self.exists:
            self._throw_away(self.overlay)
        sync_directory(self.overlay.parent)
        if self._revisions.is_dir():
            self._throw_away(self._revisions)

    def next_number(self) -> int:
        """The number of the revision to come."""
        return max(self.numbers(), default=0) + 1

    @property
    def _revisions(self) -> Path:
        return self.state / "revisions"

    def _directory(self, number: int) -> Path:
        return self._revisions / str(number)

    def _target(self, number: int) -> str:
        return os.path.join(self.state.name, "revisions", str(number), "tree")

    def _number_it(self, directory: Path, number: int) -> None:
        self._revisions.mkdir(exist_ok=True)
        os.rename(directory, self._directory(number))
        sync_directory(self._revisions)

    def _point_to(self, number: int) -> None:
        temporary = self.state / "link"
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(self._target(number))
        os.rename(temporary, self.overlay)
        sync_directory(self.overlay.parent)

    def _throw_away(self, path: Path) -> None:
        """Remove a tree, moved among the drafts first: cut short, it is no half tree."""
        (self.state / "drafts").mkdir(exist_ok=True)
        place = self.state / "drafts" / secrets.token_hex(8)
        open_directory(path)  # or it cannot be moved
        os.rename(path, place)
        discard(place)

    def _claim(self, host: Path) -> None:
        """Record the host, unless a command for another host of the same name has been quicker."""
        recorded = locate.recorded_host(str(self.overlay))
        if recorded is None:
            write_file(self.state / "host", os.fsencode(f"{host}\n"))
        elif recorded != str(host):
            here = str(self.overlay)
            sentence = f"{here} has just become the overlay of {recorded}."
            raise StateError(sentence, "try again", overlay=here, host=recorded)

    def _recover(self) -> None:
        """Put right what a command that was cut short has left; nothing that was committed goes.

        A tree that was moved away to be adopted, or to be the first one, becomes current.
        """
        last = max(self.numbers(), default=None)
        if last and self.exists and not self.managed and self.tree(last) is None:
            self._throw_away(self._directory(last))  # was to be adopted, and was not
        whole = [number for number in self.numbers() if self.tree(number) is not None]
        if whole and not os.path.lexists(self.overlay):
            self._point_to(max(whole))
        for name in ("link", "host.new"):
            (self.state / name).unlink(missing_ok=True)
        for draft in (self.state / "drafts").glob("*"):
            if not lock.is_held(draft / "lock"):
                discard(draft)

    def _forget_if_empty(self) -> None:
        """Leave nothing of an overlay that has no revision; the lock goes last, for it is held."""
        drafts = self.state / "drafts"
        with suppress(OSError):
            drafts.rmdir()  # as long as no other command is at work
        if drafts.is_dir() or self.numbers() or self.managed:
            return
        for path in self.state.glob("*"):
            if path.name != "lock":
                discard(path)
        (self.state / "lock").unlink(missing_ok=True)
        self.state.rmdir()


def _check(revision: Revision) -> None:
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


def _write_records(directory: Path, revision: Revision, manifest: Manifest) -> None:
    """Write what tells of a revision, read-only, and have all of it on the disk."""
    data = {"format": FORMAT, **records.encode(revision)}
    (directory / "record.json").write_bytes(json.dumps(data, indent=1).encode())
    (directory / "manifest.json").write_bytes(dump_manifest(manifest))
    protect(directory, [path.name for path in directory.iterdir() if path.is_file()])
    sync(directory)
