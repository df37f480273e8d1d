"""``conda overlay delete``."""

from __future__ import annotations

import os
import shlex
from argparse import ArgumentParser, Namespace

from conda.base.context import context

from conda_overlay.cli import options, select
from conda_overlay.cli.render import output
from conda_overlay.core.errors import OverlayError

EXAMPLES = """\
    conda overlay delete -n science      the overlay and its history
    conda overlay delete -p ~/.conda/overlays/science-2025
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    options.add_options(parser, EXAMPLES, reason=False)
    options.add_layer(parser)


def execute(arguments: Namespace) -> int:
    """Ask, then delete the overlay and its history."""
    store = select.store_of(arguments)
    if arguments.layer:
        select.check_writable(select.opened(arguments))
    place, dry_run = str(store.overlay), bool(context.dry_run)
    there = store.exists or store.managed or bool(store.numbers())
    will = f"The overlay {place} and its history will be deleted permanently."
    if not context.json:
        output.say(will if there else f"No overlay at {place}.")
    gone = there and not dry_run and (bool(context.json) or output.ask("no"))
    if gone:
        with store.lock():
            store.delete()
        if os.path.lexists(store.state):
            sentence = f"{place} is deleted, but some of its files cannot be removed."
            raise OverlayError(sentence, shlex.join(["rm", "-r", str(store.state)]))
    done = {"success": True, "dry_run": dry_run, "overlay": place, "deleted": gone}
    output.show(done, lambda _: None if gone or not there else output.say("Nothing was deleted."))
    return 0
