"""Reads the requirements that a project's groups (PEP 735) or a script (PEP 723) declare."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from typing import Any

from packaging.utils import canonicalize_name

from conda_overlay.formats.overlay_toml import parse_toml

_BLOCK = re.compile(r"(?m)^# /// script$\s(?P<content>(^#(| .*)$\s)+)^# ///$")
"""The metadata of a script; the expression is that of the specification."""

_FAULTS = (ValueError, TypeError, KeyError, AttributeError)
"""Those of a file that is not as specified; pip refuses it, and says why."""


def in_group(text: str, name: str) -> list[str]:
    """The requirements of a dependency group, and of those that it includes.

    Args:
        text: of a ``pyproject.toml``.
        name: of the group.

    Returns:
        Nothing if the file is not as specified, which pip says.
    """
    with suppress(*_FAULTS):
        every = parse_toml(text)["dependency-groups"]
        groups = {str(canonicalize_name(key)): group for key, group in every.items()}
        return [*_of_group(groups, canonicalize_name(name))]
    return []


def _of_group(groups: Mapping[str, Any], name: str, above: Collection[str] = ()) -> Iterator[str]:
    if name in above:
        raise ValueError(f"the group {name} includes itself")
    for one in groups[name]:
        if isinstance(one, str):
            yield one
        else:
            yield from _of_group(groups, canonicalize_name(one["include-group"]), {*above, name})


def in_script(text: str) -> list[str]:
    """The requirements of a script; none if its metadata is not as specified, which pip says."""
    with suppress(*_FAULTS):
        [block] = _BLOCK.finditer(text)
        lines = (re.sub("^# ?", "", line) for line in block["content"].splitlines())
        return [str(one) for one in parse_toml("\n".join(lines)).get("dependencies", ())]
    return []
