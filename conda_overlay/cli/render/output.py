"""Prints results: as text for people, as one JSON value for programs."""

from __future__ import annotations

import json as json_module
import os
import re
import shlex
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from shutil import get_terminal_size
from typing import Any, TextIO, TypeVar

from conda.base.context import context

from conda_overlay.activation import wiring
from conda_overlay.activation.shells import visible
from conda_overlay.core.errors import OverlayError
from conda_overlay.core.serialize import encode

_UNITS = ("B", "kB", "MB", "GB", "TB")
_NARROWEST = 40
"""The fewest columns that a table is cut to."""

_Result = TypeVar("_Result")
BOLD, RED, GREEN, YELLOW = "1", "31", "32", "33"
"""The styles of text on a terminal, as ANSI codes."""


_NOTEBOOK = {"TERM": "xterm-color", "PAGER": "cat"}
"""The variables that IPython's kernel sets: the terminal of its cells takes no answer."""

_COMMAND = re.compile(
    r"\bconda overlay (?!(?:hook|kernel|list)\b)[a-z]+\b"
    r"(?!(?:(?!, |; | && ).)* (?:-n|-p|--name|--prefix|--help)\b)"
)
"""A command of ours that could name an environment, and does not."""


def can_answer() -> bool:
    """Whether somebody can answer a question."""
    return sys.stdin.isatty() and not in_notebook()


def in_notebook() -> bool:
    """Whether the command was started in a cell of a notebook."""
    return _NOTEBOOK.items() <= os.environ.items()


def ask(default: str = "yes") -> bool:
    """Ask whether to proceed, as conda does.

    Raises:
        OverlayError: the input has ended, or is that of a notebook, so there is no answer.
    """
    if context.always_yes:
        return True
    if in_notebook():
        raise OverlayError("A notebook cannot ask, so nothing was changed.", "add --yes")
    choices = "([y]/n)" if default == "yes" else "(y/[n])"
    while True:
        try:
            answer = input(f"Proceed {choices}? ").strip().lower() or default
        except EOFError:
            say()
            sentence = "No answer was given, so nothing was changed."
            raise OverlayError(sentence, "--yes proceeds without asking") from None
        if answer in ("yes", "y", "no", "n"):
            return answer[0] == "y"
        say(f"Invalid choice: {answer}")


def tell(text: str) -> None:
    """Print a message for a waiting user, to stderr because stdout may be JSON."""
    sys.stdout.flush()
    say(text, file=sys.stderr)


def is_terminal() -> bool:
    """Whether stdout is a terminal that can show more than plain lines."""
    return sys.stdout.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


def _styled(text: str, style: str) -> str:
    coloured = style and text and is_terminal() and "NO_COLOR" not in os.environ
    return f"\x1b[{style}m{text}\x1b[0m" if coloured else text


def say(*lines: str, end: str = "\n", file: TextIO | None = None, style: str = "") -> None:
    """Print lines for people; control characters are escaped, as names may come from anybody."""
    texts = [_styled(visible(line), style) for line in lines]
    print(*texts, sep="\n", end=end, file=file, flush=file is sys.stderr)


def show(result: _Result, as_text: Callable[[_Result], None], **more: Any) -> None:
    """Print the result of a command: with ``--json`` as JSON, in ASCII, else as text.

    Args:
        result: a dataclass, or a value that JSON has.
        as_text: prints the result for people.
        more: fields that the JSON object has besides those of the result.
    """
    if context.json:
        value = encode(result)
        print(json_module.dumps({**encode(more), **value} if more else value, indent=2))
    else:
        as_text(result)


def line_width() -> int:
    """The number of columns of the terminal, or 80."""
    return max(get_terminal_size().columns, _NARROWEST)


def table(rows: Sequence[Sequence[str]], style: str = "", *, width: int | None = None) -> None:
    """Print rows in aligned columns.

    Args:
        rows: the cells of each row.
        style: of the first column.
        width: the number of columns of the terminal, at which rows are cut; None: never.
    """
    rows = [[visible(cell, keep="") for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        text = "  ".join(cells).rstrip()
        if width and len(text) > width:
            text = text[: width - 3] + "..."
        first = min(len(text), widths[0])
        head = BOLD if row[0].startswith("# ") else ""
        print(_styled(_styled(text[:first], style) + text[first:], head))


def size(count: float) -> str:
    """Format a number of bytes for people, in units of powers of 1000."""
    for unit in _UNITS:
        if count < 1000 or unit == _UNITS[-1]:
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"


def revisions(numbers: Sequence[int]) -> str:
    """Describe revisions in words."""
    return f"revision{'' if len(numbers) == 1 else 's'} {', '.join(map(str, numbers))}"


def local(time: str) -> str:
    """Convert a time of the history (ISO 8601, UTC) to local time; return other text as it is."""
    try:
        here = datetime.fromisoformat(time.replace("Z", "+00:00")).astimezone()
        return here.strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return time


def state(number: int) -> str:
    """Describe a revision, or the host (0), in words."""
    return f"revision {number}" if number else "the environment"


def whose(hides: str | None) -> str:
    """Whose a hidden distribution is, given where it is; None: the environment's."""
    return "the environment's" if hides in (None, "host") else "a layer's"


def with_environment(text: str) -> str:
    """A text whose commands of ours name the environment of this one, unless that is active."""
    prefix, active = str(context.target_prefix), wiring.active_prefixes(os.environ)
    if not context.prefix_specified or os.path.realpath(prefix) in map(os.path.realpath, active):
        return text
    from conda_overlay.host.host import name_of, option_of

    option = shlex.join(option_of(name_of(prefix)))
    return _COMMAND.sub(lambda found: f"{found[0]} {option}", text)
