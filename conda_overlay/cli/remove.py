"""``conda overlay remove``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

EXAMPLES = """\
    conda overlay remove humanize
    conda overlay remove flask --keep-dependencies
    conda overlay remove -n science --dry-run numpy
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    from conda_overlay.cli import change

    parser.add_argument("names", nargs="+", metavar="NAME", help="A distribution of the overlay.")
    change.add_options(parser, EXAMPLES)
    change.add_allow_conflicts(parser)
    parser.add_argument(
        "--keep-dependencies",
        action="store_true",
        help="Leave what only the named distributions needed.",
    )
    change.add_force(parser, "Do it although files were changed by hand.")


def execute(arguments: Namespace) -> int:
    """Remove."""
    from conda_overlay.cli import change

    return change.end(
        lambda: change.opened().remove(
            arguments.names,
            log=change.log(arguments),
            confirm=change.confirm,
            keep_dependencies=arguments.keep_dependencies,
            allow_conflicts=arguments.allow_conflicts,
            force=arguments.force_overlay,
        )
    )
