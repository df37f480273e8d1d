"""Prints the files that differ, and unified diffs."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable

from conda_overlay.cli.render.output import BOLD, GREEN, RED, say
from conda_overlay.core.models import FileChanges

_STEERING = re.compile("[\0-\x08\x0e-\x1f\x7f-\x9f]")  # a terminal behind a pipe


def show_files(files: FileChanges, most: int | None = None) -> None:
    """Print files, each after a letter: A for added, M for changed, D for removed."""
    kinds = (("A", files.added, GREEN), ("M", files.changed, ""), ("D", files.removed, RED))
    lines = [(f"{letter} {p}", style) for letter, paths, style in kinds for p in paths]
    rest = len(lines) - (most or len(lines))
    for line, style in lines[:most]:
        say("  ", end="")
        say(line, style=style)
    if rest > 0:
        say(f"  and {rest:,} more")


def show_text(lines: Iterable[str]) -> None:
    """Print a unified diff; except on a terminal, its content remains fit for ``git apply``."""
    styles = {"--- ": BOLD, "+++ ": BOLD, "-": RED, "+": GREEN}
    for text in (text for line in lines for text in line.removesuffix("\n").split("\n")):
        style = next((style for sign, style in styles.items() if text.startswith(sign)), "")
        if sys.stdout.isatty() or style == BOLD or text[:1] not in ("-", "+", " "):
            say(text, style=style)
        else:
            print(_STEERING.sub(lambda found: ascii(found[0])[1:-1], text))
