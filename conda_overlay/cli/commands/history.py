"""``conda overlay history``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from conda.base.context import context

from conda_overlay.cli import options, select
from conda_overlay.cli.render import diff, history, output
from conda_overlay.core.errors import NoSuchRevisionError
from conda_overlay.core.models import FileChanges
from conda_overlay.core.serialize import encode

EXAMPLES = """\
    conda overlay history            the revisions, newest first
    conda overlay history 3          revision 3 alone, with all that it changed
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("number", nargs="?", type=int, metavar="N", help="A revision.")
    options.add_reading_options(parser, EXAMPLES)


def execute(arguments: Namespace) -> int:
    """Print the revisions, or one of them."""
    from conda_overlay.filesystem.manifest import differences
    from conda_overlay.layer.timeline import timeline

    overlay = select.opened()
    store = overlay.stack.store
    current, numbers = store.current(), store.numbers()
    position = timeline(store.line()).position if current is not None else None

    def whole(number: int) -> dict[str, Any]:
        record: dict[str, Any] = encode(store.revision(number))
        return {**record, "current": number == current, "kept": bool(store.tree(number))}

    if arguments.number is not None:
        if arguments.number not in numbers:
            raise NoSuchRevisionError(str(store.overlay), arguments.number, numbers)
        record = whole(arguments.number)
        output.show_json(record) if context.json else history.show_revision(record, whole=True)
        return 0
    revisions = [whole(number) for number in reversed(numbers)]
    recorded = store.manifest(current)
    by_hand = differences(recorded, overlay.stack.state().files) if recorded is not None else None
    edits = encode(by_hand or FileChanges())
    if context.json:
        report = {"overlay": str(store.overlay), "current": current, "position": position}
        output.show_json({**report, "revisions": revisions, "edits": edits})
        return 0
    if not revisions:
        made = ": it was made by hand" if store.exists else ""
        output.say(f"No revisions of {store.overlay}{made}.")
    for record in revisions:
        history.show_revision(record, position=position)
    if by_hand:
        output.say("\nedited by hand since the current revision:")
        diff.show_files(edits)
    return 0
