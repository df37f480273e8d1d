"""``conda overlay install``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter

HELP = """
examples:
    conda overlay install humanize                    a new distribution
    conda overlay install --upgrade flask             a newer one, with what it newly needs
    conda overlay install -n science 'numpy<2' --reason 'ticket 1234'
    conda overlay install -e ./mypackage              your own, under development
    conda overlay install --dry-run -r requirements.txt
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add conda's usual options, ours, and those of pip."""
    from conda.cli.helpers import (
        add_output_and_prompt_options,
        add_parser_help,
        add_parser_prefix,
    )

    from conda_overlay.cli.pip_options import add_pip_options

    parser.formatter_class = RawDescriptionHelpFormatter
    parser.epilog = HELP
    parser.add_argument(
        "requirements",
        nargs="*",
        metavar="REQUIREMENT",
        help="What to install: a name, a specifier, a path or a URL, as for pip.",
    )
    add_parser_help(parser)
    add_parser_prefix(parser)
    add_output_and_prompt_options(parser)
    ours = parser.add_argument_group("Options of the overlay")
    ours.add_argument("--reason", metavar="TEXT", help="Why, for the history.")
    ours.add_argument(
        "--allow-conflicts",
        action="store_true",
        help="Install although something breaks, and record what.",
    )
    ours.add_argument(
        "--force",
        action="store_true",
        dest="force_overlay",
        help="Make an overlay although you may write the environment.",
    )
    add_pip_options(parser)


def execute(arguments: Namespace) -> int:
    """Install, show, ask."""
    from conda.base.context import context

    from conda_overlay import triggers
    from conda_overlay.cli import output
    from conda_overlay.distributions import without_credentials
    from conda_overlay.exceptions import OverlayError, UsageError
    from conda_overlay.models import Plan, Request
    from conda_overlay.overlay import Overlay
    from conda_overlay.pip import Pip

    options = tuple(arguments.pip_arguments)
    requirements = tuple(arguments.requirements)
    if not requirements and not {"--requirement", "--editable", "--group"} & set(options):
        raise UsageError(
            "You must name at least one requirement to install.",
            "conda overlay install NAME, or -r FILE, or -e DIRECTORY",
        )
    overlay = Overlay.open(context.target_prefix)
    command = ("conda", "overlay", "install", *options, *requirements)
    request = Request(
        arguments=(*options, "--", *requirements) if requirements else options,
        requirements=requirements,
        allow_conflicts=arguments.allow_conflicts,
        reason=arguments.reason,
        command=tuple(map(without_credentials, command)),
    )
    verbosity = -1 if context.quiet else int(context.verbosity)
    pip = Pip(overlay.host, verbosity=verbosity, to_stderr=bool(context.json))

    def confirm(plan: Plan) -> bool:
        if not context.json:
            output.show_plan(plan)
        if context.dry_run:
            return False
        return bool(context.json) or output.ask()

    try:
        result = overlay.install(request, pip=pip, confirm=confirm, force=arguments.force_overlay)
    except KeyboardInterrupt:
        raise OverlayError("Interrupted; the overlay is as it was.") from None
    output.show_result(result, dry_run=bool(context.dry_run), json=bool(context.json))
    if result.revision is not None and not context.json:
        output.show_trigger(triggers.find())
    return 0
