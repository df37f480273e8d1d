"""``conda overlay status``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from conda.base.context import context

from conda_overlay.cli import common
from conda_overlay.cli.render import output
from conda_overlay.cli.render.status import show_fork, show_merged, show_status
from conda_overlay.core.serialize import encode

EXAMPLES = """\
    conda overlay status
    conda overlay status --all           everything in effect: overlays, ~/.local and the host
    conda overlay status -n science --json
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add conda's usual options."""
    common.add_reading_options(parser, EXAMPLES)
    meaning = "Show every distribution in effect, of the overlays, ~/.local and the host."
    parser.add_argument("--all", action="store_true", dest="merged", help=meaning)


def execute(arguments: Namespace) -> int:
    """Print what there is, and what is wrong with it."""
    from conda_overlay.fork import fork
    from conda_overlay.report.shell import asked_trigger, wired
    from conda_overlay.report.status import merged, status, user_distributions
    from conda_overlay.run import kernels

    prefix = Path(common.named_prefix())
    forked = fork.drift(prefix)
    if forked and not (prefix / "bin" / "python").exists():  # nothing to overlay
        output.show_json({"fork": forked}) if context.json else show_fork(forked)
        return 0
    overlay = common.opened()
    if arguments.merged:
        rows = merged(overlay)
        output.show_json(rows) if context.json else show_merged(rows)
        return 0
    host = overlay.host
    with asked_trigger() as trigger:
        overlays = encode(status(overlay))
        wiring = {**wired(host, overlay.settings)._asdict(), "trigger": trigger()._asdict()}
    python = host.markers["python_full_version"]
    about = {"name": host.name, "prefix": str(host.prefix), "owner": host.owner,
             "protected": host.protection, "python": python}  # fmt: skip
    mine = kernels.kernels([str(host.real)] if overlays else [])
    report = {
        "host": about,
        "fork": forked,
        "wiring": wiring,
        "overlays": overlays,
        "kernels": encode([k for k in mine if not k.ours]),
        "user_site": encode(user_distributions(overlay)),
    }
    output.show_json(report) if context.json else show_status(report)
    return 0
