"""``conda overlay rebase``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from conda_overlay.cli import changing, options, select

EXAMPLES = """\
    conda overlay rebase                         its environment was updated
    conda overlay rebase -n science-2027 --from science-2026
                                                 to the next cycle's environment
    conda overlay rebase --from ~/.conda/overlays/science-2026
                                                 whose environment is gone
    conda overlay rebase -n science-2027         science-2026 was renamed
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    options.add_change_options(parser, EXAMPLES)
    meaning = ("Carry over the overlay of another environment (a name or path), or an overlay by "
               "its path.")  # fmt: skip
    parser.add_argument("--from", dest="source", metavar="ENV|OVERLAY", help=meaning)


def execute(arguments: Namespace) -> int:
    """Rebase the overlay."""
    if arguments.source is not None:
        sentence = "--from needs an environment, or the path of an overlay."
        select.check_named(arguments.source, sentence=sentence)
    overlay = select.opened(arguments)
    source, document = arguments.source, None
    if source is None and (relative := select.relative_of(overlay)):
        if relative.is_gone:
            overlay.stack.take_over(Path(relative.overlay))
        else:
            source = relative.overlay
    if source is not None:
        overlay.check_protection(arguments.force_overlay)
        document = select.document_of(source)
    unchanged = f"Nothing to do: nothing is to be adapted to {overlay.host.name} as it is."
    force = arguments.force_overlay
    return changing.run(
        arguments, overlay, lambda d: d.rebase(document, force=force), unchanged=unchanged
    )
