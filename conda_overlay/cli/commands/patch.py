"""``conda overlay patch``."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace

from conda_overlay.cli import changing, options, select
from conda_overlay.core.errors import OverlayError, UsageError
from conda_overlay.core.redact import without_credentials

EXAMPLES = """\
    conda overlay patch requests fix.diff --reason 'ticket 1234'
    conda overlay patch requests https://github.com/psf/requests/pull/6644.diff
    conda overlay patch requests fix.diff --reverse      revert it
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("name_to_patch", metavar="NAME", help="The package to patch.")
    parser.add_argument("patch", metavar="FILE|URL", help="A unified diff; - for standard input.")
    options.add_change_options(parser, EXAMPLES)
    meaning = "Number of leading path components to strip, as in patch -p (default: detected)."
    parser.add_argument("--strip", type=int, metavar="N", help=meaning)
    parser.add_argument("--reverse", action="store_true", help="Revert the patch.")


def execute(arguments: Namespace) -> int:
    """Apply the patch."""
    if (arguments.prefix or "").isdecimal():  # as of patch and git
        sentence = "-p names an environment here, as everywhere in conda."
        raise UsageError(sentence, f"--strip {arguments.prefix}, or nothing: what fits is found")
    if arguments.strip is not None and arguments.strip < 0:
        raise UsageError("--strip needs a number of at least 0.", "without it, what fits is found")
    select.check_named(arguments.name_to_patch)
    overlay = select.opened(arguments)
    overlay.check_protection(arguments.force_overlay)
    text = _read(arguments.patch)

    name, how = arguments.name_to_patch, {"strip": arguments.strip, "reverse": arguments.reverse}
    how["force"] = arguments.force_overlay
    return changing.run(arguments, overlay, lambda draft: draft.patch(name, text, **how))


def _read(source: str) -> bytes:
    """The content of a file or of a URL, as conda downloads it.

    Raises:
        OverlayError: it cannot be read.
    """
    from conda_overlay.formats.download import LARGEST, download, reason_of

    def limited(text: bytes) -> bytes:
        if len(text) > LARGEST:
            raise OSError(0, "it is too large")
        return text

    shown = without_credentials(source)
    try:
        if source == "-" and sys.stdin is not None:
            return limited(sys.stdin.buffer.read(LARGEST + 1))
        if "://" in source:
            return download(source)
        with open(source, "rb") as file:  # which may be a pipe
            return limited(file.read(LARGEST + 1))
    except (OSError, ValueError) as error:  # also those of the requests library
        reason = getattr(error, "strerror", None) or without_credentials(reason_of(error))
        hint = f"try {shown}.diff" if "web page" in reason else None
        raise OverlayError(f"{shown} cannot be read: {reason}.", hint, path=shown) from error
