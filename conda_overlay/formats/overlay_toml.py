"""Writes and reads ``overlay.toml``: an overlay's requested distributions, and its exact files."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from conda_overlay.core import toml_writer
from conda_overlay.core.errors import OverlayError
from conda_overlay.core.models import INTENTS, HistoryEntry
from conda_overlay.core.pip_options import NONE, RECORDED, Options, used
from conda_overlay.core.redact import clean
from conda_overlay.core.request import as_requirement
from conda_overlay.core.serialize import decode, encode
from conda_overlay.formats.document import (
    BaselineRef,
    Document,
    ForkSpec,
    default_intent,
)

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

parse_toml = tomllib.loads
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

FORMAT = 1
"""The version of ``overlay.toml``."""

_HINTS = {
    ".txt": "conda overlay install -r {name}",
    **dict.fromkeys((".yml", ".yaml"), "conda env create -f {name} creates an environment from it"),
    **dict.fromkeys((".patch", ".diff"), "conda overlay patch NAME {name}"),
}
"""The commands for other kinds of files, by suffix."""


def to_toml(document: Document) -> str:
    """Write an ``overlay.toml``: the requests, and each distribution with its file and hash.

    Fields with their default values are left out.
    """
    entries = document.entries.values()
    host = {"name": document.host, "python": document.python, "sha256": document.fingerprint}
    wanted = [
        _wanted(entry if document.is_part else replace(entry, by=""))
        for entry in entries
        if entry.requested
    ]
    head = {"format": FORMAT, **({"part": True} if document.is_part else {})}
    locked = [_table(_Locked, entry) for entry in entries if entry.version]
    tables = {"host": host, **_made_of(document)}
    tables = {name: {k: v for k, v in table.items() if v} for name, table in tables.items()}
    tables = {name: table for name, table in tables.items() if table}
    return toml_writer.dumps({**head, **tables, "wanted": wanted, "locked": locked})


def _made_of(document: Document) -> dict[str, dict[str, Any]]:
    """The tables of a fork, without credentials."""
    spec, fork = document.baseline.spec, document.fork
    deviation = {name: [*map(clean, texts)] for name, texts in encode(fork).items()}
    return {
        "baseline": {"env": document.baseline.env, "spec": spec and clean(spec)},
        "fork": deviation,
    }


def parse(text: str, name: str) -> Document:
    """Read an ``overlay.toml``.

    Args:
        text: the content of the file.
        name: its path.

    Raises:
        OverlayError: the text is not an ``overlay.toml``, or has a newer format.
    """
    try:
        data = parse_toml(text)
        if "lock-version" in data:
            sentence = f"{name} is a lock file for pip and other tools, not an overlay.toml."
            raise OverlayError(sentence, f"conda overlay install -r {shlex.quote(name)}", path=name)
        if "baseline" in data:  # perhaps written by hand, without a format
            data.setdefault("format", FORMAT)
        if data["format"] > FORMAT:
            sentence = f"{name} was written by a newer version of conda-overlay."
            raise OverlayError(sentence, "conda update -n base conda-overlay", path=name)
        return _safe(_document(decode(_File, data, strict=True)))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        what = f"it has no {error}" if isinstance(error, KeyError) else " ".join(str(error).split())
        sentence = f"{name} is not a valid overlay.toml: {what}."
        default = "conda overlay export -f overlay.toml, which writes one"
        hint = _HINTS.get(Path(name).suffix, default)
        if "@EXPLICIT" in text.splitlines():  # a list of conda packages
            hint = "conda overlay fork --from {name} -n NEW"
        raise OverlayError(sentence, hint.format(name=name), path=name) from error


def located(document: Document, directory: Path) -> Document:
    """Make the relative paths in a file absolute: they are relative to its directory."""

    def path(text: str) -> str:
        return os.path.normpath(directory / os.path.expanduser(text))

    entries = {}
    for key, entry in document.entries.items():
        if entry.editable and "://" not in entry.editable:
            entry = replace(entry, editable=path(entry.editable))
        text = entry.requirement or ""
        if text and "://" not in text and as_requirement(text) is None:
            entry = replace(entry, requirement=path(text))
        entries[key] = replace(entry, options=entry.options.located(str(directory)))
    return replace(document, entries=entries)


def _safe(document: Document) -> Document:
    """Check that pip cannot mistake any part of a document, for example for an option.

    Raises:
        ValueError: a name, version, hash, URL or option could be mistaken for something else.
    """
    for entry in document.entries.values():
        canonicalize_name(entry.name, validate=True)
        for text in (entry.version, entry.sha256 or "", entry.url or ""):
            if re.search(r"\s", text):  # an option could follow the blank
                raise ValueError(f"{text!r} is not a version, hash or URL")
        if _CONTROL.search(entry.by) or len(entry.by) > 100:
            raise ValueError(f"{entry.by!r} is not an author")
        for text in filter(None, (entry.url, entry.requirement, entry.editable)):
            if _CONTROL.search(text) or text[0] == "-":
                raise ValueError(f"{text!r} is not a requirement, a path or a URL")
        for name, value in entry.options.given:
            form = r"\w+:[0-9a-f]+" if name == "--hash" else ".*"  # it gets into a line for pip
            fits = re.fullmatch(form, value or "") and not _CONTROL.search(value or "")
            if name not in used(RECORDED) or not fits:
                option = name if value is None else f"{name}={value}"
                raise ValueError(f"the option {option!r} of {entry.name} is not allowed in a file")
    return document


@dataclass(frozen=True)
class _Wanted:
    """A table ``[[wanted]]``: a `HistoryEntry`, but `editable` and `until` have other types."""

    requirement: str = ""
    name: str = ""
    editable: bool = False
    options: Options = NONE
    reason: str | None = None
    by: str = ""
    intent: str | None = None
    until: Any = None
    patch: str | None = None
    copied: bool = False


@dataclass(frozen=True)
class _Locked:
    """A table ``[[locked]]``: a `HistoryEntry`."""

    name: str = ""
    version: str = ""
    url: str | None = None
    sha256: str | None = None
    editable: str | None = None
    requested: bool = False


@dataclass(frozen=True)
class _File:
    """An ``overlay.toml``."""

    format: int
    part: bool = False
    host: Mapping[str, str] = field(default_factory=dict)
    baseline: BaselineRef = field(default_factory=BaselineRef)
    fork: ForkSpec = field(default_factory=ForkSpec)
    wanted: tuple[_Wanted, ...] = ()
    locked: tuple[_Locked, ...] = ()


def _wanted(entry: HistoryEntry) -> dict[str, Any]:
    """The ``[[wanted]]`` table for an entry."""
    pin = entry.editable or f"{entry.name}=={entry.version}"
    table = _table(_Wanted, replace(entry, requirement=clean(entry.requirement or pin)))
    if entry.intent == default_intent(table["requirement"], editable=bool(entry.editable)):
        del table["intent"]
    return {**table, "editable": True if entry.editable else None}


def _table(kind: type[_Wanted | _Locked], entry: HistoryEntry) -> dict[str, Any]:
    """The fields of an entry that belong in a table, without default values."""
    found = [(f.name, getattr(entry, f.name), f.default) for f in fields(kind)]
    return {name: encode(value) for name, value, default in found if value != default}


def _document(file: _File) -> Document:
    """The content of a file; a distribution in both tables becomes one entry."""
    if not all(table.name and table.version for table in file.locked):
        raise ValueError("a table [[locked]] has no 'name' or no 'version'")
    entries = _by_key("locked", [HistoryEntry(**vars(table)) for table in file.locked])
    for key, entry in _by_key("wanted", [_asked(table) for table in file.wanted]).items():
        lock = entries.get(key, entry)
        exactly = {name: getattr(lock, name) for name in ("name", "version", "url", "sha256")}
        editable = entry.editable and (lock.editable or entry.editable)
        entries[key] = replace(entry, editable=editable, **exactly)
    name, python, sha256 = (file.host.get(name, "") for name in ("name", "python", "sha256"))
    if file.baseline.env and file.baseline.spec:
        raise ValueError("[baseline] has an 'env' and a 'spec'")
    entries = dict(sorted(entries.items()))
    return Document(
        name,
        python,
        sha256,
        entries,
        baseline=file.baseline,
        fork=file.fork,
        is_part=file.part,
    )


def _by_key(table: str, entries: Sequence[HistoryEntry]) -> dict[str, HistoryEntry]:
    keys = [str(canonicalize_name(entry.name)) for entry in entries]
    for key in keys:
        if keys.count(key) > 1:
            raise ValueError(f"[[{table}]] has {key} twice")
    return dict(zip(keys, entries, strict=True))


def _asked(table: _Wanted) -> HistoryEntry:
    """The entry for a ``[[wanted]]`` table.

    The directory of an editable is its requirement without extras.
    """
    text, until = table.requirement, None if table.until is None else str(table.until)
    if not text:
        raise ValueError("a table [[wanted]] has no 'requirement'")
    if table.intent not in (None, *INTENTS):
        raise ValueError(f"the intent {table.intent!r} is none of {', '.join(INTENTS)}")
    if until is not None and not _is_date(until):
        raise ValueError(f"until: {until!r} is not a date (YYYY-MM-DD)")
    wanted = as_requirement(text)
    name = table.name or (wanted.name if wanted else "")
    if not name:
        raise ValueError(f"the wanted {text!r} has no name")
    editable = re.sub(r"(?<=.)\[[^]]+]$", "", text) if table.editable else None
    intent = table.intent or default_intent(text, editable=table.editable)
    given = {**vars(table), "name": name, "until": until, "editable": editable, "intent": intent}
    return HistoryEntry("", requested=True, **given)


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
