"""``conda overlay status``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from conda.base.context import context

from conda_overlay.cli import options, select
from conda_overlay.cli.render import output
from conda_overlay.core.errors import NoSuchEnvironmentError

if TYPE_CHECKING:
    from conda_overlay.report.status import Status

EXAMPLES = """\
    conda overlay status
    conda overlay status --all           also dependencies
    conda overlay status -v              also paths, times and users
    conda overlay status --merged        all packages in effect
    conda overlay status -n science --json
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add conda's usual options."""
    options.add_reading_options(parser, EXAMPLES)
    options.add_layer(parser)
    meaning = "Also list dependencies."
    parser.add_argument("--all", action="store_true", dest="every", help=meaning)
    meaning = "List all packages in effect: of overlays, ~/.local and the environment."
    parser.add_argument("--merged", action="store_true", help=meaning)


def execute(arguments: Namespace) -> int:
    """Print the status of an environment's overlays."""
    from conda_overlay.cli.render.status import show_drift, show_merged, show_status

    def in_text(report: Status) -> None:
        show_status(report, every=arguments.every, details=context.verbosity > 0)

    prefix, below = Path(select.named_prefix()), None
    if not (prefix / "bin" / "python").exists():
        from conda_overlay.fork import origin

        if forked := origin.drift(prefix):
            output.show({"fork": forked}, lambda _: show_drift(forked))
            return 0
        if below := select.with_python_below(prefix):
            output.tell(f"{prefix} has no Python; it is stacked on {below}:")
    try:
        overlay = select.opened(arguments, below)
    except NoSuchEnvironmentError:
        if (store := select.orphaned(arguments)) is None:
            raise
        from conda_overlay.report.status import without_host

        output.show(without_host(store), in_text)
        return 0
    if arguments.merged:
        from conda_overlay.report.merged import merged, places

        found = places(overlay.stack)
        output.show(merged(found), partial(show_merged, places=found))
    else:
        output.show(overlay.status(), in_text)
    return 0
