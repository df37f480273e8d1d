"""Prints which copy of something runs, and why."""

from __future__ import annotations

import shlex

from conda_overlay.cli.render.output import local, say
from conda_overlay.report.why import Explanation, InstalledCopy


def show_explanation(found: Explanation) -> None:
    """Print the copy that runs, those that it hides, and who put it there."""
    if found.runs:
        say(f"{found.name} {found.runs.version}, from {_place(found.runs)}")
    else:
        say(f"{found.name}, of no distribution")
    put = [f"revision {found.revision}"] if found.revision else []
    put += [local(found.since)] if found.since else []
    put += [f"by {found.by}"] if found.by else []
    put += [shlex.join(found.command)] if found.command else []
    module = f"{found.module}, {found.file or 'a namespace'}" if found.module else None
    facts = {
        "module": [module],
        "parts": found.namespace,
        "script": [found.script],
        "editable": [f"from {found.editable}" if found.editable else None],
        "edited": [", ".join(found.edited)],
        "hides": [f"{copy.version}, in {_place(copy)}" for copy in found.hides],
        "put there": [", ".join(put)],
        "reason": [found.reason],
        "required by": [", ".join(found.required_by)],
        "elsewhere": found.differences,
    }
    for title, lines in facts.items():
        for line in filter(None, lines):
            say(f"  {title + ':':<12} {line}")


def _place(copy: InstalledCopy) -> str:
    return f"the {copy.where} ({copy.place})"
