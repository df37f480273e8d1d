"""Trees of files: cloned, changed, protected and removed."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import stat
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from conda_overlay.core.errors import FULL
from conda_overlay.core.progress import SILENT, Progress
from conda_overlay.filesystem.atomic import bytecode_of

_FICLONE = 0x40049409  # linux/fs.h: share the data blocks of another file
_REPOSITORY = re.compile(r"(^|/)(\.(git|hg|svn)|git~1)[ .]*([:\\][^/]*)?(/|$)", re.IGNORECASE)


def clone(source: Path, target: Path, progress: Progress = SILENT) -> None:
    """Copy a tree as cheaply as the file system allows: shared blocks, else hard links, else bytes.

    To change a file of the copy, replace it; never write into it. A file that its owner can write
    to is never hard-linked.
    """
    ways: list[Callable[[str, str], object]] = [_reflink, os.link, shutil.copy2]
    own: list[Callable[[str, str], object]] = [_reflink, shutil.copy2]
    with progress.watch("Copying") as step:
        walked = [*_walk(source)]
        done, total = 0, sum(len(files) for *_, files in walked)
        for directory, names, files in walked:
            place = Path(target, os.path.relpath(directory, source))
            place.mkdir(mode=0o755, parents=True, exist_ok=True)
            for name in [*names, *files]:
                path = os.path.join(directory, name)
                if os.path.islink(path):
                    os.symlink(os.readlink(path), place / name)
                    shutil.copystat(path, place / name, follow_symlinks=False)
                elif name in files and os.path.isfile(path):
                    writable = os.stat(path).st_mode & stat.S_IWUSR
                    _clone_file(own if writable else ways, path, str(place / name))
            os.chmod(place, os.stat(directory).st_mode & 0o2755 | 0o700)
            done += len(files)
            step(done, total)


def _walk(source: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    for directory, names, files in os.walk(source, onerror=_raise):
        if "__pycache__" in names:
            cache = os.path.join(directory, "__pycache__")
            if os.path.islink(cache) or not os.access(cache, os.R_OK | os.X_OK):
                names.remove("__pycache__")  # else Python would write through the link
        yield directory, names, files


def _raise(error: OSError) -> None:
    raise error


def _clone_file(ways: list[Callable[[str, str], object]], source: str, target: str) -> None:
    while True:
        try:
            ways[0](source, target)
            return
        except OSError as error:
            if len(ways) == 1 or error.errno in FULL or isinstance(error, FileNotFoundError):
                raise
            del ways[0]  # a way that fails for one file fails for all


def _reflink(source: str, target: str) -> None:
    with open(source, "rb") as old, open(target, "xb") as new:
        try:
            fcntl.ioctl(new, _FICLONE, old.fileno())
        except OSError:
            os.unlink(target)
            raise
    shutil.copystat(source, target)


def linked(tree: Path, below: Path) -> Path | None:
    """The first of some directories, one in the other, that is a link.

    Args:
        tree: it contains them all.
        below: the path of the innermost one, relative to that.
    """
    paths = [*reversed(below.parents), below]
    return next((path for path in paths[1:] if (tree / path).is_symlink()), None)


def copy_files(source: Path, target: Path, names: Iterable[str], *, follow: bool) -> None:
    """Copy files to the same paths below another directory, without hard links.

    Args:
        source: the directory that has them.
        target: the other directory.
        names: their paths.
        follow: whether a link is copied as the file that it leads to; else as a link.
    """
    ways: list[Callable[[str, str], object]] = [_reflink, shutil.copy2]
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        if not follow and (source / name).is_symlink():
            copy_file(source / name, Path(os.path.normpath(target / name)))
            continue
        _clone_file(ways, str(source / name), os.path.normpath(target / name))
        _drop_privileges(target / name)


def copy_file(source: Path, target: Path) -> None:
    """Copy a file, or a link."""
    shutil.copy2(source, target, follow_symlinks=False)
    _drop_privileges(target)


def _drop_privileges(file: Path) -> None:
    """Take the setuid and setgid bits from a copy: its owner is another one."""
    mode = file.lstat().st_mode
    if mode & 0o7000 and not stat.S_ISLNK(mode):
        os.chmod(file, mode & 0o777)


def make_writable(file: Path) -> None:
    """Let the owner write to a file; if it is hard-linked, replace it by a copy first."""
    _unlink_others(file)
    os.chmod(file, stat.S_IMODE(file.stat().st_mode) | stat.S_IWUSR)


def part(file: Path) -> None:
    """Replace a file that is hard-linked by a copy; not a link."""
    if not file.is_symlink():
        _unlink_others(file)


def share(file: Path, others: Iterable[Path], known: tuple[int, int]) -> None:
    """Replace a file by a hard link to the first of some others with this size and time."""
    for other in others:
        with suppress(OSError):
            found = other.lstat()
            if stat.S_ISREG(found.st_mode) and (found.st_size, found.st_mtime_ns) == known:
                with tempfile.TemporaryDirectory(dir=file.parent, prefix=".") as directory:
                    os.link(other, Path(directory, "file"))
                    os.rename(Path(directory, "file"), file)
                return


def _unlink_others(file: Path) -> None:
    """Replace a file that is hard-linked by a copy."""
    if file.stat().st_nlink > 1:
        handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=".")
        os.close(handle)
        shutil.copy2(file, temporary)
        os.rename(temporary, file)


def make_readable(tree: Path) -> None:
    """Let the owner read all files of a tree, and enter its directories."""
    for directory, names, files in os.walk(tree):
        for path in (os.path.join(directory, name) for name in [*names, *files]):
            mode = os.lstat(path).st_mode
            wanted = stat.S_IRWXU if stat.S_ISDIR(mode) else stat.S_IRUSR | stat.S_IWUSR
            if not stat.S_ISLNK(mode) and mode & wanted != wanted:
                os.chmod(path, mode & 0o777 | wanted)


def remove_files(tree: Path, files: Collection[Path]) -> None:
    """Remove files below a tree, the bytecode made from them, and directories that become empty.

    An empty directory in the place of a file is also removed. Files behind a link are not part of
    the tree: the link is removed instead.
    """
    parents = set()
    for path in {_own(tree, file) for file in files}:
        for file in (path, *bytecode_of(path)):
            parents.add(file.parent)
            try:
                file.unlink()
            except (FileNotFoundError, NotADirectoryError):
                pass
            except IsADirectoryError:
                parents.add(file)
    for parent in sorted(parents, key=lambda p: len(p.parts), reverse=True):
        while parent != tree and tree in parent.parents:
            try:
                parent.rmdir()
            except OSError:
                break
            parent = parent.parent


def _own(tree: Path, file: Path) -> Path:
    """The file, or the first link on the path from the tree to it."""
    place = tree
    for part in file.relative_to(tree).parts:
        place = place / part
        if place.is_symlink():
            break
    return place


def in_repository(path: str) -> bool:
    """Whether a file is part of a repository, such as ``.git/index``; git patches no such file."""
    return bool(_REPOSITORY.search(path))


def is_own(tree: Path, file: Path) -> bool:
    """Whether no directory on the path from a tree to a file is a link."""
    return _own(tree, file) == file


def without_links(tree: Path, paths: Iterable[str]) -> set[str]:
    """Those of some paths below a tree that have no link in their directories."""

    @cache  # each directory is looked at once
    def is_real(directory: str) -> bool:
        above = os.path.dirname(directory)
        return not directory or (is_real(above) and not os.path.islink(tree / directory))

    return {path for path in paths if is_real(os.path.dirname(path))}


def move_in(tree: Path, root: Path) -> None:
    """Move the contents of a directory to the same paths in a tree, replacing existing files.

    A directory that the tree lacks is moved as a whole, which is much faster.

    Raises:
        IsADirectoryError: a directory that is not empty is in the place of a file.
    """
    with os.scandir(root) as entries:
        for entry in entries:
            target = tree / entry.name
            is_directory = entry.is_dir(follow_symlinks=False)
            if is_directory and target.is_dir() and not target.is_symlink():
                move_in(target, Path(entry.path))
                continue
            if is_directory:
                target.unlink(missing_ok=True)
            elif target.is_dir() and not target.is_symlink():
                with suppress(OSError):  # not empty
                    target.rmdir()
            os.rename(entry.path, target)


def protect(tree: Path) -> None:
    """Make files read-only, as revisions may share them, and directories writable by the owner.

    No file keeps a setuid or setgid bit; of directories, setgid only passes on their group. A file
    that is hard-linked elsewhere keeps its mode there.
    """
    for directory, _, files in os.walk(tree):
        for path, kept in [(directory, 0o2755), *((f"{directory}/{f}", 0o555) for f in files)]:
            mode = os.lstat(path).st_mode
            if mode & 0o7777 & ~kept and not stat.S_ISLNK(mode):
                with suppress(PermissionError):  # another user's, or a file system without modes
                    if stat.S_ISREG(mode):
                        _unlink_others(Path(path))
                    os.chmod(path, mode & kept)


def make_own(tree: Path, below: Path) -> None:
    """Make a directory of a tree and its parents, replacing links and files in their place."""
    place = tree
    for part in ("", *below.parts):
        place = place / part
        if place.is_symlink() or not place.is_dir():
            place.unlink(missing_ok=True)
            place.mkdir()


def open_directory(path: str | Path, parent: int | None = None) -> None:
    """Let the owner write to a directory; its path may be relative to a directory descriptor."""
    with suppress(PermissionError):
        status = os.stat(path, dir_fd=parent, follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            os.chmod(path, status.st_mode & 0o7777 | 0o700, dir_fd=parent)


def discard(path: Path) -> None:
    """Remove a tree as far as possible: other processes may have written to it, or still do.

    Permissions are changed through directory descriptors, so that no new link is followed.
    """
    shutil.rmtree(path, ignore_errors=True)
    if path.is_dir() and not path.is_symlink():
        open_directory(path)
        for _, names, _, directory in os.fwalk(path):
            for name in names:
                open_directory(name, directory)
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def size(tree: Path) -> int:
    """The total size of the files in a tree, in bytes."""
    files = (os.path.join(top, name) for top, _, names in os.walk(tree) for name in names)
    return sum(os.lstat(file).st_size for file in files)


def weight(trees: Sequence[Path]) -> int:
    """The bytes that removing some trees frees: of the files that no other tree shares."""
    found = [path.lstat() for tree in trees for path in (tree, *tree.rglob("*"))]
    seen = Counter(status.st_ino for status in found)
    return sum(
        status.st_blocks * 512
        for inode, status in {status.st_ino: status for status in found}.items()
        if stat.S_ISDIR(status.st_mode) or seen[inode] == status.st_nlink
    )
