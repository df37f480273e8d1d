"""``conda overlay export``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from conda_overlay.cli import files, options, select
from conda_overlay.cli.render import diff, output
from conda_overlay.core.text import few

if TYPE_CHECKING:
    from conda_overlay.formats.document import Document

EXAMPLES = """\
    conda overlay export -f overlay.toml             for another overlay
    conda overlay export --format pylock.toml        for other tools (PEP 751)
    conda overlay export --format environment.yml    for a new environment
    conda overlay export requests -f fix.toml        for a shared layer
    conda overlay export -f fix.patch                your edits, as a patch
    conda overlay export --baseline -n science -f science.txt
                                                     the environment, for fork
"""


@dataclass(frozen=True)
class Exported:
    """What was exported."""

    format: str
    """One of `exports.FORMATS`, or ``explicit``."""
    file: str | None
    """None for stdout, or if there was nothing to write."""
    text: str
    notes: tuple[str, ...]


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    from conda_overlay.formats.exports import FORMATS

    options.add_reading_options(parser, EXAMPLES)
    options.add_layer(parser)
    meaning = "Only these packages; apply adds them to another overlay."
    parser.add_argument("names", metavar="NAME", nargs="*", help=meaning)
    parser.add_argument("-f", "--file", metavar="FILE", help="The output file (default: stdout).")
    meaning = "The format (default: by the file name, else overlay.toml)."
    parser.add_argument("--format", choices=FORMATS, help=meaning)
    meaning = "Export the environment itself: the explicit list of its packages."
    parser.add_argument("--baseline", action="store_true", help=meaning)


def execute(arguments: Namespace) -> int:
    """Write the file."""
    from conda_overlay.core.errors import UsageError
    from conda_overlay.formats.exports import FORMATS, format_of, notes

    if arguments.baseline and arguments.names:
        raise UsageError("--baseline exports the whole environment.", "leave out the names")
    if arguments.baseline:
        return _export_baseline(arguments.file)
    document = _part(select.document(arguments), arguments.names)
    file = arguments.file
    name = arguments.format or format_of(Path(file or "").name)
    text = FORMATS[name](document)
    told = (*notes(document, name), *_outdated(arguments, document))
    if text:
        files.write(file, text)
    else:  # a patch without edits
        names = arguments.names
        none = f"no edits of {few(names)}" if names else "no package has edits"
        told += (f"Nothing to export: {none}{f', so {file} stays' if file else ''}.",)
        file = None
    output.show(Exported(name, file, text, told), _show, success=True)
    return 0


def _outdated(arguments: Namespace, document: Document) -> Iterator[str]:
    """A note on each copy whose edits are not relative to the files that are below it now."""
    from packaging.utils import canonicalize_name

    from conda_overlay.change.edit_again import outdated_copies
    from conda_overlay.core.errors import NoSuchEnvironmentError

    with suppress(NoSuchEnvironmentError):  # an overlay may outlive its environment
        for name, command in outdated_copies(select.opened(arguments).stack).items():
            if canonicalize_name(name) in document.entries:
                yield f"{name} has changed below your copy; your edits fit it after: {command}"


def _part(document: Document, names: Sequence[str]) -> Document:
    """The named distributions of a document; all if none is named."""
    from packaging.utils import canonicalize_name

    from conda_overlay.core.errors import OverlayError

    for name in names:
        if canonicalize_name(name) not in document.entries:
            raise OverlayError(f"{name} is not in the overlay.", "conda overlay status", name=name)
    return document.part(names) if names else document


def _export_baseline(file: str | None) -> int:
    """Write the explicit list of an environment."""
    from conda_overlay.fork import baseline

    found = baseline.of_environment(Path(select.named_prefix()))
    files.write(file, found.text)
    notes = tuple(
        f"{name} was installed from a local directory and cannot be reproduced."
        for name in found.local
    )
    facts = {"fingerprint": found.fingerprint, "packages": len(found.urls)}
    output.show(Exported("explicit", file, found.text, notes), _show, success=True, **facts)
    return 0


def _show(done: Exported) -> None:
    """Print the text unless it is in a file, and the notes."""
    if done.format == "patch" and done.text and not done.file:
        diff.show_text([done.text])
    elif not done.file:
        output.say(done.text, end="")
    for note in done.notes:
        output.tell(note)
