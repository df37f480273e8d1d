"""``conda overlay delete``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

EXAMPLES = """\
    conda overlay delete -n science      the overlay and its history; reset keeps the history
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    from conda_overlay.cli import change

    change.add_options(parser, EXAMPLES, reason=False)


def execute(arguments: Namespace) -> int:
    """Ask, and delete."""
    from conda.base.context import context

    from conda_overlay.cli import change, output

    overlay = change.opened()
    place = str(overlay.store.overlay)
    there = overlay.store.exists or bool(overlay.store.numbers())
    gone = there and not context.dry_run
    if not context.json:
        output.say(
            f"The overlay {place} and its history go." if there else f"No overlay at {place}."
        )
    if gone:
        if not context.json:
            output.ask()
        overlay.delete()
    if context.json:
        output.show_json({"success": True, "overlay": place, "deleted": gone})
    return 0
