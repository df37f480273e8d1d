"""Locks that are released when their process ends, and that name their holder."""

from __future__ import annotations

import fcntl
import os
import pwd
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path

from conda_overlay.core.errors import LockedError
from conda_overlay.core.progress import SILENT, Progress
from conda_overlay.filesystem.atomic import make_directories

_PATIENCE = 1.0  # seconds to wait before telling the user


@contextmanager
def hold(path: Path, timeout: float, what: str, progress: Progress = SILENT) -> Iterator[None]:
    """Hold a lock file exclusively, and write the name of the holder into it.

    The file and its directory are created if necessary.

    Args:
        path: of the lock file.
        timeout: how long to wait, in seconds.
        what: the overlay or environment that the holder changes, for messages.
        progress: shows a message after a second of waiting.

    Raises:
        LockedError: another process still holds the lock.
    """
    start, told = time.monotonic(), False
    while (handle := _try(path)) is None:
        waited = time.monotonic() - start
        if waited >= timeout:
            raise LockedError(what, _holder(path), timeout)
        if waited >= _PATIENCE and not told:
            progress.tell(f"Waiting for another command that changes {what}: {_holder(path)}")
            told = True
        time.sleep(0.02)
    try:
        who = f"{user()} on {socket.gethostname()}, process {os.getpid()}, since {now()}\n".encode()
        with suppress(OSError):  # clean and delete must work on a full disk
            os.pwrite(handle, who, 0)
            os.ftruncate(handle, len(who))
        yield
    finally:
        os.close(handle)


def lock_own(path: Path) -> int:
    """Lock a file that no other process uses yet, until the returned descriptor is closed."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX)
    return handle


def keep(path: Path, *, shared: bool) -> bool:
    """Lock a file until this process ends, also as the command that it becomes, and its children.

    Returns:
        False if another process holds the lock.
    """
    if (handle := _try(path, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)) is None:
        return False
    os.set_inheritable(handle, True)
    return True


def is_held(path: Path) -> bool:
    """Whether a running process holds the lock on a file."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def account() -> str:
    """The name of the account of this process, or its number if it has none."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def user() -> str:
    """The account of this process, and as information the account that has become it by sudo."""
    name, before = account(), person()
    return name if before == name else f"{name} (sudo: {before})"


def person() -> str:
    """The account that has become this one by sudo, as information; else this one."""
    before = os.environ.get("SUDO_USER", "")
    return before if re.fullmatch(r"[\w.@-]{1,64}", before) else account()


def now() -> str:
    """The current time (ISO 8601, UTC)."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _try(path: Path, how: int = fcntl.LOCK_EX) -> int | None:
    """Lock a file; return its descriptor, or None when another process holds it."""
    make_directories(path.parent)  # the last holder may have removed it
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
        if os.fstat(handle).st_nlink:  # if its holder has removed the file, it locks nothing
            return handle
    except BlockingIOError:
        pass
    except OSError:
        os.close(handle)
        raise
    os.close(handle)
    return None


def _holder(path: Path) -> str:
    try:
        return path.read_text(errors="replace")[:500].strip() or "unknown"
    except OSError:
        return "unknown"
