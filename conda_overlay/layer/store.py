"""The only writer of overlay state: lock, drafts, revisions, and the link to the current one.

    <overlay dir>/<name>                    link to the tree of the current revision
    <overlay dir>/.<name>/host              the real path of the host
    <overlay dir>/.<name>/lock              who is committing now
    <overlay dir>/.<name>/revisions/<N>/    tree/, notice, {record,manifest,index,host}.json
    <overlay dir>/.<name>/drafts/<random>/  the draft of a running command
    <overlay dir>/.<name>/src/<random>/     the checkouts of editables that a draft made

One rename gives a complete revision its number, and a second one makes the link point to it. A
command that dies between the two leaves a revision that is complete but not current.
"""

from __future__ import annotations

import json
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from conda_overlay.activation import files, locate
from conda_overlay.core.errors import ELSEWHERE, OverlayError, StateError, while_changing
from conda_overlay.core.models import Revision
from conda_overlay.core.progress import SILENT, Progress
from conda_overlay.filesystem import lock
from conda_overlay.filesystem.atomic import is_unfinished, make_directories, sync
from conda_overlay.filesystem.manifest import Manifest, load_manifest
from conda_overlay.filesystem.tree import discard, open_directory, protect
from conda_overlay.layer.host_file import record_host
from conda_overlay.layer.index import Index, dump_index, load_index
from conda_overlay.layer.revision import (
    UNREADABLE,
    load_record,
    number_in,
    of_older_format,
    write_records,
)

PATIENCE = 60.0
"""How long a command waits for another one that commits, in seconds."""


class Store:
    """One overlay on disk."""

    def __init__(self, overlay: Path, progress: Progress = SILENT) -> None:
        self.overlay = overlay  # <overlay dir>/<name>, its public path
        self.state = Path(locate.state_dir(str(overlay)))  # <overlay dir>/.<name>
        self._drafts, self._revisions = self.state / "drafts", self.state / "revisions"
        self.progress = progress
        self.moves = False  # whether the next commit makes it the overlay of another host
        self._load_record = cache(load_record)  # by its text

    # -- reading

    @property
    def exists(self) -> bool:
        """Whether the public path leads to a directory."""
        return self.overlay.is_dir()

    @property
    def real(self) -> Path:
        """The tree of the current revision, or the directory that was made by hand."""
        return Path(os.path.realpath(self.overlay))

    @property
    def managed(self) -> bool:
        """Whether the overlay is managed by us, and not a directory that was made by hand."""
        return self.overlay.is_symlink()

    def current(self) -> int | None:
        """The number of the current revision, if there is one.

        Raises:
            StateError: the public path is neither a directory nor a link to a revision.
        """
        path = self.overlay
        if not self.managed:
            if os.path.lexists(path) and not self.exists:
                raise self._error(f"{path} is neither a directory nor a link.", f"move {path} away")
            return None
        if (self.state / "history").is_dir():
            raise of_older_format(path, self.state)
        target = Path(os.readlink(path))
        number = number_in(target.parent.name)
        if number is None or target != Path(self._target(number)):
            sentence = f"{path} is a link to {target}, which is not one of its revisions."
            raise self._error(sentence, f"rm {path}")
        if not self.exists:
            hint = f"rm {path}; the next change then builds on the newest remaining revision"
            raise self._error(f"Revision {number} of {path}, the current one, is gone.", hint)
        return number

    def _error(self, sentence: str, hint: str, **data: str) -> StateError:
        return StateError(sentence, hint, overlay=str(self.overlay), **data)

    def numbers(self) -> list[int]:
        """The numbers of all revisions."""
        found = (number_in(path.name) for path in self._revisions.glob("*"))
        return sorted(number for number in found if number is not None)

    def revision(self, number: int) -> Revision:
        """Read the record of a revision.

        Raises:
            StateError: it cannot be read, or was written by a newer version.
        """
        path = self._directory(number) / "record.json"
        try:
            return self._load_record(self.read(number, "record.json"), number, path)
        except UNREADABLE as error:
            sentence = f"The record {path} of the overlay cannot be read: {error!r}."
            hint = f"restore it from a backup, or move {self.state} away and start over"
            raise StateError(sentence, hint, path=str(path)) from error

    def is_of(self, host: Path) -> bool:
        """Whether the history, which must be readable, says that this is the overlay of a host."""
        number = self.current() if self.managed and self.state.is_dir() else None
        prefix = self.revision(number).host.get("prefix") if number is not None else None
        return locate.leads_to(prefix, str(host))

    def line(self) -> list[Revision]:
        """The current revision and its known ancestors, oldest first."""
        if (number := self.current()) is None:
            return []
        line = [self.revision(number)]
        with suppress(StateError):  # an ancestor that cannot be read ends the line
            while (parent := line[-1].parent) is not None and parent < line[-1].number:
                line.append(self.revision(parent))
        return line[::-1]

    def tree(self, number: int) -> Path | None:
        """The tree of a revision; None if it has been dropped."""
        tree = self._directory(number) / "tree"
        return tree if tree.is_dir() else None

    def manifest(self, number: int | None) -> Manifest | None:
        """The manifest of a revision when it was committed; None if it is unknown."""
        if number is None:
            return None
        try:
            return load_manifest(self.read(number, "manifest.json"))
        except UNREADABLE:
            return None

    def index(self, number: int | None, site: Path) -> Index:
        """The index of a revision when it was committed; empty if it is unknown.

        Args:
            number: of the revision; None: the current one.
            site: the site-packages of its tree, or of a clone.
        """
        with suppress(*UNREADABLE):
            return load_index(self._known(number, "index.json"), site)
        return Index()

    def host_facts(self) -> Mapping[str, Any]:
        """What was known of the host when the current revision was committed: see `Host.facts`."""
        return self._known(None, "host.json")

    def _known(self, number: int | None, name: str) -> dict[str, Any]:
        with suppress(*UNREADABLE, StateError):
            return {**json.loads(self.read(number or self.current() or 0, name))}
        return {}

    def read(self, number: int, name: str) -> bytes:
        """Read a file of a revision, relative to the state directory, which is not a link."""
        state = os.open(self.state, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            path = self._directory(number).relative_to(self.state) / name
            return files.read_file(str(path), state, files.LARGE)
        finally:
            os.close(state)

    # -- drafts

    @contextmanager
    def new_draft(
        self,
        host: Path,
        named: Path | None = None,
        *,
        dry_run: bool = False,
        timeout: float = PATIENCE,
    ) -> Iterator[Path]:
        """Make a temporary directory, and record the host of a new overlay.

        The directory has a unique name, because children of a killed command may still write to
        theirs. For a dry run it is in the system's directory for temporary files, and nothing is
        recorded.

        Args:
            host: the real path of the host.
            named: the path by which it was named.
            dry_run: whether nothing will be committed.
            timeout: how long to wait, in seconds.

        Raises:
            LockedError: another command is committing.
            OverlayDirError: the directory cannot be written.
            StateError: the state cannot be read, or belongs to another host.
        """
        if dry_run:
            draft = Path(tempfile.mkdtemp(prefix="conda-overlay-"))
            try:
                yield draft
            finally:
                discard(draft)
            return
        with self._as_our_errors():
            with self.lock(timeout):
                self._claim(host, named or host)
                make_directories(self._drafts)
                draft = Path(tempfile.mkdtemp(dir=self._drafts, prefix=""))
                alive = lock.lock_own(draft / "lock")
            try:
                yield draft
            finally:
                discard(draft)
                os.close(alive)
                with suppress(OSError, OverlayError), self.lock():
                    pass  # this cleans up

    @contextmanager
    def lock(self, timeout: float = PATIENCE) -> Iterator[None]:
        """Be the only writer, and clean up after writers that died.

        Args:
            timeout: how long to wait for another writer, in seconds.

        Raises:
            LockedError: another writer is still running.
            StateError: the state cannot be read.
        """
        with self._as_our_errors():
            make_directories(self.state)
            self._check_owner()
            with lock.hold(self.state / "lock", timeout, str(self.overlay), self.progress):
                if (current := self.current()) is not None:
                    self.revision(current)  # if it cannot be read, change nothing
                self._recover()
                try:
                    yield
                finally:
                    with suppress(OSError):  # the next command tries again
                        self._forget_if_empty()

    def _check_owner(self) -> None:
        """Refuse a state directory that belongs to another user, or that is a link."""
        found = os.lstat(self.state)
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            sentence = f"{self.state} is not a directory of yours, so nothing is written to it."
            raise self._error(sentence, ELSEWHERE)

    @contextmanager
    def _as_our_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            told = while_changing(self.overlay, self.real, error)
            if told is None:
                raise
            raise told from error

    # -- writing, under the lock

    def adopt(self, draft: Path, revision: Revision, manifest: Manifest) -> None:
        """Turn a directory that was made by hand into a revision; its record is made in a draft."""
        protect(self.overlay)
        directory = draft / "adopted"
        directory.mkdir()
        write_records(directory, revision, manifest)
        self._number_it(directory, revision.number)
        open_directory(self.overlay)
        os.rename(self.overlay, self._directory(revision.number) / "tree")
        self._point_to(revision.number)

    def prepare(
        self,
        directory: Path,
        revision: Revision,
        manifest: Manifest,
        notice: str,
        index: Index,
        host: Mapping[str, Any],
    ) -> None:
        """Complete a revision in a draft, with read-only files synced to disk; needs no lock.

        Args:
            directory: of the draft; it has the tree.
            revision: the record.
            manifest: of the tree.
            notice: activation compares the host and the date with it.
            index: of the tree.
            host: what is known of the host: see `Host.facts`.
        """
        (directory / "notice").write_bytes(notice.encode("utf-8", "surrogateescape"))
        more = {"index.json": dump_index(index), "host.json": host}
        write_records(directory, revision, manifest, more)

    def commit(self, directory: Path, number: int) -> None:
        """Make a complete revision the current one."""
        self._number_it(directory, number)
        self._point_to(number)

    def close(self, number: int) -> None:
        """Make the editable files of a revision read-only, once it is no longer current."""
        if tree := self.tree(number):
            protect(tree)

    def drop_trees(self, numbers: Sequence[int]) -> None:
        """Remove the trees of revisions, except the current one's; their records stay."""
        for number in sorted({*numbers} - {self.current()}):
            if tree := self.tree(number):
                self._throw_away(tree)

    def delete(self) -> None:
        """Remove the overlay and its history, even on a full disk."""
        if self.managed:
            self.overlay.unlink()
        elif self.exists:
            self._throw_away(self.overlay)
        sync(self.overlay.parent)
        if self._revisions.is_dir():
            self._throw_away(self._revisions)

    def next_number(self) -> int:
        """The number of the next revision."""
        return max(self.numbers(), default=0) + 1

    def _directory(self, number: int) -> Path:
        return self._revisions / str(number)

    def _target(self, number: int) -> str:
        return os.path.join(self.state.name, "revisions", str(number), "tree")

    def _number_it(self, directory: Path, number: int) -> None:
        make_directories(self._revisions)
        os.rename(directory, self._directory(number))
        sync(self._revisions)

    def _point_to(self, number: int) -> None:
        (temporary := self.state / "link").unlink(missing_ok=True)
        temporary.symlink_to(self._target(number))
        os.rename(temporary, self.overlay)
        sync(self.overlay.parent)

    def _throw_away(self, path: Path) -> None:
        """Move a tree to the drafts and remove it there, so that no partial tree remains."""
        make_directories(self._drafts)
        place = self._drafts / secrets.token_hex(8)
        open_directory(path)  # to allow moving it
        os.rename(path, place)
        discard(place)

    def _claim(self, host: Path, named: Path) -> None:
        """Record the host, unless a command for another host of the same name has just done so."""
        recorded = locate.recorded_host(str(self.overlay))
        if recorded is None or locate.leads_to(recorded, str(host)) or self.is_of(host):
            record_host(self.overlay, host, named)
        elif not self.moves:
            sentence = f"{self.overlay} has just become the overlay of {recorded}."
            raise self._error(sentence, "try again", host=recorded)

    def _recover(self) -> None:
        """Clean up after an interrupted command, without losing anything that was committed.

        If an adoption or a first commit was interrupted, its revision becomes current.
        """
        last = max(self.numbers(), default=None)
        if last and self.exists and not self.managed and self.tree(last) is None:
            self._throw_away(self._directory(last))  # the adoption did not move the tree
        whole = [number for number in self.numbers() if self.tree(number) is not None]
        if whole and not os.path.lexists(self.overlay):
            self._point_to(max(whole))
            self.progress.tell(f"{self.overlay} was gone; revision {max(whole)} is current again.")
        for path in self.state.iterdir():
            if path.name == "link" or is_unfinished(path):
                path.unlink(missing_ok=True)
        for draft in self._drafts.glob("*"):
            if not lock.is_held(draft / "lock"):
                discard(draft)

    def _forget_if_empty(self) -> None:
        """Remove the state of an overlay without revisions; remove the held lock last."""
        with suppress(OSError):  # other commands have drafts there
            self._drafts.rmdir()
        if self._drafts.is_dir() or self.numbers() or self.managed:
            return
        for path in self.state.glob("*"):
            if path.name != "lock":
                discard(path)
        (self.state / "lock").unlink(missing_ok=True)
        self.state.rmdir()
