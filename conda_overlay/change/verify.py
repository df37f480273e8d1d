"""Checks with the host's own interpreter that it finds the distributions as planned."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from conda_overlay.core.errors import VerificationError
from conda_overlay.core.models import Plan
from conda_overlay.host.host import Host
from conda_overlay.layer.state import State, is_bookkeeping

_OBSERVE = """
import importlib.metadata as metadata, json, sys
found = {}
for name in json.loads(sys.argv[1]):
    try:
        distribution = metadata.distribution(name)
        found[name] = [distribution.version, str(distribution.locate_file(""))]
    except metadata.PackageNotFoundError:
        found[name] = [None, None]
print(json.dumps({"found": found, "path": sys.path}))
"""


def verify(host: Host, sites: Sequence[Path], after: State, plan: Plan) -> list[str]:
    """Compare a plan with the distributions that the interpreter finds, and check their files.

    Args:
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
    done = host.run(["-c", _OBSERVE, json.dumps([change.key for change in changes])], sites)
    try:
        seen = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        raise VerificationError(done.stderr.splitlines()[-5:]) from None
    faults, notes = [], []
    known = {*map(str, [*sites, host.site_packages])}
    for change in changes:
        version, place = seen["found"][change.key]
        if change.after is None and place is not None and place not in known:
            notes.append(f"{change.name} {version} of {place} is in effect now")
        elif version != change.visible:
            faults.append(f"{change.name} is {version}, not {change.visible}")
        if change.after is not None:
            faults += [f"{change.name} {fault}" for fault in _faults(change.key, after, place)]
    path = seen["path"]
    mine, hosts = str(sites[0]), str(host.site_packages)
    if mine not in path or (hosts in path and path.index(mine) > path.index(hosts)):
        faults.append(f"the overlay does not come before {hosts}")
    if faults:
        raise VerificationError(faults)
    return notes


def _faults(key: str, after: State, place: str) -> Iterator[str]:
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
