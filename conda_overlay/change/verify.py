"""Checks with the host's own interpreter that it finds the distributions as planned."""

from __future__ import annotations

import ast
import importlib
import os
from collections.abc import Iterator, Sequence
from importlib.metadata import distributions
from pathlib import Path

from conda_overlay.core.errors import VerificationError
from conda_overlay.core.models import Plan
from conda_overlay.host.host import Host, Interpreter
from conda_overlay.layer.state import State, is_bookkeeping


def started(host: Host, sites: Sequence[Path]) -> Interpreter:
    """Start the host's interpreter, which prints its path; this takes a while.

    Args:
        host: the host environment.
        sites: the site-packages of the draft, and those of the layers below it.
    """
    return host.start(["-c", "import sys; print(ascii([*map(str, sys.path)]))"], sites)


def verify(
    interpreter: Interpreter,
    host: Host,
    sites: Sequence[Path],
    after: State,
    plan: Plan,
) -> list[str]:
    """Compare a plan with the distributions that the interpreter finds, and check their files.

    Args:
        interpreter: from `started`.
        host: the host environment.
        sites: the site-packages of the draft, and those of the layers below it.
        after: the state of the draft.
        plan: the plan that was shown to the user.

    Returns:
        Notes on distributions elsewhere, such as in ``~/.local``, that the overlay hides no longer.

    Raises:
        VerificationError: a distribution or a file is not as planned.
    """
    changes = [change for change in plan.changes if change.files_differ]
    printed, errors = interpreter.communicate()
    try:
        path = [*filter(os.path.isabs, ast.literal_eval(printed.splitlines()[-1]))]
    except (SyntaxError, ValueError, IndexError):
        raise VerificationError(errors.splitlines()[-5:]) from None
    importlib.invalidate_caches()
    faults, notes = [], []
    known = {*map(str, [*sites, host.site_packages])}
    for change in changes:
        version, place = _found(change.key, path)
        if change.after is None and place is not None and place not in known:
            notes.append(f"{change.name} {version} of {place} is in effect now")
        elif version != change.visible:
            faults.append(f"{change.name} is {version}, not {change.visible}")
        if change.after is not None:
            faults += [f"{change.name} {fault}" for fault in _faults(change.key, after, place)]
    mine, hosts = str(sites[0]), str(host.site_packages)
    if mine not in path or (hosts in path and path.index(mine) > path.index(hosts)):
        faults.append(f"the overlay does not come before {hosts}")
    if faults:
        raise VerificationError(faults)
    return notes


def _found(key: str, path: list[str]) -> tuple[str, str] | tuple[None, None]:
    """The version and the place of a distribution as ``importlib.metadata`` finds it on a path."""
    for one in distributions(name=key, path=path):
        place = str(one.locate_file(""))
        try:
            return one.version, place
        except (OSError, ValueError) as error:  # the metadata is damaged
            raise VerificationError([f"the metadata of {key} in {place}: {error}"]) from None
    return None, None


def _faults(key: str, after: State, place: str | None) -> Iterator[str]:
    found = after.site.get(key, ())
    if len(found) != 1:
        yield f"is installed {len(found)} times"
        return
    info = found[0].path
    if info.suffix != ".egg-link" and place != str(info.parent):
        yield f"comes from {place}"
    if info.suffix == ".dist-info" and not after.has_record(key):
        yield "has no RECORD"
    lacks = after.missing(key)
    if after.is_copy(key):  # the user may have removed others
        lacks = [file for file in lacks if is_bookkeeping(file)]
    for file in lacks:
        if not os.path.lexists(found[0].prefix / file):  # a directory may be in its place
            yield f"lacks {file}"
