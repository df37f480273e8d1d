"""Asks the host's own interpreter whether what is to be committed is what it would see."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from conda_overlay.distributions import owned_files, read_site
from conda_overlay.exceptions import VerificationError
from conda_overlay.host import Host
from conda_overlay.models import Distribution, Plan

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


def verify(host: Host, tree: Path, sites: Sequence[Path], plan: Plan) -> None:
    """Compare a plan with what the interpreter finds, and look at the files.

    Args:
        host: the host environment.
        tree: the draft's.
        sites: its site-packages, and those of the layers behind it.
        plan: what was shown to the user.

    Raises:
        VerificationError: something is not as planned.
    """
    changes = [change for change in plan.changes if change.files_differ]
    done = host.run(["-c", _OBSERVE, json.dumps([change.key for change in changes])], sites)
    try:
        seen = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        raise VerificationError(done.stderr.splitlines()[-5:]) from None
    faults = []
    installed = read_site(sites[0])
    for change in changes:
        version, place = seen["found"][change.key]
        if version != change.visible:
            faults.append(f"{change.name} is {version}, and not {change.visible}")
        if change.after is not None:
            faults += _faults(change.name, installed.get(change.key, ()), tree, sites[0], place)
    path = seen["path"]
    mine, hosts = str(sites[0]), str(host.site_packages)
    if mine not in path or (hosts in path and path.index(mine) > path.index(hosts)):
        faults.append(f"the overlay is not in front of {hosts}")
    if faults:
        raise VerificationError(faults)


def _faults(
    name: str, found: Sequence[Distribution], tree: Path, site: Path, place: str
) -> list[str]:
    if len(found) != 1:
        return [f"{name} is installed {len(found)} times"]
    faults = []
    info = found[0].path
    if info.suffix != ".egg-link" and place != str(site):
        faults.append(f"{name} comes from {place}")
    files = owned_files(found[0], tree)
    if files is None and info.suffix == ".dist-info":
        faults.append(f"{name} has no RECORD")
    gone = [f for f in files or () if f[-4:] != ".pyc" and not os.path.lexists(tree / f)]
    return faults + [f"{name} lacks {file}" for file in gone]
