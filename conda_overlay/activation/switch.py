"""The switch: whether `wiring.DISABLE` is set for the active environment.

The user sets it, or it is one of the variables that conda exports for an environment. conda unsets
those when that environment is deactivated; if another one is activated in its place, they stay, but
mean nothing there.
"""

from __future__ import annotations

import os

from conda_overlay.activation import files, wiring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_STATE = "conda-meta/state"
"""The file in a prefix with the variables of ``conda env config vars``."""

_OF_PACKAGES = "etc/conda/env_vars.d"
"""The directory in a prefix for the variables of its packages."""

_UNSET = "***unset***"
"""The value that conda records for a variable that is no longer set."""


def is_off(environ: Mapping[str, str]) -> bool:
    """Whether all wiring is off in a shell, after conda's own code."""
    return _is_set(_value(environ, wiring.active_prefixes(environ)))


def is_off_in(prefix: str, environ: Mapping[str, str]) -> bool:
    """Whether all wiring is off once an environment is activated, in a shell as it is now."""
    if (its := of_environment(prefix)) is not None:
        return _is_set(its)
    active = wiring.active_prefixes(environ)
    return _is_set(_value(environ, active if prefix in active[:1] else []))


def is_off_by(prefix: str) -> bool:
    """Whether an environment itself switches all wiring off, by a variable that conda exports."""
    return _is_set(of_environment(prefix) or "")


def of_environment(prefix: str) -> str | None:
    """The value that conda exports for an environment; None if it exports none."""
    value = None
    for variables in _variables(prefix):
        if isinstance(variables, dict) and wiring.DISABLE in variables:
            value = str(variables[wiring.DISABLE])
    return None if value == _UNSET else value


def _value(environ: Mapping[str, str], active: list[str]) -> str:
    """The value that counts: not one that an environment has left that is no longer active."""
    value = environ.get(wiring.DISABLE, "")
    level = environ.get("CONDA_SHLVL") or ""
    for number in range(int(level) if level.isdecimal() and len(level) < 4 else 0, 0, -1):
        if not value:
            break
        named = environ.get(f"CONDA_PREFIX_{number}")
        prefix = (environ.get("CONDA_PREFIX") if number == int(level) else named) or ""
        if not prefix or of_environment(prefix) != value:
            continue
        if prefix in active:
            break
        value = environ.get(f"__CONDA_SHLVL_{number - 1}_{wiring.DISABLE}", "")  # as it was before
    return value


def _is_set(value: str) -> bool:
    return wiring.disabled({wiring.DISABLE: value})


def _variables(prefix: str) -> Iterator[object]:
    """Yield the variables of an environment as conda reads them; later ones win."""
    import json

    directory = os.path.join(prefix, _OF_PACKAGES)
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        names = []
    paths = [os.path.join(directory, name) for name in names]
    for path in (*paths, os.path.join(prefix, _STATE)):
        content = files.read(path, follow=True)
        try:
            found = json.loads(content) if content else None
        except (ValueError, RecursionError):
            continue
        is_state = path not in paths
        yield found.get("env_vars") if is_state and isinstance(found, dict) else found
