"""The only printer: tables for people, one JSON object for programs."""

from __future__ import annotations

import json as json_module
import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conda_overlay.comparison import Comparison
    from conda_overlay.manifest import Differences
    from conda_overlay.models import Change, Plan, Result, Revision

_UNITS = ("B", "kB", "MB", "GB", "TB")
_NONE = "none"


def show_plan(plan: Plan) -> None:
    """What will be done, one line for each distribution."""
    if not plan.changes and not plan.files:
        return
    print(f"\nhost:    {plan.host}\noverlay: {plan.overlay}\n")
    if plan.files:
        print("No distribution changes, but files do.\n")
    titles = {
        "added": [c for c in plan.changes if c.kind == "add"],
        "shadowing the host": [
            c for c in plan.changes if c.kind in ("upgrade", "downgrade", "replace")
        ],
        "back to the host": [c for c in plan.changes if c.kind == "remove" and c.host_version],
        "removed": [c for c in plan.changes if c.kind == "remove" and not c.host_version],
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
    elif result.revision is None and not result.plan.changes and not result.plan.files:
        print("\nAlready satisfied: nothing to do.")
    elif result.revision is not None:
        count = len(result.plan.changes)
        noun = "distribution" if count == 1 else "distributions"
        print(f"\nRevision {result.revision} of {result.plan.overlay}: {count} {noun} changed.")
    elif dry_run:
        print("Dry run: nothing was changed.")


def show_trigger(trigger: Mapping[str, str | None]) -> None:
    """Say it when nothing will wire the overlay."""
    if trigger["name"] is None:
        print(f"\nconda activate will not use the overlay: {trigger['reason']}.")
        print(f"Hint: {trigger['remedy']}")


def show_status(report: dict[str, Any]) -> None:
    """A host, its wiring, and each of its overlays."""
    host, wiring = report["host"], report["wiring"]
    protected = host["protected"] or "no, you may write it"
    print(f"host:      {host['name']} ({host['prefix']}), Python {host['python']}")
    print(f"protected: {protected}")
    if not report["overlays"]:
        print("overlay:   none")
        print(f"\nStart one with: conda overlay install -p {host['prefix']} NAME")
        return
    print(f"wiring:    {wiring['state']}, {wiring['detail']}")
    show_trigger(wiring["trigger"])
    for overlay in report["overlays"]:
        revision = overlay["revision"] if overlay["managed"] else "unmanaged, made by hand"
        count = len(overlay["distributions"])
        print(f"\noverlay:   {overlay['overlay']}")
        print(
            f"revision:  {revision}, {count} distribution{'' if count == 1 else 's'}, "
            f"{size(overlay['size'])}"
        )
        if overlay["distributions"]:
            print()
            rows = [["# name", "host", "overlay", "kind", "since", "by", "meaning", "reason"]]
            for row in overlay["distributions"]:
                kind = f"editable {row['editable']}" if row["editable"] else row["kind"]
                rows.append(
                    [
                        row["name"],
                        row["host_version"] or "-",
                        row["version"],
                        kind,
                        row["since"] or "-",
                        row["by"] or "-",
                        row["meaning"],
                        row["reason"] or "",
                    ]
                )
            table(rows)
        for finding in overlay["findings"]:
            print(f"\n{finding['kind']}: {finding['text']}")


def show_overlays(found: Sequence[Mapping[str, Any]]) -> None:
    """All overlays, one line each."""
    if not found:
        print("No overlays. Start one with: conda overlay install -n ENVIRONMENT NAME")
        return
    rows = [["# overlay", "host", "revision", "size", "state"]]
    for overlay in found:
        rows.append(
            [
                overlay["overlay"],
                overlay["host"] or "not recorded",
                str(overlay["revision"] or "-"),
                size(overlay["size"]),
                overlay["state"],
            ]
        )
    table(rows)


def show_revision(revision: Revision, *, current: bool) -> None:
    """A revision of the history, the current one marked."""
    mark = "*" if current else " "
    command = shlex.join(revision.command) if revision.command else ""
    print(f"{mark} {revision.number}  {revision.time}  {revision.user}@{revision.hostname}")
    for text in (command, revision.reason):
        if text:
            print(f"     {text}")
    for verb, files in revision.edits.items():
        if files:
            print(f"     before it, by hand: {len(files)} {verb}")
    if revision.restores is not None:
        print(f"     back to revision {revision.restores}")
    for change in revision.plan["changes"]:
        before, after = _sides(change["before"], change["after"], change["host_version"])
        print(f"     {change['name']} {before} -> {after}")


def show_edits(edits: Differences) -> None:
    """What was done by hand to the current revision."""
    print("\nby hand since the current revision:")
    show_files(edits)


def show_files(files: Differences) -> None:
    """Files with a letter in front: added, changed, removed."""
    for letter, paths in (("A", files.added), ("M", files.changed), ("D", files.removed)):
        for path in paths:
            print(f"  {letter} {path}")


def show_comparison(found: Comparison, *, files: bool) -> None:
    """The distributions that differ, and the files."""
    print(f"{found.old.name} -> {found.new.name}")
    rows = [["  " + c.name, *_sides(c.before, c.after, c.host_version)] for c in found.changes]
    if rows:
        table([[name, before, "->", after] for name, before, after in rows])
    else:
        print("  no distribution differs")
    if files:
        show_files(found.files)


def say(text: str, end: str = "\n") -> None:
    """A line for people, or a text as it is."""
    print(text, end=end)


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
    before, after = _sides(change.before, change.after, change.host_version)
    if before == _NONE or after == _NONE:
        return after if before == _NONE else before
    return f"{before} -> {after}"


def _sides(before: str | None, after: str | None, host: str | None) -> tuple[str, str]:
    """What is in effect before and after a change; the host's where the overlay has none."""
    below = f"{host} (host)" if host else _NONE
    return before or below, after or below


def _why(change: Change) -> str:
    return f"{change.why}, editable from {change.editable}" if change.editable else change.why
