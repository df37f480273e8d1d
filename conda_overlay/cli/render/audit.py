"""Prints the result of audit: a head, a table for each environment, and what needs attention."""

from __future__ import annotations

import json
import shlex
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from conda_overlay.cli.render.output import BOLD, YELLOW, say, table
from conda_overlay.core.serialize import encode
from conda_overlay.core.text import few
from conda_overlay.report.audit import ATTENTION, AuditedOverlay

if TYPE_CHECKING:
    from conda_overlay.report.audit import Unreadable
    from conda_overlay.report.audit_summary import Next, Outcome, Row, Summary

_SHOWN = 5  # names of each kind of attention
_REASON = 30  # characters
_NAME = 40
_HEAD = ("# distribution", "there", "on top", "users", "since", "until", "kind", "reasons")


def show_audit(summary: Summary) -> None:
    """Print what was added up."""
    counts = {
        "overlay": summary.overlays,
        "fork": summary.forks,
        "user": len(summary.users),
        "environment": len(summary.environments),
    }
    head = ", ".join(f"{n} {word}{'s'[: n != 1]}" for word, n in counts.items())
    say(f"{head}, {summary.unreadable} unreadable", style=BOLD)
    for title, rows in summary.rows():
        say(f"\n{title}", style=BOLD)
        table([_HEAD, *map(_row, rows)])
    if summary.counts:
        say("\nattention:", style=YELLOW)
    for kind, count in summary.counts.most_common():
        say(f"  {count} {ATTENTION.get(kind, kind)}:")
        for path in summary.attention[kind][:_SHOWN]:
            say(f"    {path}", *(f"      {way}" for way in _ways(summary, kind, path)))
        if count > _SHOWN:
            say(f"    and {count - _SHOWN} more: --json has all")


def _row(row: Row) -> list[str]:
    reasons = few(sorted(row.reasons), 1)
    short = reasons if len(reasons) <= _REASON else f"{reasons[: _REASON - 3]}..."
    kinds = few([kind for kind, _ in row.kinds.most_common()], 1)
    numbers = (few(sorted(found), 1) for found in (row.there, row.versions))
    return [
        row.name[:_NAME],
        *numbers,
        str(len(row.users)),
        row.since[:10],
        row.until,
        kinds,
        short,
    ]


def _ways(summary: Summary, kind: str, path: str) -> Iterable[str]:
    """The command for an overlay that needs attention."""
    user, host = summary.owners[path]
    if kind == "unreadable":
        return ()
    if kind == "writable":
        return (shlex.join(["chmod", "go-w", str(Path(path).with_name(f".{Path(path).name}"))]),)
    if kind in ("unowned", "older format") or not host:
        return (shlex.join(["ls", "-la", path]),)
    conda = str(Path(sys.executable).with_name("conda"))
    command = "history" if kind == "host gone" else "status"
    name = path if kind == "host gone" else host
    return (shlex.join(["sudo", "-u", user, conda, "overlay", command, "-p", name]),)


def show_outcomes(target: str, outcomes: Iterable[Outcome]) -> int:
    """Print what becomes of everybody's distributions in the next environment.

    Returns:
        How many must be decided, or conflict.
    """
    groups: dict[str, dict[tuple[str, str, str], list[str]]] = defaultdict(dict)
    for one in outcomes:
        groups[one.what].setdefault((one.name, one.version, one.why), []).append(one.user)
    say(f"\nagainst {target}", style=BOLD)
    for what in ("conflicts", "to decide", "retires", "stays"):
        if rows := groups.get(what):
            say(f"{what}:", style=YELLOW if what in ("conflicts", "to decide") else "")
            ordered = sorted(rows.items(), key=lambda item: (-len(item[1]), item[0]))
            table([[f"  {name} {version}", few(sorted(users), 3), why]
                   for (name, version, why), users in ordered])  # fmt: skip
    if not groups:
        say("it affects nobody's overlay.")
    return len(groups.get("conflicts", ())) + len(groups.get("to decide", ()))


def print_json(found: Iterable[AuditedOverlay | Unreadable], target: Next | None) -> None:
    """Print one JSON value, an overlay at a time."""
    unreadable, comma = [], ""
    print('{"overlays": [', end="")
    for one in found:
        if isinstance(one, AuditedOverlay):
            fate = {"next": encode([*target.outcomes(one)])} if target else {}
            print(f"{comma}\n{json.dumps({**encode(one), **fate})}", end="")
            comma = ","
        else:
            unreadable.append(encode(one))
    print(f'\n], "unreadable": {json.dumps(unreadable)}}}')
