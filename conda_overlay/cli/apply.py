"""``conda overlay apply``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

EXAMPLES = """\
    conda overlay apply overlay.toml              what it asks for, resolved for this host
    conda overlay apply overlay.toml --locked     exactly its files, by their hashes
    conda overlay apply -n other --dry-run pylock.toml
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    from conda_overlay.cli import change

    parser.add_argument("file", metavar="FILE", help="An overlay.toml or a pylock.toml.")
    change.add_options(parser, EXAMPLES)
    change.add_allow_conflicts(parser)
    parser.add_argument(
        "--locked", action="store_true", help="Take the files that it names, or fail."
    )
    change.add_force(parser)


def execute(arguments: Namespace) -> int:
    """Apply."""
    from pathlib import Path

    from conda_overlay import formats
    from conda_overlay.cli import change
    from conda_overlay.exceptions import OverlayError

    try:
        text = Path(arguments.file).read_text(encoding="utf-8")
    except OSError as error:
        raise OverlayError(
            f"{arguments.file} cannot be read: {error.strerror}.", path=arguments.file
        ) from error
    except UnicodeDecodeError as error:
        raise OverlayError(f"{arguments.file} is no text.", path=arguments.file) from error
    overlay = change.opened()
    document = formats.read(text, arguments.file, overlay.host.markers)
    return change.end(
        lambda: overlay.apply(
            document,
            log=change.log(arguments),
            pip=change.pip(overlay),
            confirm=change.confirm,
            exactly=arguments.locked,
            allow_conflicts=arguments.allow_conflicts,
            force=arguments.force_overlay,
        )
    )
