"""The options that commands share."""

from __future__ import annotations

from argparse import ArgumentParser, RawDescriptionHelpFormatter

from conda.cli.helpers import (
    add_output_and_prompt_options,
    add_parser_help,
    add_parser_json,
    add_parser_prefix,
)


def add_options(parser: ArgumentParser, examples: str, *, reason: bool = True) -> None:
    """Add conda's usual options, ``--reason``, and examples."""
    _add_help(parser, examples)
    add_output_and_prompt_options(parser)
    if reason:
        parser.add_argument("--reason", metavar="TEXT", help="The reason, recorded in the history.")


def add_change_options(parser: ArgumentParser, examples: str) -> None:
    """Add the options of a command that makes a revision."""
    add_options(parser, examples)
    meaning = "Proceed despite conflicts."
    parser.add_argument("--allow-conflicts", action="store_true", help=meaning)
    meaning = "Proceed even if edits are lost, or if you can write to the environment."
    add_force(parser, meaning)
    add_layer(parser)


def add_intent(parser: ArgumentParser) -> None:
    """Add ``--intent`` and ``--until``, which say how long a distribution is to stay."""
    from conda_overlay.core.models import INTENTS

    meaning = (
        "How long it stays. fix: until the environment has it; hold: until removed; dev: forever."
    )
    parser.add_argument("--intent", choices=INTENTS, help=meaning)
    meaning = "The date (YYYY-MM-DD) from which status reports it as overdue."
    parser.add_argument("--until", metavar="DATE", help=meaning)


def date_of(text: str) -> str:
    """A date as it was typed, in one form.

    Raises:
        UsageError: it is not a date.
    """
    from datetime import date

    from conda_overlay.core.errors import UsageError

    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise UsageError(f"{text} is not a date (YYYY-MM-DD).", "--until 2027-01-31") from None


def add_layer(parser: ArgumentParser) -> None:
    """Add ``--layer``."""
    meaning = "The layer to use: a label or path of overlay_dirs. Layers before it are ignored."
    parser.add_argument("--layer", metavar="DIR|LABEL", help=meaning)


def add_force(parser: ArgumentParser, meaning: str) -> None:
    """Add ``--force``, stored as ``force_overlay`` because conda has a setting named ``force``."""
    parser.add_argument("--force", action="store_true", dest="force_overlay", help=meaning)


def add_reading_options(parser: ArgumentParser, examples: str) -> None:
    """Add conda's usual options for a command that changes nothing, and examples."""
    _add_help(parser, examples)
    add_parser_json(parser)


def show_examples(parser: ArgumentParser, examples: str) -> None:
    """Show examples in the help, before the options."""
    parser.formatter_class = RawDescriptionHelpFormatter
    parser.description = f"{parser.description}\n\nexamples:\n{examples}"


def _add_help(parser: ArgumentParser, examples: str) -> None:
    show_examples(parser, examples)
    add_parser_help(parser)
    add_parser_prefix(parser)
