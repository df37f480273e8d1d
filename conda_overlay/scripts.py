"""Gives scripts a head that runs the overlay's code from anywhere, activated or not.

pip writes the interpreter of the stage into the first line. The new head is valid in ``sh`` and in
Python at once: ``sh`` replaces itself by the host's interpreter with the overlay on PYTHONPATH, and
Python sees strings. It has no length limit, unlike a ``#!`` line.
"""

from __future__ import annotations

import ast
import base64
import codecs
import csv
import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from conda_overlay.distributions import record

_CODING = re.compile(rb"[ \t\f]*#[^\n]*?coding[:=][ \t]*([-\w.]+)[^\n]*\n")


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
        interpreters: those that a script may name, by this or another name beside it, to be ours.
        new_head: what `head` returns.
    """
    ours = _heads_of(interpreters)
    changed = {}
    for script in sorted((root / "bin").glob("*")):
        if script.is_symlink() or not script.is_file():
            continue
        with script.open("rb") as file:
            found = file.read(2) == b"#!" and ours.match(b"#!" + file.read())
        if found:
            content = _with_head(new_head, found.string[found.end() :])
            _replace(script, content)
            changed[os.path.relpath(script, site)] = content  # as RECORD spells it
    if changed:
        for info in site.glob("*.dist-info"):
            _record(site, info, changed)


def _record(site: Path, info: Path, changed: Mapping[str, bytes]) -> None:
    """Bring the RECORD of a distribution up to date."""
    rows = record(info) or []
    ours = [row for row in rows if row[0] in changed]
    for row in ours:
        content = changed[row[0]]
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
        row[1:] = ["sha256=" + digest.decode(), str(len(content))]
    if ours:
        temporary = info / "RECORD.new"
        with temporary.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
        os.rename(temporary, info / "RECORD")


def _replace(script: Path, content: bytes) -> None:
    """Never write into a file that an older revision shares."""
    temporary = script.with_name(script.name + ".new")
    temporary.write_bytes(content)
    temporary.chmod(script.stat().st_mode)
    os.rename(temporary, script)


def _heads_of(interpreters: Sequence[Path]) -> re.Pattern[bytes]:
    """What scripts that run one of the interpreters begin with.

    Besides the plain ``#!`` line there is the form for long paths and for paths with spaces, of
    three lines, the second of which is ``'''exec' PYTHON "$0" "$@"``.
    """
    directories = {os.path.dirname(path) for path in interpreters}
    directories |= {os.path.realpath(directory) for directory in directories}
    place = b"|".join(re.escape(os.fsencode(directory)) for directory in directories)
    python = rb"""["']?(?:%s)/python[\d.]*t?["']?(?: [^\n]*)?""" % place
    return re.compile(
        rb"""#![ \t]*%s\n|#!/bin/sh\n'''exec' %s "\$0" "\$@"\n' '''\n""" % (python, python)
    )


def _with_head(new_head: bytes, body: bytes) -> bytes:
    """A script of this head, in which the body has its own encoding and docstring still."""
    body = _with_docstring(body)
    coding = _CODING.match(body)  # counts in the first two lines only
    if coding is None or _is_utf8(coding[1].decode("ascii")):
        return new_head + body
    shebang, rest = new_head.split(b"\n", 1)
    return shebang + b"\n" + coding[0] + rest + body[coding.end() :]


def _is_utf8(encoding: str) -> bool:
    try:
        return codecs.lookup(encoding).name in ("utf-8", "ascii")
    except LookupError:
        return True


def _with_docstring(body: bytes) -> bytes:
    """Python takes the head for the docstring, so that the script's own has to be assigned.

    Only ``from __future__`` imports may come before, and nothing but a docstring before these.
    """
    try:
        module = ast.parse(body)
    except (SyntaxError, ValueError):
        return body
    if ast.get_docstring(module, clean=False) is None:
        return body
    docstring, *others = module.body
    last = docstring
    for statement in others:
        if not isinstance(statement, ast.ImportFrom) or statement.module != "__future__":
            break
        last = statement
    lines = body.splitlines(keepends=True)
    start, end, after = docstring.lineno - 1, docstring.end_lineno, last.end_lineno
    moved = [*lines[:start], *lines[end:after], b"__doc__ = ", *lines[start:end], *lines[after:]]
    return b"".join(moved)


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
