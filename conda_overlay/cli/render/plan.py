"""Prints a plan, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from conda_overlay.cli.render.changes import sentence, show_changes
from conda_overlay.cli.render.diff import show_files
from conda_overlay.cli.render.output import BOLD, YELLOW, local, say, show, table, with_environment
from conda_overlay.core.models import Plan, Result

if TYPE_CHECKING:
    from conda_overlay.fork.plan import ForkSummary

NOTHING = "Nothing to do: all is as requested already."
"""The result of a command that had nothing to change."""

SHOWN = 20  # files that a plan names
_PROGRAMS = 5  # programs that are named


def show_plan(plan: Plan, *, allowed_by: str = "--allow-conflicts") -> None:
    """Print a plan, and the option that allows its conflicts."""
    say(f"\nenvironment: {plan.host}\noverlay:     {plan.overlay}\n")
    show_changes(plan.changes)
    if plan.files:
        say("other files:" if plan.changes else "files:", style=BOLD)
        show_files(plan.files, SHOWN)
        say()
    if plan.accepts_host:
        stays = "" if plan.changes or plan.files else "Your overlay stays as it is. "
        say(f"{stays}The environment as it is now will be recorded with the overlay.\n")
    lists = {
        "conflicts that this resolves": map(str, plan.resolved),
        "note": map(with_environment, plan.notes),
        f"conflicts (allowed by {allowed_by})": map(str, plan.conflicts),
        "edits that will be lost": plan.lost,
    }
    _show_lists(lists, ("edits", "conflicts (allowed"))


def _show_lists(lists: Mapping[str, Iterable[str]], warnings: tuple[str, ...]) -> None:
    """Print lists under their titles, some of which are warnings; omit empty lists."""
    for title, lines in lists.items():
        if lines := [*lines]:
            say(f"{title}:", style=YELLOW if title.startswith(warnings) else BOLD)
            say(*(f"  {line}" for line in lines), "")


def show_result(result: Result, unchanged: str = NOTHING) -> None:
    """Print the result of a change, and the programs that still run the old files.

    Args:
        result: the result.
        unchanged: the sentence if there was nothing to change.
    """
    head = {"success": True, "dry_run": result.dry_run, "revision": result.revision}
    show(result.plan, lambda _: _show_result(result, unchanged), **head, running=result.running)


def _show_result(result: Result, unchanged: str) -> None:
    plan = result.plan
    if not plan:
        for note in plan.notes:
            say(f"note: {with_environment(note)}")
        say(f"\n{unchanged}")
    elif result.revision is not None:
        say(f"Revision {result.revision}: {sentence(plan)}")
        if result.running:
            say("\nThese running programs use the old code until you restart them:")
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
        "also dropped, because they depend on these": plan.dependents.values(),
        "added": plan.added,
        "changed by that (allowed by --allow-changes)": plan.changed,
        "distributions installed by pip": plan.distributions,
        "note": plan.notes,
    }
    _show_lists(lists, ("changed", "also dropped"))


def _short(text: str, most: int = 60) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."
