"""``conda overlay list``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from conda.base.context import context
from conda.cli.helpers import add_parser_help, add_parser_json

from conda_overlay.activation.settings import observe
from conda_overlay.cli.render import output, status


def configure_parser(parser: ArgumentParser) -> None:
    """Add conda's usual options."""
    add_parser_help(parser)
    add_parser_json(parser)
    parser.epilog = "example: conda overlay list"


def execute(arguments: Namespace) -> int:
    """Print all overlays in the overlay directories."""
    from conda_overlay.report.status import overlays

    found = overlays(observe())
    output.show_json({"overlays": found}) if context.json else status.show_overlays(found)
    return 0
