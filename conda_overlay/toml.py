"""Writes the little TOML that lock files need; the standard library can only read it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any


def dumps(document: Mapping[str, Any]) -> str:
    """A TOML document (v1.0.0).

    Args:
        document: strings, booleans, whole numbers, lists of strings, mappings (tables), and lists
            of mappings (arrays of tables); None is left out.
    """
    return "\n".join(_table(document, ())).lstrip("\n") + "\n"


def _table(table: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    lines, below = [], []
    for key, value in table.items():
        name = (*path, key)
        if isinstance(value, Mapping) and len(name) < 3:
            below += ["", f"[{_dotted(name)}]", *_table(value, name)]
        elif isinstance(value, Sequence) and value and isinstance(value[0], Mapping):
            for item in value:
                below += ["", f"[[{_dotted(name)}]]", *_table(item, name)]
        elif value is not None:
            lines.append(f"{_key(key)} = {_value(value)}")
    return lines + below


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Mapping):
        pairs = (f"{_key(k)} = {_value(v)}" for k, v in value.items() if v is not None)
        return "{ " + ", ".join(pairs) + " }"
    if isinstance(value, str):
        # A JSON string is a basic string of TOML, but for one control character.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return "[" + ", ".join(map(_value, value)) + "]"


def _dotted(path: Sequence[str]) -> str:
    return ".".join(map(_key, path))


def _key(key: str) -> str:
    plain = key.replace("-", "").replace("_", "")
    return key if plain.isascii() and plain.isalnum() else _value(key)
