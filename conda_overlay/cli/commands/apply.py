"""``conda overlay apply``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from conda_overlay.cli import changing, files, options, select

EXAMPLES = """\
    conda overlay apply overlay.toml              resolved for this environment
    conda overlay apply overlay.toml --locked     exactly its files, by hash
    conda overlay apply -n other --dry-run overlay.toml
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("file", metavar="FILE", help="An overlay.toml.")
    options.add_change_options(parser, EXAMPLES)
    meaning = "Install exactly the files that it names, by hash, or fail."
    parser.add_argument("--locked", action="store_true", help=meaning)


def execute(arguments: Namespace) -> int:
    """Apply the file."""
    from conda_overlay.formats import overlay_toml

    text = files.read(arguments.file)
    overlay = select.opened(arguments)
    overlay.check_protection(arguments.force_overlay)
    document = overlay_toml.parse(text, arguments.file)
    if arguments.file != "-":
        document = overlay_toml.located(document, Path(arguments.file).absolute().parent)
    locked: bool = arguments.locked
    return changing.run(arguments, overlay, lambda draft: draft.apply(document, locked=locked))
