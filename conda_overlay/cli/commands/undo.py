"""``conda overlay undo``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from conda_overlay.cli import changing, options, select
from conda_overlay.cli.render import output

EXAMPLES = """\
    conda overlay undo               one change back; again: one further
    conda overlay undo 3             exactly the files of revision 3
    conda overlay undo 0             no overlay, as before the first change
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "number",
        nargs="?",
        type=int,
        metavar="N",
        help="The revision to go back to (default: the previous one).",
    )
    options.add_change_options(parser, EXAMPLES)


def execute(arguments: Namespace) -> int:
    """Go back to an earlier revision."""
    number = arguments.number
    state = "before the last change" if number is None else f"in {output.state(number)}"
    unchanged = f"Nothing to do: your overlay is as {state} already."
    overlay = select.opened(arguments)
    return changing.run(arguments, overlay, lambda draft: draft.undo(number), unchanged=unchanged)
