"""The conda plugin hooks. Imported on nearly every command, so this imports very little."""

from __future__ import annotations

from collections.abc import Iterator

from conda.plugins import CondaPostCommand, CondaPreCommand, CondaSetting, CondaSubcommand, hookimpl

_ACTIVATION = {"activate", "deactivate", "reactivate"}


@hookimpl
def conda_subcommands() -> Iterator[CondaSubcommand]:
    """``conda overlay``."""
    from conda_overlay.cli import SUMMARY, configure_parser, execute

    yield CondaSubcommand(
        name="overlay", summary=SUMMARY, action=execute, configure_parser=configure_parser
    )


@hookimpl
def conda_settings() -> Iterator[CondaSetting]:
    """The settings, such as ``overlay_dirs``."""
    from conda_overlay import settings

    for name, parameter in settings.parameters().items():
        yield CondaSetting(name, settings.DESCRIPTIONS[name], parameter)


@hookimpl
def conda_pre_commands() -> Iterator[CondaPreCommand]:
    """Remove the wiring from conda's process before conda computes the new PATH."""
    yield CondaPreCommand(name="conda-overlay", action=_wire, run_for=_ACTIVATION)


@hookimpl
def conda_post_commands() -> Iterator[CondaPostCommand]:
    """Wire the overlay after activation; conda calls this from 24.9 to 26.6."""
    yield CondaPostCommand(name="conda-overlay", action=_wire, run_for=_ACTIVATION)


def _wire(command: str) -> None:
    try:
        from conda_overlay.activation import startup
    except Exception:  # a broken installation must not break conda
        return
    startup.main()
