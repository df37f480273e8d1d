"""``conda overlay apply``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from conda_overlay.cli import common
from conda_overlay.core.errors import OverlayError

EXAMPLES = """\
    conda overlay apply overlay.toml              what it asks for, resolved for this host
    conda overlay apply overlay.toml --locked     exactly its files, by their hashes
    conda overlay apply -n other --dry-run pylock.toml
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("file", metavar="FILE", help="An overlay.toml or a pylock.toml.")
    common.add_change_options(parser, EXAMPLES)
    meaning = "Install exactly the files that it names, or fail."
    parser.add_argument("--locked", action="store_true", help=meaning)


def execute(arguments: Namespace) -> int:
    """Apply."""
    from conda_overlay.change.apply import apply
    from conda_overlay.formats import overlay_toml

    try:
        text = Path(arguments.file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        system = getattr(error, "strerror", None)
        why = f"cannot be read: {system}" if system else "is not UTF-8 text"
        raise OverlayError(f"{arguments.file} {why}.", path=arguments.file) from error
    overlay = common.opened()
    overlay.check_protection(arguments.force_overlay)
    document = overlay_toml.read(text, arguments.file, overlay.host.markers)
    locked: bool = arguments.locked
    return common.change(arguments, overlay, lambda draft: apply(draft, document, locked=locked))
