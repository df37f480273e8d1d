"""``conda overlay history``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conda_overlay.models import Revision

EXAMPLES = """\
    conda overlay history            the revisions, newest first
    conda overlay history 3          the whole record of revision 3
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    from conda_overlay.cli import change

    parser.add_argument("number", nargs="?", type=int, metavar="N", help="A revision.")
    change.add_reading_options(parser, EXAMPLES)


def execute(arguments: Namespace) -> int:
    """Print the revisions, or one of them."""
    from dataclasses import asdict

    from conda.base.context import context

    from conda_overlay.cli import change, output
    from conda_overlay.exceptions import NoSuchRevisionError

    overlay = change.opened()
    kept = overlay.store
    current, numbers = kept.current(), kept.numbers()

    def whole(revision: Revision) -> dict[str, Any]:
        number = revision.number
        return {**asdict(revision), "current": number == current, "kept": bool(kept.tree(number))}

    if arguments.number is not None:
        if arguments.number not in numbers:
            raise NoSuchRevisionError(str(kept.overlay), arguments.number, numbers)
        output.show_json(whole(kept.revision(arguments.number)))
        return 0
    revisions = [kept.revision(number) for number in reversed(numbers)]
    edits = overlay.edits() if current is not None else None
    if context.json:
        output.show_json(
            {
                "overlay": str(kept.overlay),
                "current": current,
                "revisions": [whole(revision) for revision in revisions],
                "edits": asdict(edits) if edits is not None else None,
            }
        )
        return 0
    if not revisions:
        by_hand = ": it was made by hand" if kept.exists else ""
        output.say(f"No revisions of {kept.overlay}{by_hand}.")
    for revision in revisions:
        output.show_revision(revision, current=revision.number == current)
    if edits:
        output.show_edits(edits)
    return 0
