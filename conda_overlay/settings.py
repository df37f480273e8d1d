"""The plugin's settings, read by conda's own configuration machinery.

`parameters` is what the plugin registers; `observe` reads the same settings where conda loads no
plugins, which since 26.7 is the case during activation.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

LOCK_TIMEOUT = 60.0
"""Seconds that a command waits for another one that changes the same overlay."""

KEEP_REVISIONS = 10
"""How many revisions keep their trees."""

DESCRIPTIONS = {
    "overlay_dirs": "Directories that hold overlays, in order; the first writable one is written.",
    "overlay_trusted_owners": "Users, besides you and root, whose overlays are trusted.",
    "overlay_keep_revisions": "How many revisions of an overlay keep their files, for undo.",
    "overlay_lock_timeout": "Seconds to wait for another command that changes the same overlay.",
}


@dataclass(frozen=True)
class Settings:
    """The values in effect."""

    overlay_dirs: tuple[str, ...] = ()
    """As the user wrote them; empty stands for ``~/.conda/overlays``."""
    overlay_trusted_owners: tuple[str, ...] = ()
    overlay_lock_timeout: float = LOCK_TIMEOUT
    overlay_keep_revisions: int = KEEP_REVISIONS


def parameters() -> dict[str, Any]:
    """Conda's parameter of each setting."""
    from conda.common.configuration import PrimitiveParameter, SequenceParameter

    return {
        "overlay_dirs": SequenceParameter(PrimitiveParameter("", str), string_delimiter=os.pathsep),
        "overlay_trusted_owners": SequenceParameter(PrimitiveParameter("", str)),
        "overlay_lock_timeout": PrimitiveParameter(LOCK_TIMEOUT, element_type=(int, float)),
        "overlay_keep_revisions": PrimitiveParameter(KEEP_REVISIONS),
    }


def observe() -> Settings:
    """Read the settings from the configuration that conda has loaded, without loading plugins."""
    from conda.base.context import context
    from conda.common.configuration import ParameterLoader

    try:
        from conda.plugins.config import PluginConfig
    except ImportError:  # before conda 24.11
        from conda.base.context import PluginConfig

    loaders = {name: ParameterLoader(parameter) for name, parameter in parameters().items()}
    for name, loader in loaders.items():
        loader._set_name(name)
    reader = type("OverlayConfig", (PluginConfig,), loaders)(context.raw_data)
    return Settings(*(getattr(reader, name) for name in loaders))
