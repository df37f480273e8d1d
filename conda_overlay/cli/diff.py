"""``conda overlay diff``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

EXAMPLES = """\
    conda overlay diff               the overlay against the host
    conda overlay diff 3             revision 3 against the current one
    conda overlay diff 2 3 --text    what changed from 2 to 3, line by line
    conda overlay diff --files 0 3   0 is the host
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    from conda_overlay.cli import change

    parser.add_argument("numbers", nargs="*", type=int, metavar="N", help="Revisions; 0: the host.")
    change.add_reading_options(parser, EXAMPLES)
    parser.add_argument("--files", action="store_true", help="The files that differ, too.")
    parser.add_argument("--text", action="store_true", help="A unified diff of text files.")


def execute(arguments: Namespace) -> int:
    """Print the differences."""
    from dataclasses import asdict

    from conda.base.context import context

    from conda_overlay import comparison
    from conda_overlay.cli import change, output
    from conda_overlay.exceptions import UsageError

    if len(arguments.numbers) > 2:
        raise UsageError("diff takes two revisions at the most.", "conda overlay history")
    overlay = change.opened()
    found = overlay.compare(*arguments.numbers)
    if context.json:
        output.show_json(
            {
                "old": found.old.name,
                "new": found.new.name,
                "changes": [item.to_json() for item in found.changes],
                "files": asdict(found.files),
                "text": "".join(comparison.unified(overlay.host, found))
                if arguments.text
                else None,
            }
        )
    elif arguments.text:
        for line in comparison.unified(overlay.host, found):
            output.say(line, end="")
    else:
        output.show_comparison(found, files=arguments.files)
    return 0
