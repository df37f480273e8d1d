"""``conda overlay run``."""

from __future__ import annotations

import os
import shlex
import sys
from argparse import REMAINDER, ArgumentParser, Namespace
from pathlib import Path

from conda_overlay.activation import switch, wiring
from conda_overlay.activation.settings import observe
from conda_overlay.cli import options, select
from conda_overlay.cli.render import output
from conda_overlay.core.errors import NoPythonError, ResolutionError, UsageError
from conda_overlay.core.redact import typed

EXAMPLES = """\
    conda overlay run -n science python measure.py
    conda overlay run -p /opt/envs/science -- pytest -q    in a job or cron
    conda overlay run --with humanize --with 'rich<14' python
    conda overlay run --no-overlay -n science python -V      without overlay
"""

REST = "command"
"""All words from the first positional argument on belong to the command."""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    meaning = "The command and its arguments."
    parser.add_argument(REST, nargs=REMAINDER, metavar="COMMAND ...", help=meaning)
    options.add_reading_options(parser, EXAMPLES)
    meaning = "Activate the environment without its overlay."
    parser.add_argument("--no-overlay", action="store_true", help=meaning)
    meaning = "Add this package for this run only (repeatable)."
    parser.add_argument("--with", action="append", default=[], dest="extra", help=meaning,
                        metavar="REQUIREMENT")  # fmt: skip


def _check_that_overlays_are_on(prefix: str) -> None:
    """Refuse to add a package where it would not be in effect.

    Raises:
        UsageError: the user has switched all wiring off, or the environment does.
    """
    if switch.is_off_by(prefix):
        sentence = f"--with needs the overlay, but {wiring.DISABLE} is set for {prefix}."
        hint = shlex.join(["conda", "env", "config", "vars", "list", "-p", prefix])
        raise UsageError(sentence, hint)
    if switch.is_off_in(prefix, os.environ):
        sentence = f"--with needs the overlay, but {wiring.DISABLE} is set."
        hint = shlex.join(["env", "-u", wiring.DISABLE, "conda", *typed(sys.argv[1:])])
        raise UsageError(sentence, hint)


def execute(arguments: Namespace) -> int:
    """Replace this process with the command."""
    from conda_overlay.report.shell import overlay_command
    from conda_overlay.run import command as process
    from conda_overlay.run.transient import with_transient_layer

    command = arguments.command
    command = command[1:] if command[:1] == ["--"] else command
    if not command:
        raise UsageError("There is no command to run.", "conda overlay run -n ENV -- python")
    if arguments.extra and arguments.no_overlay:
        raise UsageError("--with and --no-overlay exclude each other.", "choose one")
    if "" in map(str.strip, arguments.extra):
        raise UsageError("--with needs a requirement.", "conda overlay run --with NAME COMMAND")
    prefix = Path(select.named_prefix())
    if arguments.extra:
        _check_that_overlays_are_on(str(prefix))
    try:
        stack = select.opened(arguments).stack
        if arguments.extra:
            try:
                stack, hidden = with_transient_layer(stack, arguments.extra)
            except ResolutionError as error:
                words = ("install", "--allow-conflicts", *typed(arguments.extra))
                error.advise(
                    f"to have it anyway, install it: {overlay_command(stack.host, *words)}"
                )
                raise
            for line in hidden:
                output.tell(f"conda-overlay: {line}")
        settings, bare = stack.settings, arguments.no_overlay
    except NoPythonError:  # so it has no overlay, but one below it in a stack may, or an inner run
        if arguments.extra:
            raise
        settings, bare = observe(), arguments.no_overlay
    sys.stdout.flush()
    process.become(prefix, command, settings, bare=bare)
