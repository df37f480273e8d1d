"""The plugin's settings, read by conda's own configuration machinery.

`parameters` is what the plugin registers and `observe` reads; `at_activation` reads what activation
needs, where conda has not always loaded plugins: up to 24.7, and since 26.7.
"""

from __future__ import annotations

import os
import sys
from typing import Any, NamedTuple

DESCRIPTIONS = {
    "overlay_dirs": "Directories that hold overlays, in order; the first writable one is written.",
    "overlay_trusted_owners": "Users, besides you and root, whose overlays are trusted.",
    "overlay_keep_revisions": "How many revisions of an overlay keep their files, for undo.",
    "overlay_lock_timeout": "Seconds to wait for another command that changes the same overlay.",
}


class Settings(NamedTuple):
    """The values in effect; no dataclass, which would be a sixth of an activation of conda 24.7."""

    overlay_dirs: tuple[str, ...] = ()
    """As the user wrote them; empty stands for ``~/.conda/overlays``."""
    overlay_trusted_owners: tuple[str, ...] = ()
    overlay_lock_timeout: float = 60.0
    overlay_keep_revisions: int = 10


def parameters() -> dict[str, Any]:
    """Conda's parameter of each setting."""
    from conda.common.configuration import PrimitiveParameter, SequenceParameter

    timeout, keep = Settings().overlay_lock_timeout, Settings().overlay_keep_revisions
    return {
        "overlay_dirs": SequenceParameter(PrimitiveParameter("", str), string_delimiter=os.pathsep),
        "overlay_trusted_owners": SequenceParameter(PrimitiveParameter("", str)),
        "overlay_lock_timeout": PrimitiveParameter(timeout, element_type=(int, float)),
        "overlay_keep_revisions": PrimitiveParameter(keep),
    }


def observe() -> Settings:
    """The settings, as conda gives them to a command."""
    from conda.base.context import context

    return Settings(**{name: getattr(context.plugins, name) for name in DESCRIPTIONS})


def at_activation() -> Settings:
    """The directories and the owners, without loading plugins; the defaults if that fails.

    ``context.plugins`` would load all plugins, which takes as long as the rest of an activation.
    """
    try:
        return _without_plugins()
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and error.name == "conda":
            raise  # nobody activates anything here
        from conda_overlay.activation.locate import DEFAULT_DIR

        sys.stderr.write(
            f"conda-overlay: conda's settings cannot be read ({type(error).__name__}), so "
            f"{DEFAULT_DIR} is used; see: conda overlay status\n"
        )
        return Settings()


def _without_plugins() -> Settings:
    from conda.base.context import context

    if not any(name.startswith("plugins") for found in context.raw_data.values() for name in found):
        return Settings()
    from conda.common.configuration import ParameterLoader

    try:
        from conda.base.context import PluginConfig
    except ImportError:  # since conda 25.5
        from conda.plugins.config import PluginConfig
    names = ("overlay_dirs", "overlay_trusted_owners")
    every = parameters()
    # A class of ours, so that conda's own knows no setting before conda adds it.
    reader = type("OverlayConfig", (PluginConfig,), {n: ParameterLoader(every[n]) for n in names})
    config = reader(context.raw_data)
    return Settings(*(getattr(config, name) for name in names))
