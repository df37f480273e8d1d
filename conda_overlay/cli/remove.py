"""``conda overlay remove``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from conda_overlay.cli import common

EXAMPLES = """\
    conda overlay remove humanize
    conda overlay remove -n science --dry-run numpy
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("names", nargs="+", metavar="NAME", help="A distribution of the overlay.")
    common.add_change_options(parser, EXAMPLES)


def execute(arguments: Namespace) -> int:
    """Remove."""
    from conda_overlay.operations.remove import remove

    return common.change(arguments, common.opened(), lambda draft: remove(draft, arguments.names))
