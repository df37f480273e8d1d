"""``conda overlay note``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from conda_overlay.cli import changing, options, select
from conda_overlay.core.errors import UsageError

EXAMPLES = """\
    conda overlay note flask --reason 'ticket 1234'
    conda overlay note flask --until 2027-01-31
    conda overlay note flask --until '' --intent hold     no date any more
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    meaning = "A package of the overlay."
    parser.add_argument("names", nargs="+", metavar="NAME", help=meaning)
    options.add_change_options(parser, EXAMPLES)
    options.add_intent(parser)


def execute(arguments: Namespace) -> int:
    """Change the reason, the intent or the date."""
    given = {name: getattr(arguments, name) for name in ("reason", "intent", "until")}
    if not any(value is not None for value in given.values()):
        sentence = "Nothing to note: give a reason, an intent or a date."
        raise UsageError(sentence, "conda overlay note NAME --reason TEXT")
    given["until"] = given["until"] and options.date_of(given["until"])
    overlay, names = select.opened(arguments), arguments.names
    return changing.run(arguments, overlay, lambda draft: draft.note(*names, **given))
