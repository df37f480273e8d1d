"""Makes conda packages and the channel that serves them from a local directory.

The formats are those of conda's package specification, version 1 (`.tar.bz2`, `info/paths.json`),
and `repodata.json`.
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import sys
import tarfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PLACEHOLDER = "/conda-overlay-bed".ljust(255, "_")
"""Text that conda replaces by the path of the prefix in the files of a package.

As long as conda-build's: in a binary, the path that takes its place can be no longer.
"""

_NOARCH = {"subdir": "noarch", "noarch": "python", "arch": None, "platform": None}
_MACHINES = {"x86_64": "64", "aarch64": "aarch64", "arm64": "arm64", "ppc64le": "ppc64le"}


def subdir() -> str:
    """Return conda's name of this platform, such as `linux-64`."""
    system = "osx" if sys.platform == "darwin" else "linux"
    return f"{system}-{_MACHINES.get(platform.machine(), platform.machine())}"


def pack(
    tree: Path,
    channel: Path,
    *,
    name: str,
    version: str,
    build: str = "0",
    depends: Sequence[str] = (),
    entry_points: Sequence[str] | None = None,
) -> Path:
    """Write the files of a tree into a channel as a conda package.

    `index` then makes the package known. One with entry points, which may be none, is a noarch
    one of Python modules.

    Returns:
        The package.
    """
    files = sorted(path for path in tree.rglob("*") if path.is_symlink() or path.is_file())
    entries = [_entry(path, path.relative_to(tree)) for path in files]
    index = {
        "name": name,
        "version": version,
        "build": build,
        "build_number": 0,
        "depends": list(depends),
        "subdir": subdir(),
        "arch": platform.machine(),
        "platform": subdir().partition("-")[0],
        **({} if entry_points is None else _NOARCH),
        "license": "see the files",
        "timestamp": int(time.time() * 1000),
    }
    info: dict[str, str] = {
        "info/index.json": json.dumps(index, indent=2),
        "info/paths.json": json.dumps({"paths": entries, "paths_version": 1}, indent=2),
        "info/files": "".join(f"{entry['_path']}\n" for entry in entries),
        "info/about.json": json.dumps(
            {"summary": f"{name}, packed by the test bed of conda-overlay"}
        ),
    }
    if entry_points is not None:
        link = {"noarch": {"type": "python", "entry_points": [*entry_points]}}
        info["info/link.json"] = json.dumps({**link, "package_metadata_version": 1})
    package = channel / str(index["subdir"]) / f"{name}-{version}-{build}.tar.bz2"
    package.parent.mkdir(parents=True, exist_ok=True)
    # The metadata comes first, so that reading it does not decompress the rest.
    with tarfile.open(package, "w:bz2", compresslevel=1) as archive:
        for member, text in info.items():
            content = text.encode()
            header = tarfile.TarInfo(member)
            header.size, header.mtime = len(content), int(time.time())
            archive.addfile(header, io.BytesIO(content))
        for path in files:
            archive.add(path, str(path.relative_to(tree)), filter=_by_root)
    return package


def index(channel: Path) -> None:
    """Write the `repodata.json` of every platform of a channel."""
    for platform_dir in (subdir(), "noarch"):
        directory = channel / platform_dir
        directory.mkdir(parents=True, exist_ok=True)
        repodata = {
            "info": {"subdir": platform_dir},
            "packages": {
                package.name: _record(package) for package in sorted(directory.glob("*.tar.bz2"))
            },
            "packages.conda": {},
            "repodata_version": 1,
        }
        (directory / "repodata.json").write_text(json.dumps(repodata, indent=2))


def _entry(path: Path, relative: Path) -> dict[str, Any]:
    content = path.read_bytes()
    entry: dict[str, Any] = {
        "_path": relative.as_posix(),
        "path_type": "softlink" if path.is_symlink() else "hardlink",
        "sha256": hashlib.sha256(content).hexdigest(),
        "size_in_bytes": len(content),
    }
    if PLACEHOLDER.encode() in content:
        mode = "binary" if b"\0" in content else "text"
        entry.update(prefix_placeholder=PLACEHOLDER, file_mode=mode)
    return entry


def _by_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member


def _record(package: Path) -> dict[str, Any]:
    with tarfile.open(package) as archive:
        metadata = archive.extractfile("info/index.json")
        assert metadata is not None
        record: dict[str, Any] = json.load(metadata)
    content = package.read_bytes()
    record.update(
        md5=hashlib.md5(content).hexdigest(),
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
    )
    return record
