"""Prints the revisions of an overlay."""

from __future__ import annotations

import os
import shlex

from conda_overlay.cli.render.changes import items, sentence
from conda_overlay.cli.render.diff import show_files
from conda_overlay.cli.render.output import (
    BOLD,
    line_width,
    local,
    say,
    state,
    table,
    with_environment,
)
from conda_overlay.cli.render.plan import SHOWN, show_plan
from conda_overlay.filesystem.lock import user
from conda_overlay.report.history import History, ListedRevision


def show_history(history: History) -> None:
    """Print a line for each revision, newest first; users are named if there are several."""
    if not history.revisions:
        made = ": it was made by hand" if os.path.isdir(history.overlay) else ""
        say(f"No revisions of {history.overlay}{made}.")
        return
    users = {revision.user for revision in history.revisions}
    rows = []
    for one in history.revisions:
        here = one.current or (one.number == history.position)
        mark = "*" if one.current else "=" if here else " "
        who = [] if users == {user()} else [one.user]
        head = [f"{mark} {one.number}", local(one.time), *who]
        said, reason = _changes(one), one.reason
        rows.append([*head, said + (f" ({reason})" if reason and reason not in said else "")])
    table(rows, width=line_width())
    if history.position not in (None, history.current):
        say(f"\n*: the current revision, with the state of {state(history.position or 0)} (=)")
    if history.edits:
        keep = with_environment("conda overlay record")
        say(f"\nedited since the current revision; to keep this: {keep}")
        show_files(history.edits, SHOWN)
    command = with_environment(f"conda overlay history {history.revisions[0].number}")
    say(f"\nAll of a revision: {command}")


def show_revision(revision: ListedRevision) -> None:
    """Print a revision with all that it changed."""
    mark = "*" if revision.current else " "
    who = f"{revision.user}@{revision.hostname}"
    say(f"{mark} {revision.number}  {local(revision.time)}  {who}")
    lines = [shlex.join(revision.command), revision.reason]
    if revision.restores is not None:
        lines.append(f"back to {state(revision.restores)}")
    if not revision.kept:
        lines.append("its files were dropped")
    for line in filter(None, lines):
        say(f"     {line}")
    if revision.edits:
        say("\nedited by hand before it:", style=BOLD)
        show_files(revision.edits, SHOWN)
    words = {*revision.command}
    no_deps = words & {"--no-deps", "--no-dependencies"} and "--allow-conflicts" not in words
    show_plan(revision.plan, allowed_by="--no-deps" if no_deps else "--allow-conflicts")


def _changes(revision: ListedRevision) -> str:
    """The changes of a revision, in a few words."""
    if revision.restores is not None:
        return f"back to {state(revision.restores)}"
    parts = [items(revision.plan.changes)]
    if edited := len(revision.edits.all):
        parts.append(f"{edited} file{'' if edited == 1 else 's'} edited by hand")
    elif not revision.plan.changes:
        parts.append(sentence(revision.plan).removesuffix("."))
    return "; ".join(filter(None, parts))
