"""Jupyter kernels that start in an activated host with its overlay."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conda_overlay.activation import files
from conda_overlay.core.errors import OverlayError, UsageError
from conda_overlay.distributions import dependencies
from conda_overlay.filesystem.atomic import replace_file
from conda_overlay.layer.stack import Stack

_MARK = "conda_overlay"
"""The key in the metadata of a kernelspec that marks it as ours."""

_RUN = ("overlay", "run", "-p")
"""The words between conda and the prefix in the command of a kernelspec."""


@dataclass(frozen=True)
class Kernel:
    """A kernelspec of the user that starts in a host without its overlay."""

    name: str
    display_name: str
    host: str


def kernels_directory() -> Path:
    """The directory of the user's kernels, as printed by ``jupyter --paths``."""
    data = os.environ.get("JUPYTER_DATA_DIR")
    if data:
        return Path(data) / "kernels"
    share = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(share) / "jupyter" / "kernels"


def install_kernel(
    stack: Stack, name: str | None = None, display_name: str | None = None, force: bool = False
) -> Path:
    """Write a kernelspec that starts the host's Python through ``conda overlay run``.

    In a kernelspec of the host, the user's additions stay.

    Args:
        stack: the layers of the host.
        name: of the kernel; by default made from the name of the host.
        display_name: the name that notebooks show.
        force: replace another kernel of that name.

    Raises:
        UsageError: the name is not valid for Jupyter.
        OverlayError: there is no ipykernel, or there is another kernel of that name.
    """
    host = stack.host
    name = name or "overlay-" + re.sub(r"[^a-z0-9._-]", "-", host.name.lower())
    place = _place(name)
    if "ipykernel" not in dependencies.effective(*stack.read_layers(), host.distributions):
        sentence = f"Neither {host.prefix} nor its overlay has ipykernel."
        raise OverlayError(sentence, f"conda overlay install -p {host.prefix} ipykernel")
    old = _spec(place)
    same = _host_of(old) == str(host.prefix)
    if os.path.lexists(place) and not same and not force:
        sentence = f"The kernel {name.lower()} already exists, and is not that of {host.prefix}."
        raise OverlayError(sentence, "choose another --kernel-name, or --force", path=str(place))
    if place.is_symlink() or place.is_file():
        place.unlink()
    conda = str(Path(sys.executable).with_name("conda"))
    launcher = ("python", "-m", "ipykernel_launcher", "-f", "{connection_file}")
    spec = {
        "language": "python",
        "interrupt_mode": "signal",
        "display_name": f"{host.name} (overlay)",
        **(old if same else {}),
    }
    start = [conda, *_RUN, str(host.prefix)]
    spec["argv"] = _started_by(start, spec.get("argv")) or [*start, "--", *launcher]
    metadata = spec.get("metadata")
    more = metadata if isinstance(metadata, dict) else {"debugger": True}
    spec["metadata"] = {**more, _MARK: {"host": str(host.prefix)}}
    if display_name:
        spec["display_name"] = display_name
    place.mkdir(parents=True, exist_ok=True)
    replace_file(place / "kernel.json", json.dumps(spec, indent=1).encode())
    return place


def without_overlay(host: Path) -> list[Kernel]:
    """The user's kernels that start the Python of a host (its real prefix) without its overlay."""
    found = []
    for place in _places():
        spec = _spec(place)
        argv = spec.get("argv")
        words = [str(word) for word in argv] if isinstance(argv, list) else []
        if "ipykernel_launcher" in words and words[0].startswith("/"):
            prefix = os.path.dirname(os.path.dirname(words[0]))
            if os.path.realpath(prefix) == str(host) and _host_of(spec) is None:
                found.append(Kernel(place.name, str(spec.get("display_name")), prefix))
    return found


def _started_by(start: Sequence[str], argv: object) -> list[Any]:
    """The command of a kernelspec with another start; empty if it is not that of a run."""
    words = argv if isinstance(argv, list) else []
    for place in range(1, len(words) - len(_RUN)):
        if words[place : place + len(_RUN)] == [*_RUN]:
            return [*words[: place - 1], *start, *words[place + len(_RUN) + 1 :]]
    return []


def _place(name: str) -> Path:
    if not re.fullmatch(r"[A-Za-z0-9._-]+", name) or name in (".", ".."):
        sentence = f"{name!r} is not a valid name for a Jupyter kernel."
        raise UsageError(sentence, "use letters, digits and . _ -", name=name)
    low = name.lower()  # as Jupyter compares the names of directories
    return next((p for p in _places() if p.name.lower() == low), kernels_directory() / low)


def _places() -> list[Path]:
    """The directories of the user's kernels; none if they cannot be listed."""
    try:
        return sorted(kernels_directory().iterdir())
    except OSError:
        return []


def _spec(place: Path) -> dict[str, Any]:
    """A kernelspec; empty if it cannot be read."""
    try:
        found = json.loads(files.read_file(str(place / "kernel.json"), follow=True))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _host_of(spec: Mapping[str, Any]) -> str | None:
    """The host of a kernelspec; None if it is not one of ours."""
    metadata = spec.get("metadata")
    mark = metadata.get(_MARK) if isinstance(metadata, dict) else None
    return str(mark.get("host")) if isinstance(mark, dict) else None
