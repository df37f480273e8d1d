"""``conda overlay why``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from conda.base.context import context

from conda_overlay.cli import options, select
from conda_overlay.cli.render import output

EXAMPLES = """\
    conda overlay why flask              a package, a module or a program
    conda overlay why flask.app
    conda overlay why -n science jupyter-lab -v
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    meaning = "A package, a module or a program."
    parser.add_argument("name_to_explain", metavar="NAME", help=meaning)
    options.add_reading_options(parser, EXAMPLES)
    options.add_layer(parser)


def execute(arguments: Namespace) -> int:
    """Explain which copy runs."""
    from conda_overlay.cli.render.why import show_explanation
    from conda_overlay.report.why import why

    found = why(select.opened(arguments).stack, arguments.name_to_explain)
    output.show(found, lambda one: show_explanation(one, details=context.verbosity > 0))
    return 0
