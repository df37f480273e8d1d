"""A minimal TOML writer for lock files; the standard library has only a reader."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_LITERAL = re.compile(r"(?!.*''')[^\x00-\x08\x0b-\x1f\x7f]*(?<!')", re.DOTALL)


def dumps(document: Mapping[str, Any]) -> str:
    """Write a TOML 1.0 document with one level of tables; deeper mappings are inline tables.

    Values are strings, booleans, integers, lists of strings, mappings (tables) or lists of
    mappings (arrays of tables); None is left out.
    """
    plain, tables = {}, []
    for key, value in document.items():
        if isinstance(value, Mapping):
            tables += ["", f"[{_key(key)}]", *_pairs(value)]
        elif isinstance(value, (list, tuple)) and value and isinstance(value[0], Mapping):
            for item in value:
                tables += ["", f"[[{_key(key)}]]", *_pairs(item)]
        else:
            plain[key] = value
    return "\n".join([*_pairs(plain), *tables]).lstrip("\n") + "\n"


def _pairs(table: Mapping[str, Any]) -> list[str]:
    return [f"{_key(k)} = {_value(v)}" for k, v in table.items() if v is not None]


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(_pairs(value)) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, str) and "\n" in value and _LITERAL.fullmatch(value):
        return f"'''\n{value}'''"  # as it is, for people to read
    return _scalar(value)


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _scalar(key)


def _scalar(value: Any) -> str:
    """A scalar on one line: as in JSON, except that TOML also requires DEL to be escaped."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
