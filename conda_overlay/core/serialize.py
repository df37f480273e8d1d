"""Converts dataclasses to JSON and TOML values, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

UNFIT = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""The exceptions that converting other values than ours can raise."""


def encode(value: Any) -> Any:
    """Convert a value to dictionaries, lists and scalars, by its `to_json` if it has one."""
    if hasattr(value, "to_json"):
        return value.to_json()
    if is_dataclass(value):
        return {field.name: encode(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: encode(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [encode(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def decode(kind: Any, value: Any, *, strict: bool = False) -> Any:
    """The reverse of `encode`.

    Args:
        kind: the expected type: a dataclass, or the type of one of its fields.
        value: a JSON or TOML value.
        strict: reject unknown fields instead of ignoring them.

    Raises:
        TypeError: the value has the wrong type, or a field is missing or unknown.
    """
    if type(value) is kind or kind is Any:  # most values
        return value
    origin, arguments = _parts(kind)
    if hasattr(kind, "from_json"):
        return kind.from_json(value)
    if is_dataclass(kind):
        return _decode_fields(kind, value, strict)
    if origin is UnionType:
        [other] = [argument for argument in arguments if argument is not NoneType]
        return None if value is None else decode(other, value, strict=strict)
    if origin is tuple and isinstance(value, list):
        return tuple(decode(arguments[0], item, strict=strict) for item in value)
    if origin is Mapping and isinstance(value, dict):
        return {key: decode(arguments[1], item, strict=strict) for key, item in value.items()}
    if origin is None and isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    raise TypeError(f"{value!r} is of the wrong type")


def _decode_fields(kind: Any, data: Any, strict: bool) -> Any:
    if not isinstance(data, dict):
        raise TypeError(f"{data!r} is of the wrong type")
    types = _types(kind)
    for name in data.keys() - types.keys() if strict else ():
        raise TypeError(f"{name!r} is not known")
    values = {}
    for name in types.keys() & data.keys():
        try:
            values[name] = decode(types[name], data[name], strict=strict)
        except TypeError as error:
            raise TypeError(f"{name}: {error}") from error
    return kind(**values)


@cache
def _parts(kind: Any) -> tuple[Any, tuple[Any, ...]]:
    return get_origin(kind), get_args(kind)


@cache
def _types(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)
