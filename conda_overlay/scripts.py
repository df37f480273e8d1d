"""Gives scripts a head that runs the overlay's code from anywhere, activated or not.

pip writes the interpreter of the stage into the first line. The new head is valid in ``sh`` and in
Python at once: ``sh`` replaces itself by the host's interpreter with the overlay on PYTHONPATH, and
Python sees strings. It has no length limit, unlike a ``#!`` line.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from conda_overlay.distributions import record


def head(python: Path, sites: Sequence[Path]) -> bytes:
    """The head of a script.

    Args:
        python: the host's interpreter.
        sites: site-packages of the overlays, first wins.
    """
    value = "PYTHONPATH=" + ":".join(map(str, sites))
    words = [
        "'exec'",
        "'/usr/bin/env'",
        _quote(value) + '"${PYTHONPATH:+:$PYTHONPATH}"',
        _quote(str(python)),
        '"$0"',
        '"$@"',
    ]
    return os.fsencode("#!/bin/sh\n" + " ".join(words) + "\n")


def rewrite(root: Path, site: Path, interpreters: Sequence[Path], new_head: bytes) -> None:
    """Give all Python scripts below ``root/bin`` the head, and RECORD their new hashes and sizes.

    Args:
        root: a stage or a tree.
        site: its site-packages.
        interpreters: those that a script may name to be one of ours.
        new_head: what `head` returns.
    """
    changed = {}
    for script in sorted((root / "bin").glob("*")):
        if script.is_symlink() or not script.is_file():
            continue
        content = script.read_bytes()
        body = _body(content, [os.fsencode(path) for path in interpreters])
        if body is not None:
            temporary = script.with_name(script.name + ".new")
            temporary.write_bytes(new_head + body)
            temporary.chmod(script.stat().st_mode)
            os.rename(temporary, script)  # never into a file that an older revision shares
            changed[os.path.realpath(script)] = new_head + body
    if not changed:
        return
    for info in site.glob("*.dist-info"):
        rows = record(info) or []
        ours = [r for r in rows if os.path.realpath(site / r[0]) in changed]
        for row in ours:
            content = changed[os.path.realpath(site / row[0])]
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
            row[1:] = ["sha256=" + digest.decode(), str(len(content))]
        if ours:
            temporary = info / "RECORD.new"
            with temporary.open("w", newline="", encoding="utf-8") as file:
                csv.writer(file, lineterminator="\n").writerows(rows)
            os.rename(temporary, info / "RECORD")


def _body(content: bytes, interpreters: Sequence[bytes]) -> bytes | None:
    """What follows the head of a script that runs one of the interpreters; None for any other.

    Besides the plain ``#!`` line there is the form for long paths and for paths with spaces, of
    three lines, the second of which is ``'''exec' PYTHON "$0" "$@"``.
    """
    first, _, rest = content.partition(b"\n")
    if not first.startswith(b"#!"):
        return None
    for interpreter in interpreters:
        named = first[2:].strip().strip(b'"')
        if named == interpreter or named.startswith(interpreter + b" "):
            return rest
        second, _, after = rest.partition(b"\n")
        if first == b"#!/bin/sh" and second.startswith(b"'''exec' ") and interpreter in second:
            return after.partition(b"\n")[2]
    return None


def _quote(text: str) -> str:
    """One word to ``sh`` and adjacent string literals to Python, for any text of one line."""
    pieces = []
    plain = ""
    for character in text:
        if character in "'\\":
            pieces.append(f"'{plain}'" if plain else "")
            pieces.append('"\'"' if character == "'" else '"\\\\"')
            plain = ""
        else:
            plain += character
    pieces.append(f"'{plain}'" if plain else "")
    return "".join(pieces)
