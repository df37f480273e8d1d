"""``conda overlay delete``."""

from __future__ import annotations

import os
import shlex
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from conda.base.context import context

from conda_overlay.activation import wiring
from conda_overlay.cli import options, select
from conda_overlay.cli.render import output
from conda_overlay.core.errors import OverlayError

if TYPE_CHECKING:
    from conda_overlay.layer.store import Store

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
    from conda_overlay.layer import checkouts

    store = select.store_of(arguments)
    if arguments.layer:
        select.check_writable(select.opened(arguments))
    place, dry_run = str(store.overlay), bool(context.dry_run)
    there = store.exists or store.managed or bool(store.numbers())
    will = f"The overlay {place} and its history will be deleted permanently."
    work = [str(path) for path in checkouts.with_work(checkouts.all_of(store))]
    if not context.json:
        output.say(will if there else f"No overlay at {place}.")
        for path in work:
            output.say(f"With it go your commits or edits in {path}, which are nowhere else.")
    gone = there and not dry_run and (bool(context.json) or output.ask("no"))
    if gone:
        with store.lock():
            store.delete()
        if os.path.lexists(store.state):
            sentence = f"{place} is deleted, but some of its files cannot be removed."
            raise OverlayError(sentence, shlex.join(["rm", "-r", str(store.state)]))
    done = {"success": True, "dry_run": dry_run, "overlay": place, "deleted": gone}
    done["checkouts"] = work
    output.show(done, lambda _: _show(store, gone=gone, there=there))
    return 0


def _show(store: Store, *, gone: bool, there: bool) -> None:
    """Say what became of an overlay, and how the shell forgets it."""
    from conda_overlay.report.shell import activation

    if there:
        output.say("Deleted." if gone else "Nothing was deleted.")
    state = wiring.Wiring.decode(os.environ.get(wiring.STATE))
    mine = [layer for layer in state.layers if layer.overlay == str(store.overlay)]
    if gone and mine:
        output.say(f"To clear it from this shell: {activation(Path(mine[0].prefix))}")
