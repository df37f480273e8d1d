"""Decides whether a user can trust the code in a directory.

The rule is that of StrictModes in ssh, for every directory and link on the path: it is owned by
the user, by root or by an owner named in the settings, and not writable by anybody else.
"""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MAX_LINKS = 40  # as in the kernel
_CUSTOMIZE = ("sitecustomize", "usercustomize")


def trusted_owners(names: Sequence[str] = ()) -> set[int]:
    """The user ids whose directories are trusted: the user, root, and those of the given names.

    root trusts only root, because whoever can write to code that root runs is as good as root.
    """
    owners = {0, os.geteuid()}
    if os.geteuid() != 0 and names:
        import pwd

        for name in names:
            try:
                owners.add(int(name) if name.isdecimal() else pwd.getpwnam(name).pw_uid)
            except (KeyError, ValueError):
                continue
    return owners


def distrust(overlay: str, inside: Sequence[str], owners: set[int]) -> str | None:
    """Say why an overlay is not trusted; None if it is.

    Args:
        overlay: the absolute path of the overlay.
        inside: paths below it that get onto PATH and PYTHONPATH; missing ones do not matter,
            because nobody else can create them.
        owners: the trusted user ids.
    """
    try:
        for path in _between(overlay, inside):
            if path == overlay or os.path.lexists(path):
                for reason in filter(None, _faults(path, owners)):
                    return reason
    except OSError as error:
        return f"{error.filename}: {error.strerror}"
    return None


def distrust_way(path: str, owners: set[int]) -> str | None:
    """Say why others could redirect a path, as far as it exists; None if they cannot."""
    try:
        for step, status in _walk(path):
            safe = stat.S_ISLNK(status.st_mode) or status.st_mode & stat.S_ISVTX
            if fault := _fault(step, status, owners, check_mode=not safe):
                return fault
    except FileNotFoundError:
        pass
    return None


def faults_within(tree: str, owners: set[int]) -> Iterator[str]:
    """Find faults of the directories in a tree, of its scripts, and of files that run unasked."""
    pending = [tree]
    while pending:
        directory = pending.pop()
        scripts = os.path.basename(directory) == "bin"
        try:
            entries = [*os.scandir(directory)]
        except OSError:
            continue
        for entry in entries:
            path, name, is_link = entry.path, entry.name, entry.is_symlink()
            if entry.is_dir():
                pending += [] if is_link else [path]
            elif not (scripts or name.endswith(".pth") or name.startswith(_CUSTOMIZE)):
                continue
            if is_link and os.path.exists(path):
                yield from filter(None, _faults(path, owners))
            elif fault := _fault(path, entry.stat(follow_symlinks=False), owners, not is_link):
                yield fault


def _faults(path: str, owners: set[int]) -> Iterator[str | None]:
    yield distrust_way(path, owners)
    real = os.path.realpath(path)  # the sticky bit is not enough: others could add files
    yield _fault(real, os.lstat(real), owners, check_mode=True)


def _walk(path: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield every directory and link that the kernel visits to resolve an absolute path."""
    pending, place, links = path.split("/"), "/", 0
    yield place, os.lstat(place)
    while pending:
        part = pending.pop(0)
        if part == "..":
            place = os.path.dirname(place)
        if part in ("", ".", ".."):
            continue
        step = os.path.join(place, part)
        status = os.lstat(step)
        yield step, status
        if not stat.S_ISLNK(status.st_mode):
            place = step
            continue
        links += 1
        if links > _MAX_LINKS:
            raise OSError(40, "too many levels of symbolic links", path)
        target = os.readlink(step)
        place = "/" if target.startswith("/") else place
        pending = target.split("/") + pending


def _between(overlay: str, inside: Sequence[str]) -> list[str]:
    """The overlay, the given directories, and every directory between them."""
    found = {overlay}
    for path in inside:
        while len(path) > len(overlay):
            found.add(path)
            path = os.path.dirname(path)
    return sorted(found)


def _fault(path: str, status: os.stat_result, owners: set[int], check_mode: bool) -> str | None:
    mode = status.st_mode if check_mode else 0
    if status.st_uid not in owners:
        return f"{path} belongs to {user_name(status.st_uid)}"
    if mode & stat.S_IWOTH:
        return f"{path} is writable by everybody"
    if mode & stat.S_IWGRP and not _is_private_group(path, status):
        return f"{path} is writable by its group"
    return None


def _is_private_group(path: str, status: os.stat_result) -> bool:
    """Whether only the owner is in the group, as with user private groups and umask 002."""
    try:
        os.getxattr(path, "system.posix_acl_access")
        return False  # with an access control list, the group bits are its mask
    except OSError:
        pass
    import grp
    import pwd

    try:
        owner, group = pwd.getpwuid(status.st_uid), grp.getgrgid(status.st_gid)
    except KeyError:
        return status.st_gid == 0  # as in containers, whose users have no names
    private = owner.pw_gid == status.st_gid and owner.pw_name == group.gr_name
    return (private or status.st_gid == 0) and set(group.gr_mem) <= {owner.pw_name, "root"}


def user_name(uid: int) -> str:
    """The name of a user, for messages."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
