"""``conda overlay why``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from conda.base.context import context

from conda_overlay.cli import options, select
from conda_overlay.cli.render import output
from conda_overlay.cli.render.status import show_answer
from conda_overlay.core.serialize import encode

EXAMPLES = """\
    conda overlay why flask              a distribution, a module or a script
    conda overlay why flask.app
    conda overlay why -n science jupyter-lab --json
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    meaning = "A distribution, a module or a script."
    parser.add_argument("name_to_explain", metavar="NAME|MODULE|SCRIPT", help=meaning)
    options.add_reading_options(parser, EXAMPLES)


def execute(arguments: Namespace) -> int:
    """Explain which copy runs."""
    from conda_overlay.report.why import why

    answer = encode(why(select.opened().stack, arguments.name_to_explain))
    output.show_json(answer) if context.json else show_answer(answer)
    return 0
