"""Prints which copy of something runs, and why."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from conda_overlay.cli.render.output import local, say
from conda_overlay.core.text import user_base
from conda_overlay.report.why import Explanation, InstalledCopy


def show_explanation(found: Explanation, *, details: bool = False) -> None:
    """Print which copy runs, and where it comes from.

    Args:
        found: the explanation.
        details: also print the script, the hidden copies' places, what requires it, and so on.
    """
    say(_sentence(found))
    put = [f"revision {found.revision}"] if found.revision else []
    put += [local(found.since)] if found.since else []
    put += [f"by {found.by}"] if found.by else []
    made = ", ".join(put) + (f": {shlex.join(found.command)}" if found.command else "")
    facts: dict[str, Sequence[str | None]] = {
        "file": [found.file or found.script],
        "parts": found.namespace,
        "edited": [", ".join(found.edited)],
        "from": [made],
        "reason": [found.reason],
        "but": found.differences,
    }
    more: dict[str, Sequence[str | None]] = {
        "module": [found.module],
        "script": [found.script if found.file else None],
        "hides": [f"{copy.version}, in {copy.place}" for copy in found.hides],
        "required by": [", ".join(found.required_by)],
        "python -I": [f"runs {found.isolated}" if found.isolated else None],
    }
    for title, lines in {**facts, **(more if details else {})}.items():
        for line in filter(None, lines):
            say(f"  {title + ':':<12} {line}")


def _sentence(found: Explanation) -> str:
    """The answer: what runs, from where, instead of what."""
    hidden = [f"{copy.version} {_place(copy, path=True)}" for copy in found.hides]
    instead = f", instead of {' and '.join(hidden)}" if hidden else ""
    if found.runs is None and found.namespace:
        return f"{found.name} is a namespace, which packages share; its parts are in:"
    if found.own:
        return (
            f"{found.name} runs from your own file in the overlay, which no package has{instead}."
        )
    if found.runs is None:
        return f"{found.name} runs from a file of no distribution{instead}."
    source = f"from your source in {found.editable}" if found.editable else _place(found.runs)
    edited = ", edited," if found.edited else ""
    return f"{found.name} {found.runs.version}{edited} runs {source}{instead}."


def _place(copy: InstalledCopy, *, path: bool = False) -> str:
    places = {"host": "from the environment", "user site": f"from {user_base()}"}
    of_path = f"from {copy.place}, which is on Python's path"
    layer = f"the layer {copy.layer}" if copy.layer else f"the overlay{f' {copy.place}' * path}"
    places |= {"overlay": f"from {layer}", "path": of_path}
    return places[copy.where]
