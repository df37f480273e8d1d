"""The plugin's settings, read by conda's own configuration machinery.

`parameters` is what the plugin registers; `observe` reads the same settings where conda loads no
plugins, which since 26.7 is the case during activation.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

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


class Settings(NamedTuple):
    """The values in effect; no dataclass, which would be a sixth of an activation of conda 24.7."""

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
    """Read the settings from the configuration that conda has loaded, without loading plugins.

    Nor is ``conda.plugins`` imported, which does what no activation of an older conda does: it
    imports requests, which takes as long as all the rest.
    """
    from conda.base.context import context
    from conda.common.configuration import ParameterLoader

    data = _of_plugins(context)
    if not any(name in found for found in data.values() for name in DESCRIPTIONS):
        return Settings()
    loaders = {name: ParameterLoader(parameter) for name, parameter in parameters().items()}
    for name, loader in loaders.items():
        loader._set_name(name)
    names = {"parameter_names": tuple(loaders), "_cache_": {}, "raw_data": data}
    reader = type("OverlayConfig", (), {**loaders, **names})()
    return Settings(*(getattr(reader, name) for name in loaders))


def _of_plugins(context: Any) -> dict[Any, dict[str, Any]]:
    """What each source of the configuration says under ``plugins``, as conda's reader has it."""
    from conda.common.configuration import EnvRawParameter

    prefix = "plugins_"
    data: dict[Any, dict[str, Any]] = {}
    for source, config in context.raw_data.items():
        if plugins := config.get("plugins"):
            value = plugins.value(None)
            found = dict(value) if isinstance(value, Mapping) else {}
        elif source == EnvRawParameter.source:
            found = {k[len(prefix) :]: raw for k, raw in config.items() if k.startswith(prefix)}
        else:
            continue
        for name, raw in found.items():
            raw.key = name
        data[source] = found
    return data
