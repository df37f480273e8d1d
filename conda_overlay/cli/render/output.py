"""Prints results: tables for people, one JSON object for programs."""

from __future__ import annotations

import json as json_module
import os
import re
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TextIO

from conda.base.context import context

from conda_overlay.activation.shells import visible
from conda_overlay.core.errors import OverlayError
from conda_overlay.core.models import Conflict, Result

_UNITS = ("B", "kB", "MB", "GB", "TB")
_NONE = "none"
_TITLES = (
    "added",
    "shadowing the host",
    "changed",
    "record updated",
    "removed",
    "back to the host",
)
_SHOWN = 20  # the most files that a plan lists
BOLD, RED, GREEN, YELLOW = "1", "31", "32", "33"
"""The styles of text on a terminal, as ANSI codes."""
_STEERING = re.compile("[\0-\x08\x0e-\x1f\x7f-\x9f]")  # may control a terminal behind a pipe
_PROGRAMS = 5  # the most running programs that are listed


def show_plan(plan: Mapping[str, Any], *, allowed_by: str = "--allow-conflicts") -> None:
    """Print a plan, in the form of `Plan.to_json`, and the option that allows its conflicts."""
    say(f"\nhost:    {plan['host']}\noverlay: {plan['overlay']}\n")
    show_changes(plan["changes"])
    if any(plan["files"].values()):
        say("files of no distribution:" if plan["changes"] else "only files differ:")
        show_files(plan["files"], _SHOWN)
        say()
    if plan["accepts_host"]:
        say("The host has changed; this records it as it is now.\n")
    lists = {
        "edits made by hand that will be lost": plan["lost"],
        f"conflicts (allowed by {allowed_by})": map(_conflict, plan["conflicts"]),
        "conflicts that this resolves": map(_conflict, plan["resolved"]),
        "note": plan["notes"],
    }
    _show_lists(lists, ("edits", "conflicts (allowed"))


def _show_lists(lists: Mapping[str, Iterable[str]], warnings: tuple[str, ...]) -> None:
    """Print lists under their titles, some of which are warnings; omit empty lists."""
    for title, lines in lists.items():
        if lines := [*lines]:
            say(f"{title}:", style=YELLOW if title.startswith(warnings) else BOLD)
            say(*(f"  {line}" for line in lines), "")


def show_changes(changes: Sequence[Mapping[str, Any]], *, why: bool = True) -> None:
    """Print the change of each distribution, and the reason for it."""
    groups: dict[str, list[list[str]]] = {title: [] for title in _TITLES}
    for change in changes:
        row = ["  " + change["name"], _versions(change), _why(change) if why else ""]
        groups[_title(change)].append(row)
    for title, rows in groups.items():
        if rows:
            say(f"{title}:", style=BOLD)
            table(rows)
            say()


def ask(default: str = "yes") -> bool:
    """Ask whether to proceed, as conda does.

    Raises:
        OverlayError: the input has ended, so there is no answer.
    """
    if context.always_yes:
        return True
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


def show_result(
    result: Result, running: Sequence[Mapping[str, Any]] = (), *, dry_run: bool, json: bool
) -> None:
    """Print the result of a change, and the programs that still run the old files."""
    plan = result.plan
    if json:
        head = {"success": True, "dry_run": dry_run, "revision": result.revision}
        show_json({**head, **plan.to_json(), "running": [*running]})
        return
    if not plan:
        for note in plan.notes:
            say(f"note: {note}")
        say("\nAlready as requested: nothing to do.")
    elif result.revision is not None:
        count = len(plan.changes)
        what = f"{count} distribution{'' if count == 1 else 's'} changed"
        say(f"Revision {result.revision} of {plan.overlay}: {what}.")
        if running:
            say("\nThese programs keep what they have loaded until they are started again:")
            rows = [
                [f"  {p['pid']}", local(p["started"]), _short(p["command"])]
                for p in running[:_PROGRAMS]
            ]
            table(rows)
            if len(running) > _PROGRAMS:
                say(f"  and {len(running) - _PROGRAMS} more")
    elif dry_run:
        say("Dry run: nothing was changed.")
    else:
        say("Nothing was changed.")


def show_fork_plan(plan: Mapping[str, Any]) -> None:
    """Print the plan of a fork, in the form of `ForkPlan.to_json`."""
    say(f"\nfork:     {plan['prefix']}")
    say(f"baseline: {plan['baseline']}; conda packages: {plan['packages']}\n")
    lists = {
        "conda packages are from": plan["channels"],
        "dropped": [name for name in plan["dropped"] if name not in plan["dependents"]],
        "dropped, too, for what they need": plan["dependents"].values(),
        "added": plan["added"],
        "changed by that (allowed by --allow-changes)": plan["changed"],
        "distributions, by pip": plan["distributions"],
        "note": plan["notes"],
    }
    _show_lists(lists, ("changed", "dropped,"))


def show_trigger(trigger: Mapping[str, str | None]) -> None:
    """Print a warning if nothing will wire the overlay."""
    if trigger["name"] is None:
        say(f"\nconda activate will not use the overlay: {trigger['reason']}.")
        say(f"Hint: {trigger['remedy']}")


def show_overlays(found: Sequence[Mapping[str, Any]]) -> None:
    """Print all overlays, one line each."""
    if not found:
        say("No overlays. Start one with: conda overlay install -n ENVIRONMENT NAME")
        return
    rows = [["# overlay", "host", "revision", "size", "state"]]
    for one in found:
        host, revision = one["host"] or "not recorded", str(one["revision"] or "-")
        rows.append([one["overlay"], host, revision, size(one["size"]), one["state"]])
    table(rows)


def show_revision(
    record: Mapping[str, Any], *, position: int | None = None, whole: bool = False
) -> None:
    """Print a revision, marked if it is the current one; in full with its plan, or in short."""
    number, mark = record["number"], "*" if record["current"] else " "
    stands = " (its state is current)" if number == position and not record["current"] else ""
    who = f"{record['user']}@{record['hostname']}"
    say(f"{mark} {number}  {local(record['time'])}  {who}{stands}")
    lines = [shlex.join(record["command"]), record["reason"]]
    edits = {verb: files for verb, files in record["edits"].items() if files and not whole}
    lines += [f"edited by hand before it: {len(files)} {verb}" for verb, files in edits.items()]
    if record["restores"] is not None:
        lines.append(f"back to {state(record['restores'])}")
    if not record["kept"]:
        lines.append("its files were dropped")
    for line in filter(None, lines):
        say(f"     {line}")
    if whole:
        if any(record["edits"].values()):
            say("\nedited by hand before it:", style=BOLD)
            show_files(record["edits"], _SHOWN)
        words = {*record["command"]}
        no_deps = words & {"--no-deps", "--no-dependencies"} and "--allow-conflicts" not in words
        show_plan(record["plan"], allowed_by="--no-deps" if no_deps else "--allow-conflicts")
        return
    for change in record["plan"]["changes"]:
        edited = f", {change['why']}" if change["why"].startswith("edited") else ""
        sides = " -> ".join(_sides(change))
        say(f"     {change['name']} {sides}{_same_version(change)}{edited}")


def show_files(files: Mapping[str, Sequence[str]], most: int | None = None) -> None:
    """Print files, each after a letter: A for added, M for changed, D for removed."""
    kinds = (("A", "added", GREEN), ("M", "changed", ""), ("D", "removed", RED))
    lines = [(f"{letter} {p}", style) for letter, verb, style in kinds for p in files[verb]]
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


def show_json(value: Any) -> None:
    """Print one JSON value, in ASCII."""
    print(json_module.dumps(value, indent=2))


def table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows in aligned columns."""
    rows = [[visible(cell, keep="") for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        print(_styled("  ".join(cells).rstrip(), BOLD if row[0].startswith("# ") else ""))


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


def _title(change: Mapping[str, Any]) -> str:
    if change["after"] is None:
        return "back to the host" if change["host_version"] else "removed"
    if change["before"] is None:
        return "shadowing the host" if change["host_version"] else "added"
    moved = {"version", "origin", "content"} & {*change["differs"]}
    return "changed" if moved else "record updated"


def _versions(change: Mapping[str, Any]) -> str:
    before, after = _sides(change)
    if before == _NONE or after == _NONE:
        return after if before == _NONE else before
    same = _same_version(change)
    return f"{after}{same}" if same else f"{before} -> {after}"


def _same_version(change: Mapping[str, Any]) -> str:
    """The fields that differ, if the version does not."""
    if change["before"] != change["after"] or "version" in change["differs"]:
        return ""
    return f" ({', '.join(change['differs'])})"


def _sides(change: Mapping[str, Any]) -> tuple[str, str]:
    """The versions in effect before and after a change; the host's if the overlay has none."""
    host = change["host_version"]
    below = f"{host} (host)" if host else _NONE
    return change["before"] or below, change["after"] or below


def _why(change: Mapping[str, Any]) -> str:
    if change["after"] is None:
        return change["why"]
    notes = [change["why"]]
    if change["editable"]:
        notes.append(f"editable from {change['editable']}")
    if "intent" in change["differs"] or change["intent"] not in ("fix", None):
        notes.append(f"intent {change['intent']}")
    if change["until"]:
        notes.append(f"until {change['until']}")
    if "reason" in change["differs"] and change["reason"]:
        notes.append(change["reason"])
    return ", ".join(notes)


def _short(text: str, most: int = 60) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."


def state(number: int) -> str:
    """Describe a revision, or the host (0), in words."""
    return f"revision {number}" if number else "the host"


def _conflict(conflict: Mapping[str, Any]) -> str:
    return str(Conflict(**conflict))
