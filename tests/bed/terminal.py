"""Runs commands on a terminal of their own, as a person does."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bed.command import interruptible
from tests.bed.users import User


def on_terminal(
    argv: Sequence[str | Path],
    environ: Mapping[str, str],
    user: User | None = None,
    interrupt_at: Path | None = None,
    typed: Sequence[str] = (),
) -> str:
    """Run a command whose stdin, stdout and stderr are a terminal, and return what it shows.

    Ctrl-C and the end of the terminal reach it, even if this process ignores them.

    Args:
        argv: the command, which succeeds unless it is interrupted.
        environ: all its variables; TERM says what the terminal can do.
        user: who runs it; the current user if not given.
        interrupt_at: a file: when it appears, the command is interrupted.
        typed: lines, each typed when the terminal shows a prompt (``$``) or a question (``?``).
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    options = {"user": user.uid, "group": user.gid, "extra_groups": [user.gid]} if user else {}
    with subprocess.Popen(  # type: ignore[call-overload]
        interruptible(argv),
        env=environ,
        cwd=user.home if user else None,
        start_new_session=True,
        **dict.fromkeys(("stdin", "stdout", "stderr"), theirs),
        **(options if os.geteuid() == 0 else {}),
    ) as process:
        os.close(theirs)
        shown, lines = b"", [*typed]
        while interrupt_at and process.poll() is None:
            if interrupt_at.exists():
                os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C: what it has started, too
                break
            time.sleep(0.02)
        while True:
            try:
                shown += os.read(ours, 1 << 16)
            except OSError:  # all have closed it
                break
            if lines and shown.endswith((b"$ ", b"? ")):
                os.write(ours, f"{lines.pop(0)}\n".encode())
    os.close(ours)
    text = shown.decode("utf-8", "replace").replace("\r\n", "\n")
    assert (process.returncode == 0) is (interrupt_at is None), text
    return text
