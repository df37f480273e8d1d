"""A layer for everybody: of a service account, behind the user's own, with a label."""

from __future__ import annotations

import os
import shlex
import subprocess
from dataclasses import replace
from functools import cache
from pathlib import Path

from tests.bed import users
from tests.bed.users import User
from tests.bench import Bench, Done

SERVICE = "overlay-bob"
"""The account that owns the layer."""


@cache
def service() -> User:
    """That account, with one home for all tests."""
    return users.user(SERVICE)


def lay(bench: Bench, directory: Path, *, empty: bool = True) -> Bench:
    """Make the layer, and the condarc of root's that names it and its owner, with an empty home."""
    owner = service()
    if empty:
        owner.empty_home()
    layer = directory / "layer"
    layer.mkdir()
    os.chown(layer, owner.uid, owner.gid)
    condarc = directory / "condarc"
    lines = (bench.conda.prefix / ".condarc").read_text()
    dirs = f"[~/.conda/overlays, beamline={layer}]"
    lines += f"plugins:\n  overlay_dirs: {dirs}\n  overlay_trusted_owners: [{SERVICE}]\n"
    condarc.write_text(lines)
    return replace(bench, environ={**bench.environ, "CONDARC": str(condarc)})


def layer_of(bench: Bench) -> Path:
    """Its overlay directory."""
    return Path(bench.environ["CONDARC"]).with_name("layer")


def by_owner(bench: Bench) -> Bench:
    """The same, for the service account."""
    return replace(bench, user=service())


def change(bench: Bench, command: str, *words: str | Path) -> str:
    """Change the layer, as its owner."""
    return by_owner(bench).change(command, "--layer", "beamline", *words)


def can_sudo() -> bool:
    """Whether sudo is there, and root may give it a configuration that no other process sees."""
    argv = ["unshare", "--mount", "sudo", "-V"]
    return os.geteuid() == 0 and subprocess.run(argv, capture_output=True).returncode == 0


def typed(bench: Bench, command: str, rule: str = "ALL") -> Done:
    """Type a command as the user, who may become the service account by sudo.

    The files of sudo and conda that say so are seen by this command alone.
    """
    place = Path(bench.environ["CONDARC"]).parent
    rules = place / "sudoers"
    if not rules.exists():
        user = bench.user.name
        rules.write_text(f"Defaults env_reset\n{user} ALL=({SERVICE}) NOPASSWD: {rule}\n")
        rules.chmod(0o440)
    become = ["setpriv", f"--reuid={bench.user.uid}", f"--regid={bench.user.gid}", "--clear-groups"]
    mounts = [(rules, "/etc/sudoers"), (place / "condarc", bench.conda.prefix / ".condarc")]
    script = [f"mount --bind {shlex.quote(str(a))} {shlex.quote(str(b))}" for a, b in mounts]
    script.append(f"exec {shlex.join([*become, 'sh', '-c', command])}")
    environ = bench.user.environ({k: v for k, v in bench.environ.items() if k != "CONDARC"})
    argv = ["unshare", "--mount", "sh", "-ec", "\n".join(script)]
    return subprocess.run(
        argv, env=environ, cwd=bench.user.home, capture_output=True, text=True, check=False
    )
