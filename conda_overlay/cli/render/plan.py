"""Prints a plan, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from conda_overlay.cli.render.diff import show_files
from conda_overlay.cli.render.output import BOLD, YELLOW, local, say, show, table
from conda_overlay.core.models import Change, Plan, Result

if TYPE_CHECKING:
    from conda_overlay.fork.plan import ForkSummary

_NONE = "none"
_TITLES = (
    "added",
    "shadowing the host",
    "changed",
    "record updated",
    "removed",
    "back to the host",
)
SHOWN = 20  # files that a plan names
_PROGRAMS = 5  # programs that are named


def show_plan(plan: Plan, *, allowed_by: str = "--allow-conflicts") -> None:
    """Print a plan, and the option that allows its conflicts."""
    say(f"\nhost:    {plan.host}\noverlay: {plan.overlay}\n")
    show_changes(plan.changes)
    if plan.files:
        say("files of no distribution:" if plan.changes else "only files differ:")
        show_files(plan.files, SHOWN)
        say()
    if plan.accepts_host:
        say("What lies below has changed; this records it as it is now.\n")
    lists = {
        "edits made by hand that will be lost": plan.lost,
        f"conflicts (allowed by {allowed_by})": map(str, plan.conflicts),
        "conflicts that this resolves": map(str, plan.resolved),
        "note": plan.notes,
    }
    _show_lists(lists, ("edits", "conflicts (allowed"))


def _show_lists(lists: Mapping[str, Iterable[str]], warnings: tuple[str, ...]) -> None:
    """Print lists under their titles, some of which are warnings; omit empty lists."""
    for title, lines in lists.items():
        if lines := [*lines]:
            say(f"{title}:", style=YELLOW if title.startswith(warnings) else BOLD)
            say(*(f"  {line}" for line in lines), "")


def show_changes(changes: Sequence[Change], *, why: bool = True) -> None:
    """Print the change of each distribution, and the reason for it."""
    groups: dict[str, list[list[str]]] = {title: [] for title in _TITLES}
    for change in changes:
        row = ["  " + change.name, _versions(change), _why(change) if why else ""]
        groups[_title(change)].append(row)
    for title, rows in groups.items():
        if rows:
            say(f"{title}:", style=BOLD)
            table(rows)
            say()


def show_result(result: Result) -> None:
    """Print the result of a change, and the programs that still run the old files."""
    head = {"success": True, "dry_run": result.dry_run, "revision": result.revision}
    show(result.plan, lambda _: _show_result(result), **head, running=result.running)


def _show_result(result: Result) -> None:
    plan = result.plan
    if not plan:
        for note in plan.notes:
            say(f"note: {note}")
        say("\nAlready as requested: nothing to do.")
    elif result.revision is not None:
        count = len(plan.changes)
        what = f"{count} distribution{'' if count == 1 else 's'} changed"
        say(f"Revision {result.revision} of {plan.overlay}: {what}.")
        if result.running:
            say("\nThese programs keep what they have loaded until they are started again:")
            shown = result.running[:_PROGRAMS]
            table([[f"  {p.pid}", local(p.started), _short(p.command)] for p in shown])
            if len(result.running) > _PROGRAMS:
                say(f"  and {len(result.running) - _PROGRAMS} more")
    elif result.dry_run:
        say("Dry run: nothing was changed.")
    else:
        say("Nothing was changed.")


def show_fork_plan(plan: ForkSummary) -> None:
    """Print the plan of a fork."""
    say(f"\nfork:     {plan.prefix}")
    say(f"baseline: {plan.baseline}; conda packages: {plan.packages}\n")
    lists = {
        "conda packages are from": plan.channels,
        "dropped": [name for name in plan.dropped if name not in plan.dependents],
        "dropped, too, for what they need": plan.dependents.values(),
        "added": plan.added,
        "changed by that (allowed by --allow-changes)": plan.changed,
        "distributions, by pip": plan.distributions,
        "note": plan.notes,
    }
    _show_lists(lists, ("changed", "dropped,"))


def _title(change: Change) -> str:
    if change.after is None:
        return "back to the host" if change.host_version else "removed"
    if change.before is None:
        return "shadowing the host" if change.host_version else "added"
    return "changed" if change.files_differ else "record updated"


def _versions(change: Change) -> str:
    before, after = sides(change)
    if before == _NONE or after == _NONE:
        return after if before == _NONE else before
    same = same_version(change)
    return f"{after}{same}" if same else f"{before} -> {after}"


def same_version(change: Change) -> str:
    """The fields that differ, if the version does not."""
    if change.before != change.after or "version" in change.differs:
        return ""
    return f" ({', '.join(change.differs)})"


def sides(change: Change) -> tuple[str, str]:
    """The versions in effect before and after a change; the host's if the overlay has none."""
    below = f"{change.host_version} (host)" if change.host_version else _NONE
    return change.before or below, change.after or below


def _why(change: Change) -> str:
    notes = [change.why]
    if change.editable:
        notes.append(f"editable from {change.editable}")
    if change.after and ("intent" in change.differs or change.intent != "fix"):
        notes.append(f"intent {change.intent}")
    if change.until:
        notes.append(f"until {change.until}")
    if "reason" in change.differs and change.reason:
        notes.append(change.reason)
    return ", ".join(notes)


def _short(text: str, most: int = 60) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."
