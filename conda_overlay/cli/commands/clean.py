"""``conda overlay clean``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import dataclass

from conda.base.context import context

from conda_overlay.cli import options, select
from conda_overlay.cli.render import output
from conda_overlay.core.errors import UsageError

EXAMPLES = """\
    conda overlay clean              keep only the files of the current revision
    conda overlay clean --keep 3     keep those of the newest three revisions
    conda overlay clean --force      also delete what cannot be downloaded
"""


@dataclass(frozen=True)
class Dropped:
    """The revisions whose files were dropped."""

    dry_run: bool
    revisions: tuple[int, ...]
    kept: tuple[int, ...]
    """Those that cannot be downloaded again, or that others may still use."""
    bytes: int
    """The freed size."""
    checkouts: tuple[str, ...] = ()
    """Those with the user's commits or edits, which stay though no revision uses them."""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    options.add_options(parser, EXAMPLES, reason=False)
    options.add_layer(parser)
    meaning = "How many revisions keep their files (default: 1)."
    parser.add_argument("--keep", type=int, default=1, metavar="N", help=meaning)
    meaning = "Also delete what cannot be downloaded again: local sources and edits."
    options.add_force(parser, meaning)


def execute(arguments: Namespace) -> int:
    """Drop the files of old revisions, and print the freed size."""
    from conda_overlay.filesystem.tree import size
    from conda_overlay.layer import checkouts, retention

    if arguments.keep < 1:
        raise UsageError("--keep needs a number of at least 1: the current revision always stays.")
    overlay, dry_run = select.opened(arguments), bool(context.dry_run)
    select.check_writable(overlay)
    going, kept = retention.droppable(overlay.stack, arguments.keep, force=arguments.force_overlay)
    spare = checkouts.unused(overlay.stack.store, going)
    staying = checkouts.with_work(spare)
    freed = retention.bytes_freed(overlay.stack, going)
    freed += sum(size(path) for path in spare if path not in staying)
    final = arguments.force_overlay and going and not dry_run and not context.json
    if final:
        output.say(f"{output.revisions(going).capitalize()} may not come back the same.")
    if final and not output.ask("no"):
        output.say("Nothing was dropped.")
        return 0
    if not dry_run:
        retention.drop(overlay.stack, going)
    shared = overlay.stack.is_shared
    named = tuple(map(str, staying))
    done = Dropped(dry_run, tuple(going), tuple(kept), freed, named)
    output.show(done, lambda done: _show(done, shared=shared), success=True)
    return 0


def _show(done: Dropped, *, shared: bool) -> None:
    """Print which revisions have lost their files, and which have not."""
    if done.revisions:
        verb = "Would drop" if done.dry_run else "Dropped"
        which = output.revisions(done.revisions)
        output.say(f"{verb} the files of {which}: {output.size(done.bytes)}.")
    if done.kept:
        which = "which cannot be downloaded again"
        which += " or were in use this week" if shared else ""
        output.say(f"Kept {output.revisions(done.kept)}, {which}; --force drops them.")
    for path in done.checkouts:
        output.say(f"Kept {path}: its commits or edits are yours, and may be nowhere else.")
    if not done.revisions and not done.kept:
        output.say("Nothing to drop.")
