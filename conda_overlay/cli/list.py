"""``conda overlay list``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace


def configure_parser(parser: ArgumentParser) -> None:
    """Add conda's usual options."""
    from conda.cli.helpers import add_parser_help, add_parser_json

    add_parser_help(parser)
    add_parser_json(parser)
    parser.epilog = "example: conda overlay list"


def execute(arguments: Namespace) -> int:
    """Print all overlays in the overlay directories."""
    from conda.base.context import context

    from conda_overlay.cli import output
    from conda_overlay.overlay import overlays
    from conda_overlay.settings import observe

    found = overlays(observe())
    if context.json:
        output.show_json({"overlays": found})
    elif not found:
        print("No overlays. Start one with: conda overlay install -n ENVIRONMENT NAME")
    else:
        rows = [["# overlay", "host", "revision", "size", "state"]]
        for overlay in found:
            rows.append(
                [
                    overlay["overlay"],
                    overlay["host"] or "not recorded",
                    str(overlay["revision"] or "-"),
                    output.size(overlay["size"]),
                    overlay["state"],
                ]
            )
        output.table(rows)
    return 0
