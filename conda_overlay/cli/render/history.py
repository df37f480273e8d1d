"""Prints the revisions of an overlay."""

from __future__ import annotations

import os
import shlex

from conda_overlay.cli.render.diff import show_files
from conda_overlay.cli.render.output import BOLD, local, say, state
from conda_overlay.cli.render.plan import SHOWN, same_version, show_plan, sides
from conda_overlay.report.history import History, ListedRevision


def show_history(history: History) -> None:
    """Print all revisions in short, newest first."""
    if not history.revisions:
        made = ": it was made by hand" if os.path.isdir(history.overlay) else ""
        say(f"No revisions of {history.overlay}{made}.")
    for revision in history.revisions:
        here = revision.number == history.position and not revision.current
        _show_head(revision, " (its state is current)" if here else "")
        counts = revision.edits.added, revision.edits.changed, revision.edits.removed
        for count, verb in zip(map(len, counts), ("added", "changed", "removed"), strict=True):
            if count:
                say(f"     edited by hand before it: {count} {verb}")
        for change in revision.plan.changes:
            edited = f", {change.why}" if change.why.startswith("edited") else ""
            say(f"     {change.name} {' -> '.join(sides(change))}{same_version(change)}{edited}")
    if history.edits:
        say("\nedited by hand since the current revision:")
        show_files(history.edits)


def show_revision(revision: ListedRevision) -> None:
    """Print a revision with all that it changed."""
    _show_head(revision)
    if revision.edits:
        say("\nedited by hand before it:", style=BOLD)
        show_files(revision.edits, SHOWN)
    words = {*revision.command}
    no_deps = words & {"--no-deps", "--no-dependencies"} and "--allow-conflicts" not in words
    show_plan(revision.plan, allowed_by="--no-deps" if no_deps else "--allow-conflicts")


def _show_head(revision: ListedRevision, note: str = "") -> None:
    """Print who made a revision, when, how and why; the current one is marked."""
    mark = "*" if revision.current else " "
    who = f"{revision.user}@{revision.hostname}"
    say(f"{mark} {revision.number}  {local(revision.time)}  {who}{note}")
    lines = [shlex.join(revision.command), revision.reason]
    if revision.restores is not None:
        lines.append(f"back to {state(revision.restores)}")
    if not revision.kept:
        lines.append("its files were dropped")
    for line in filter(None, lines):
        say(f"     {line}")
