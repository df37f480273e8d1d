"""Jupyter kernels that start in a host as activated, with its overlay."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conda_overlay.change.overlay import Overlay
from conda_overlay.core.errors import OverlayError, UsageError
from conda_overlay.distributions import dependencies
from conda_overlay.distributions.site import read_site
from conda_overlay.filesystem.atomic import replace_file

_MARK = "conda_overlay"
"""The key of a kernelspec's metadata that says that it is ours."""


@dataclass(frozen=True)
class Kernel:
    """A kernelspec of the user's that belongs to a host."""

    name: str
    display_name: str
    host: str
    ours: bool
    state: str  # ok, host is gone, overlay is gone, or without the overlay


def directory() -> Path:
    """Where Jupyter looks for a user's kernels, as ``jupyter --paths`` says."""
    data = os.environ.get("JUPYTER_DATA_DIR")
    if data:
        return Path(data) / "kernels"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Jupyter" / "kernels"
    share = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(share) / "jupyter" / "kernels"


def install(
    overlay: Overlay, name: str | None = None, display_name: str | None = None, force: bool = False
) -> Path:
    """Write a kernelspec, which becomes the host's Python by ``conda overlay run``.

    Args:
        overlay: of the host.
        name: of the kernel; of the host if not given.
        display_name: what notebooks show.
        force: replace a kernelspec that is not ours.

    Raises:
        UsageError: the name is not one that Jupyter takes.
        OverlayError: there is no ipykernel, or another kernel of that name.
    """
    host = overlay.host
    name = name or "overlay-" + re.sub(r"[^a-z0-9._-]", "-", host.name.lower())
    place = _place(name)
    sites = [*map(read_site, overlay.sites(overlay.layers)), host.distributions]
    if "ipykernel" not in dependencies.effective(*sites):
        sentence = f"Neither {host.prefix} nor its overlay has ipykernel."
        raise OverlayError(sentence, f"conda overlay install -p {host.prefix} ipykernel")
    same = _host_of(_spec(place)) == str(host.prefix)
    if os.path.lexists(place) and not same and not force:
        sentence = f"There is a kernel {name} already, which is not that of {host.prefix}."
        raise OverlayError(sentence, "choose another --kernel-name, or --force", path=str(place))
    if place.is_symlink():
        place.unlink()
    conda = str(Path(sys.executable).with_name("conda"))
    launcher = ("python", "-m", "ipykernel_launcher", "-f", "{connection_file}")
    spec = {
        "argv": [conda, "overlay", "run", "-p", str(host.prefix), "--", *launcher],
        "display_name": display_name or f"{host.name} (overlay)",
        "language": "python",
        "interrupt_mode": "signal",
        "metadata": {"debugger": True, _MARK: {"host": str(host.prefix)}},
    }
    place.mkdir(parents=True, exist_ok=True)
    replace_file(place / "kernel.json", json.dumps(spec, indent=1).encode())
    return place


def remove(name: str, force: bool = False) -> Path:
    """Remove a kernelspec.

    Raises:
        OverlayError: there is none, or it is not ours and that is not forced.
    """
    place = _place(name)
    if not os.path.lexists(place):
        raise OverlayError(f"There is no kernel {name}.", "conda overlay kernel list", name=name)
    if _host_of(_spec(place)) is None and not force:
        sentence = f"The kernel {name} was not made by conda-overlay."
        raise OverlayError(sentence, f"jupyter kernelspec remove {name}, or --force", name=name)
    if place.is_symlink():
        place.unlink()
    else:
        shutil.rmtree(place)
    return place


def kernels(hosts: Collection[str]) -> Iterator[Kernel]:
    """The user's kernels that belong to hosts which have overlays, and all of ours.

    Args:
        hosts: the real prefixes of those that have overlays.
    """
    for place in sorted(directory().glob("*")):
        spec = _spec(place)
        argv, shown = spec.get("argv"), str(spec.get("display_name"))
        if (prefix := _host_of(spec)) is not None:
            there = os.path.isdir(os.path.join(prefix, "conda-meta"))
            alive = "ok" if os.path.realpath(prefix) in hosts else "overlay is gone"
            state = alive if there else "host is gone"
            yield Kernel(place.name, shown, prefix, True, state)
        elif isinstance(argv, list) and "ipykernel_launcher" in argv and argv[0][:1] == "/":
            prefix = os.path.dirname(os.path.dirname(str(argv[0])))
            if os.path.realpath(prefix) in hosts:
                yield Kernel(place.name, shown, prefix, False, "without the overlay")


def _place(name: str) -> Path:
    if not re.fullmatch(r"[A-Za-z0-9._-]+", name) or name in (".", ".."):
        sentence = f"{name!r} is not a name that Jupyter takes for a kernel."
        raise UsageError(sentence, "use letters, digits and . _ -", name=name)
    return directory() / name.lower()  # as Jupyter spells it


def _spec(place: Path) -> dict[str, Any]:
    """A kernelspec; empty if it cannot be read."""
    try:
        found = json.loads((place / "kernel.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _host_of(spec: Mapping[str, Any]) -> str | None:
    """The host of a kernelspec of ours; None of another one."""
    metadata = spec.get("metadata")
    mark = metadata.get(_MARK) if isinstance(metadata, dict) else None
    return str(mark.get("host")) if isinstance(mark, dict) else None
