"""What an overlay is, so that it can be compared with what it was or should have become."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.bed import place
from tests.bench import Bench
from tests.server import Server

SEEN = ("alpha", "beta", "gamma", "delta", "new")


@dataclass(frozen=True)
class State:
    """An overlay at one moment."""

    revision: int | None
    files: dict[str, bytes | str]
    """Of the current tree, bytecode left out; the guard is among them."""
    seen: dict[str, str | None]
    """The versions that the host's interpreter imports, wired by hand."""


def state(bench: Bench, known: State | None = None) -> State:
    """Look at an overlay, without any command of ours.

    Args:
        bench: whose overlay.
        known: what was seen a moment ago; nothing is imported again when no file has changed.
    """
    files: dict[str, bytes | str] = {}
    tree = bench.overlay.resolve()
    for path in tree.rglob("*"):
        if path.is_symlink():
            files[str(path.relative_to(tree))] = str(path.readlink())
        elif path.is_file() and path.suffix != ".pyc":
            files[str(path.relative_to(tree))] = path.read_bytes()
    if known is not None and known.files == files:
        return replace(known, revision=bench.revision)
    return State(bench.revision, files, bench.see(*SEEN))


def status(server: Server) -> Any:
    """What ``status --json`` says, less the times."""
    ended = server.run("status", "--json")
    assert ended.code == 0, ended.told
    report = json.loads(re.sub(r'"since": "[^"]*"', '"since": ""', ended.out))
    assert "Traceback" not in ended.err
    return report


def save(overlays: Path, copy: Path) -> None:
    """Keep a copy of an overlay directory, which may not exist."""
    place.remove(copy)
    if overlays.exists():
        subprocess.run(["cp", "-a", overlays, copy], check=True)
