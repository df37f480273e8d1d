"""``conda overlay diff``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import replace
from itertools import chain
from typing import Any

from conda.base.context import context

from conda_overlay.cli import options, select
from conda_overlay.cli.render import output
from conda_overlay.cli.render.changes import show_changes
from conda_overlay.cli.render.diff import show_files, show_text
from conda_overlay.core.errors import UsageError
from conda_overlay.core.models import Plan
from conda_overlay.core.text import named

EXAMPLES = """\
    conda overlay diff               the overlay against the environment
    conda overlay diff 3             revision 3 against the current one
    conda overlay diff 2 3 --text    what changed from 2 to 3, line by line
    conda overlay diff --files 0 3   0 is the environment
    conda overlay diff flask         only flask, with its files
    conda overlay diff flask 2 3 --text
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    meaning = "Packages (default: all) and up to two revisions; 0 is the environment."
    parser.add_argument("words", nargs="*", metavar="NAME|N", help=meaning)
    options.add_reading_options(parser, EXAMPLES)
    options.add_layer(parser)
    parser.add_argument("--files", action="store_true", help="Also list the files that differ.")
    parser.add_argument("--text", action="store_true", help="Print a unified diff of text files.")


def execute(arguments: Namespace) -> int:
    """Print the differences."""
    from packaging.utils import canonicalize_name

    from conda_overlay.formats import exports
    from conda_overlay.layer.revision import name_of
    from conda_overlay.report import diff

    numbers: list[Any] = [int(word) for word in arguments.words if word.isdecimal()]
    keys = {str(canonicalize_name(word)) for word in arguments.words if not word.isdecimal()}
    if len(numbers) > 2:
        raise UsageError("diff compares two revisions at most.", "conda overlay history")
    overlay = select.opened(arguments)
    old, new = [*(numbers or [0]), None][:2]
    if new is None and overlay.stack.store.managed:
        new = overlay.stack.store.current()
    plan = overlay.compare(old, new)
    if keys:
        pairs = diff.of(overlay.stack, sorted(keys), old, new)
        plan = replace(plan, changes=tuple(c for c in plan.changes if c.key in keys))
        found = diff.changes_of(pairs)
        text = chain.from_iterable(diff.text(*pair) for pair in pairs)
    else:
        found = diff.compare_files(overlay.stack, old, new)
        text = chain(diff.unified_files(overlay.stack, old, new, found))
    if arguments.text and not context.json:  # as it comes: it may be long
        where = f"{overlay.host.name} (Python {overlay.host.python_version})"
        entries = overlay.stack.state(new).entries
        heads = (exports.heading(entries[c.key], where) for c in plan.changes if c.after)
        show_text(chain(heads, text))
        return 0

    def show(plan: Plan) -> None:
        output.say(f"{named(name_of(old))} -> {named(name_of(new))}")
        show_changes(plan.changes, why=False)
        if not plan.changes:
            output.say("  no distribution differs")
        if arguments.files or keys:
            show_files(found)

    sides = {"old": name_of(old), "new": name_of(new)}
    whole = "".join(text) if arguments.text else None
    output.show(replace(plan, files=found), show, **sides, text=whole)
    return 0
