"""The files that an overlay can be written to, to be repeated elsewhere; and read back from."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields, replace
from datetime import date
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from conda_overlay import pylock, toml
from conda_overlay.document import Document, Locked, Wanted
from conda_overlay.exceptions import OverlayError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FORMAT = 1
"""The version of ``overlay.toml``."""

_T = TypeVar("_T", Wanted, Locked)

_INTENTS = ("fix", "hold", "dev")

_TYPES = {"bool": bool, "tuple[str, ...]": tuple}
"""What is no text."""

_PLACES = ("--index-url", "--extra-index-url", "--find-links", "--no-index", "--pre",
           "--no-binary", "--only-binary")  # fmt: skip
"""The options that a requirements file can hold."""

_HINTS = {
    ".txt": "conda overlay install -r {name}",
    ".yml": "conda env create -f {name} makes an environment of it",
    ".yaml": "conda env create -f {name} makes an environment of it",
}
_HINT = "conda overlay export -f overlay.toml writes one"


def overlay_toml(document: Document) -> str:
    """What was asked for, and every distribution with its file and hash."""
    head = {"name": document.host, "python": document.python, "sha256": document.fingerprint}
    wanted = [_without_defaults(item, Wanted("")) for item in document.wanted]
    locked = [_without_defaults(replace(item, conda=None), Locked("", ""))
              for item in document.locked]  # fmt: skip
    return toml.dumps({"format": FORMAT, "host": head, "wanted": wanted, "locked": locked})


def pylock_toml(document: Document) -> str:
    """The lock file of PEP 751, for other tools.

    Raises:
        OverlayError: nobody knows which file a distribution came from, and the format needs one.
    """
    try:
        return toml.dumps(pylock.tables(document))
    except ValueError as error:
        raise OverlayError(
            f"No pylock.toml can be written: {error}.",
            "conda overlay export --format requirements.txt",
        ) from error


def requirements(document: Document) -> str:
    """A requirements file, with the hash of every file, so that pip accepts nothing else.

    pip wants all hashes or none, and takes no editable together with hashes.
    """
    files = [item for item in document.locked if not item.editable]
    unknown = [item.name for item in files if not item.sha256]
    lines = _options(document)
    if unknown:
        lines.append(f"# Without hashes, because nobody knows that of {', '.join(unknown)}.")
    direct = _direct(document)
    for item in files:
        digest = "" if unknown else f" --hash=sha256:{item.sha256}"
        lines.append(_exactly(item, item.key in direct) + digest)
    hashed = files and not unknown
    for item in document.locked:
        if item.editable:
            note = "# pip takes no editable together with hashes: " if hashed else ""
            lines.append(f"{note}-e {item.editable}")
    return "".join(f"{line}\n" for line in lines)


def environment_yaml(document: Document) -> str:
    """What the host would need so that the overlay became unnecessary."""
    files = [item for item in document.locked if not item.editable]
    direct = _direct(document)
    conda = [f"{i.conda}={i.version}" for i in files if i.conda and i.key not in direct]
    pip = [_exactly(i, i.key in direct) for i in files if not i.conda or i.key in direct]
    pip = [*_options(document), *pip] if pip else []
    lines = [f"name: {_yaml(document.host)}", "dependencies:" if files else "dependencies: []"]
    lines += [f"  - {_yaml(line)}" for line in conda]
    if pip:
        lines += ["  - pip", "  - pip:", *(f"      - {_yaml(line)}" for line in pip)]
    lines += [f"  # {item.name} is an editable install of {item.editable}"
              for item in document.locked if item.editable]  # fmt: skip
    return "\n".join(lines) + "\n"


FORMATS: Mapping[str, Callable[[Document], str]] = {
    "overlay.toml": overlay_toml,
    "pylock.toml": pylock_toml,
    "requirements.txt": requirements,
    "environment.yml": environment_yaml,
}
"""Every format by the name of the file that it is usually in."""


def format_of(file_name: str) -> str:
    """The format that a file of this name should have; ``overlay.toml`` when it tells nothing."""
    if re.fullmatch(r"pylock\.(.+\.)?toml", file_name):
        return "pylock.toml"
    by_suffix = {".txt": "requirements.txt", ".yml": "environment.yml", ".yaml": "environment.yml"}
    return by_suffix.get(Path(file_name).suffix, "overlay.toml")


def read(text: str, name: str, markers: Mapping[str, str]) -> Document:
    """Read an ``overlay.toml`` or a ``pylock.toml``.

    Args:
        text: the content of the file.
        name: its path.
        markers: of the environment that it is for (PEP 508).

    Raises:
        OverlayError: it is neither, or of a newer format.
    """
    try:
        data = tomllib.loads(text)
        if "lock-version" in data:
            found = pylock.locked(data, Path(name).absolute().parent, markers)
            return Document("", "", "", (), tuple(found))
        return _from_overlay_toml(data, name)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        what = f"it has no {error}" if isinstance(error, KeyError) else " ".join(str(error).split())
        hint = _HINTS.get(Path(name).suffix, _HINT).format(name=name)
        raise OverlayError(
            f"{name} is neither an overlay.toml nor a pylock.toml that can be read: {what}.",
            hint,
            path=name,
        ) from error


def _from_overlay_toml(data: Mapping[str, Any], name: str) -> Document:
    if data["format"] > FORMAT:
        raise OverlayError(
            f"{name} was written by a newer version of conda-overlay.",
            "conda update -n base conda-overlay",
            path=name,
        )
    host = data.get("host", {})
    head = [str(host.get(field, "")) for field in ("name", "python", "sha256")]
    wanted = [_made(Wanted, table, "wanted") for table in data.get("wanted", ())]
    locked = [_made(Locked, table, "locked") for table in data.get("locked", ())]
    for item in wanted:
        if not _tells_name(item):
            raise ValueError(f"the wanted {item.requirement!r} has no name")
        if item.intent not in _INTENTS:
            raise ValueError(f"the intent {item.intent!r} is none of {', '.join(_INTENTS)}")
        if item.until is not None:
            date.fromisoformat(item.until)
    return Document(head[0], head[1], head[2], tuple(wanted), tuple(locked))


def _made(kind: type[_T], table: Mapping[str, Any], name: str) -> _T:
    """A value of a table, every field of its type."""
    types = {field.name: str(field.type) for field in fields(kind) if field.name != "conda"}
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in types:
            raise ValueError(f"[[{name}]] knows no {key!r}")
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            value = tuple(value)
        elif isinstance(value, date):
            value = value.isoformat()
        if not isinstance(value, _TYPES.get(types[key], str)):
            raise ValueError(f"{key!r} of [[{name}]] is of the wrong type")
        values[key] = value
    required = ("requirement",) if kind is Wanted else ("name", "version")
    for key in required:
        if not values.get(key):
            raise ValueError(f"a table [[{name}]] has no {key!r}")
    return kind(**values)


def _tells_name(item: Wanted) -> bool:
    try:
        return bool(item.key)
    except ValueError:
        return False


def _without_defaults(item: Wanted | Locked, default: Wanted | Locked) -> dict[str, Any]:
    known = asdict(default)
    return {key: value for key, value in asdict(item).items() if value != known[key]}


def _direct(document: Document) -> set[str]:
    """The normalized names of what was asked for by its URL."""
    return {item.key for item in document.wanted if " @ " in item.requirement}


def _options(document: Document) -> list[str]:
    """Where the files are, as lines of a requirements file."""
    found: dict[str, None] = {}
    for item in document.wanted:
        found.update(dict.fromkeys(o for o in item.options if o.startswith(_PLACES)))
    return [_option(option) for option in found]


def _exactly(item: Locked, direct: bool) -> str:
    scheme = urlsplit(item.url or "").scheme
    if item.url and (direct or "+" in scheme):
        return f"{item.name} @ {item.url}"
    return f"{item.name}=={item.version}"


def _option(option: str) -> str:
    name, equals, value = option.partition("=")
    return f"{name}{equals}{shlex.quote(value)}" if equals else name


def _yaml(text: str) -> str:
    """A scalar that no YAML reader takes for anything but this text."""
    plain = re.fullmatch(r"[A-Za-z][\w.=@/+-]*", text)
    words = ("null", "true", "false", "yes", "no", "on", "off", "y", "n")
    return text if plain and text.lower() not in words else json.dumps(text, ensure_ascii=False)
