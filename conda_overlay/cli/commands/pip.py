"""``conda overlay pip``, which the overlay's own ``pip`` runs to install."""

from __future__ import annotations

import os
import shlex
import sys
from argparse import REMAINDER, ArgumentParser, Namespace
from functools import partial
from pathlib import Path

from conda_overlay.activation import switch, wiring
from conda_overlay.cli import options, select
from conda_overlay.cli.render import output
from conda_overlay.core.pip_options import (
    ELSEWHERE,
    FALSE,
    apart,
    before_command,
    for_removal,
    is_build,
    is_elsewhere,
    joined,
    names_in,
    spelled_out,
)
from conda_overlay.core.redact import typed

EXAMPLES = """\
    conda overlay pip install flask    as: conda overlay install flask
    conda overlay pip list
"""

REST = "arguments"
"""All words from the first positional argument on belong to pip."""

_COMMANDS = {"install": "install", "uninstall": "remove"}
_OURS = (
    *("--name", "--reason", "--intent", "--until", "--layer"),
    *("--force", "--allow-conflicts", "--json", "--skip-missing"),
)
"""Our own options, which pip does not have: they say nothing in its name."""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        REST, nargs=REMAINDER, metavar="...", help="The command and arguments of pip."
    )
    options.add_reading_options(parser, EXAMPLES)


def execute(arguments: Namespace) -> int:
    """Replace this process with our own command, or with pip in the environment."""
    from conda_overlay.host.host import clean_environ
    from conda_overlay.layer import scaffolding

    words = arguments.arguments
    words = words[1:] if words[:1] == ["--"] else words
    overlay = select.opened(arguments)
    host = overlay.host
    place = _command(words)
    ours = None if place is None else _COMMANDS.get(words[place])
    before, behind = words[: place or 0], words[(place or 0) + 1 :]
    full = [
        *joined(before, partial(spelled_out, before_command=True)),
        *joined(behind, partial(spelled_out, uninstall=ours == "remove")),
    ]
    owned = ours == "install" and host.protection is None  # where install refuses, and names pip
    is_on = overlay.stack.settings.overlay_pip and not owned
    is_ours = bool(ours) and is_on and _is_meant(ours or "", full, host.prefix)
    if is_ours and switch.is_off(os.environ):
        output.tell(f"conda-overlay: {wiring.DISABLE} is set, so pip does not use the overlay")
    elif ours and is_ours:
        rest = [part for word in full for part in apart(word)]
        rest = [*for_removal(rest)] if ours == "remove" else rest  # which needs no pip
        skips = ours == "remove" and _names_several(rest)
        command = ["conda", "overlay", ours, *["--skip-missing"] * skips, *rest]
        if "--break-system-packages" in command:
            command.remove("--break-system-packages")
        where = "into" if ours == "install" else "from"
        said = shlex.join(typed(command))
        output.tell(f"conda-overlay: pip {words[place or 0]} -> {said} ({where} your overlay)")
        yes = ["--yes"] if _is_agreed(ours, host.prefix) else []
        conda = str(Path(sys.executable).with_name("conda"))
        os.execv(conda, [*command[:3], "-p", str(host.prefix), *yes, *command[3:]])
    if not ours:  # an install and an uninstall are about files, and refuse it themselves
        active = {
            "CONDA_PREFIX": str(host.prefix),
            "CONDA_SHLVL": "1",
            "CONDA_DEFAULT_ENV": host.name,
        }
        select.tell_refused(overlay, {**os.environ, **active, "PATH": f"{host.prefix}/bin"})
    sys.stdout.flush()
    code = f"import sys; sys.path[:1] == [''] and sys.path.pop(0)\n{scaffolding.RUN_PIP}"
    # A pip that sees the overlay takes its distributions for the environment's: it uninstalls them.
    environ = clean_environ() if ours else os.environ
    os.execve(host.python, [str(host.python), "-c", code, *words], environ)


def _command(words: list[str]) -> int | None:
    """The place of pip's command among its words: behind global options, and their values."""
    values = before_command()
    place = 0
    while place < len(words) and words[place][:1] == "-":
        place += 2 if words[place] in values else 1
    return place if place < len(words) else None


def _names_several(words: list[str]) -> bool:
    """Whether an uninstall may name several packages; pip skips those that are not there."""
    in_file = any({"-r", "--requirement"}.intersection(names_in(word)) for word in words)
    return in_file or sum(word[:1] != "-" for word in words) > 1


def _is_agreed(ours: str, prefix: Path) -> bool:
    """Whether nothing is to be asked; pip asks before an uninstall, unless it is configured."""
    from conda_overlay.resolve.configuration import in_effect

    if ours == "remove":
        return in_effect(prefix, "uninstall").get("yes", "").lower() not in FALSE
    return not output.can_answer()


def _is_meant(ours: str, words: list[str], prefix: Path) -> bool:
    """Whether pip would change the environment: not in a build or another directory."""
    from conda_overlay.resolve.configuration import in_effect

    configured = in_effect(prefix, "uninstall" if ours == "remove" else "install")
    if ours == "remove":  # pip's command has no other option for a place
        configured = {name: value for name, value in configured.items() if name == "python"}
    if is_build(os.environ) or is_elsewhere(configured):
        return False
    others = {*ELSEWHERE, *_OURS, "--prefix", "-t", "-p", "-n"}
    return not others.intersection(name for word in words for name in names_in(word))
