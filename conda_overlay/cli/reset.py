"""``conda overlay reset``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

EXAMPLES = """\
    conda overlay reset              nothing is overlaid any more; undo brings it back
    conda overlay reset flask numpy
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    from conda_overlay.cli import change

    parser.add_argument("names", nargs="*", metavar="NAME", help="All distributions if none.")
    change.add_options(parser, EXAMPLES)


def execute(arguments: Namespace) -> int:
    """Reset."""
    from conda_overlay.cli import change

    return change.end(
        lambda: change.opened().reset(
            arguments.names, log=change.log(arguments), confirm=change.confirm
        )
    )
