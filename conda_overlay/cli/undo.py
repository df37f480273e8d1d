"""``conda overlay undo``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

EXAMPLES = """\
    conda overlay undo               back to what was before the last change
    conda overlay undo               again: what was undone is done again
    conda overlay undo 3             back to revision 3
    conda overlay undo 0             nothing overlaid, as before the first change
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    from conda_overlay.cli import change

    parser.add_argument("number", nargs="?", type=int, metavar="N", help="A revision.")
    change.add_options(parser, EXAMPLES)


def execute(arguments: Namespace) -> int:
    """Undo."""
    from conda_overlay.cli import change

    overlay = change.opened()
    return change.end(
        lambda: overlay.undo(
            arguments.number,
            log=change.log(arguments),
            pip=change.pip(overlay),
            confirm=change.confirm,
        )
    )
