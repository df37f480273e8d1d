"""Prints the revisions of an overlay."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from conda_overlay.cli.render.diff import show_files
from conda_overlay.cli.render.output import BOLD, local, say, state
from conda_overlay.cli.render.plan import _SHOWN, _same_version, _sides, show_plan


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
