"""``conda overlay reset``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from conda_overlay.cli import common

EXAMPLES = """\
    conda overlay reset              nothing is overlaid any more; undo brings it back
    conda overlay reset flask numpy
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="A distribution; default: all.")
    common.add_change_options(parser, EXAMPLES)


def execute(arguments: Namespace) -> int:
    """Reset."""
    from conda_overlay.change.remove import reset

    names, default = arguments.names, "yes" if arguments.names else "no"
    overlay = common.opened()
    return common.change(arguments, overlay, lambda draft: reset(draft, names), default=default)
