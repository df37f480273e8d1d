"""Makes overlays and environments directly on disk, where installation is not the point."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.bed import cpython
from tests.bed.users import User


@dataclass(frozen=True)
class Overlay:
    """An overlay as the shell sees it."""

    path: Path
    prefix: Path

    @property
    def bin(self) -> Path:
        return self.path / "bin"

    @property
    def site(self) -> Path:
        return self.path / "lib" / f"python{cpython.default().xy}" / "site-packages"


def overlay(directory: Path, prefix: Path, user: User, *, by_hand: bool = False) -> Overlay:
    """Make an overlay of a user's, with the module ``of_NAME`` and the script ``tool-of-NAME``."""
    made = Overlay(directory / prefix.name, prefix)
    state = directory / f".{prefix.name}"
    missing = [p for p in (directory, *directory.parents) if not p.exists()]
    data = [made.path / place for place in ("share/jupyter", "share/man")]
    for part in (made.site, made.bin, *data, *([] if by_hand else [state])):
        part.mkdir(parents=True)
    (made.site / f"of_{prefix.name}.py").touch()
    script = made.bin / f"tool-of-{prefix.name}"
    script.write_text(f"#!/bin/sh\necho {prefix.name}\n")
    script.chmod(0o755)
    if not by_hand:
        (state / "host").write_text(f"{prefix.resolve()}\n")
    give([*missing, made.path, state], user)
    return made


def give(tops: Iterable[Path], user: User) -> None:
    """Make trees a user's; without root they are the user's already."""
    if os.geteuid() == 0:
        for top in filter(Path.exists, tops):
            for path in (top, *top.rglob("*")):
                os.lchown(path, user.uid, user.gid)


def empty_environment(prefix: Path) -> Path:
    """Make what ``conda create`` without packages makes."""
    (prefix / "bin").mkdir(parents=True)
    (prefix / "conda-meta").mkdir()
    (prefix / "conda-meta" / "history").touch()
    return prefix
