"""``conda overlay fork``."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from conda.base.context import context

from conda_overlay.cli import changing, files, options, select
from conda_overlay.cli.render import output, progress
from conda_overlay.cli.render.plan import show_fork_plan
from conda_overlay.core.errors import EditedError, OverlayError, UsageError

if TYPE_CHECKING:
    from conda_overlay.fork.plan import ForkPlan, ForkSummary
    from conda_overlay.formats.document import Document

EXAMPLES = """\
    conda overlay fork --from science -n mine     science with your overlay
    conda overlay fork --from science -n mine --drop qt-main --conda 'gcc>=13'
    conda overlay fork --from baselines/2026-3.txt -p ./env
    conda overlay fork -n mine overlay.toml       from a file
    conda overlay fork --recreate -n mine         after a change of its baseline
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    meaning = "An overlay.toml with a [baseline], or a requirement that pip installs."
    parser.add_argument("words", nargs="*", metavar="FILE|REQUIREMENT", help=meaning)
    options.add_options(parser, EXAMPLES, reason=False)
    meaning = "The baseline: an environment, or an explicit list (default: the active environment)."
    parser.add_argument("--from", dest="source", metavar="ENV|LIST", help=meaning)
    meaning = "A conda package to leave out (repeatable)."
    parser.add_argument("--drop", action="append", default=[], metavar="PKG", help=meaning)
    meaning = "A conda package to add (repeatable)."
    parser.add_argument("--conda", action="append", default=[], metavar="SPEC", help=meaning)
    meaning = "A channel for these, instead of those configured (repeatable)."
    parser.add_argument("-c", "--channel", action="append", metavar="CHANNEL", help=meaning)
    meaning = "Create a fork again from its file, and replace the old one."
    parser.add_argument("--recreate", action="store_true", help=meaning)
    meaning = "Allow added packages to change those of the baseline."
    parser.add_argument("--allow-changes", action="store_true", help=meaning)
    meaning = "With -y: also drop dependents of dropped packages; allow conflicts."
    parser.add_argument("--allow-conflicts", action="store_true", help=meaning)
    meaning = "With --recreate: proceed even if commits or edits in it are lost."
    options.add_force(parser, meaning)


def execute(arguments: Namespace) -> int:
    """Make a fork."""
    from conda_overlay.cli.editor import interruptible
    from conda_overlay.fork import replace
    from conda_overlay.fork.losses import LOST
    from conda_overlay.fork.make import make
    from conda_overlay.fork.origin import agreed
    from conda_overlay.fork.plan import plan as work_out

    prefix = Path(select.named_prefix(active=arguments.recreate))
    if arguments.recreate:  # a link to it stays
        prefix = Path(os.path.realpath(prefix))
    if not all(map(str.strip, arguments.conda)):
        raise UsageError("--conda names no package.", "conda overlay fork --help")
    again, dry_run = arguments.recreate, bool(context.dry_run)
    replace.check_free(prefix, again=again, dry_run=dry_run)
    document, origin, is_new, notes = _document(arguments, prefix)
    changes = arguments.allow_changes
    plan = work_out(document, prefix, allow_changes=changes, again=again, notes=notes)
    if not context.json:
        show_fork_plan(plan.summary)
    if not context.dry_run:
        if plan.lost and not arguments.force_overlay:
            raise EditedError(plan.lost, LOST)
        yes = context.always_yes or context.json
        known = agreed(prefix) if again else set()
        needs = [why for name, why in plan.dependents.items() if name not in known]
        if needs and yes and not arguments.allow_conflicts:
            hint = "--allow-conflicts drops them as well; or name them with --drop"
            raise OverlayError("Other packages depend on these:", hint, needs, dependents=needs)
        if not (context.json or output.ask()):
            output.say("Nothing was created.")
            return 0
        text = _written(plan, origin, arguments.source) if is_new and origin else ""
        if is_new and origin:
            files.write_new(str(origin), text)
        try:
            with interruptible():
                make(
                    plan,
                    changing.pip_of,
                    progress.Shown(),
                    origin=origin,
                    again=again,
                    allow_conflicts=arguments.allow_conflicts,
                    force=arguments.force_overlay,
                )
        except BaseException as error:
            with suppress(OSError, ValueError):
                if is_new and origin and origin.read_text(encoding="utf-8") == text:
                    origin.unlink()
            if isinstance(error, KeyboardInterrupt):
                sentence = "Interrupted. The environment is either as it was before, or complete."
                raise OverlayError(sentence, f"conda list -p {prefix}") from None
            raise
    done = {"success": True, "dry_run": bool(context.dry_run)}
    output.show(plan.summary, _show_made, **done)
    return 0


class _Description(NamedTuple):
    """The description of a fork."""

    document: Document
    file: Path | None
    """That of the document, unless the fork itself keeps it."""
    is_new: bool
    """Whether the file is to be written."""
    notes: Sequence[str]


def _document(arguments: Namespace, prefix: Path) -> _Description:
    """Find the description of the requested fork.

    Raises:
        UsageError: no baseline is named or active, or more than one is named.
    """
    from conda_overlay.fork import origin, plan

    notes: list[str] = []
    said = None
    files = [Path(word) for word in arguments.words if word.endswith(".toml")]
    file = files[0] if files else None
    exists = file is not None and os.path.lexists(file)
    if len(files) > 1 or (arguments.source and arguments.recreate and not file):
        raise _both()
    if file and (exists or arguments.recreate):
        document = _read(file, arguments.source)
        with suppress(OverlayError):  # a layer that cannot be read, and the fork does not need
            notes = plan.layers_edits_left_out(document)
        file = None if arguments.source else file
    elif arguments.recreate:
        document, file, said = origin.kept(prefix)
    elif baseline := arguments.source or context.active_prefix:
        document = plan.of_baseline(baseline)
    else:
        raise UsageError("No baseline is named, and no environment is active.", "--from ENV")
    requirements = [word for word in arguments.words if not word.endswith(".toml")]
    channels = arguments.channel or ()
    more = plan.with_more(document, arguments.drop, arguments.conda, channels, requirements)
    new = bool(file) and not exists and not arguments.recreate
    file = file if new or more == document else None
    said = said or (origin.unread(file, is_new=new) if file else None)
    return _Description(more, file, new, [*notes, *([said] if said else [])])


def _read(file: Path, source: str | None) -> Document:
    """Read a file; one without a baseline gets that of ``--from``.

    Raises:
        UsageError: the file names a baseline, too.
    """
    from conda_overlay.fork import origin, plan

    document = origin.read_file(file, complete=not source)
    if source and origin.source(document):
        raise _both()
    return plan.of_baseline(source, document) if source else document


def _both() -> UsageError:
    sentence = "Name the baseline or a file that names it, not both."
    return UsageError(sentence, "conda overlay fork --help")


def _written(plan: ForkPlan, file: Path, typed: str | None) -> str:
    """The text of a new file; a relative path of the baseline is converted to be relative to it."""
    from conda_overlay.formats import overlay_toml

    base = plan.document.baseline
    path = base.spec or base.env or ""
    if not typed or typed.startswith("/") or "://" in typed or not path.startswith("/"):
        return plan.text
    here = os.path.relpath(os.path.realpath(path), os.path.realpath(file.absolute().parent))
    here = here if here.startswith("../") else f"./{here}"  # never like a name
    base = replace(base, spec=here) if base.spec else replace(base, env=here)
    return overlay_toml.to_toml(replace(plan.document, baseline=base))


def _show_made(fork: ForkSummary) -> None:
    """Print that a fork was made, and how to use it."""
    from conda_overlay.report.shell import activation

    if context.dry_run:
        output.say("Dry run: nothing was created.")
    else:
        output.say(f"Created {fork.prefix}, a fork of {fork.baseline}.")
        output.say(f"\nTo use it: {activation(Path(fork.prefix))}")
