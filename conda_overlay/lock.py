"""Locks that end with the process that holds them, and say who that is."""

from __future__ import annotations

import fcntl
import getpass
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path

from conda_overlay.exceptions import LockedError

_PATIENCE = 1.0
"""Seconds of waiting after which it is said what is waited for."""


@contextmanager
def hold(path: Path, timeout: float, what: str, tell: Callable[[str], None]) -> Iterator[None]:
    """Be the only one to hold a lock file; who does so is written into it.

    Args:
        path: of the file, made if need be; its directory exists, or is made by another holder.
        timeout: seconds to wait.
        what: is changed by the holder, in words.
        tell: shown what is waited for.

    Raises:
        LockedError: another process holds it still.
    """
    start, told = time.monotonic(), False
    while (handle := _try(path)) is None:
        waited = time.monotonic() - start
        if waited >= timeout:
            raise LockedError(what, _holder(path), timeout)
        if waited >= _PATIENCE and not told:
            tell(f"Waiting for another command that changes {what}: {_holder(path)}")
            told = True
        time.sleep(0.02)
    try:
        who = f"{user()} on {socket.gethostname()}, process {os.getpid()}, since {now()}\n".encode()
        with suppress(OSError):  # on a full disk, clean and delete must be possible
            os.pwrite(handle, who, 0)
            os.ftruncate(handle, len(who))
        yield
    finally:
        os.close(handle)


def take(path: Path) -> int:
    """Lock a file that nobody else knows, for as long as the returned descriptor is open."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    fcntl.flock(handle, fcntl.LOCK_EX)
    return handle


def is_held(path: Path) -> bool:
    """Whether a process that lives has locked a file."""
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


def user() -> str:
    """The name of the user who runs this."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def now() -> str:
    """The time, ISO 8601 in UTC."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _try(path: Path) -> int | None:
    """The descriptor of the locked file; None when another process holds it."""
    with suppress(FileExistsError):  # its last holder may have removed it, or does so now
        path.parent.mkdir(mode=0o755)
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(handle).st_nlink:  # else its holder has removed the file, which locks nothing
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
