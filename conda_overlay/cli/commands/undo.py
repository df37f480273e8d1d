"""``conda overlay undo``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from conda_overlay.cli import changing, options, select

EXAMPLES = """\
    conda overlay undo               back to what was before the last change
    conda overlay undo               again: one further back; redo goes forward again
    conda overlay undo 3             exactly the files of revision 3
    conda overlay undo 0             nothing overlaid, as before the first change
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("number", nargs="?", type=int, metavar="N", help="A revision.")
    options.add_change_options(parser, EXAMPLES)


def execute(arguments: Namespace) -> int:
    """Go back to an earlier revision."""
    return changing.run(
        arguments, select.opened(arguments), lambda draft: draft.undo(arguments.number)
    )
