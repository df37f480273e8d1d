"""``conda overlay record``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from conda_overlay.cli import changing, options, select

EXAMPLES = """\
    conda overlay record --reason 'ticket 1234'    after edits in the overlay's own files
    conda overlay record --dry-run                 what has been edited
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    options.add_change_options(parser, EXAMPLES)


def execute(arguments: Namespace) -> int:
    """Record edits made by hand."""
    return changing.run(arguments, select.opened(arguments), lambda draft: draft.record())
