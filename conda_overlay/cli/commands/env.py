"""``conda overlay env``."""

from __future__ import annotations

import os
import re
from argparse import ArgumentParser, Namespace
from dataclasses import dataclass

from conda_overlay.cli import options, select
from conda_overlay.cli.render import output
from conda_overlay.core.errors import OverlayError, UsageError

EXAMPLES = """\
    eval "$(conda overlay env -n science bash)"      in a job script
    conda overlay env -n science --dotenv > .env     for editors and systemd
    conda overlay env -n science --json
"""

_OWN = {"_", "PS1", "PWD", "OLDPWD", "SHLVL"}
"""The variables of the calling shell itself."""


@dataclass(frozen=True)
class Variables:
    """The environment of an activated host."""

    variables: dict[str, str]
    unset: tuple[str, ...]
    """The names of variables that are not set there."""
    extra_paths: tuple[str, ...]
    """The site-packages of the overlays, for editors."""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    meaning = "bash, zsh, fish, tcsh, xonsh or posix (for all others)."
    parser.add_argument("shell", nargs="?", metavar="SHELL", help=meaning)
    options.add_reading_options(parser, EXAMPLES)
    meaning = "Print lines of NAME=value, as editors and systemd read them."
    parser.add_argument("--dotenv", action="store_true", help=meaning)


def execute(arguments: Namespace) -> int:
    """Print the variables."""
    from conda_overlay.activation import shells, wiring
    from conda_overlay.run import command

    shell = arguments.shell or "posix"
    if shell not in shells.SHELLS:
        known = ", ".join(sorted(shells.SHELLS))
        raise UsageError(f"{shell} is not a supported shell.", f"one of {known}", shell=shell)
    overlay = select.opened(arguments)
    both = dict(os.environ), command.environ(overlay.stack)
    select.tell_refused(overlay, both[1])
    before, after = ({n: v for n, v in found.items() if n not in _OWN} for found in both)
    diff = wiring.EnvironDiff.between(before, after)
    always = {n for n in after if n.startswith(("CONDA_", wiring.STATE)) or n in wiring.NAMES}
    values = {name: after[name] for name in sorted({*diff, *always} & after.keys())}
    unset = tuple(name for name in diff if name not in after)
    layers = wiring.Wiring.decode(after.get(wiring.STATE)).layers
    real = str(overlay.stack.host.real)
    sites = tuple(one.site for one in layers if os.path.realpath(one.prefix) == real)

    def show(found: Variables) -> None:
        if arguments.dotenv:
            output.say(*(_dotenv(name, value) for name, value in found.variables.items()))
        else:
            output.say(shells.SHELLS[shell].render(diff), end="")

    output.show(Variables(values, unset, sites), show)
    return 0


def _dotenv(name: str, value: str) -> str:
    """Format a line that python-dotenv, VS Code and systemd read alike.

    Raises:
        OverlayError: no such line exists for the value.
    """
    if re.fullmatch(r"[\w/:.,@%+=-]*", value):
        return f"{name}={value}"
    if "'" in value or "\n" in value:
        sentence = f"{name} contains a quote or a newline, which .env files cannot hold."
        raise OverlayError(sentence, "conda overlay env --json", name=name)
    return f"{name}='{value}'"
