"""Checkouts of editables from version control, in which users edit and commit."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from conda_overlay.core.errors import OverlayError
from conda_overlay.core.models import HistoryEntry
from conda_overlay.edits import git

_INSTALLED = "refs/remotes/conda-overlay/installed"
"""The ref in a checkout to the commit that pip got; as a remote's, for it may be on no branch."""

_NOT_EDITS = (":(exclude)*.pyc", ":(exclude)*.egg-info/*")
"""The files that Python and builds write to a checkout."""

_SYSTEMS = (".git", ".hg", ".svn", ".bzr")  # of which only git tells us of edits


def note_commit(checkout: Path) -> None:
    """Remember the commit of a new checkout."""
    if (checkout / ".git").exists():
        _told(checkout, "-c", "core.logAllRefUpdates=false", "update-ref", _INSTALLED, "HEAD")


def root_of(source: Path) -> Path:
    """The checkout that contains the directory of an editable."""
    for path in (source, *source.parents):
        if any((path / system).exists() for system in _SYSTEMS):
            return path
    return source


def has_work(checkout: Path) -> bool:
    """Whether a checkout has edits, or commits that no remote has; also if git cannot tell."""
    if not checkout.is_dir():
        return False
    edits = _told(checkout, "status", "--porcelain", "--untracked-files=all", ".", *_NOT_EDITS)
    heads = ("HEAD", "--branches", "--glob=refs/stas[h]")
    commits = _told(checkout, "rev-list", "--max-count=1", *heads, "--not", "--remotes")
    return edits != "" or commits != ""


def repositories(directory: Path) -> Iterator[Path]:
    """The work trees of git in a directory, which may be one itself."""
    for place, directories, names in os.walk(directory):
        if ".git" in (*directories, *names):
            yield Path(place)
        directories[:] = [name for name in directories if name not in (".git", "__pycache__")]


def are_same(one: Path, other: Path) -> bool:
    """Whether two checkouts are of the same commit of the same repository."""
    origins = [
        (_told(path, "rev-parse", "HEAD"), _told(path, "config", "remote.origin.url"))
        for path in (one, other)
    ]
    return origins[0] == origins[1] and None not in origins[0]


def left_behind(entries: Iterable[HistoryEntry]) -> Iterator[str]:
    """A note on each checkout with a user's work of which another clone is made."""
    for entry in entries:
        if entry.editable and "://" in (entry.requirement or ""):
            yield from stays(root_of(Path(entry.editable)))


def stays(checkout: Path) -> Iterator[str]:
    """The note on a checkout that is replaced, if it has a user's work."""
    if has_work(checkout):
        yield f"your commits or edits in {checkout} stay there, and are nowhere else"


def _told(checkout: Path, *words: str) -> str | None:
    """What git says of a checkout; None if it fails, or if there is no git."""
    try:
        done = git.run(["--no-optional-locks", *words], b"", checkout)
    except OverlayError:
        return None
    return None if done.returncode else done.stdout.decode(errors="replace").strip()
