"""``conda overlay``: the table of commands; each is a file, imported when that command runs.

Help needs no more than this file and the file of the command.

    commands            a file for each command
    render              the printers
    options             the options that commands share
    pip_options         the options of pip
    select              the environment and the overlay that a command is about
    changing            how a command that changes an overlay plans, shows, asks and commits
    files, editor       the files that the command line names; the user's editor
    conda_hints         our lines in conda's own errors, and in ``conda doctor``
"""

from __future__ import annotations

from argparse import (
    SUPPRESS,
    Action,
    ArgumentError,
    ArgumentParser,
    Namespace,
    RawDescriptionHelpFormatter,
    _SubParsersAction,
)
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

SUMMARY = "Manage a writable layer over an environment that you cannot change."

GROUPS = {
    "change": {
        "install": "Install packages into the overlay with pip.",
        "update": "Update the packages that you requested, or some of them.",
        "remove": "Remove packages, and dependencies that nothing else needs.",
        "edit": "Copy a package of the environment into the overlay, and edit it.",
        "patch": "Apply a patch to a copy of a package.",
        "record": "Make a revision of the files that you edited by hand.",
        "note": "Change the reason, date or intent of a package.",
        "apply": "Install what an exported file lists.",
        "rebase": "Fit the overlay to its environment, which has changed.",
        "repair": "Put back missing or damaged files.",
    },
    "look": {
        "status": "Show what is overlaid, why and since when, and any problems.",
        "why": "Explain which copy of a package, module or program runs.",
        "history": "List the revisions: what changed, when, by whom and why.",
        "diff": "Compare two revisions, or a revision and the environment.",
        "list": "List your overlays.",
    },
    "go back": {
        "undo": "Go back to an earlier revision.",
        "redo": "Go forward again after an undo.",
        "clean": "Delete the files of old revisions.",
        "delete": "Delete an overlay and its history.",
    },
    "use": {
        "run": "Run a command in the environment with its overlay.",
        "env": "Print the variables of the environment with its overlay.",
        "kernel": "Install a Jupyter kernel that has the overlay.",
        "hook": "Print the shell functions for mamba, micromamba and others.",
        "pip": "Run pip; what it installs goes into the overlay.",
    },
    "share": {
        "export": "Write the overlay, or its whole environment, to a file.",
        "fork": "Create a regular environment from one that you cannot change.",
        "audit": "Summarize all users' overlays by their records; status reads files.",
    },
}

COMMANDS = {name: text for group in GROUPS.values() for name, text in group.items()}

ALIASES = {"uninstall": "remove", "upgrade": "update"}
"""Other names that people may try."""

INSTEAD = {
    "reset": "conda overlay undo 0, or conda overlay remove NAME",
    "log": "conda overlay history",
    "show": "conda overlay status",
}
"""The commands to suggest for names that people may try but that do not exist."""


class _Version(Action):
    """Prints our version, which is read when it is asked for."""

    def __call__(self, parser: ArgumentParser, *_: Any) -> None:
        """Print it, and end."""
        import sys

        from conda_overlay.core.version import __version__

        sys.stdout.write(f"conda-overlay {__version__}\n")
        parser.exit()


class _Commands(_SubParsersAction):  # type: ignore[type-arg]
    """The commands; for an unknown one, those that are spelled alike are named."""

    def __call__(
        self, parser: ArgumentParser, namespace: Namespace, values: Any, option: Any = None
    ) -> None:
        """Hand on to the parser of the command."""
        if values[0] not in self._name_parser_map:
            from conda_overlay.core.text import did_you_mean

            question = did_you_mean(values[0], [*COMMANDS, *ALIASES])
            hint = question or " See: conda overlay --help"
            raise ArgumentError(None, f"there is no command {values[0]!r}.{hint}")
        super().__call__(parser, namespace, values, option)


class CommandParser(ArgumentParser):
    """A parser that is filled on first use, because conda builds all parsers for every command.

    As in pip, options may also come between and after the positional arguments.
    """

    def __init__(self, **kwargs: Any) -> None:
        self.command = ""
        super().__init__(allow_abbrev=False, add_help=False, **kwargs)

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Namespace | None = None
    ) -> tuple[Namespace, list[str]]:
        """Fill the parser, then parse with options and positional arguments in any order."""
        if self.command in INSTEAD:  # which have no options, nor are any of a kind unknown
            return namespace or Namespace(), []
        if self.command:
            module = import_module(f"conda_overlay.cli.commands.{self.command}")
            self.command = ""
            module.configure_parser(self)
            if hasattr(module, "REST"):  # the rest is another command with its own options
                return super().parse_known_args(args, namespace)
            if hasattr(module, "add_pip_options") and args:
                from conda_overlay.core.pip_options import joined

                args = [*joined(args)]
            return self.parse_known_intermixed_args(args, namespace)
        return super().parse_known_args(args, namespace)


def configure_parser(parser: ArgumentParser) -> None:
    """Add the commands, each with an empty parser."""
    parser.formatter_class = RawDescriptionHelpFormatter
    parser.usage = "conda overlay [-h] [--version] COMMAND ..."
    parser.description = _overview()
    commands = parser.add_subparsers(
        dest="overlay_command",
        prog=parser.prog,
        metavar="COMMAND",
        help=SUPPRESS,  # `_overview` has them
        action=_Commands,
        parser_class=CommandParser,
    )
    commands.choices = None  # type: ignore[assignment]  # `_Commands` says more
    version = "Show the version of conda-overlay and exit."
    parser.add_argument("--version", action=_Version, nargs=0, help=version)
    for command, summary in COMMANDS.items():
        aliases = [alias for alias, name in ALIASES.items() if name == command]
        parser = commands.add_parser(command, aliases=aliases, description=summary)
        parser.command = command
    for command in INSTEAD:
        commands.add_parser(command).command = command


def _overview() -> str:
    """The commands, by group."""
    lines = [SUMMARY]
    for title, commands in GROUPS.items():
        lines += ["", f"{title}:"]
        lines += [f"  {name:<9} {summary}" for name, summary in commands.items()]
    return "\n".join([*lines, "", "More on a command: conda overlay COMMAND --help"])


def execute(arguments: Namespace) -> int:
    """Run a command; it may print file names in any encoding, and its reader may go away."""
    import atexit
    import gc
    import os
    import sys
    from io import TextIOWrapper

    atexit.register(gc.freeze)  # modules are no garbage, and a search of all delays the exit

    for name, mode in {"stdin": "r", "stdout": "w", "stderr": "w"}.items():
        if getattr(sys, name) is None:  # it is closed, as in some services
            null = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(null, True)  # for pip, and for the command that run starts
            setattr(sys, name, os.fdopen(null, mode))
    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")
    if arguments.overlay_command is None:
        parser = ArgumentParser("conda overlay")
        configure_parser(parser)
        parser.print_help()
        return 0
    command = ALIASES.get(arguments.overlay_command, arguments.overlay_command)
    from conda_overlay.core.errors import AvoidableError, OverlayError, UsageError, unusable

    if command in INSTEAD:
        raise UsageError(f"There is no command {command}.", INSTEAD[command])
    module = import_module(f"conda_overlay.cli.commands.{command}")
    try:
        code: int = module.execute(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at exit
        return 1
    except OverlayError as error:  # its hint is to be typed as it stands
        from conda.base.context import context

        from conda_overlay.cli.render.output import with_environment
        from conda_overlay.core.redact import typed

        if isinstance(error, AvoidableError):
            error.name_command(typed(["conda", *sys.argv[1:]]))
        if command != "fork" or os.path.isdir(context.target_prefix):  # else it is none yet
            error.hint = error.hint and with_environment(error.hint)
        raise
    except OSError as error:  # of a file that cannot be accessed, or is of another kind
        if error.filename is None:
            raise
        raise unusable(error) from error
    return code
