"""Installs exactly what a lock or the history names, file by file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from conda_overlay.distributions import read_site
from conda_overlay.models import Entry
from conda_overlay.outcome import Outcome
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
    if hashed:
        outcome = _install_hashed(stack, transaction, hashed, pip)
        if outcome.unknown and any(map(_is_remote, hashed.values())):
            # No index has it (any more), but the place where it was then may.
            outcome = _install_hashed(stack, transaction, hashed, pip, by_url=True)
        _check(outcome)
    for key, entry in sorted(others.items()):
        wanted = ["--editable", entry.editable] if entry.editable else [_named(key, entry)]
        _check(_install(stack, transaction, [*_places({key: entry}), *wanted], pip))


def _install_hashed(
    stack: Stack,
    transaction: Transaction,
    entries: Mapping[str, Entry],
    pip: Pip,
    *,
    by_url: bool = False,
) -> Outcome:
    file = transaction.new_scratch() / "locked.txt"
    lines = [
        (_named(key, entry) if by_url and _is_remote(entry) else f"{key}=={entry.version}")
        + f" --hash=sha256:{entry.sha256}\n"
        for key, entry in sorted(entries.items())
    ]
    file.write_text("".join(lines), encoding="utf-8")
    arguments = ["--require-hashes", "--requirement", str(file), *_places(entries)]
    return _install(stack, transaction, arguments, pip)


def _install(stack: Stack, transaction: Transaction, arguments: Sequence[str], pip: Pip) -> Outcome:
    stage = Stage(transaction.new_scratch() / "stage", stack.host, [])
    options = ["--no-deps", "--ignore-installed", *arguments]
    outcome = pip.install(stage, options, [], stack.store.state / "src")
    if outcome.ok:
        transaction.add(stage, read_site(stage.site))
    return outcome


def _check(outcome: Outcome) -> None:
    if not outcome.ok:
        raise outcome.error()


def _named(key: str, entry: Entry) -> str:
    return f"{key} @ {entry.url}" if entry.url else f"{key}=={entry.version}"


def _is_remote(entry: Entry) -> bool:
    return urlsplit(entry.url or "").scheme in ("http", "https")


def _places(entries: Mapping[str, Entry]) -> list[str]:
    """The options of pip that say where the files are: those of then, and local folders.

    What only some of them were asked for with is no reason to look nowhere else for the others.
    """
    asked = [entry.options for entry in entries.values() if entry.requested]
    result: dict[str, None] = {}
    for option in (option for options in asked for option in options):
        name, _, value = option.partition("=")
        if name in ("--index-url", "--no-index") and not all(option in other for other in asked):
            option = f"--extra-index-url={value}" if value else ""
        if name in ("--index-url", "--extra-index-url", "--find-links", "--no-index") and option:
            result[option] = None
    for url in (urlsplit(entry.url) for entry in entries.values() if entry.url):
        if url.scheme == "file":
            result[f"--find-links=file://{PurePosixPath(url.path).parent}"] = None
    return list(result)
