"""``conda overlay list``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from conda.cli.helpers import add_parser_help, add_parser_json

from conda_overlay.activation.settings import observe
from conda_overlay.cli import options
from conda_overlay.cli.render import output

EXAMPLES = """\
    conda overlay list
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add conda's usual options."""
    add_parser_help(parser)
    add_parser_json(parser)
    options.show_examples(parser, EXAMPLES)


def execute(arguments: Namespace) -> int:
    """Print all overlays in the overlay directories."""
    from conda_overlay.cli.render.status import show_overlays
    from conda_overlay.report.overlays import overlays

    output.show(overlays(observe()), show_overlays)
    return 0
