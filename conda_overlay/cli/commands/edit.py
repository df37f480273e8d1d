"""``conda overlay edit``."""

from __future__ import annotations

import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path

from conda.base.context import context

from conda_overlay.cli import changing, options, select
from conda_overlay.cli.render import output
from conda_overlay.core.errors import OverlayError

EXAMPLES = """\
    conda overlay edit requests.sessions --reason 'ticket 1234'
                                     opens $VISUAL or $EDITOR on a copy of it
    conda overlay edit requests      a package: its main module
    conda overlay edit jupyter-lab   the module that a program starts
    conda overlay edit requests --no-editor
                                     prints the path; then: conda overlay record
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    meaning = "A package, a module, a program, or the path of a file."
    parser.add_argument("name_to_edit", metavar="NAME", help=meaning)
    options.add_change_options(parser, EXAMPLES)
    meaning = "Only make the copy, and print its path."
    parser.add_argument("--no-editor", action="store_true", help=meaning)


def execute(arguments: Namespace) -> int:
    """Make a copy, and open it in the editor if there is one."""
    from conda_overlay.change import edit
    from conda_overlay.change.draft import Draft
    from conda_overlay.cli.editor import editor, open_in_editor

    select.check_named(arguments.name_to_edit)
    overlay = select.opened(arguments)
    overlay.check_protection(arguments.force_overlay)
    opens = not (arguments.no_editor or context.json or context.dry_run) and editor()
    session = edit.Session(open_in_editor if opens else None)

    def step(draft: Draft) -> None:
        key, session.file = edit.find_distribution(draft, arguments.name_to_edit)
        edit.edit(draft, key, session)

    try:
        default: str | None = "yes"
        unchanged = "Nothing to do: your overlay has a copy of it already."
        if opens:
            default, unchanged = None, "Nothing to record: the file was not changed."
        changing.run(arguments, overlay, step, default=default, unchanged=unchanged)
    except (OverlayError, OSError):
        if session.changed:
            directory = Path(tempfile.mkdtemp(prefix="conda-overlay-"))
            session.keep(directory)
            output.tell(f"Your edits are kept in {directory}.")
        raise
    if not opens and not context.json and not context.dry_run:
        site = overlay.stack.store.overlay / overlay.host.site_below_prefix
        record = output.with_environment("conda overlay record")
        output.say(f"Edit this file, then: {record}", str(site / (session.file or "")))
    return 0
