"""``conda overlay repair``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from conda.base.context import context

from conda_overlay.cli import changing, options, select
from conda_overlay.cli.render import output

EXAMPLES = """\
    conda overlay repair             put back all files that are missing; edits stay
    conda overlay repair flask       flask as it was installed, without edits
    conda overlay repair --dry-run
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    meaning = "A distribution of the overlay; edits made in it by hand are undone."
    parser.add_argument("names", nargs="*", metavar="NAME", help=meaning)
    options.add_change_options(parser, EXAMPLES)


def execute(arguments: Namespace) -> int:
    """Repair the overlay."""
    overlay = select.opened(arguments)
    if not context.dry_run and overlay.renew() and not context.json:
        output.say("The overlay has the guard and the pip of this version of conda-overlay again.")
    return changing.run(arguments, overlay, lambda draft: draft.repair(*arguments.names))
