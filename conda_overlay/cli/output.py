"""The only printer: tables for people, one JSON object for programs."""

from __future__ import annotations

import json as json_module
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conda_overlay.models import Change, Plan
    from conda_overlay.overlay import Result
    from conda_overlay.triggers import Trigger

_UNITS = ("B", "kB", "MB", "GB", "TB")


def show_plan(plan: Plan) -> None:
    """What will be done, one line for each distribution."""
    if not plan.changes:
        return
    print(f"\nhost:    {plan.host}\noverlay: {plan.overlay}\n")
    titles = {
        "added": [c for c in plan.changes if c.kind == "add"],
        "shadowing the host": [
            c for c in plan.changes if c.kind in ("upgrade", "downgrade", "replace")
        ],
        "back to the host": [c for c in plan.changes if c.kind == "remove"],
    }
    for title, changes in titles.items():
        if changes:
            print(f"{title}:")
            table([["  " + c.name, _versions(c), _why(c)] for c in changes])
            print()
    if plan.conflicts:
        print("conflicts, which you allow:")
        for conflict in plan.conflicts:
            print(f"  {conflict}")
        print()


def ask() -> bool:
    """Ask whether to proceed, as conda does, which leaves on a no."""
    try:
        from conda.reporters import confirm_yn
    except ImportError:  # before conda 24.11
        from conda.cli.common import confirm_yn
    return bool(confirm_yn())


def show_result(result: Result, *, dry_run: bool, json: bool) -> None:
    """What was done."""
    if json:
        show_json(
            {
                "success": True,
                "dry_run": dry_run,
                "revision": result.revision,
                **result.plan.to_json(),
            }
        )
    elif not result.plan.changes:
        print("\nAlready satisfied: nothing to do.")
    elif result.revision is not None:
        count = len(result.plan.changes)
        noun = "distribution" if count == 1 else "distributions"
        print(f"\nRevision {result.revision} of {result.plan.overlay}: {count} {noun} changed.")
    elif dry_run:
        print("Dry run: nothing was changed.")


def show_trigger(trigger: Trigger) -> None:
    """Say it when nothing will wire the overlay."""
    if trigger.name is None:
        print(f"\nconda activate will not use the overlay: {trigger.reason}.")
        print(f"Hint: {trigger.remedy}")


def show_json(value: Any) -> None:
    """One JSON value."""
    print(json_module.dumps(value, indent=2))


def table(rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as what is in them."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        print("  ".join(cells).rstrip())


def size(count: float) -> str:
    """Bytes for people, in steps of 1000."""
    for unit in _UNITS:
        if count < 1000 or unit == _UNITS[-1]:
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"


def _versions(change: Change) -> str:
    before = change.before or change.host_version
    after = change.after or change.host_version
    if before is None:
        return str(after)
    origin = "" if change.before else " (host)"
    return f"{before}{origin} -> {after}{'' if change.after else ' (host)'}"


def _why(change: Change) -> str:
    return f"{change.why}, editable from {change.editable}" if change.editable else change.why
