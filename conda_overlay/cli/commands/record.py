"""``conda overlay record``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from conda_overlay.cli import changing, options, select

EXAMPLES = """\
    conda overlay record --reason 'ticket 1234'    after editing its files
    conda overlay record --dry-run                 what was edited
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    options.add_change_options(parser, EXAMPLES)


def execute(arguments: Namespace) -> int:
    """Record edits made by hand."""
    overlay, unchanged = select.opened(arguments), "Nothing to record: no file was edited."
    return changing.run(arguments, overlay, lambda draft: draft.record(), unchanged=unchanged)
