"""``conda overlay hook``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from conda.cli.helpers import add_parser_help

from conda_overlay.activation.settings import observe
from conda_overlay.cli.options import show_examples
from conda_overlay.cli.render import output
from conda_overlay.core.errors import UsageError

EXAMPLES = """\
    eval "$(conda overlay hook bash)"    in ~/.bashrc, after conda init's lines
    conda overlay hook fish | source     in ~/.config/fish/config.fish
    eval "`conda overlay hook tcsh`"     in ~/.tcshrc
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("shell", metavar="SHELL", help="bash, zsh, fish, tcsh, dash or xonsh.")
    show_examples(parser, EXAMPLES)
    add_parser_help(parser)


def execute(arguments: Namespace) -> int:
    """Print the functions."""
    from conda_overlay.activation import shells, startup

    if arguments.shell not in shells.SHELLS:
        known = ", ".join(sorted(shells.SHELLS))
        raise UsageError(f"{arguments.shell} is not a supported shell.", f"one of {known}")
    command = startup.command(arguments.shell, observe())
    output.say(shells.SHELLS[arguments.shell].hook(command), end="")
    return 0
