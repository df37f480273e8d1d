"""``conda overlay repair``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from conda.base.context import context

from conda_overlay.cli import changing, options, select
from conda_overlay.cli.render import output

EXAMPLES = """\
    conda overlay repair             put back missing files; edits stay
    conda overlay repair flask       flask as it was installed
    conda overlay repair --dry-run
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    meaning = "A package of the overlay; your edits to it are undone."
    parser.add_argument("names", nargs="*", metavar="NAME", help=meaning)
    options.add_change_options(parser, EXAMPLES)


def execute(arguments: Namespace) -> int:
    """Repair the overlay."""
    select.check_named(*arguments.names)
    overlay = select.opened(arguments)
    select.check_writable(overlay)
    if not context.dry_run and overlay.renew() and not context.json:
        made = "made anew, for this version of conda-overlay and for the layers that are there now"
        output.say(f"The overlay's guard, pip and bin/.python were {made}.")
    names, unchanged = arguments.names, "Nothing to repair: no file is missing or damaged."
    return changing.run(arguments, overlay, lambda d: d.repair(*names), unchanged=unchanged)
