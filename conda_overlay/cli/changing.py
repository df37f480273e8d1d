"""Runs the commands that change an overlay: plan, show, ask, commit, and report."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING

from conda.base.context import context

from conda_overlay.cli import select
from conda_overlay.cli.render import output
from conda_overlay.cli.render.plan import NOTHING, show_plan, show_result
from conda_overlay.cli.render.status import show_trigger
from conda_overlay.core.errors import (
    OverlayError,
)
from conda_overlay.core.models import Plan
from conda_overlay.core.redact import typed, without_credentials

if TYPE_CHECKING:
    from conda_overlay.change.draft import Draft
    from conda_overlay.change.overlay import Overlay
    from conda_overlay.host.host import Host
    from conda_overlay.resolve.pip import Pip


def pip_of(host: Host) -> Pip:
    """Create the runner of a host's pip, or of uv, with the verbosity of conda."""
    from conda_overlay.activation.settings import observe
    from conda_overlay.resolve.uv import installer

    verbosity = -1 if context.quiet else int(context.verbosity)
    wanted = observe().overlay_installer
    return installer(host, wanted, verbosity, to_stderr=bool(context.json))


def run(
    arguments: Namespace,
    overlay: Overlay,
    step: Callable[[Draft], None],
    *,
    default: str | None = "yes",
    unchanged: str = NOTHING,
) -> int:
    """Change an overlay, and print the result.

    Args:
        arguments: the parsed command line.
        overlay: the overlay to change.
        step: makes the requested changes to a draft.
        default: the answer if the user only presses Enter: ``no`` if much can be lost; None to
            proceed without a question.
        unchanged: the sentence to print if there was nothing to change.
    """
    from conda_overlay.report.shell import (
        activation,
        asked_trigger,
        is_active,
        rehash,
        why_off,
        wired,
    )

    def confirm(plan: Plan) -> bool:
        if not context.json:
            # Without --allow-conflicts, only those of --no-deps are allowed.
            option = "--allow-conflicts" if arguments.allow_conflicts else "--no-deps"
            show_plan(plan, allowed_by=option)
        answered = context.json or context.dry_run or default is None
        return bool(answered) or output.ask(default or "yes")

    select.check_writable(overlay)
    before = overlay.scripts()
    with nullcontext() if context.json or context.dry_run else asked_trigger() as trigger:
        try:
            result = overlay.change(
                step,
                confirm,
                reason=arguments.reason and without_credentials(arguments.reason),
                command=typed(["conda", *sys.argv[1:]]),
                pip=pip_of(overlay.host),
                allow_conflicts=arguments.allow_conflicts,
                force=arguments.force_overlay,
                dry_run=bool(context.dry_run),
            )
        except KeyboardInterrupt:
            raise OverlayError("Interrupted. Nothing was changed.") from None
        show_result(result, unchanged)
        if result.revision is not None and trigger is not None:
            show_trigger(trigger())
            host = overlay.host
            if reason := why_off(host):
                where = " in this shell" if is_active(host) else ""
                output.say(f"\nIt is not in effect{where}: {reason}.")
            elif is_active(host) and wired(host, overlay.stack.settings).state != "on":
                output.say(f"\nTo use it in this shell: {activation(host.prefix)}")
            elif is_active(host) and (
                command := rehash(overlay.path / "bin", before, overlay.scripts())
            ):
                output.say(f"\nIf the shell still starts an old program: {command}")
    return 0
