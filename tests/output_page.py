"""Makes the page of exit codes and JSON keys: ``python3 -m tests.output_page``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from conda_overlay.core.models import Plan
from conda_overlay.fork.origin import ForkDrift
from conda_overlay.report.history import ListedRevision
from tests.bed import place

REFERENCES = {Plan: "a plan", ListedRevision: "a revision"}
"""What has a section of its own."""

PAGE = place.CHECKOUT / "docs" / "output.md"
MAKE = "python3 -m tests.output_page"
HEAD = """\
# Exit codes and JSON

This page is made from the code by `{make}`; a test compares them.

| exit code | meaning |
|---|---|
| 0 | done, or nothing to do; also of `--dry-run`, and of a question that was answered with no |
| 1 | it could not be done, and nothing was changed; stderr says why, with the command to type |
| 2 | the command line is wrong |
| 1, of `audit` | the audit was made, and something needs attention or cannot be read |
| another | of `run` alone: that of the command, or 128 and the number of the signal that ended it |
| 126, 127 | of `run` alone: the command cannot be run, or does not exist |

With `--json`, stdout is one JSON value, in ASCII. Questions are answered with yes; messages and
pip's output go to stderr. An error is an object of conda's form: `error`, `exception_name`,
`message` and `hint`, and further keys for what it is about, such as `name` or `conflicts`.

**What is stable.** From 0.1 on, a key keeps its name, its place and its type, and a code its
meaning, in all 0.x releases; what has to go is named in the CHANGELOG one release before. Keys may
be added, and values of `kind`. Texts (`text`, `message`, `why`, `notes`) are for people and change.

`audit --json` has the keys `overlays` and `unreadable`; another `audit` reads it.

Below, `[]` is an element of a list, `{{}}` a value of an object with any keys, and `?` marks a
value that may be null.
"""


def page() -> str:
    """Return the text of the page."""
    from conda_overlay.cli.commands.clean import Dropped
    from conda_overlay.cli.commands.env import Variables
    from conda_overlay.cli.commands.export import Exported
    from conda_overlay.core.models import Program
    from conda_overlay.fork.plan import ForkSummary
    from conda_overlay.report.history import History
    from conda_overlay.report.merged import MergedDistribution
    from conda_overlay.report.overlays import Overlays
    from conda_overlay.report.status import Status
    from conda_overlay.report.why import Explanation

    success = {"success": bool}
    dry = {**success, "dry_run": bool}
    sections: dict[str, tuple[Any, Mapping[str, Any]]] = {
        "status": (Status, {}),
        "status --merged": (tuple[MergedDistribution, ...], {}),
        "install, update, remove, edit, patch, record, note, apply, rebase, repair, undo, redo": (
            None,
            {**dry, "revision": int | None, "running": tuple[Program, ...], "": Plan},
        ),
        "diff": (None, {"old": str, "new": str, "text": str | None, "": Plan}),
        "a plan": (Plan, {}),
        "history": (History, {}),
        "history N, a revision": (ListedRevision, {}),
        "why": (Explanation, {}),
        "list": (Overlays, {}),
        "env": (Variables, {}),
        "export": (Exported, success),
        "export --baseline": (Exported, {**success, "fingerprint": str, "packages": int}),
        "clean": (Dropped, success),
        "delete": (
            None,
            {**dry, "overlay": str, "deleted": bool, "checkouts": list[str], "lost": list[str]},
        ),
        "kernel install": (None, {**success, "kernel": str, "path": str}),
        "fork": (ForkSummary, dry),
    }
    parts = [HEAD.format(make=MAKE)]
    for title, (kind, more) in sections.items():
        names = ", ".join(n if n[:2] == "a " else f"`{n}`" for n in title.split(", "))
        lines = [line for name, of in more.items() for line in _lines(of, name)]
        lines += _lines(kind) if kind else []
        parts.append(f"\n## {names}\n\n```text\n" + "\n".join(lines) + "\n```\n")
    return "".join(parts)


def _lines(kind: Any, path: str | None = None) -> Iterator[str]:
    """Yield a line for each key below a path, with its type."""
    if path is not None and kind in REFERENCES:
        yield f"{path}: {REFERENCES[kind]}" if path else f"and the keys of {REFERENCES[kind]}"
        return
    path = path or ""
    if is_dataclass(kind) and not hasattr(kind, "to_json"):
        types = get_type_hints(kind, localns={"ForkDrift": ForkDrift})
        for field in fields(kind):
            yield from _lines(types[field.name], f"{path}.{field.name}".lstrip("."))
        return
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is UnionType:
        [other] = [one for one in arguments if one is not NoneType]
        yield from _lines(other, path + "?")
    elif origin in (tuple, list):
        yield from _lines(arguments[0], path + "[]")
    elif origin in (dict, Mapping) and arguments[1] is not Any:
        yield from _lines(arguments[1], path + "{}")
    else:
        words = {str: "text", bool: "true or false", int: "number", Path: "text"}
        yield f"{path}: {words.get(kind, 'an object' if origin else 'a list of texts')}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
