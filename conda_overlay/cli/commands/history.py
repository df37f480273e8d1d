"""``conda overlay history``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from conda_overlay.cli import options, select
from conda_overlay.cli.render import output

EXAMPLES = """\
    conda overlay history            all revisions, newest first
    conda overlay history 3          revision 3, with all its changes
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "number", nargs="?", type=int, metavar="N", help="The revision to show (default: all)."
    )
    options.add_reading_options(parser, EXAMPLES)
    options.add_layer(parser)


def execute(arguments: Namespace) -> int:
    """Print the revisions, or one of them."""
    from conda_overlay.cli.render.history import show_history, show_revision
    from conda_overlay.report import history

    store = select.store_of(arguments)
    if arguments.number is not None:
        output.show(history.revision(store, arguments.number), show_revision)
    else:
        output.show(history.history(store), show_history)
    return 0
