"""``conda overlay remove``."""

from __future__ import annotations

import shlex
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from conda_overlay.cli import changing, options, select
from conda_overlay.core.errors import UsageError

if TYPE_CHECKING:
    from conda_overlay.change.draft import Draft

EXAMPLES = """\
    conda overlay remove humanize
    conda overlay remove -n science --dry-run numpy
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="A package of the overlay.")
    meaning = "Remove the packages of a requirements file (repeatable)."
    parser.add_argument("-r", "--requirement", action="append", default=[], metavar="FILE",
                        help=meaning)  # fmt: skip
    meaning = "Skip packages that the overlay does not have, if it has others, as pip does."
    parser.add_argument("--skip-missing", action="store_true", help=meaning)
    options.add_change_options(parser, EXAMPLES)


def execute(arguments: Namespace) -> int:
    """Remove the distributions."""
    from conda_overlay.change.requirements_file import read

    names = [*arguments.names]
    for file in arguments.requirement:
        found = [text for text, _ in read([file]).requirements]
        if not found:
            sentence = f"{file} cannot be read, or does not name any package."
            raise UsageError(sentence, shlex.join(["cat", file]), path=file)
        names += found
    if not names:
        hint = "conda overlay remove NAME, or -r FILE"
        raise UsageError("Name at least one package to remove.", hint)

    def step(draft: Draft) -> None:
        draft.remove(*names, skip_missing=arguments.skip_missing)

    return changing.run(arguments, select.opened(arguments), step)
