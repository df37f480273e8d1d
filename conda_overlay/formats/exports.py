"""The formats that an overlay is exported to, and notes on the information that each omits."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from conda_overlay.core import toml_writer
from conda_overlay.core.errors import OverlayError
from conda_overlay.core.models import HistoryEntry
from conda_overlay.core.pip_options import BUILD
from conda_overlay.core.text import few
from conda_overlay.edits.patch import left_out, text_in
from conda_overlay.formats import pylock
from conda_overlay.formats.document import Document, places
from conda_overlay.formats.overlay_toml import to_toml


def pylock_toml(document: Document) -> str:
    """Write the lock file of PEP 751, for other tools.

    Raises:
        OverlayError: the source file of a distribution is unknown.
    """
    try:
        return f"{_head(document)}\n{toml_writer.dumps(pylock.tables(document))}"
    except ValueError as error:
        hint = "conda overlay export --format requirements.txt"
        raise OverlayError(f"Cannot write a pylock.toml: {error}.", hint) from error


def requirements(document: Document) -> str:
    """Write a requirements file, with hashes if all are known.

    pip requires all hashes or none, and rejects editables when there are hashes.
    """
    entries = document.entries.values()
    files = [entry for entry in entries if not entry.editable and not entry.is_edited_copy]
    unknown = [entry.name for entry in files if not entry.sha256]
    lines = [_head(document), *_options(document)]
    edited = [f"{entry.name} {entry.version}" for entry in entries if entry.is_edited_copy]
    lines += [f"# {copy} is the environment's, edited." for copy in edited]
    if unknown:
        lines.append(f"# No hashes: hashes unknown for {few(unknown)}.")
    for entry in files:
        lines.append(_exactly(entry) + ("" if unknown else f" --hash=sha256:{entry.sha256}"))
    hashed = files and not unknown
    note = "# pip does not allow editables together with hashes: " if hashed else ""
    lines += [f"{note}-e {entry.editable}" for entry in entries if entry.editable]
    return "".join(f"{line}\n" for line in lines)


def _head(document: Document) -> str:
    """The comment that says what a file for other tools is about."""
    where = f"{document.host} (Python {document.python})"
    return f"# The overlay of {where} alone, to be installed on top of that environment."


def environment_yaml(document: Document) -> str:
    """Write an ``environment.yml`` of the packages that would make the overlay unnecessary."""
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


def edits_patch(document: Document) -> str:
    """Write all edits as a patch, for ``git apply`` or ``patch -p1`` in a site-packages."""
    where = f"{document.host} (Python {document.python})"
    edited = [entry for entry in document.entries.values() if entry.patch]
    return "\n".join(f"{heading(entry, where)}{entry.patch}" for entry in edited)


def heading(entry: HistoryEntry, where: str) -> str:
    """The lines above a diff: its distribution, host, author, time and reason."""
    edited = ", edited" if entry.patch else ""
    lines = [f"{entry.name} {entry.version} over {where}{edited}"]
    lines += [f"by {entry.by}, {entry.since}"] if entry.by else []
    lines += (entry.reason or "").splitlines()
    return "".join(f"# {line}\n" for line in lines)


FORMATS: Mapping[str, Callable[[Document], str]] = {
    "overlay.toml": to_toml,
    "pylock.toml": pylock_toml,
    "requirements.txt": requirements,
    "environment.yml": environment_yaml,
    "patch": edits_patch,
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
    found += [
        f"{edit} was edited, which an exported file cannot contain."
        for edit in edits_left_out(document)
    ]
    if document.own:
        found.append(f"No package has {few(document.own)}: an exported file cannot contain that.")
    copies = [e.name for e in entries if e.copied and not (e.is_edited_copy or e.sha256)]
    if name == "requirements.txt" and copies and any(e.sha256 for e in entries):
        whose = f"{few(copies)}, a copy of the environment's"
        found.append(f"The file has no hashes, because there is none of {whose}.")
    if name not in ("overlay.toml", "patch"):
        found += [f"{e.name} was edited, which only overlay.toml and patch can contain."
                  for e in entries if text_in(e.patch)]  # fmt: skip
    return found


def edits_left_out(document: Document) -> list[str]:
    """The edited files whose edits no patch can say, each with its distribution."""
    entries = document.entries.values()
    return [f"{entry.name}: {path}" for entry in entries for path in left_out(entry.patch)]


def _options(document: Document) -> list[str]:
    """The options that belong in a requirements file, one per line.

    They are valid for the whole file, so those for builds name their distributions. As the file
    names each version, prereleases need no option.
    """
    recorded = {k: replace(e, url=None) for k, e in document.entries.items()}
    found = [*places(recorded).given]
    for entry in document.entries.values():
        builds = entry.options.used(BUILD).given
        found += [(n, entry.name if v == ":all:" else v) for n, v in builds if v != ":none:"]
    return [name if v is None else f"{name}={shlex.quote(v)}" for name, v in dict.fromkeys(found)]


def _is_direct(entry: HistoryEntry) -> bool:
    """Whether a distribution can only be reinstalled from its URL."""
    return bool(entry.url) and (entry.is_direct or "+" in urlsplit(entry.url or "").scheme)


def _exactly(entry: HistoryEntry) -> str:
    return f"{entry.name} @ {entry.url}" if _is_direct(entry) else f"{entry.name}=={entry.version}"


def _yaml(text: str) -> str:
    """A scalar that every YAML parser reads as this text."""
    plain = re.fullmatch(r"[A-Za-z][\w.=@/+-]*", text)
    words = ("null", "true", "false", "yes", "no", "on", "off", "y", "n")
    return text if plain and text.lower() not in words else json.dumps(text, ensure_ascii=False)
