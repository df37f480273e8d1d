"""Makes `docs/commands.md` from the parsers of the commands: ``python3 -m tests.commands_page``."""

from __future__ import annotations

import re
import sys
from argparse import SUPPRESS, Action, ArgumentParser
from collections import Counter
from importlib import import_module
from importlib.util import find_spec
from textwrap import dedent

from tests.bed import place

PAGE = place.CHECKOUT / "docs" / "commands.md"
MAKE = "python3 -m tests.commands_page"
MANY = 5  # commands with the same option: it is described once

HEAD = f"""\
<!-- Made by {MAKE} from the parsers of the commands; do not edit. -->

# Commands

`conda overlay COMMAND --help` tells the same in a terminal; the [reference](reference.md) tells how
the commands work.

"""
SHARED = """
## Options that commands share

Each command names those that it has; all have `--help`, and most conda's `--quiet` and `--verbose`.

"""
CONDAS = {
    "-n": "- `-n ENV`, `--name ENV`: The name of the environment (default: the active one).",
    "-p": "- `-p PATH`, `--prefix PATH`: The path of the environment.",
    "-d": "- `-d`, `--dry-run`: Show the plan, and change nothing.",
    "-y": "- `-y`, `--yes`: Do not ask.",
    "--json": "- `--json`: Print JSON, for scripts.",
}
"""Options of conda, by hand: conda's own words differ from one version to the next."""


def page() -> str:
    """Return the text of the page."""
    from conda_overlay.cli import COMMANDS, GROUPS

    parsers = {}
    for name, summary in COMMANDS.items():
        parsers[name] = ArgumentParser(description=summary, add_help=False)
        import_module(f"conda_overlay.cli.commands.{name}").configure_parser(parsers[name])
    counts = Counter(line for parser in parsers.values() for line in _lines(parser).values())
    shared = [line for line, count in counts.items() if count >= MANY and line.startswith("- `-")]
    contents = [
        f"- {title.capitalize()}: {', '.join(f'[{name}](#{name})' for name in commands)}\n"
        for title, commands in GROUPS.items()
    ]
    parts = [HEAD, *contents, SHARED, *(f"{line}\n" for line in (*CONDAS.values(), *shared))]
    for title, commands in GROUPS.items():
        parts.append(f"\n## {title.capitalize()}\n")
        parts += [f"\n{_section(name, parsers[name], shared)}\n" for name in commands]
    return "".join(parts)


def _section(name: str, parser: ArgumentParser, shared: list[str]) -> str:
    """Return the part of the page on one command."""
    from conda_overlay.cli import ALIASES

    summary, _, examples = str(parser.description).partition("\n\nexamples:\n")
    others = [f" Another name: `{other}`." for other, meant in ALIASES.items() if meant == name]
    arguments = [_value(action) for action in parser._actions if not action.option_strings]
    usage = " ".join(["conda overlay", name, "[options]", *arguments])
    lines = _lines(parser)
    condas = [action.option_strings[0] for action in _of_conda(parser)]
    also = [option for option in CONDAS if option in condas]
    also += [option for option, line in lines.items() if line in shared]
    own = [line for line in lines.values() if line not in shared]
    parts = [
        f"### {name}",
        "".join([summary, *others]),
        f"```\n{usage}\n\n{dedent(examples).rstrip()}\n```",
        "\n".join(sorted(own, key=lambda line: line.startswith("- `-"))),
        *(f"{g.title}: {_plain(g.description)}" for g in parser._action_groups if g.description),
        f"Shared options: {', '.join(f'`{option}`' for option in also)}." if also else "",
    ]
    return "\n\n".join(filter(None, parts))


def _of_conda(parser: ArgumentParser) -> list[Action]:
    """Return the options that conda adds to a parser, in the version that runs."""
    from conda.cli import helpers

    conda = ArgumentParser(add_help=False)
    helpers.add_parser_help(conda)
    helpers.add_parser_prefix(conda)
    helpers.add_output_and_prompt_options(conda)
    theirs = [(action.dest, action.option_strings) for action in conda._actions]
    return [action for action in parser._actions if (action.dest, action.option_strings) in theirs]


def _lines(parser: ArgumentParser) -> dict[str, str]:
    """Return the lines on the arguments and options that are neither hidden nor conda's."""
    condas, lines = _of_conda(parser), {}
    for action in parser._actions:
        if action.help != SUPPRESS and action not in condas:
            value = "" if action.nargs == 0 else _value(action)
            names = [f"{option} {value}".strip() for option in action.option_strings or [""]]
            assert action.help, f"{names} is not explained"
            meaning = _plain(action.help % vars(action))
            lines[names[0].split()[0]] = f"- {', '.join(f'`{n}`' for n in names)}: {meaning}"
    return lines


def _value(action: Action) -> str:
    """Return an argument, or the value of an option, as a line of usage has it."""
    value = str(action.metavar or "|".join(action.choices or ()) or action.dest.upper())
    value += " ..." if action.nargs in ("+", "*") else ""
    return f"[{value}]" if action.nargs in ("?", "*") else value


def _plain(text: str) -> str:
    """Return a help text on one line, with options, and the commands they belong to, as code."""
    option = r"(?<![\w`-])((?:(?:pip install|patch|audit) )?--?[a-zA-Z][\w-]*)"
    return re.sub(option, r"`\1`", " ".join(text.split()))


if __name__ == "__main__":
    if find_spec("conda") is None:  # then once more, in the Python of the tools, which has it
        from tests.__main__ import started, tools

        sys.exit(started(tools() / "bin" / "python", ("tests.commands_page",)).wait())
    PAGE.write_text(page(), encoding="utf-8")
