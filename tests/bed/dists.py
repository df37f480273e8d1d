"""Makes wheels, sdists, an index and source trees, without any build tool."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import os
import re
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from email.parser import Parser
from pathlib import Path

Content = str | bytes

_MODULE = '''\
"""The module of {name}."""

__version__ = "{version}"


def main():
    print("{name} {version}")
'''

_BACKEND = '''\
"""A build backend that needs nothing: the wheel is in the sdist already."""

import os
import shutil

_WHEEL = "{wheel}"


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    shutil.copy(os.path.join(os.path.dirname(os.path.abspath(__file__)), _WHEEL), wheel_directory)
    return _WHEEL
'''

_OWN_BACKEND = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""

_PYPROJECT = """\
[build-system]
requires = ["{requirement}"]
build-backend = "{entry}"

[project]
name = "{name}"
version = "{version}"
description = "A project of the test bed"

[project.scripts]
{name} = "{module}:main"

[tool.flit.module]
name = "{module}"
"""

_BACKENDS = {
    "setuptools": ("setuptools>=64", "setuptools.build_meta"),
    "hatchling": ("hatchling", "hatchling.build"),
    "flit_core": ("flit_core>=3.4", "flit_core.buildapi"),
    "pdm.backend": ("pdm-backend", "pdm.backend"),
}


def own_backend(name: str, version: str) -> str:
    """The `pyproject.toml` of a project that is built by the `backend.py` in it."""
    return _OWN_BACKEND + f'[project]\nname = "{name}"\nversion = "{version}"\n'


def wheel(
    directory: Path,
    name: str,
    version: str,
    *,
    requires: Sequence[str] = (),
    extras: Mapping[str, Sequence[str]] | None = None,
    files: Mapping[str, Content] | None = None,
    scripts: Mapping[str, str] | None = None,
    data: Mapping[str, Content] | None = None,
    tag: str = "py3-none-any",
    top_level: str | None = None,
    requires_python: str | None = None,
    executable: Sequence[str] = (),
) -> Path:
    """Write a wheel, as the PyPA's binary distribution format has it.

    Args:
        directory: Where to put it; made if need be.
        name: The name of the distribution.
        version: Its version.
        requires: Requirements.
        extras: Requirements of each extra.
        files: Files by their path in site-packages, besides the module or in its place.
        scripts: Console scripts: `module:function` by name.
        data: Files by their path in `.data`, such as `scripts/tool` or `headers/tool.h`.
        tag: The platforms it is for; one that does not end in `any` makes it a platlib.
        top_level: The module, which has `__version__`, and `main()` that prints name and version;
            `""` for no module, the normalized name if not given.
        requires_python: The Pythons it is for.
        executable: Which of the files are programs.
    """
    label = f"{_normalized(name)}-{version}"
    members: dict[str, Content] = {**_module(name, version, top_level), **(files or {})}
    members.update({f"{label}.data/{path}": content for path, content in (data or {}).items()})
    pure = "true" if tag.endswith("-any") else "false"
    info = f"{label}.dist-info"
    members[f"{info}/METADATA"] = _metadata(name, version, requires, extras or {}, requires_python)
    members[f"{info}/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: bed\nRoot-Is-Purelib: {pure}\nTag: {tag}\n"
    )
    if scripts:
        lines = [f"{command} = {target}\n" for command, target in scripts.items()]
        members[f"{info}/entry_points.txt"] = "[console_scripts]\n" + "".join(lines)
    members[f"{info}/RECORD"] = "".join(map(_recorded, members.items())) + f"{info}/RECORD,,\n"
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{label}-{tag}.whl"
    new = path.with_suffix(f".{os.getpid()}")  # other tests may be reading the same one
    with zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members.items():
            # The time is fixed, so that the same arguments make the same bytes.
            header = zipfile.ZipInfo(member, (2020, 1, 1, 0, 0, 0))
            header.external_attr = (
                0o100755 if ".data/scripts/" in member or member in executable else 0o100644
            ) << 16
            archive.writestr(header, content)
    return new.replace(path)


def sdist(
    directory: Path,
    name: str,
    version: str,
    *,
    pyproject: str | None = None,
    setup_py: str | None = None,
    requires: Sequence[str] = (),
    files: Mapping[str, Content] | None = None,
    backend: str | None = None,
) -> Path:
    """Write an sdist.

    Given none of `pyproject`, `setup_py` and `backend`, it brings a backend, and builds offline.

    Args:
        directory: Where to put it; made if need be.
        name: The name of the distribution.
        version: Its version.
        pyproject: The text of `pyproject.toml`.
        setup_py: The text of `setup.py`.
        requires: Requirements, of the metadata and of what the own backend builds.
        files: Files by their path in the sdist, besides the module or in its place.
        backend: The text of a build backend that is in the sdist.
    """
    directory.mkdir(parents=True, exist_ok=True)
    label = f"{_normalized(name)}-{version}"
    members: dict[str, Content] = {"PKG-INFO": _metadata(name, version, requires, {}, None)}
    members.update({**_module(name, version, None), **(files or {})})
    if backend is not None:
        members["backend.py"] = backend
        pyproject = own_backend(name, version)
    if pyproject is not None:
        members["pyproject.toml"] = pyproject
    if setup_py is not None:
        members["setup.py"] = setup_py
    if pyproject is None and setup_py is None:
        built = wheel(directory, name, version, requires=requires, files=files)
        members[built.name] = built.read_bytes()
        built.unlink()
        members["backend.py"] = _BACKEND.format(wheel=built.name)
        members["pyproject.toml"] = _OWN_BACKEND
    path = directory / f"{label}.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for member, content in members.items():
            raw = _bytes(content)
            header = tarfile.TarInfo(f"{label}/{member}")
            header.size = len(raw)
            archive.addfile(header, io.BytesIO(raw))
    return path


def index(directory: Path) -> Path:
    """Write a simple index (PEP 503) over the wheels and sdists of a directory.

    Returns:
        The directory of the index; its `as_uri()` is for `pip --index-url`.
    """
    projects: dict[str, list[Path]] = {}
    for path in sorted([*directory.glob("*.whl"), *directory.glob("*.tar.gz")]):
        projects.setdefault(_normalized(path.name.split("-")[0]).replace("_", "-"), []).append(path)
    simple = directory / "simple"
    _page(simple, [f'<a href="{project}/">{project}</a>' for project in projects])
    for project, paths in projects.items():
        _page(simple / project, [_link(path) for path in paths])
    return simple


def project(
    directory: Path, name: str, version: str, backend: str = "setuptools", layout: str = "flat"
) -> Path:
    """Write a source tree to install in editable mode.

    Args:
        directory: Where to put it; made if need be.
        name: The name of the distribution; its normalized form is the package.
        version: Its version.
        backend: `setuptools`, `hatchling`, `flit_core` or `pdm.backend`.
        layout: `flat`, or `src` for a package in `src/`.

    Returns:
        The directory.
    """
    requirement, entry = _BACKENDS[backend]
    module = _normalized(name)
    files: dict[str, Content] = {
        "pyproject.toml": _PYPROJECT.format(
            requirement=requirement, entry=entry, name=name, version=version, module=module
        )
    }
    source = "src/" if layout == "src" else ""
    files.update(
        {f"{source}{path}": content for path, content in _module(name, version, None).items()}
    )
    for path, content in files.items():
        file = directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(_bytes(content))
    return directory


def _module(name: str, version: str, module: str | None) -> dict[str, Content]:
    module = _normalized(name) if module is None else module
    return {f"{module}/__init__.py": _MODULE.format(name=name, version=version)} if module else {}


def _metadata(
    name: str,
    version: str,
    requires: Sequence[str],
    extras: Mapping[str, Sequence[str]],
    python: str | None,
) -> str:
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {name}",
        f"Version: {version}",
        f"Summary: {name} of the test bed",
    ]
    if python is not None:
        lines.append(f"Requires-Python: {python}")
    lines.extend(f"Requires-Dist: {requirement}" for requirement in requires)
    for extra, requirements in extras.items():
        lines.append(f"Provides-Extra: {extra}")
        lines.extend(
            f"Requires-Dist: {_for_extra(requirement, extra)}" for requirement in requirements
        )
    return "\n".join(lines) + "\n"


def _for_extra(requirement: str, extra: str) -> str:
    requirement, _, marker = requirement.partition(";")
    condition = f'extra == "{extra}"'
    return (
        f"{requirement.strip()} ; ({marker.strip()}) and {condition}"
        if marker
        else f"{requirement} ; {condition}"
    )


def _recorded(member: tuple[str, Content]) -> str:
    path, content = member
    raw = _bytes(content)
    digest = base64.urlsafe_b64encode(hashlib.sha256(raw).digest()).decode().rstrip("=")
    return f"{path},sha256={digest},{len(raw)}\n"


def _page(directory: Path, links: Sequence[str]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    body = "<br>\n".join(links)
    (directory / "index.html").write_text(
        f"<!DOCTYPE html>\n<html><body>\n{body}\n</body></html>\n"
    )


def _link(path: Path) -> str:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    python = _requires_python(path)
    attribute = f' data-requires-python="{html.escape(python)}"' if python else ""
    return f'<a href="../../{path.name}#sha256={digest}"{attribute}>{path.name}</a>'


def _requires_python(path: Path) -> str | None:
    if path.suffix != ".whl":
        return None
    with zipfile.ZipFile(path) as archive:
        metadata = min(
            (n for n in archive.namelist() if n.endswith(".dist-info/METADATA")), key=len
        )
        return Parser().parsestr(archive.read(metadata).decode()).get("Requires-Python")


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()


def _bytes(content: Content) -> bytes:
    return content.encode() if isinstance(content, str) else content
