"""Installs exactly what a lock or the history names, file by file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from conda_overlay.distributions import read_site
from conda_overlay.exceptions import PipError
from conda_overlay.models import Entry
from conda_overlay.pip import Pip, Stage

if TYPE_CHECKING:
    from conda_overlay.stack import Stack
    from conda_overlay.transaction import Transaction


def install(stack: Stack, transaction: Transaction, entries: Mapping[str, Entry], pip: Pip) -> None:
    """Put distributions into the draft of a transaction, those with a hash by that hash.

    Raises:
        PipError: pip cannot have one of them, or its file is another one.
    """
    hashed = {key: entry for key, entry in entries.items() if entry.sha256 and not entry.editable}
    others = {key: entry for key, entry in entries.items() if key not in hashed}
    lines = [f"{key}=={entry.version} --hash=sha256:{entry.sha256}"
             for key, entry in sorted(hashed.items())]  # fmt: skip
    if lines:
        scratch = transaction.new_scratch()
        file = scratch / "locked.txt"
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        arguments = ["--require-hashes", "--requirement", str(file), *_places(hashed)]
        _run(stack, transaction, arguments, pip, Stage(scratch / "stage", stack.host, []))
    for key, entry in sorted(others.items()):
        wanted = ["--editable", entry.editable] if entry.editable else [_named(key, entry)]
        scratch = transaction.new_scratch()
        stage = Stage(scratch / "stage", stack.host, [])
        _run(stack, transaction, [*_places({key: entry}), *wanted], pip, stage)


def _run(
    stack: Stack, transaction: Transaction, arguments: list[str], pip: Pip, stage: Stage
) -> None:
    options = ["--no-deps", "--ignore-installed", *arguments]
    outcome = pip.install(stage, options, [], stack.store.state / "src")
    if not outcome.ok:
        raise PipError(outcome.told)
    transaction.add(stage, read_site(stage.site))


def _named(key: str, entry: Entry) -> str:
    return f"{key} @ {entry.url}" if entry.url else f"{key}=={entry.version}"


def _places(entries: Mapping[str, Entry]) -> list[str]:
    """The options of pip that say where the files are: those of then, and local folders."""
    result: dict[str, None] = {}
    for entry in entries.values():
        result.update(dict.fromkeys(option for option in entry.options if _is_place(option)))
        if entry.url and urlsplit(entry.url).scheme == "file":
            folder = PurePosixPath(urlsplit(entry.url).path).parent
            result[f"--find-links=file://{folder}"] = None
    return list(result)


def _is_place(option: str) -> bool:
    return option.startswith(("--index-url", "--extra-index-url", "--find-links", "--no-index"))
