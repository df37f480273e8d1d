"""``conda overlay update``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from conda_overlay.cli import changing, options, select
from conda_overlay.cli.pip_options import add_pip_options

EXAMPLES = """\
    conda overlay update             everything requested, except what is held
    conda overlay update flask
    conda overlay update -n science --dry-run
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    meaning = "A package of the overlay or environment (default: all requested ones)."
    parser.add_argument("names", nargs="*", metavar="NAME", help=meaning)
    options.add_change_options(parser, EXAMPLES)
    add_pip_options(parser)


def execute(arguments: Namespace) -> int:
    """Update the distributions."""
    overlay = select.opened(arguments)
    overlay.check_protection(arguments.force_overlay)
    names, options = arguments.names, arguments.pip_options
    unchanged = "Nothing to update."
    return changing.run(
        arguments, overlay, lambda d: d.update(*names, options=options), unchanged=unchanged
    )
