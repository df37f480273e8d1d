"""``conda overlay export``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from conda.base.context import context

from conda_overlay.cli import files, options, select
from conda_overlay.cli.render import diff, output

EXAMPLES = """\
    conda overlay export -f overlay.toml          to be applied elsewhere
    conda overlay export --format pylock.toml     for other tools (PEP 751)
    conda overlay export --format environment.yml what the host would need instead
    conda overlay export -f fix.patch             what was edited, to send upstream
    conda overlay export --baseline -n science -f science.txt
                                                  the environment itself, exactly, for fork
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    from conda_overlay.formats.exports import FORMATS

    options.add_reading_options(parser, EXAMPLES)
    parser.add_argument("-f", "--file", metavar="FILE", help="The output file; default: stdout.")
    meaning = "Default: by the file name, else overlay.toml."
    parser.add_argument("--format", choices=FORMATS, help=meaning)
    meaning = "Export the environment itself: an explicit list of all its packages."
    parser.add_argument("--baseline", action="store_true", help=meaning)


def execute(arguments: Namespace) -> int:
    """Write the file."""
    from conda_overlay.formats.exports import FORMATS, format_of, notes

    if arguments.baseline:
        return _export_baseline(arguments.file)
    document = select.opened().document()
    file = arguments.file
    name = arguments.format or format_of(Path(file or "").name)
    text = FORMATS[name](document)
    files.write(file, text)
    if context.json:
        told = {"format": name, "file": file, "text": text, "notes": notes(document, name)}
        output.show_json({"success": True, **told})
        return 0
    if not file:
        diff.show_text([text]) if name == "patch" else output.say(text, end="")
    for note in notes(document, name):
        output.tell(note)
    return 0


def _export_baseline(file: str | None) -> int:
    """Write the explicit list of an environment."""
    from conda_overlay.fork import baseline

    found = baseline.of_environment(Path(select.named_prefix()))
    files.write(file, found.text)
    if context.json:
        facts = {"fingerprint": found.fingerprint, "packages": len(found.urls)}
        told = {"file": file, "text": found.text, "notes": [*found.local]}
        output.show_json({"success": True, **facts, **told})
        return 0
    if not file:
        output.say(found.text, end="")
    for name in found.local:
        output.tell(f"{name} is not repeatable.")
    return 0
