"""Installs exactly the files that a lock file or the history names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from packaging.requirements import Requirement

from conda_overlay.change.draft import Draft
from conda_overlay.core.models import HistoryEntry
from conda_overlay.core.pip_options import NONE, Options
from conda_overlay.core.request import Source, for_pip, in_file, parse
from conda_overlay.distributions.site import read_metadata
from conda_overlay.formats.document import places
from conda_overlay.resolve.pip_output import PipRun
from conda_overlay.resolve.stage import Stage


def install_exactly(
    draft: Draft, entries: Mapping[str, HistoryEntry], where: Options = NONE
) -> None:
    """Install distributions into a draft from exactly the recorded files, checked by their hashes.

    Args:
        draft: the draft to change.
        entries: the records of the distributions, by normalized name.
        where: options of pip that say where the files may be, too.

    Raises:
        PipError: pip cannot get one of the files, or its hash differs.
    """
    hashed = {key: entry for key, entry in entries.items() if entry.sha256 and not entry.editable}
    others = {key: entry for key, entry in entries.items() if key not in hashed}
    if hashed:
        outcome = _install_hashed(draft, hashed, where)
        if outcome.unknown and any(map(_is_remote, hashed.values())):
            # The index no longer lists a file, but it may still exist at its recorded URL.
            outcome = _install_hashed(draft, hashed, where, by_url=True)
        _check(outcome)
    for key, entry in sorted(others.items()):
        wanted = ["--editable", entry.editable] if entry.editable else [for_pip(_named(key, entry))]
        _check(_install(draft, [*(where + places({key: entry})).words, *wanted]))


def _install_hashed(
    draft: Draft,
    entries: Mapping[str, HistoryEntry],
    where: Options,
    *,
    by_url: bool = False,
) -> PipRun:
    file = draft.new_scratch() / "locked.txt"
    lines = [
        (in_file(_named(key, entry)) if by_url and _is_remote(entry) else f"{key}=={entry.version}")
        + f" --hash=sha256:{entry.sha256}\n"
        for key, entry in sorted(entries.items())
    ]
    file.write_text("".join(lines), encoding="utf-8")
    options = ["--require-hashes", "--requirement", str(file)]
    return _install(draft, [*options, *(where + places(entries)).words])


def _install(draft: Draft, arguments: Sequence[str]) -> PipRun:
    stage = Stage(draft.new_scratch() / "stage", draft.stack.host, {})
    options = ["--no-deps", "--ignore-installed", *arguments]
    outcome = draft.pip.install(stage, options, [], draft.source_dir)
    if outcome.ok:
        draft.add(stage, read_metadata(stage.site))
    return outcome


def _check(outcome: PipRun) -> None:
    if not outcome.ok:
        raise outcome.error()


def _named(key: str, entry: HistoryEntry) -> Requirement | Source:
    return parse(f"{key} @ {entry.url}" if entry.url else f"{key}=={entry.version}")


def _is_remote(entry: HistoryEntry) -> bool:
    return urlsplit(entry.url or "").scheme in ("http", "https")
