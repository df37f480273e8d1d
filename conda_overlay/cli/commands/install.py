"""``conda overlay install``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from conda_overlay.cli import changing, options, select
from conda_overlay.cli.options import date_of
from conda_overlay.cli.pip_options import add_pip_options

EXAMPLES = """\
    conda overlay install humanize            a new package
    conda overlay install --upgrade flask     a newer one, and its dependencies
    conda overlay install -n science 'numpy<2' --reason 'ticket 1234'
    conda overlay install -e ./mypackage      your own, under development
    conda overlay install --dry-run -r requirements.txt
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add conda's usual options, ours, and those of pip."""
    meaning = "A name, a specifier, a path or a URL, as for pip."
    parser.add_argument("requirements", nargs="*", metavar="REQUIREMENT", help=meaning)
    options.add_change_options(parser, EXAMPLES)
    options.add_intent(parser)
    add_pip_options(parser)


def execute(arguments: Namespace) -> int:
    """Install the requirements."""
    options, requirements = arguments.pip_options, tuple(arguments.requirements)
    until = None if arguments.until is None else date_of(arguments.until)
    given = {"options": options, "intent": arguments.intent, "until": until}
    overlay = select.opened(arguments)
    overlay.check_protection(arguments.force_overlay)
    return changing.run(arguments, overlay, lambda draft: draft.install(*requirements, **given))
