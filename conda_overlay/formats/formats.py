"""The file formats to which an overlay is exported, and from which it is read."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from conda_overlay.core import toml_writer
from conda_overlay.core.errors import OverlayError
from conda_overlay.core.models import INTENTS, Entry
from conda_overlay.core.redact import clean
from conda_overlay.core.serialize import decode, encode
from conda_overlay.edits.edits import NO_TEXT
from conda_overlay.formats import pylock
from conda_overlay.formats.document import (
    SOURCE_OPTIONS,
    Baseline,
    Deviation,
    Document,
    default_intent,
)

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

FORMAT = 1
"""The version of ``overlay.toml``."""

_PLACES = ("--index-url", "--extra-index-url", "--find-links", "--no-index", "--pre",
           "--no-binary", "--only-binary")  # fmt: skip
"""The options allowed in a requirements file."""

_HINTS = {
    "requirements.txt": "conda overlay install -r {name}",
    "environment.yml": "conda env create -f {name} creates an environment from it",
    "patch": "conda overlay patch NAME {name}",
}


def overlay_toml(document: Document) -> str:
    """What was requested, and every distribution with its file and hash; defaults are left out."""
    entries = document.entries.values()
    host = {"name": document.host, "python": document.python, "sha256": document.fingerprint}
    wanted = [_wanted(entry) for entry in entries if entry.requested]
    locked = [_table(_Locked, entry) for entry in entries if entry.version]
    tables = {"host": host, **_made_of(document)}
    tables = {name: {k: v for k, v in table.items() if v} for name, table in tables.items()}
    tables = {name: table for name, table in tables.items() if table}
    return toml_writer.dumps({"format": FORMAT, **tables, "wanted": wanted, "locked": locked})


def _made_of(document: Document) -> dict[str, dict[str, Any]]:
    """The tables of a fork, without credentials."""
    spec, fork = document.baseline.spec, document.fork
    deviation = {name: [*map(clean, texts)] for name, texts in encode(fork).items()}
    return {
        "baseline": {"env": document.baseline.env, "spec": spec and clean(spec)},
        "fork": deviation,
    }


def pylock_toml(document: Document) -> str:
    """The lock file of PEP 751, for other tools.

    Raises:
        OverlayError: the source file of a distribution is unknown.
    """
    try:
        return toml_writer.dumps(pylock.tables(document))
    except ValueError as error:
        hint = "conda overlay export --format requirements.txt"
        raise OverlayError(f"Cannot write a pylock.toml: {error}.", hint) from error


def requirements(document: Document) -> str:
    """A requirements file, with hashes if all are known.

    pip requires all hashes or none, and rejects editables when there are hashes.
    """
    entries = document.entries.values()
    files = [entry for entry in entries if not entry.editable]
    unknown = [entry.name for entry in files if not entry.sha256]
    lines = _options(document)
    if unknown:
        lines.append(f"# No hashes: hashes unknown for {', '.join(unknown)}.")
    for entry in files:
        lines.append(_exactly(entry) + ("" if unknown else f" --hash=sha256:{entry.sha256}"))
    hashed = files and not unknown
    note = "# pip does not allow editables together with hashes: " if hashed else ""
    lines += [f"{note}-e {entry.editable}" for entry in entries if entry.editable]
    return "".join(f"{line}\n" for line in lines)


def environment_yaml(document: Document) -> str:
    """What the host would need to make the overlay unnecessary."""
    files = {key: entry for key, entry in document.entries.items() if not entry.editable}
    by_conda = {key for key in files if key in document.conda and not _is_direct(files[key])}
    conda = [f"{document.conda[k]}={e.version}" for k, e in files.items() if k in by_conda]
    pip = [_exactly(entry) for key, entry in files.items() if key not in by_conda]
    lines = [f"name: {_yaml(document.host)}", "dependencies:" if files else "dependencies: []"]
    lines += [f"  - {_yaml(line)}" for line in conda]
    if pip:
        pip = [*_options(document), *pip]
        lines += ["  - pip", "  - pip:", *(f"      - {_yaml(line)}" for line in pip)]
    lines += [f"  # {e.name} is an editable install of {e.editable}"
              for e in document.entries.values() if e.editable]  # fmt: skip
    return "\n".join(lines) + "\n"


def patch(document: Document) -> str:
    """What was edited by hand, for ``git apply`` or ``patch -p1`` in a site-packages directory."""
    where = f"{document.host} (Python {document.python})"
    edited = [entry for entry in document.entries.values() if entry.patch]
    return "\n".join(f"{heading(entry, where)}{entry.patch}" for entry in edited)


def heading(entry: Entry, where: str) -> str:
    """The lines above a diff that say of what it is, over which host, by whom, when and why."""
    edited = ", edited" if entry.patch else ""
    lines = [f"{entry.name} {entry.version} over {where}{edited}"]
    lines += [f"by {entry.by}, {entry.since}"] if entry.by else []
    lines += (entry.reason or "").splitlines()
    return "".join(f"# {line}\n" for line in lines)


FORMATS: Mapping[str, Callable[[Document], str]] = {
    "overlay.toml": overlay_toml,
    "pylock.toml": pylock_toml,
    "requirements.txt": requirements,
    "environment.yml": environment_yaml,
    "patch": patch,
}
"""Every format, by its usual file name."""


def format_of(file_name: str) -> str:
    """The format for a file name; ``overlay.toml`` by default."""
    if re.fullmatch(r"pylock\.(.+\.)?toml", file_name):
        return "pylock.toml"
    by_suffix = {".txt": "requirements.txt", ".yml": "environment.yml", ".yaml": "environment.yml",
                 ".patch": "patch", ".diff": "patch"}  # fmt: skip
    return by_suffix.get(Path(file_name).suffix, "overlay.toml")


def notes(document: Document, name: str) -> list[str]:
    """Notes for the user who exports an overlay to a format."""
    entries = document.entries.values()
    where = "the file can only be applied where that directory exists"
    found = [f"{e.name} is an editable install of {e.editable}: {where}."
             for e in entries if e.editable and name != "patch"]  # fmt: skip
    found += [f"{edit} was edited, which no file can say." for edit in edits_left_out(document)]
    if name not in ("overlay.toml", "patch"):
        found += [f"{e.name} was edited, which only overlay.toml and patch can say."
                  for e in entries if e.patch]  # fmt: skip
    return found


def edits_left_out(document: Document) -> list[str]:
    """The files that were edited and are no text, with their distributions."""
    return [
        f"{entry.name}: {line.removeprefix(NO_TEXT)}"
        for entry in document.entries.values()
        for line in (entry.patch or "").split("\n")
        if line.startswith(NO_TEXT)
    ]


def read(text: str, name: str, markers: Mapping[str, str]) -> Document:
    """Read an ``overlay.toml`` or a ``pylock.toml``.

    Args:
        text: the content of the file.
        name: its path.
        markers: the marker environment of the host (PEP 508).

    Raises:
        OverlayError: it is neither, or has a newer format.
    """
    try:
        data = tomllib.loads(text)
        if "lock-version" in data:
            directory = Path(name).absolute().parent
            return _safe(Document("", "", "", pylock.entries(data, directory, markers)))
        if "baseline" in data:  # written by hand, before there was anything to export
            data.setdefault("format", FORMAT)
        if data["format"] > FORMAT:
            sentence = f"{name} was written by a newer version of conda-overlay."
            raise OverlayError(sentence, "conda update -n base conda-overlay", path=name)
        return _safe(_document(decode(_File, data, strict=True)))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        what = f"it has no {error}" if isinstance(error, KeyError) else " ".join(str(error).split())
        sentence = f"{name} is neither a valid overlay.toml nor a valid pylock.toml: {what}."
        default = "conda overlay export -f overlay.toml writes one"
        hint = _HINTS.get(format_of(Path(name).name), default)
        raise OverlayError(sentence, hint.format(name=name), path=name) from error


def _safe(document: Document) -> Document:
    """The document, whose entries can reach pip as nothing but what they are.

    Raises:
        ValueError: a name, version, hash, URL or option could be taken for something else.
    """
    for entry in document.entries.values():
        canonicalize_name(entry.name, validate=True)
        for text in (entry.version, entry.sha256 or "", entry.url or ""):
            if re.search(r"\s", text):  # behind a blank could follow an option
                raise ValueError(f"{text!r} is not a version, hash or URL")
        for text in filter(None, (entry.url, entry.requirement, entry.editable)):
            if _CONTROL.search(text) or text[0] == "-":
                raise ValueError(f"{text!r} is not a requirement, a path or a URL")
        for option in entry.options:
            name, _, value = option.partition("=")
            if name not in SOURCE_OPTIONS or _CONTROL.search(value):
                raise ValueError(f"the option {option!r} of {entry.name} is not allowed in a file")
    return document


@dataclass(frozen=True)
class _Wanted:
    """A table ``[[wanted]]``: an `Entry`, but `editable` and `until` have other types."""

    requirement: str = ""
    name: str = ""
    editable: bool = False
    options: tuple[str, ...] = ()
    reason: str | None = None
    intent: str | None = None
    until: Any = None
    patch: str | None = None
    copied: bool = False


@dataclass(frozen=True)
class _Locked:
    """A table ``[[locked]]``: an `Entry`."""

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
    host: Mapping[str, str] = field(default_factory=dict)
    baseline: Baseline = field(default_factory=Baseline)
    fork: Deviation = field(default_factory=Deviation)
    wanted: tuple[_Wanted, ...] = ()
    locked: tuple[_Locked, ...] = ()


def _wanted(entry: Entry) -> dict[str, Any]:
    """The ``[[wanted]]`` table of an entry."""
    pin = entry.editable or f"{entry.name}=={entry.version}"
    table = _table(_Wanted, replace(entry, requirement=clean(entry.requirement or pin)))
    if entry.intent == default_intent(table["requirement"], editable=bool(entry.editable)):
        del table["intent"]
    return {**table, "editable": True if entry.editable else None}


def _table(kind: type[_Wanted | _Locked], entry: Entry) -> dict[str, Any]:
    """The fields of an entry that belong in a table, without defaults."""
    found = [(f.name, getattr(entry, f.name), f.default) for f in fields(kind)]
    return {name: value for name, value, default in found if value != default}


def _document(file: _File) -> Document:
    """The content of a file; a distribution in both tables becomes one entry."""
    if not all(table.name and table.version for table in file.locked):
        raise ValueError("a table [[locked]] has no 'name' or no 'version'")
    entries = _by_key("locked", [Entry(**vars(table)) for table in file.locked])
    for key, entry in _by_key("wanted", [_asked(table) for table in file.wanted]).items():
        lock = entries.get(key, entry)
        exactly = {name: getattr(lock, name) for name in ("name", "version", "url", "sha256")}
        editable = entry.editable and (lock.editable or entry.editable)
        entries[key] = replace(entry, editable=editable, **exactly)
    name, python, sha256 = (file.host.get(name, "") for name in ("name", "python", "sha256"))
    if file.baseline.env and file.baseline.spec:
        raise ValueError("[baseline] has an 'env' and a 'spec'")
    entries = dict(sorted(entries.items()))
    return Document(name, python, sha256, entries, baseline=file.baseline, fork=file.fork)


def _by_key(table: str, entries: Sequence[Entry]) -> dict[str, Entry]:
    keys = [str(canonicalize_name(entry.name)) for entry in entries]
    for key in keys:
        if keys.count(key) > 1:
            raise ValueError(f"[[{table}]] has {key} twice")
    return dict(zip(keys, entries, strict=True))


def _asked(table: _Wanted) -> Entry:
    """The entry of a ``[[wanted]]`` table; an editable is where it says, less extras."""
    text, until = table.requirement, None if table.until is None else str(table.until)
    if not text:
        raise ValueError("a table [[wanted]] has no 'requirement'")
    if table.intent not in (None, *INTENTS):
        raise ValueError(f"the intent {table.intent!r} is none of {', '.join(INTENTS)}")
    if until is not None and not _is_date(until):
        raise ValueError(f"until: {until!r} is not a date (YYYY-MM-DD)")
    try:
        name = table.name or Requirement(text).name
    except InvalidRequirement:
        raise ValueError(f"the wanted {text!r} has no name") from None
    editable = re.sub(r"(?<=.)\[[^]]+]$", "", text) if table.editable else None
    intent = table.intent or default_intent(text, editable=table.editable)
    given = {**vars(table), "name": name, "until": until, "editable": editable, "intent": intent}
    return Entry("", requested=True, **given)


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _options(document: Document) -> list[str]:
    """The options that belong in a requirements file, one per line."""
    found = dict.fromkeys(option for e in document.entries.values() for option in e.options)
    parts = [option.partition("=") for option in found]
    return [f"{n}{eq}{shlex.quote(v) if eq else v}" for n, eq, v in parts if n in _PLACES]


def _is_direct(entry: Entry) -> bool:
    """Whether it can only be reinstalled from its URL."""
    asked = " @ " in (entry.requirement or "")
    return bool(entry.url) and (asked or "+" in urlsplit(entry.url or "").scheme)


def _exactly(entry: Entry) -> str:
    return f"{entry.name} @ {entry.url}" if _is_direct(entry) else f"{entry.name}=={entry.version}"


def _yaml(text: str) -> str:
    """A scalar that every YAML reader reads as this text."""
    plain = re.fullmatch(r"[A-Za-z][\w.=@/+-]*", text)
    words = ("null", "true", "false", "yes", "no", "on", "off", "y", "n")
    return text if plain and text.lower() not in words else json.dumps(text, ensure_ascii=False)
