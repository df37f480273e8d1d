"""``conda overlay redo``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from conda_overlay.cli import changing, options, select

EXAMPLES = """\
    conda overlay redo               one change forward; again: one further
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    options.add_change_options(parser, EXAMPLES)


def execute(arguments: Namespace) -> int:
    """Redo the last undone change."""
    return changing.run(arguments, select.opened(arguments), lambda draft: draft.redo())
