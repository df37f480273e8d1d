"""``conda overlay status``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conda_overlay.calling_shell import Trigger
    from conda_overlay.overlay import Overlay
    from conda_overlay.status import Status


def configure_parser(parser: ArgumentParser) -> None:
    """Add conda's usual options."""
    from conda.cli.helpers import add_parser_help, add_parser_json, add_parser_prefix

    add_parser_help(parser)
    add_parser_prefix(parser)
    add_parser_json(parser)
    parser.epilog = "examples: conda overlay status; conda overlay status -n science --json"


def execute(arguments: Namespace) -> int:
    """Print what there is, and what is wrong with it."""
    from conda.base.context import context

    from conda_overlay.calling_shell import asked_trigger
    from conda_overlay.cli import change, output

    overlay = change.opened()
    with asked_trigger() as trigger:
        report = _report(overlay, overlay.status(), trigger())
    if context.json:
        output.show_json(report)
    else:
        output.show_status(report)
    return 0


def _report(overlay: Overlay, statuses: list[Status], trigger: Trigger) -> dict[str, Any]:
    from dataclasses import asdict

    from conda_overlay.calling_shell import wired

    host = overlay.host
    return {
        "host": {
            "name": host.name,
            "prefix": str(host.prefix),
            "owner": host.owner,
            "protected": host.protection,
            "python": host.markers["python_full_version"],
        },
        "wiring": {**wired(host, overlay.settings)._asdict(), "trigger": trigger._asdict()},
        "overlays": [
            {
                "overlay": status.overlay,
                "managed": status.managed,
                "revision": status.revision,
                "size": status.size,
                "distributions": [asdict(row) for row in status.rows],
                "findings": [finding.to_json() for finding in status.findings],
            }
            for status in statuses
        ],
    }
