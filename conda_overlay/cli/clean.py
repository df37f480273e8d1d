"""``conda overlay clean``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

EXAMPLES = """\
    conda overlay clean              the files of the current revision stay, those of all others go
    conda overlay clean --keep 3     those of the newest three stay
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    from conda_overlay.cli import change

    change.add_options(parser, EXAMPLES, reason=False)
    parser.add_argument(
        "--keep", type=int, default=1, metavar="N", help="How many revisions keep their files."
    )


def execute(arguments: Namespace) -> int:
    """Clean, and say what was freed."""
    from conda.base.context import context

    from conda_overlay.cli import change, output
    from conda_overlay.exceptions import UsageError

    if arguments.keep < 1:
        raise UsageError("--keep takes a number from 1 on: the current revision always stays.")
    cleaned = change.opened().clean(arguments.keep, dry_run=bool(context.dry_run))
    if context.json:
        output.show_json({"success": True, **cleaned.to_json()})
    elif not cleaned.revisions:
        output.say("Nothing to drop.")
    else:
        which = ", ".join(map(str, cleaned.revisions))
        verb = "Would drop" if context.dry_run else "Dropped"
        output.say(
            f"{verb} the files of revision{'' if len(cleaned.revisions) == 1 else 's'} {which}: "
            f"{output.size(cleaned.bytes)}, {cleaned.inodes} inodes."
        )
    return 0
