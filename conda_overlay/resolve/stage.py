"""The stage: a throw-away virtual environment that pip resolves and installs into.

Its base is the host, and its path also names the overlay. There pip sees the distributions of the
host and of the overlay, upgrades only the necessary ones, and leaves exactly the difference: it
never uninstalls "outside environment".
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from packaging.utils import canonicalize_name
from packaging.version import Version

from conda_overlay.activation import files
from conda_overlay.core.errors import StateError
from conda_overlay.core.models import Distribution
from conda_overlay.core.redact import without_credentials
from conda_overlay.distributions.dependencies import View, effective
from conda_overlay.distributions.record import clean_origin
from conda_overlay.distributions.site import Site, sha256_of
from conda_overlay.host.host import Host
from conda_overlay.layer import scripts

_EXTRA = re.compile(r"""\bextra\s*==\s*['"]([^'"]+)""")

CONFIGURATION = ("pip.conf", "pip.ini")
"""The files of pip's "site" configuration, which facilities use."""


class Stage:
    """The throw-away virtual environment.

    Attributes:
        root: its directory.
        python: its interpreter, whose path pip writes into the first line of scripts.
        site: its site-packages.
        work: the directory beside it for pip's reports and temporary files.
    """

    def __init__(self, root: Path, host: Host, layers: Mapping[Path, Site]) -> None:
        """Create the stage, without the venv module.

        Args:
            root: a directory that does not exist yet.
            host: the environment below.
            layers: the distributions of the overlays above the host, by site-packages; the first
                wins.

        Raises:
            StateError: a METADATA in one of them would block pip (a pipe) or fill its memory.
        """
        self.root, self.host, self.layers = root, host, layers
        self.python = root / "bin" / "python"
        self.site = root / host.site_below_prefix
        self.work = root.with_suffix(".work")
        for file in (file for site in layers for file in site.glob("*-info/METADATA")):
            if file.exists() and not (file.is_file() and file.stat().st_size <= files.LARGE):
                sentence = f"{file} is not a file that pip can read."
                raise StateError(sentence, shlex.join(["rm", str(file)]), path=str(file))
        self._make()

    def make_anew(self) -> None:
        """Drop what is in it."""
        for directory in (self.root, self.work):
            shutil.rmtree(directory)
        self._make()

    def _make(self) -> None:
        host, root = self.host, self.root
        for directory in (self.site, self.work / "tmp", self.python.parent):
            directory.mkdir(parents=True)
        self.python.symlink_to(host.python)
        home = f"home = {host.prefix / 'bin'}\ninclude-system-site-packages = true\n"
        texts = {
            root / "pyvenv.cfg": home,
            self.site / "_conda_overlay_stage.pth": "".join(f"{site}\n" for site in self.layers),
        }
        for path, text in texts.items():
            path.write_bytes(os.fsencode(text))
        configured = [name for name in CONFIGURATION if (host.prefix / name).exists()]
        for name in configured:
            (root / name).symlink_to(host.prefix / name)
        self._scaffolding = [self.python, *texts, *(root / name for name in configured)]

    @cached_property
    def installed(self) -> View:
        """The distributions that pip sees."""
        return effective(*self.layers.values(), self.host.distributions)

    @contextmanager
    def showing_installed(self) -> Iterator[None]:
        """Show `installed` to uv, which reads only one site-packages: metadata without files."""
        infos = [self._show(one) for one in self.installed.values()]
        yield
        for info in infos:
            if not (info / "WHEEL").exists():  # else it was installed in the same place
                shutil.rmtree(info, ignore_errors=True)

    def _show(self, one: Distribution) -> Path:
        name, version = one.key.replace("-", "_"), Version(one.version)
        info = self.site / f"{name}-{version}.dist-info"
        info.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {one.key}", f"Version: {version}"]
        for text in one.requires:
            lines += (f"Provides-Extra: {extra}" for extra in _EXTRA.findall(text))
            lines.append(f"Requires-Dist: {text}")
        (info / "METADATA").write_text("\n".join([*lines, "", ""]), encoding="utf-8")
        (info / "RECORD").touch()
        return info

    def finish(self, interpreter: Path, staged: Site) -> None:
        """Keep only the files from pip, without credentials; let scripts use an interpreter."""
        written = [self.python, self.host.python]  # by pip and by uv
        scripts.rewrite(self.root, self.site, written, interpreter, new=True)
        for found in (found for same in staged.values() for found in same):
            clean_origin(found.path)
        for path in (*self._scaffolding, self.root / "lib64"):
            path.unlink(missing_ok=True)


class Origin(NamedTuple):
    """Where the file of a distribution is from, by pip's report."""

    url: str | None = None  # without credentials
    sha256: str | None = None
    extras: tuple[str, ...] = ()  # that were requested


def origins(stage: Stage) -> dict[str, Origin]:
    """The origins of distributions, by their normalized names."""
    report = stage.work / "report.json"
    if not report.exists():  # the user's --report names another file
        return {}
    result: dict[str, Origin] = {}
    for item in json.loads(report.read_text(encoding="utf-8"))["install"]:
        download = item["download_info"]
        url = download["url"]
        sha256 = sha256_of(download.get("archive_info", {}))
        key = canonicalize_name(item["metadata"]["name"])
        extras = tuple(item.get("requested_extras", ()))
        result[key] = Origin(without_credentials(url), sha256, extras)
    return result
