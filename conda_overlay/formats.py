"""The files that an overlay can be written to, to be repeated elsewhere; and read back from."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from conda_overlay import toml
from conda_overlay.distributions import without_credentials
from conda_overlay.exceptions import OverlayError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FORMAT = 1
"""The version of ``overlay.toml``."""


@dataclass(frozen=True)
class Wanted:
    """What was asked for."""

    requirement: str
    editable: bool = False
    options: tuple[str, ...] = ()
    reason: str | None = None
    intent: str = "fix"
    until: str | None = None


@dataclass(frozen=True)
class Locked:
    """One distribution, exactly."""

    name: str
    version: str
    url: str | None = None
    sha256: str | None = None
    editable: str | None = None
    requested: bool = False
    in_host: bool = False
    """Whether conda has a package of that name in the host."""


@dataclass(frozen=True)
class Document:
    """An overlay, as a file holds it."""

    host: str
    """The name of the environment."""
    python: str
    """Its Python, X.Y.Z."""
    fingerprint: str
    """sha256 of what was installed in it."""
    wanted: tuple[Wanted, ...]
    locked: tuple[Locked, ...]


def overlay_toml(document: Document) -> str:
    """What was asked for, and every distribution with its file and hash."""
    head = {"name": document.host, "python": document.python, "sha256": document.fingerprint}
    locked = []
    for item in document.locked:
        locked.append({k: v for k, v in asdict(item).items() if k != "in_host"})
    wanted = [_without_defaults(asdict(item)) for item in document.wanted]
    return toml.dumps({"format": FORMAT, "host": head, "wanted": wanted, "locked": locked})


def pylock(document: Document) -> str:
    """The lock file of PEP 751, for other tools."""
    minor = ".".join(document.python.split(".")[:2])
    packages = [_pylock_package(item) for item in document.locked]
    return toml.dumps(
        {
            "lock-version": "1.0",
            "requires-python": f"=={minor}.*",
            "created-by": "conda-overlay",
            "packages": packages,
        }
    )


def requirements(document: Document) -> str:
    """A requirements file, with the hash of every file that has one."""
    return "".join(f"{_requirement(item)}\n" for item in document.locked)


def environment_yaml(document: Document) -> str:
    """What the host would need so that the overlay became unnecessary."""
    conda = [i for i in document.locked if i.in_host and not i.editable]
    pip = [i for i in document.locked if not i.in_host and not i.editable]
    lines = [f"name: {document.host}", "dependencies:"]
    lines += [f"  - {item.name}={item.version}" for item in conda]
    if pip:
        lines += ["  - pip", "  - pip:"]
        lines += [f"      - {item.name}=={item.version}" for item in pip]
    lines += [f"  # {item.name} is an editable install of {item.editable}"
              for item in document.locked if item.editable]  # fmt: skip
    return "\n".join(lines) + "\n"


FORMATS: Mapping[str, Callable[[Document], str]] = {
    "overlay.toml": overlay_toml,
    "pylock.toml": pylock,
    "requirements.txt": requirements,
    "environment.yml": environment_yaml,
}
"""Every format by the name of the file that it is usually in."""


def read(text: str, name: str) -> Document:
    """Read an ``overlay.toml`` or a ``pylock.toml``.

    Raises:
        OverlayError: it is neither, or of a newer format.
    """
    try:
        data = tomllib.loads(text)
        if "lock-version" in data:
            return _from_pylock(data)
        if data["format"] > FORMAT:
            raise OverlayError(
                f"{name} was written by a newer version of conda-overlay.",
                "conda update -n base conda-overlay",
                path=name,
            )
        host = data["host"]
        wanted = [Wanted(**{**w, "options": tuple(w.get("options", ()))})
                  for w in data.get("wanted", [])]  # fmt: skip
        locked = [Locked(**item) for item in data.get("locked", [])]
        return Document(host["name"], host["python"], host["sha256"], tuple(wanted), tuple(locked))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise OverlayError(
            f"{name} is neither an overlay.toml nor a pylock.toml: {error}.",
            "conda overlay export -f overlay.toml writes one",
            path=name,
        ) from error


def _without_defaults(wanted: dict[str, Any]) -> dict[str, Any]:
    default = asdict(Wanted(""))
    return {k: v for k, v in wanted.items() if k == "requirement" or v != default[k]}


def _requirement(item: Locked) -> str:
    if item.editable:
        return f"-e {item.editable}"
    digest = f" --hash=sha256:{item.sha256}" if item.sha256 else ""
    return f"{item.name}=={item.version}{digest}"


def _pylock_package(item: Locked) -> dict[str, Any]:
    package: dict[str, Any] = {"name": item.name, "version": item.version}
    if item.editable:
        package["directory"] = {"path": item.editable, "editable": True}
    elif item.url and item.sha256:
        file = {"url": without_credentials(item.url), "hashes": {"sha256": item.sha256}}
        if urlsplit(item.url).path.endswith(".whl"):
            name = PurePosixPath(unquote(urlsplit(item.url).path)).name
            package["wheels"] = [{"name": name, **file}]
        else:
            package["sdist"] = file
    return package


def _from_pylock(data: Mapping[str, Any]) -> Document:
    if not str(data["lock-version"]).startswith("1."):
        raise ValueError(f"lock-version {data['lock-version']} is not known")
    locked = []
    for package in data["packages"]:
        files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        file = files[0] if files else {}
        locked.append(
            Locked(
                name=package["name"],
                version=package["version"],
                url=file.get("url"),
                sha256=file.get("hashes", {}).get("sha256"),
                editable=package.get("directory", {}).get("path"),
                requested=True,
            )
        )
    return Document("", "", "", (), tuple(locked))
