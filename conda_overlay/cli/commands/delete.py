"""``conda overlay delete``."""

from __future__ import annotations

import os
import shlex
from argparse import ArgumentParser, Namespace
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conda.base.context import context

from conda_overlay.activation import wiring
from conda_overlay.cli import options, select
from conda_overlay.cli.render import output
from conda_overlay.core.errors import EditedError, NoSuchEnvironmentError, OverlayError
from conda_overlay.core.text import few

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
    meaning = "Proceed even if your edits, or commits in repositories, are lost."
    options.add_force(parser, meaning)


def execute(arguments: Namespace) -> int:
    """Ask, then delete the overlay and its history."""
    store = select.store_of(arguments)
    if arguments.layer:
        select.check_writable(select.opened(arguments))
    place, dry_run = str(store.overlay), bool(context.dry_run)
    there = store.exists or store.managed or bool(store.numbers())
    will = f"The overlay {place} and its history will be deleted permanently."
    work, lost = _losses(arguments, store) if there else ([], [])
    if (work or lost) and not dry_run and not arguments.force_overlay:
        raise EditedError([*work, *lost], f"With {place} your commits or edits would be lost:")
    if not context.json:
        output.say(will if there else f"No overlay at {place}.")
        for path in work:
            output.say(f"With it go your commits or edits in {path}, which are nowhere else.")
        if lost:
            output.say(f"With it go your edits: {few(lost)}.")
    gone = there and not dry_run and (bool(context.json) or output.ask("no"))
    if gone:
        with store.lock():
            now = _losses(arguments, store)
            new = {*now[0], *now[1]} - {*work, *lost}
            if new and not arguments.force_overlay:
                sentence = f"With {place} commits or edits would be lost that are new since then:"
                raise EditedError(sorted(new), sentence)
            store.delete()
        if os.path.lexists(store.state):
            sentence = f"{place} is deleted, but some of its files cannot be removed."
            raise OverlayError(sentence, shlex.join(["rm", "-r", str(store.state)]))
    done: dict[str, Any] = {"success": True, "dry_run": dry_run, "overlay": place, "deleted": gone}
    done |= {"checkouts": work, "lost": lost}
    output.show(done, lambda _: _show(store, gone=gone, there=there))
    return 0


def _losses(arguments: Namespace, store: Store) -> tuple[list[str], list[str]]:
    """The repositories with the user's work, and the edits: files, and those of other revisions."""
    from conda_overlay.edits.checkouts import repositories
    from conda_overlay.layer import checkouts
    from conda_overlay.layer.present import present_own, present_states
    from conda_overlay.layer.stack import own_files

    found = [*checkouts.all_of(store), *sorted(repositories(store.overlay))]
    work = [str(path) for path in checkouts.with_work(found)]
    lost: list[str] = []
    known: set[tuple[str, str | None]] = set()
    with suppress(OverlayError):  # what cannot be read is no obstacle
        with suppress(NoSuchEnvironmentError):
            select.opened(arguments).stack.check_trust()
        states = present_states(store)
        files = present_own(states)
        for state in states.values():
            files |= state.edited.union(*state.deleted.values())
            known |= {(key, entry.patch) for key, entry in state.entries.items()}
        lost = sorted(files)
        known |= {*own_files(store, store.current() or 0).items()}
    others: dict[str, list[int]] = {}
    for number in reversed(store.numbers()):
        with suppress(OverlayError):
            for key, entry in store.revision(number).distributions.items():
                if entry.patch and (key, entry.patch) not in known:
                    known.add((key, entry.patch))
                    others.setdefault(entry.name or key, []).insert(0, number)
            for file in own_files(store, number).items() - known:
                known.add(file)
                others.setdefault(file[0], []).insert(0, number)
    lost += [f"{name} in {output.revisions(numbers)}" for name, numbers in sorted(others.items())]
    return work, lost


def _show(store: Store, *, gone: bool, there: bool) -> None:
    """Say what became of an overlay, and how the shell forgets it."""
    from conda_overlay.report.shell import activation

    if there:
        output.say("Deleted." if gone else "Nothing was deleted.")
    state = wiring.Wiring.decode(os.environ.get(wiring.STATE))
    mine = [layer for layer in state.layers if layer.overlay == str(store.overlay)]
    if gone and mine:
        output.say(f"To clear it from this shell: {activation(Path(mine[0].prefix))}")
