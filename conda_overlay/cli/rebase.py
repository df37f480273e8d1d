"""``conda overlay rebase``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conda_overlay.document import Document
    from conda_overlay.overlay import Overlay

EXAMPLES = """\
    conda overlay rebase                                  the host was updated
    conda overlay rebase -n science-2027 --from science-2026   the next cycle's environment
    conda overlay rebase --from ~/.conda/overlays/science-2026 whose environment is gone
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    from conda_overlay.cli import change

    change.add_options(parser, EXAMPLES)
    change.add_allow_conflicts(parser)
    parser.add_argument(
        "--from",
        dest="source",
        metavar="ENV|OVERLAY",
        help="Carry the overlay of another environment, by its name or path, to this one; or an "
        "overlay by its path.",
    )
    change.add_force(parser)


def execute(arguments: Namespace) -> int:
    """Rebase."""
    from conda_overlay.cli import change

    overlay = change.opened()
    document = None if arguments.source is None else _document(arguments.source, overlay)
    return change.end(
        lambda: overlay.rebase(
            document,
            log=change.log(arguments),
            pip=change.pip(overlay),
            confirm=change.confirm,
            allow_conflicts=arguments.allow_conflicts,
            force=arguments.force_overlay,
        )
    )


def _document(source: str, overlay: Overlay) -> Document:
    """What is to be carried: of an environment, or of an overlay whose environment is gone."""
    from pathlib import Path

    from conda.base.context import locate_prefix_by_name
    from conda.exceptions import EnvironmentNameNotFound

    from conda_overlay.activation import locate
    from conda_overlay.overlay import Overlay, document_of

    try:
        prefix = Path(source if "/" in source else locate_prefix_by_name(source))
    except EnvironmentNameNotFound:
        places = [directory / source for directory in overlay.directories]
        found = next((place for place in places if locate.recorded_host(str(place))), None)
        if found is None:
            raise
        return document_of(found)
    if locate.recorded_host(str(prefix)) and not (prefix / "conda-meta").is_dir():
        return document_of(prefix)
    return Overlay.open(prefix).document()
