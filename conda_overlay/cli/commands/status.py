"""``conda overlay status``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from conda_overlay.cli import options, select
from conda_overlay.cli.render import output
from conda_overlay.core.errors import NoSuchEnvironmentError

EXAMPLES = """\
    conda overlay status
    conda overlay status --all           everything in effect: overlays, ~/.local and the host
    conda overlay status -n science --json
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add conda's usual options."""
    options.add_reading_options(parser, EXAMPLES)
    options.add_layer(parser)
    meaning = "Show every distribution in effect, of the overlays, ~/.local and the host."
    parser.add_argument("--all", action="store_true", dest="merged", help=meaning)


def execute(arguments: Namespace) -> int:
    """Print the status of an environment's overlays."""
    from conda_overlay.cli.render.status import show_drift, show_merged, show_status

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

        output.show(without_host(store), show_status)
        return 0
    if arguments.merged:
        from conda_overlay.report.merged import merged

        output.show(merged(overlay.stack), show_merged)
    else:
        output.show(overlay.status(), show_status)
    return 0
