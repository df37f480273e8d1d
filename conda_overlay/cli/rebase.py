"""``conda overlay rebase``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

EXAMPLES = """\
    conda overlay rebase                                  the host was updated
    conda overlay rebase -n science-2027 --from science-2026   the next cycle's environment
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    from conda_overlay.cli import change

    change.add_options(parser, EXAMPLES)
    change.add_allow_conflicts(parser)
    parser.add_argument(
        "--from",
        dest="source",
        metavar="ENV",
        help="Carry the overlay of another environment, by its name or path, to this one.",
    )


def execute(arguments: Namespace) -> int:
    """Rebase."""
    from conda_overlay.cli import change
    from conda_overlay.overlay import Overlay

    overlay = change.opened()
    document = None
    if arguments.source is not None:
        from conda.base.context import locate_prefix_by_name

        path = arguments.source
        prefix = path if "/" in path else locate_prefix_by_name(path)
        document = Overlay.open(prefix).document()
    return change.end(
        lambda: overlay.rebase(
            document,
            log=change.log(arguments),
            pip=change.pip(overlay),
            confirm=change.confirm,
            allow_conflicts=arguments.allow_conflicts,
        )
    )
