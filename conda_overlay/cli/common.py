"""What the commands have in common: their options, and how those that change something run."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from conda.base.context import context, locate_prefix_by_name
from conda.cli.helpers import (
    add_output_and_prompt_options,
    add_parser_help,
    add_parser_json,
    add_parser_prefix,
)

from conda_overlay.activation import locate, trust
from conda_overlay.activation.settings import observe
from conda_overlay.cli.render import output, progress
from conda_overlay.core.errors import (
    NoSuchEnvironmentError,
    NoSuchRevisionError,
    OverlayError,
    RefusedError,
    UsageError,
)
from conda_overlay.core.models import Log, Plan
from conda_overlay.core.redact import typed, without_credentials

if TYPE_CHECKING:
    from conda_overlay.change.draft import Draft
    from conda_overlay.change.overlay import Overlay
    from conda_overlay.formats.document import Document
    from conda_overlay.host.host import Host
    from conda_overlay.layer.store import Store
    from conda_overlay.resolve.pip import Pip


def add_options(parser: ArgumentParser, examples: str, *, reason: bool = True) -> None:
    """Conda's usual options, the reason, and examples below the help."""
    _add_help(parser, examples)
    add_output_and_prompt_options(parser)
    if reason:
        parser.add_argument("--reason", metavar="TEXT", help="The reason, recorded in the history.")


def add_change_options(parser: ArgumentParser, examples: str) -> None:
    """The options of a command that makes a revision."""
    add_options(parser, examples)
    meaning = "Proceed despite conflicts, and record them."
    parser.add_argument("--allow-conflicts", action="store_true", help=meaning)
    meaning = "Proceed even if edits made by hand are lost, or if you can write to the environment."
    add_force(parser, meaning)


def add_force(parser: ArgumentParser, meaning: str) -> None:
    """``--force``, which conda has a setting of the same name for."""
    parser.add_argument("--force", action="store_true", dest="force_overlay", help=meaning)


def add_reading_options(parser: ArgumentParser, examples: str) -> None:
    """Conda's usual options of a command that changes nothing, and examples below the help."""
    _add_help(parser, examples)
    add_parser_json(parser)


def show_examples(parser: ArgumentParser, examples: str) -> None:
    """Examples below the help."""
    parser.formatter_class = RawDescriptionHelpFormatter
    parser.epilog = f"examples:\n{examples}"


def _add_help(parser: ArgumentParser, examples: str) -> None:
    show_examples(parser, examples)
    add_parser_help(parser)
    add_parser_prefix(parser)


def opened() -> Overlay:
    """The overlay of the environment that the command line names, or of the active one.

    Raises:
        UsageError: there is neither; conda would take base.
    """
    from conda_overlay.change.overlay import Overlay

    return Overlay.open(named_prefix(), tell=output.tell, watch=progress.Watched)


def named_prefix(*, active: bool = True) -> str:
    """The prefix that the command line names, or, where it may be that, the active one.

    Raises:
        UsageError: there is neither; conda would take base.
    """
    if not context.prefix_specified and not (active and context.active_prefix):
        hint = "name one with -n ENV, or conda activate ENV first" if active else "-n NEW"
        raise UsageError("No environment is active." if active else "The fork has no name.", hint)
    return str(context.target_prefix)


def pip_of(host: Host) -> Pip:
    """What calls pip for a host, as quiet as conda is to be."""
    from conda_overlay.resolve.pip import Pip

    verbosity = -1 if context.quiet else int(context.verbosity)
    return Pip(host, verbosity=verbosity, to_stderr=bool(context.json))


def write(file: str | None, text: str) -> None:
    """Write a text to a file, if one is named.

    Raises:
        OverlayError: it cannot be written.
    """
    try:
        if file:
            Path(file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise OverlayError(f"{file} cannot be written: {error.strerror}.", path=file) from error


def store_of(arguments: Namespace) -> Store:
    """The overlay of the environment that is named, which itself may be gone, or by its path."""
    try:
        return opened().store
    except NoSuchEnvironmentError:
        if store := _orphaned(arguments.prefix or arguments.name or ""):
            return store
        raise


def document_of(source: str) -> Document:
    """What is to be carried: of an environment, or of an overlay whose environment is gone."""
    from conda.exceptions import EnvironmentNameNotFound

    from conda_overlay.change.overlay import Overlay
    from conda_overlay.formats.document import describe

    try:
        return Overlay.open(source if "/" in source else locate_prefix_by_name(source)).document()
    except (EnvironmentNameNotFound, NoSuchEnvironmentError):
        store = _orphaned(source)
        if store is None:
            raise
    number = store.current()
    if number is None:
        raise NoSuchRevisionError(str(store.overlay), None, [])
    revision = store.revision(number)
    return describe(store.overlay.name, revision.host, revision.distributions)


def _orphaned(name: str) -> Store | None:
    """The overlay at a path, or of that name, or whose host was at a path."""
    from conda_overlay.layer.store import Store
    from conda_overlay.report.status import everywhere

    settings = observe()
    path = os.path.abspath(os.path.expanduser(name)) if "/" in name else ""
    owners = trust.trusted_owners(settings.overlay_trusted_owners)
    if path and os.path.lexists(path) and (reason := locate.refusal(path, owners)):
        raise RefusedError(path, reason)
    if path and locate.recorded_host(path):
        return Store(Path(path))
    for place, reason in everywhere(settings):
        host = None if reason else locate.recorded_host(str(place))
        if host is not None and (host == path if path else place.name == name):
            return Store(place)
    return None


def log(arguments: Namespace) -> Log:
    """For the history: the command as it was typed, without credentials."""
    reason = arguments.reason and without_credentials(arguments.reason)
    return Log(typed(["conda", *sys.argv[1:]]), reason)


def change(
    arguments: Namespace,
    overlay: Overlay,
    step: Callable[[Draft], None],
    *,
    default: str | None = "yes",
) -> int:
    """Change an overlay, and say what was done.

    Args:
        arguments: of the command line.
        overlay: of one host.
        step: does to a draft what is asked for.
        default: the answer to the question when none is given: ``no`` where much is lost; None:
            there is no question.
    """
    from conda_overlay.filesystem.processes import programs
    from conda_overlay.report.shell import activation, asked_trigger, is_active, rehash, wired

    def confirm(plan: Plan) -> bool:
        if not context.json:
            # Those of --no-deps are all that need no leave.
            option = "--allow-conflicts" if arguments.allow_conflicts else "--no-deps"
            output.show_plan(plan.to_json(), allowed_by=option)
        answered = context.json or context.dry_run or default is None
        return bool(answered) or output.ask(default or "yes")

    bin, before = overlay.store.overlay / "bin", overlay.scripts()
    with nullcontext() if context.json or context.dry_run else asked_trigger() as trigger:
        try:
            result = overlay.change(
                step,
                confirm,
                log=log(arguments),
                pip=pip_of(overlay.host),
                allow_conflicts=arguments.allow_conflicts,
                force=arguments.force_overlay,
                dry_run=bool(context.dry_run),
            )
        except KeyboardInterrupt:
            raise OverlayError("Interrupted; the overlay is unchanged.") from None
        done = result.revision is not None
        running = [p._asdict() for p in programs(overlay.host.real)] if done else []
        output.show_result(result, running, dry_run=bool(context.dry_run), json=bool(context.json))
        if done and trigger is not None:
            output.show_trigger(trigger()._asdict())
            host = overlay.host
            if is_active(host) and wired(host, overlay.settings).state != "on":
                output.say(f"\nTo use it in this shell: {activation(host.prefix)}")
            elif is_active(host) and (command := rehash(bin, before, overlay.scripts())):
                output.say(f"\nFor this shell to find its programs anew: {command}")
    return 0
