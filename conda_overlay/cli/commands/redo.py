"""``conda overlay redo``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from conda_overlay.cli import common

EXAMPLES = """\
    conda overlay redo               forward again, one step for each undo
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    common.add_change_options(parser, EXAMPLES)


def execute(arguments: Namespace) -> int:
    """Redo."""
    from conda_overlay.change.restore import redo

    return common.change(arguments, common.opened(), redo)
