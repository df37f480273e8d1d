"""What the commands have in common: their options, and how those that change something end."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conda_overlay.models import Log, Plan, Result
    from conda_overlay.overlay import Overlay
    from conda_overlay.pip import Pip


def add_options(parser: ArgumentParser, examples: str, *, reason: bool = True) -> None:
    """Conda's usual options, the reason, and examples below the help."""
    from conda.cli.helpers import add_output_and_prompt_options

    _add_help(parser, examples)
    add_output_and_prompt_options(parser)
    if reason:
        parser.add_argument("--reason", metavar="TEXT", help="Why, for the history.")


def add_reading_options(parser: ArgumentParser, examples: str) -> None:
    """Conda's usual options of a command that changes nothing, and examples below the help."""
    from conda.cli.helpers import add_parser_json

    _add_help(parser, examples)
    add_parser_json(parser)


def _add_help(parser: ArgumentParser, examples: str) -> None:
    from conda.cli.helpers import add_parser_help, add_parser_prefix

    parser.formatter_class = RawDescriptionHelpFormatter
    parser.epilog = f"examples:\n{examples}"
    add_parser_help(parser)
    add_parser_prefix(parser)


def add_allow_conflicts(parser: ArgumentParser) -> None:
    """``--allow-conflicts``."""
    parser.add_argument(
        "--allow-conflicts",
        action="store_true",
        help="Do it although something breaks, and record what.",
    )


def add_force(
    parser: ArgumentParser, meaning: str = "Make an overlay although you may write the environment."
) -> None:
    """``--force``, which conda has a setting of the same name for."""
    parser.add_argument("--force", action="store_true", dest="force_overlay", help=meaning)


def opened() -> Overlay:
    """The overlay of the environment that the command line names, or of the active one.

    Raises:
        UsageError: there is neither; conda would take base.
    """
    from conda.base.context import context

    from conda_overlay.exceptions import UsageError
    from conda_overlay.overlay import Overlay

    if not context.prefix_specified and not context.active_prefix:
        raise UsageError(
            "No environment is active.", "name one with -n ENV, or conda activate ENV first"
        )

    return Overlay.open(context.target_prefix)


def log(arguments: Namespace) -> Log:
    """For the history: the command as it was typed, without credentials."""
    import sys

    from conda_overlay.distributions import without_credentials
    from conda_overlay.models import Log

    words = ("conda", *sys.argv[1:])
    reason = arguments.reason and without_credentials(arguments.reason)
    return Log(tuple(map(without_credentials, words)), reason)


def pip(overlay: Overlay) -> Pip:
    """A pip as talkative as conda is asked to be."""
    from conda.base.context import context

    from conda_overlay.pip import Pip

    verbosity = -1 if context.quiet else int(context.verbosity)
    return Pip(overlay.host, verbosity=verbosity, to_stderr=bool(context.json))


def confirm(plan: Plan) -> bool:
    """Show the plan, and ask whether to go on, as the options say."""
    from conda.base.context import context

    from conda_overlay.cli import output

    if not context.json:
        output.show_plan(plan)
    if context.dry_run:
        return False
    return bool(context.json) or not (plan.changes or plan.files) or output.ask()


def end(operation: Callable[[], Result]) -> int:
    """Run an operation and say what it did."""
    from contextlib import nullcontext

    from conda.base.context import context

    from conda_overlay.calling_shell import asked_trigger
    from conda_overlay.cli import output
    from conda_overlay.exceptions import OverlayError

    with nullcontext() if context.json or context.dry_run else asked_trigger() as trigger:
        try:
            result = operation()
        except KeyboardInterrupt:
            raise OverlayError("Interrupted; the overlay is as it was.") from None
        output.show_result(result, dry_run=bool(context.dry_run), json=bool(context.json))
        if result.revision is not None and trigger is not None:
            output.show_trigger(trigger()._asdict())
    return 0
