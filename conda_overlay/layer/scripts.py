"""Gives an overlay its own interpreter, and makes its scripts use it.

The interpreter, ``bin/.python``, is a small ``sh`` script that starts the host's Python with the
overlay on PYTHONPATH. A script that names it in its first line runs the overlay's code from
anywhere, activated or not: Linux follows an interpreter that is a script itself.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Sequence
from pathlib import Path

from conda_overlay.distributions.record import update_record
from conda_overlay.filesystem.atomic import replace_file

_LONGEST = 127  # bytes of a ``#!`` line that every kernel reads
_CODING = re.compile(rb"[ \t\f]*#[^\n]*?coding[:=][ \t]*[-\w.]+[^\n]*\n")
_HEAD = 1 << 13  # bytes: of a long path, and of the comment before it
_OURS = re.compile(rb"""^(?:#![ \t]*|'''exec' ')(/[^'"\n]*/bin/\.python)(?=[' \n])""", re.M)
_GENERATED = re.compile(
    rb"(?:# -\*- coding: utf-8 -\*-\n)?(?:import re\n)?import sys\n"
    rb"(from [\w.]+ import \w+\n)if __name__ == .__main__.:\n"
    rb"(?:    (?:sys\.argv\[0\] = |if sys\.argv|    sys\.argv|elif sys\.argv)[^\n]*\n)*"
    rb"    sys\.exit\(([\w.]+)\(\)\)\n?"
)
"""The program of an entry point, as pip and uv write it."""
_PROGRAM = b"import sys\n%bif __name__ == '__main__':\n    sys.exit(%b())\n"
_IGNORES_ENVIRON = re.compile(rb" -\w*[EI]")


def rewrite(
    root: Path, site: Path, interpreters: Sequence[Path], final: Path, *, new: bool = False
) -> None:
    """Make all Python scripts in ``root/bin`` use another interpreter, and update RECORD.

    Args:
        root: a stage or a tree.
        site: its site-packages.
        interpreters: scripts that run one of these, or another one beside it, are changed.
        final: the new interpreter.
        new: whether they have just been installed or copied; then they get one form.
    """
    heads = _heads_of(interpreters)
    changed = {}
    for script in sorted((root / "bin").glob("*")):
        if script.is_symlink() or not script.is_file():
            continue
        if found := heads.match(script.read_bytes()):
            body = (found["coding"] or b"") + found.string[found.end() :]
            body = in_one_form(body) if new else body
            content = with_head(final, found["plain"] or found["long"] or b"", body)
            if content != found.string:
                replace_file(script, content, script.stat().st_mode)
                changed[os.path.relpath(script, site)] = found.string, content  # as in RECORD
    if changed:
        for info in [*site.glob("*.dist-info"), *site.glob("*.egg-info")]:
            update_record(info, changed)


def in_one_form(body: bytes) -> bytes:
    """The program of an entry point in the form that we give it; others as they are.

    pip's form differs by its version, and from uv's. Else another version could not install exactly
    the same files again.
    """
    generated = _GENERATED.fullmatch(body)
    return _PROGRAM % generated.groups() if generated else body


def interpreters(root: Path) -> set[Path]:
    """The interpreters of overlays that the scripts in ``root/bin`` start with."""
    found = set()
    for script in (root / "bin").glob("*"):
        if script.is_file() and not script.is_symlink():
            with script.open("rb") as file:
                head = _OURS.search(file.read(_HEAD))
            found |= {Path(os.fsdecode(head[1]))} if head else set()
    return found


def _heads_of(interpreters: Sequence[Path]) -> re.Pattern[bytes]:
    """The first line of scripts that run one of the interpreters, or pip's three lines."""
    directories = {os.path.dirname(path) for path in interpreters}
    directories |= {os.path.realpath(directory) for directory in directories}
    place = b"|".join(re.escape(os.fsencode(directory)) for directory in directories)
    python = rb"""["']?(?:%s)/\.?python[\d.]*t?["']?""" % place
    plain = rb"#![ \t]*%s(?P<plain>(?: [^\n]*)?)\n" % python
    long = rb"#!/bin/sh\n(?P<coding>#[^\n]*\n)?'''exec' %s(?P<long>(?: [^\n]*?)?)" % python
    return re.compile(plain + b"|" + long + rb""" "\$0" "\$@"\n' '''\n""")


def with_head(final: Path, options: bytes, body: bytes) -> bytes:
    """Put a head before the body of a script that makes an interpreter run it.

    If a ``#!`` line cannot hold the path, because it is too long or contains a space, the head is
    the one that pip writes: a command for ``sh``, and a string for Python. It has no length limit,
    but becomes the docstring of the script.
    """
    if _IGNORES_ENVIRON.search(options):
        options = b""  # else Python would ignore PYTHONPATH, and so the overlay
    path = os.fsencode(final)
    line = b"#!" + path + options + b"\n"
    if len(line) <= _LONGEST and not re.search(rb"\s", path):
        return line + body
    # For ``sh`` this is one word; for Python it is part of a triple-quoted string.
    word = b"'" + path.replace(b"'", b"""'"'"'""").replace(b"\\", rb"""'"\\"'""") + b"'"
    body = _without_docstring(body)
    found = _CODING.match(body)
    coding = found[0] if found else b""  # Python reads it in the first two lines only
    command = b"'''exec' " + word + options + b' "$0" "$@"\n' + b"' '''\n"
    return b"#!/bin/sh\n" + coding + command + body[len(coding) :]


def _without_docstring(body: bytes) -> bytes:
    """Remove the docstring before a ``__future__`` import: two strings there are an error."""
    try:
        first, second, *_ = ast.parse(body).body
    except (SyntaxError, ValueError):
        return body
    future = isinstance(second, ast.ImportFrom) and second.module == "__future__"
    if not future or not isinstance(first, ast.Expr):
        return body
    lines = body.splitlines(keepends=True)
    return b"".join([*lines[: first.lineno - 1], *lines[second.lineno - 1 :]])
