"""``conda overlay pip``: what the overlay's own ``pip`` runs to install."""

from __future__ import annotations

from argparse import REMAINDER, ArgumentParser, Namespace

EXAMPLES = """\
    conda overlay pip install flask      the same as: conda overlay install flask
    conda overlay pip list
"""

REST = "arguments"
"""Everything from the first word on is pip's."""

_COMMANDS = {"install": "install", "uninstall": "remove"}
_ELSEWHERE = ("-t", "--target", "--prefix", "--root", "--python", "--user", "--home")
_BUILDS = ("PIP_BUILD_TRACKER", "PEP517_BUILD_BACKEND", "CONDA_BUILD", "VIRTUAL_ENV")


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    from conda_overlay.cli import common

    parser.add_argument(REST, nargs=REMAINDER, metavar="...", help="What pip gets.")
    common.add_reading_options(parser, EXAMPLES)


def execute(arguments: Namespace) -> int:
    """Become the command of ours, or pip in the environment."""
    import os
    import shlex
    import sys
    from pathlib import Path

    from conda_overlay import scripts
    from conda_overlay.cli import common, output

    words = arguments.arguments
    words = words[1:] if words[:1] == ["--"] else words
    overlay = common.opened()
    host = overlay.host
    if words[:1] and words[0] in _COMMANDS and overlay.settings.overlay_pip and _is_meant(words):
        command = ["conda", "overlay", _COMMANDS[words[0]], *words[1:]]
        if "--break-system-packages" in command:
            command.remove("--break-system-packages")
        output.tell(f"conda-overlay: pip {shlex.join(words)} is: {shlex.join(command)}")
        yes = [] if words[0] == "uninstall" or sys.stdin.isatty() else ["--yes"]
        conda = str(Path(sys.executable).with_name("conda"))
        os.execv(conda, [*command[:3], "-p", str(host.prefix), *yes, *command[3:]])
    sys.stdout.flush()
    code = f"import sys; del sys.path[0]  # where the user is\n{scripts.RUN_PIP}"
    os.execv(host.python, [str(host.python), "-c", code, *words])


def _is_meant(words: list[str]) -> bool:
    """Whether pip would change the environment: not in a build, a venv or another directory."""
    import os

    if any(os.environ.get(name) for name in _BUILDS):
        return False
    options = [word.partition("=")[0] for word in words[1:]]
    return not any(option in _ELSEWHERE or option[:2] == "-t" for option in options)
