"""The conda plugin hooks. conda imports this for nearly all commands, so it imports little."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from conda.plugins import hookimpl
from conda.plugins.types import (
    CondaHealthCheck,
    CondaPostCommand,
    CondaPreCommand,
    CondaSetting,
    CondaSubcommand,
)

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

_ACTIVATION = {"activate", "deactivate", "reactivate"}
_LISTS = {"list", "export"}
_SPAWN = {"spawn", "shell"}  # of conda-spawn, which computes an activation in conda's own process


@hookimpl
def conda_subcommands() -> Iterator[CondaSubcommand]:
    """Register ``conda overlay``."""
    from conda_overlay.cli import SUMMARY, configure_parser, execute

    yield CondaSubcommand(
        name="overlay", summary=SUMMARY, action=execute, configure_parser=configure_parser
    )


@hookimpl
def conda_settings() -> Iterator[CondaSetting]:
    """Register the settings, such as ``overlay_dirs``."""
    from conda_overlay.activation import settings

    for name, parameter in settings.parameters().items():
        yield CondaSetting(name, settings.DESCRIPTIONS[name], parameter)


@hookimpl
def conda_pre_commands() -> Iterator[CondaPreCommand]:
    """Remove the wiring from conda's process before conda computes the new PATH."""
    yield CondaPreCommand(name="conda-overlay", action=_wire, run_for=_ACTIVATION | _SPAWN)


@hookimpl
def conda_post_commands() -> Iterator[CondaPostCommand]:
    """Wire the overlay after activation (conda 24.9 to 26.6), and mention it behind lists."""
    yield CondaPostCommand(name="conda-overlay", action=_wire, run_for=_ACTIVATION)
    yield CondaPostCommand(name="conda-overlay-list", action=_mention, run_for=_LISTS)


@hookimpl
def conda_health_checks() -> Iterator[CondaHealthCheck]:
    """Check the overlay in ``conda doctor``, which can also repair it from conda 26.5 on."""
    fields = {"name": "overlay", "action": _check}
    if "fixer" in CondaHealthCheck.__annotations__:
        fields |= {"fixer": _fix, "summary": "Overlay", "fix": "Repair the overlay"}
    yield CondaHealthCheck(**fields)


@hookimpl
def conda_error_hints(error: Exception) -> Iterator[object]:
    """Suggest a command if conda cannot change an environment; conda calls this from 26.7 on."""
    from conda.plugins.types import CondaErrorHint

    from conda_overlay.cli import conda_hints

    if text := conda_hints.for_error(error):
        yield CondaErrorHint(text=text, hint_code="conda_overlay_install")


def _check(prefix: str, verbose: bool) -> None:
    from conda_overlay.cli import conda_hints

    conda_hints.report_to_doctor(prefix)


def _fix(prefix: str, arguments: Namespace, confirm: Callable[[str], None]) -> int:
    from conda_overlay.cli import conda_hints

    return conda_hints.repair_for_doctor(prefix, confirm)


def _mention(command: str) -> None:
    if "_CONDA_OVERLAY" in os.environ:
        from conda_overlay.cli import conda_hints

        conda_hints.mention_overlay()


def _wire(command: str) -> None:
    try:
        from conda_overlay.activation import startup
    except Exception:  # a broken installation must not break conda
        return
    if command in _SPAWN:
        from conda_overlay.activation import spawn

        spawn.wire_spawn()
    else:
        startup.main()
