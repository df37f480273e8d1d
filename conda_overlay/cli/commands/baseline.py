"""``conda overlay baseline``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from conda.base.context import context

from conda_overlay.cli import common
from conda_overlay.cli.render import output

EXAMPLES = """\
    conda overlay baseline export -n science -f baselines/2026-3.txt
    conda overlay baseline export -n science > science.txt
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("action", choices=("export",), help="What to do.")
    common.add_reading_options(parser, EXAMPLES)
    parser.add_argument("-f", "--file", metavar="FILE", help="The output file; default: stdout.")


def execute(arguments: Namespace) -> int:
    """Write the list."""
    from conda_overlay.fork import baseline

    found = baseline.of_environment(Path(common.named_prefix()))
    common.write(arguments.file, found.text)
    if context.json:
        facts = {"fingerprint": found.fingerprint, "packages": len(found.urls)}
        told = {"file": arguments.file, "text": found.text, "notes": [*found.local]}
        output.show_json({"success": True, **facts, **told})
        return 0
    if not arguments.file:
        output.say(found.text, end="")
    for name in found.local:
        output.tell(f"{name} is not repeatable.")
    return 0
