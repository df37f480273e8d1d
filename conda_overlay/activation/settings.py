"""The plugin's settings, read through conda's configuration.

Commands use `observe`. Activation uses `at_activation`, because conda up to 24.7 and from 26.7 on
does not load plugins then.
"""

from __future__ import annotations

import os
import sys
from typing import Any, NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DESCRIPTIONS = {
    "overlay_dirs": "Directories of overlays, in order, each as DIR or LABEL=DIR; changes go to "
    "the first writable one.",
    "overlay_trusted_owners": "Users whose overlays are trusted, in addition to you and root.",
    "overlay_keep_revisions": "How many revisions of an overlay keep their files, for undo.",
    "overlay_hide_user_site": "Whether activation hides ~/.local from Python, with an overlay.",
    "overlay_installer": "What installs into an overlay: pip, or uv where pip would do the same.",
    "overlay_pip": "Whether pip install in an activated environment installs into the overlay.",
}


class Settings(NamedTuple):
    """The values in effect. Not a dataclass, which would slow down activation measurably."""

    overlay_dirs: tuple[str, ...] = ()
    """As the user wrote them; empty means ``~/.conda/overlays``."""
    overlay_trusted_owners: tuple[str, ...] = ()
    overlay_keep_revisions: int = 10
    overlay_hide_user_site: bool = False
    overlay_installer: str = "pip"
    overlay_pip: bool = True


def parameters() -> dict[str, Any]:
    """The conda parameter for each setting."""
    from conda.common.configuration import PrimitiveParameter, SequenceParameter

    return {
        "overlay_dirs": SequenceParameter(PrimitiveParameter("", str), string_delimiter=os.pathsep),
        "overlay_trusted_owners": SequenceParameter(PrimitiveParameter("", str)),
        "overlay_keep_revisions": PrimitiveParameter(Settings().overlay_keep_revisions),
        "overlay_hide_user_site": PrimitiveParameter(False),
        "overlay_installer": PrimitiveParameter(
            "pip", validation=lambda value: value in ("pip", "uv") or "It is neither pip nor uv."
        ),
        "overlay_pip": PrimitiveParameter(True),
    }


def observe() -> Settings:
    """Read the settings for a command."""
    from conda.base.context import context

    _ = context.plugin_manager  # registers our settings; in a script, nothing has done so yet
    return Settings(**{name: getattr(context.plugins, name) for name in DESCRIPTIONS})


def at_activation() -> Settings:
    """Read the settings that activation needs; the defaults if they cannot be read.

    This avoids ``context.plugins``, which loads all plugins and doubles the time of activation.

    Raises:
        ModuleNotFoundError: this process has no conda.
    """
    try:
        return _without_plugins()
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and error.name == "conda":
            raise  # this is not a conda process
        from conda_overlay.activation.locate import DEFAULT_DIR

        sys.stderr.write(
            f"conda-overlay: conda's settings cannot be read ({type(error).__name__}), so "
            f"{DEFAULT_DIR} is used; see: conda overlay status\n"
        )
        return Settings()


def prefixes(name: str) -> list[str]:
    """The possible prefixes of an environment that is activated by name or by path."""
    from conda.base.context import context

    return [name] if "/" in name else [os.path.join(place, name) for place in context.envs_dirs]


def _without_plugins() -> Settings:
    from conda.base.context import context

    names = ("overlay_dirs", "overlay_trusted_owners", "overlay_hide_user_site")
    return _read(context.raw_data, names)


def trusted_by_root() -> set[str]:
    """The owners whose overlays everybody trusts: those in the condarc files that root owns."""
    from conda.base.context import context

    sources = {s: found for s, found in context.raw_data.items() if _is_of_root(str(s))}
    return {*_read(sources, ("overlay_trusted_owners",)).overlay_trusted_owners}


def _is_of_root(source: str) -> bool:
    """Whether a source of settings is a file that only root can write to."""
    try:
        status = os.stat(source) if source.startswith("/") else None
    except OSError:
        return False
    return status is not None and status.st_uid == 0 and not status.st_mode & 0o022


def _read(sources: Mapping[Any, Any], names: Sequence[str]) -> Settings:
    """Read some settings from what conda has read from its sources."""
    if not any(name.startswith("plugins") for found in sources.values() for name in found):
        return Settings()
    from conda.common.configuration import ParameterLoader

    try:
        from conda.base.context import PluginConfig
    except ImportError:  # since conda 25.5
        from conda.plugins.config import PluginConfig
    every = parameters()
    # A subclass, so that conda's own class gets no settings before conda adds them.
    reader = type("OverlayConfig", (PluginConfig,), {n: ParameterLoader(every[n]) for n in names})
    config = reader(sources)
    return Settings(**{name: getattr(config, name) for name in names})
