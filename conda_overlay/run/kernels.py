"""Jupyter kernels that start in an activated host with its overlay."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from conda_overlay.activation import files
from conda_overlay.core.errors import OverlayError, UsageError
from conda_overlay.distributions import dependencies
from conda_overlay.filesystem.atomic import replace_file
from conda_overlay.host.host import Host
from conda_overlay.host.user_site import read_user_site
from conda_overlay.layer.stack import Stack

_MARK = "conda_overlay"
"""The key in the metadata of a kernelspec that marks it as ours."""

_RUN = ("overlay", "run")
"""The words behind conda in the command of a kernelspec."""

_WHERE = ("-p", "--prefix", "-n", "--name")
"""The options of a run that name the environment."""

_PYTHON = re.compile(r"/(.*/)?python[\d.]*")
_FLAGS = re.compile(r"^-[A-VYZa-z]+$")
"""Options of Python without a value; I and E keep it from seeing an overlay."""

_LAUNCHER = ("python", "-m", "ipykernel_launcher", "-f", "{connection_file}")
"""The command without the overlay."""


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
        return Path(os.path.abspath(data)) / "kernels"
    share = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(os.path.abspath(share)) / "jupyter" / "kernels"


def install_kernel(
    stack: Stack, name: str | None = None, display_name: str | None = None, force: bool = False
) -> Path:
    """Write a kernelspec that starts the host's Python through ``conda overlay run``.

    In a kernelspec that starts the host's Python, with its overlay or without, the user's additions
    stay.

    Args:
        stack: the layers of the host.
        name: of the kernel; by default made from the name of the host.
        display_name: the name that notebooks show.
        force: replace another kernel of that name, a command that starts something else, or a link.

    Raises:
        UsageError: the name is not valid for Jupyter.
        OverlayError: there is no ipykernel; or there is, without `force`, something to replace.
    """
    host = stack.host
    name = name or "overlay-" + re.sub(r"[^a-z0-9._-]", "-", host.name.lower())
    place = _place(name)
    if not _has_ipykernel(stack):
        sentence = f"Neither {host.prefix} nor its overlay has ipykernel."
        raise OverlayError(sentence, f"conda overlay install -p {host.prefix} ipykernel")
    old = _spec(place)
    same = _host_of(old) == str(host.prefix)
    if os.path.lexists(place) and not same and not force:
        sentence = f"The kernel {name.lower()} already exists, and {_other(old, host)}."
        raise OverlayError(sentence, "choose another --kernel-name, or --force", path=str(place))
    if not same and _bare_prefix(old) != str(host.real):
        old = {}
    spec = _through_overlay(old, host)
    words = _words(old)
    if words and not _started_by([], words) and not force:
        sentence = f"The kernel {name.lower()} starts {words[0]}, which may not have the overlay."
        raise OverlayError(sentence, "--force replaces its command", path=str(place))
    if display_name:
        spec["display_name"] = display_name
    if spec == old:
        return place
    link = next((path for path in (place, place / "kernel.json") if path.is_symlink()), None)
    if link and not force:
        sentence = f"{link} is a link to {os.readlink(link)}, where this does not write."
        hint = "choose another --kernel-name, or --force to replace the link"
        raise OverlayError(sentence, hint, path=str(link))
    if place.is_symlink() or place.is_file():
        place.unlink()
    place.mkdir(parents=True, exist_ok=True)
    replace_file(place / "kernel.json", json.dumps(spec, indent=1).encode())
    return place


def _other(old: Mapping[str, Any], host: Host) -> str:
    """Describe a kernelspec that is not one of ours for a host."""
    if _host_of(old) is not None:
        return f"is not that of {host.prefix}"
    if _bare_prefix(old) == str(host.real):
        return f"starts the Python of {host.prefix} without the overlay"
    return "was not installed by conda overlay"


def without_overlay(stack: Stack) -> list[Kernel]:
    """The user's kernels that start a host's Python without its overlay, and could with it."""
    found = []
    for place in _places():
        spec = _spec(place)
        if _host_of(spec) is None and _bare_prefix(spec) == str(stack.host.real):
            prefix = os.path.dirname(os.path.dirname(_words(spec)[0]))
            found.append(Kernel(place.name, str(spec.get("display_name")), prefix))
    return found if found and _has_ipykernel(stack) else []


def _has_ipykernel(stack: Stack) -> bool:
    """Whether a host has it with its overlay, or ``~/.local`` if its Python sees that, too."""
    view = dependencies.effective(*stack.read_layers(), stack.host.distributions)
    hides = stack.settings.overlay_hide_user_site
    return "ipykernel" in view or (not hides and "ipykernel" in read_user_site(stack.host))


def _bare_prefix(spec: Mapping[str, Any]) -> str | None:
    """The real prefix whose Python a kernelspec starts directly; None if it does not."""
    words = _words(spec)
    start = words[: words.index("ipykernel_launcher")] if "ipykernel_launcher" in words else [""]
    # Of another program, such as conda, this is no Python; behind a file, another may start.
    files = [w for before, w in pairwise(start) if w[:1] != "-" and before not in ("-X", "-W")]
    is_python = _PYTHON.fullmatch(start[0]) and not files
    return os.path.realpath(os.path.dirname(os.path.dirname(words[0]))) if is_python else None


def _through_overlay(old: Mapping[str, Any], host: Host) -> dict[str, Any]:
    """A kernelspec that starts a host with its overlay, with the additions in an old one."""
    conda = str(Path(sys.executable).with_name("conda"))
    start = [conda, *_RUN, "-p", str(host.prefix)]
    metadata = old.get("metadata")
    more = metadata if isinstance(metadata, dict) else {"debugger": True}
    return {
        "language": "python",
        "interrupt_mode": "signal",
        "display_name": f"{host.name} (overlay)",
        **old,
        "argv": _started_by(start, _words(old)) or _started_by(start, _LAUNCHER),
        "metadata": {**more, _MARK: {"host": str(host.prefix)}},
    }


def _started_by(start: Sequence[str], words: Sequence[str]) -> list[str]:
    """The command of a kernelspec with another start: that of the run in it, or of its Python.

    The words around that stay, as do the other options of the run. Empty if there is neither.
    """
    for place in range(1, len(words) - 1):
        if tuple(words[place : place + 2]) == _RUN:
            first = _start_of_conda(words[:place])
            return [*words[:first], *start, *_with_overlay(words[place + 2 :])]
    for place, word in enumerate(words):
        if os.path.basename(word).startswith("python") and "ipykernel_launcher" in words[place:]:
            module = words.index("ipykernel_launcher", place)
            options = [_FLAGS.sub(_without_isolation, word) for word in words[place + 1 : module]]
            kept = [*filter(None, options), *words[module:]]
            return [*words[:place], *start, "--", "python", *kept]
    return []


def _without_isolation(flags: re.Match[str]) -> str:
    return re.sub("[IE]", "", flags[0]).removesuffix("-")


def _start_of_conda(words: Sequence[str]) -> int:
    """Where conda, or Python with ``-m conda``, is among the words in front of ``overlay``."""
    for place in reversed(range(len(words))):
        name = os.path.basename(words[place])
        as_module = name.startswith("python") and "-m" in words[place:]
        if as_module or (name == "conda" and words[place - 1 : place] != ["-m"]):
            return place
    return len(words) - 1


def _with_overlay(words: Sequence[str]) -> list[str]:
    """The words behind ``conda overlay run``, without its environment and ``--no-overlay``."""
    kept: list[str] = []
    rest = [*words]
    while rest and rest[0].startswith("-") and rest[0] != "--":
        option = rest[: 2 if rest[0] in (*_WHERE, "--with") else 1]
        del rest[: len(option)]
        if not re.match(r"--(prefix|name)(=|$)|-[pn]|--no-overlay$", option[0]):
            kept += option
    return [*kept, *rest]


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


def _words(spec: Mapping[str, Any]) -> list[str]:
    """The command of a kernelspec; empty if it is none."""
    argv = spec.get("argv")
    words = argv if isinstance(argv, list) else []
    return words if all(isinstance(word, str) for word in words) else []


def _host_of(spec: Mapping[str, Any]) -> str | None:
    """The host of a kernelspec; None if it is not one of ours."""
    metadata = spec.get("metadata")
    mark = metadata.get(_MARK) if isinstance(metadata, dict) else None
    return str(mark.get("host")) if isinstance(mark, dict) else None
