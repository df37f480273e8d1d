"""The user's editor, and the signals that end a command."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGHUP, SIGINT, SIGTERM

from conda_overlay.cli.render.output import tell
from conda_overlay.core.errors import OverlayError, UsageError

_USUAL = ("sensible-editor", "editor", "nano", "vi")


@contextmanager
def interruptible() -> Iterator[None]:
    """Treat a closed terminal (SIGHUP) and SIGTERM like Ctrl-C."""

    def ended(*_: object) -> None:
        raise KeyboardInterrupt

    handlers = {number: signal.signal(number, ended) for number in (SIGHUP, SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def editor() -> list[str]:
    """The command of the user's editor; empty if there is none, or no terminal.

    Raises:
        UsageError: the variable cannot be parsed as a command.
    """
    if not all(stream and stream.isatty() for stream in (sys.stdin, sys.stdout)):
        return []
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not command and (command := _usual()):
        tell(f"Opening it in {command}. For another editor: export EDITOR=NAME, or use --no-editor")
    try:
        return shlex.split(command or "")
    except ValueError as error:
        sentence = f"The editor {command} is not a command: {error}."
        raise UsageError(sentence, "set EDITOR to another one, or use --no-editor") from error


def _usual() -> str:
    """The editor of this machine, as crontab and git take it; empty if there is none."""
    return next(filter(shutil.which, _USUAL), "")


def open_in_editor(file: Path) -> None:
    """Open a file in the user's editor, and wait; the editor handles Ctrl-C itself.

    Raises:
        OverlayError: the editor does not start or fails, or the terminal is closed.
    """
    command = editor()
    hint = "set EDITOR to another one, or use --no-editor"

    opened: list[subprocess.Popen[bytes]] = []
    closed: list[object] = []

    def ended(*_: object) -> None:  # raises nothing: the editor may just be starting
        closed.append(True)
        for process in opened:
            process.kill()

    handlers = {number: signal.signal(number, ended) for number in (SIGHUP, SIGTERM)}
    handlers[SIGINT] = signal.signal(SIGINT, lambda *_: None)  # children do not inherit it
    try:
        opened.append(subprocess.Popen([*command, str(file)]))
        if closed:
            opened[0].kill()
        code = opened[0].wait()
    except OSError as error:
        sentence = f"The editor {command[0]} does not run: {error.strerror}"
        raise OverlayError(f"{sentence}; the overlay is unchanged.", hint) from error
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if closed:
        raise OverlayError("The terminal was closed; the overlay is unchanged.")
    if code:
        sentence = f"The editor {command[0]} ended with code {code}; the overlay is unchanged."
        raise OverlayError(sentence, hint)
