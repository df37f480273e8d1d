"""Makes an environment in a directory beside its prefix, and swaps it in at the end.

After a kill the existing environment is intact, and the next command removes the directory.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from conda_overlay.activation import files, notice, trust
from conda_overlay.core.errors import OverlayError
from conda_overlay.core.progress import SILENT, Progress
from conda_overlay.filesystem.atomic import exchange, replace_file
from conda_overlay.filesystem.lock import hold
from conda_overlay.filesystem.tree import discard
from conda_overlay.host.host import Host

_MARK = "conda-overlay-fork.lock"
"""The file that is locked in the directory beside a prefix, and says that it is ours."""
UNCONFIRMED = f"{notice.FORK}/unconfirmed"
"""The file, below its prefix, that marks a new environment until it has been seen to work."""


def check_free(prefix: Path, *, again: bool, dry_run: bool) -> None:
    """Refuse to make a fork at a prefix that is taken, after recovery from a killed command.

    Args:
        prefix: of the fork.
        again: allow the prefix to be a fork, which is to be replaced.
        dry_run: leave the remains of a killed command as they are.

    Raises:
        OverlayError: the prefix is taken, or by something other than a fork.
    """
    if not prefix.name:  # the root directory
        raise _occupied(prefix)
    place = _place(prefix)
    if place.is_dir() and dry_run:
        _check_ours(place)
    elif place.is_dir():
        with beside(prefix, SILENT):
            pass
    there = os.path.lexists(prefix)
    if there and not again:
        raise _occupied(prefix)
    if there and not (prefix / notice.FORK).is_dir():
        hint = "conda overlay fork --from ENV -n NEW, which makes one"
        raise OverlayError(f"{prefix} is not a fork.", hint, prefix=str(prefix))


def _place(prefix: Path) -> Path:
    return prefix.with_name(f".{prefix.name}.fork")


def _check_ours(place: Path) -> None:
    """Refuse a directory beside a prefix, unless a command of ours made it, or it is empty.

    Raises:
        OverlayError: somebody else has made it, or it is a link.
    """
    if os.path.lexists(place) and os.lstat(place).st_uid != os.geteuid():
        raise _unused(place, "it is not yours")
    if place.is_symlink():
        raise _unused(place, "it is a link")
    if place.is_dir() and not (place / _MARK).is_file() and any(place.iterdir()):
        raise _unused(place, "conda-overlay did not create it")


@contextmanager
def beside(prefix: Path, progress: Progress) -> Iterator[Path]:
    """Make a directory beside a prefix that no other command uses and no other user can write to.

    The remains of an earlier command are removed; an environment that it moved there is moved back.

    Raises:
        LockedError: another command is making the same fork.
        OverlayError: somebody else can write to the directory.
    """
    place = _place(prefix)
    missing = [path for path in prefix.parents if not path.exists()]
    _check_ours(place)
    try:
        with hold(place / _MARK, 0, str(prefix), progress):
            try:
                if reason := trust.distrust(str(place), (), trust.trusted_owners()):
                    raise _unused(place, reason)
                _recover(place, prefix, keep=True)
                yield Path(tempfile.mkdtemp(dir=place))
            finally:
                _recover(place, prefix, keep=False)
                if any(path.is_dir() for path in place.iterdir()):
                    progress.tell(f"{place} stays: it has directories of another user.")
                else:
                    discard(place)  # the mark goes last
    finally:
        for path in missing:
            with suppress(OSError):  # not empty
                path.rmdir()


def _recover(place: Path, prefix: Path, *, keep: bool) -> None:
    """Bring back the environment that was there before a command that did not finish.

    Args:
        place: the directory beside the prefix.
        prefix: of the fork.
        keep: whether a new environment that works may stay, because it may be in use.
    """
    if not os.path.lexists(prefix) and _is_own_directory(place / "old"):
        os.rename(place / "old", prefix)
    if _is_own_directory(prefix) and (prefix / UNCONFIRMED).exists():
        children = (child / prefix.name for child in place.glob("*"))
        before = [path for path in children if _is_own_directory(path)]
        try:
            if not keep:
                raise OverlayError("It does not work.")
            works(prefix)
            (prefix / UNCONFIRMED).unlink()
        except OverlayError:
            if before:
                swap(before[0], prefix, again=True)
            else:
                os.rename(prefix, place / "unconfirmed")
    for left in [path for path in place.iterdir() if path.is_dir()]:
        _discard(left, f"{prefix.name}.rest")


def _discard(left: Path, rest: str) -> None:
    """Remove a directory; files that only another user can remove stay, outside of any prefix."""
    discard(left)
    if left.is_dir() and not (left / rest).is_dir():
        left.rename(Path(tempfile.mkdtemp(dir=left.parent), rest))


def _is_own_directory(path: Path) -> bool:
    """Whether a path is a directory of this user, and not a link to one."""
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()


def works(prefix: Path) -> None:
    """Check that the Python of an environment runs, if it has one.

    Raises:
        HostError: it does not run.
    """
    if (prefix / "bin" / "python").exists():
        Host(prefix, prefix.name).check()


def swap(new: Path, prefix: Path, *, again: bool) -> None:
    """Move an environment to its prefix; with `again`, swap it with the existing one.

    Raises:
        OverlayError: the prefix is taken, and not to be replaced.
    """
    if not again or not os.path.lexists(prefix):
        try:
            os.rename(new, prefix)
        except OSError as error:  # somebody else was faster
            raise _occupied(prefix) from error
    elif not exchange(new, prefix):
        aside = new.parents[1] / "old"  # where `_recover` finds it
        os.rename(prefix, aside)
        os.rename(new, prefix)
        os.rename(aside, new)


def _unused(place: Path, reason: str) -> OverlayError:
    return OverlayError(f"{place} is not used: {reason}.", "choose another directory: -p PREFIX")


def _occupied(prefix: Path) -> OverlayError:
    hint = "choose another name"
    if (prefix / notice.FORK).is_dir():
        hint += ", or create the fork again: conda overlay fork --recreate"
    return OverlayError(f"There is already something at {prefix}.", hint, prefix=str(prefix))


def relocate(new: Path, prefix: Path) -> None:
    """Correct the path in the files that pip and the packages' own scripts have written.

    Files that conda has hard-linked are skipped.
    """
    from conda.core.portability import binary_replace

    old, final = os.fsencode(new), os.fsencode(prefix)
    for directory, names, others in os.walk(new):
        for path in (f"{directory}/{name}" for name in [*names, *others] if name[-4:] != ".pyc"):
            status = os.lstat(path)
            if stat.S_ISLNK(status.st_mode) and old in (target := os.fsencode(os.readlink(path))):
                os.unlink(path)
                os.symlink(target.replace(old, final), path)
            if (
                status.st_nlink > 1
                or status.st_size > files.LARGE
                or not stat.S_ISREG(status.st_mode)
            ):
                continue
            content = files.read_file(path, largest=files.LARGE)
            if old in content:
                text = content.replace(old, final)
                if b"\0" in content:
                    text = binary_replace(content, old, final)
                replace_file(Path(path), text, stat.S_IMODE(status.st_mode))
