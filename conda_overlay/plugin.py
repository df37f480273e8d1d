"""The hooks that conda calls; imported on nearly every command, so it imports next to nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conda.plugins import (
    CondaPostCommand,
    CondaPreCommand,
    CondaSetting,
    CondaSubcommand,
    hookimpl,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_ACTIVATION = {"activate", "deactivate", "reactivate"}


@hookimpl
def conda_subcommands() -> Iterator[CondaSubcommand]:
    """``conda overlay``."""
    from conda_overlay import cli

    yield CondaSubcommand(
        name="overlay",
        summary=cli.SUMMARY,
        action=cli.execute,
        configure_parser=cli.configure_parser,
    )


@hookimpl
def conda_settings() -> Iterator[CondaSetting]:
    """``plugins: overlay_dirs`` and the others in condarc, ``CONDA_PLUGINS_OVERLAY_DIRS``."""
    from conda_overlay import settings

    for name, parameter in settings.parameters().items():
        yield CondaSetting(name, settings.DESCRIPTIONS[name], parameter)


@hookimpl
def conda_pre_commands() -> Iterator[CondaPreCommand]:
    """Takes the wiring out of conda's process before conda computes the new PATH."""
    yield CondaPreCommand(name="conda-overlay", action=_wire, run_for=_ACTIVATION)


@hookimpl
def conda_post_commands() -> Iterator[CondaPostCommand]:
    """Conda's official place for the wiring, which it calls from 24.9 to 26.6."""
    yield CondaPostCommand(name="conda-overlay", action=_wire, run_for=_ACTIVATION)


def _wire(command: str) -> None:
    try:
        from conda_overlay.activation import startup
    except Exception:  # a broken installation must not keep anybody from using conda
        return
    startup.main()
