"""A host that is made in a moment: the Python of the tests, in a prefix of its own."""

from __future__ import annotations

import json
import os
import platform
import shlex
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from conda_overlay.host.host import Host
from tests.layer.test_state import SITE, lay

_PYTHON = """\
#!/bin/sh
case $4 in
*markers*) exec cat {prefix}/facts ;;
esac
exec {prefix}/bin/python{version} "$@"
"""
"""Its facts are in a file, because without ``site`` a virtual environment has those of its base."""


def small_host(prefix: Path) -> Host:
    """Make a prefix whose interpreter runs, and has its own, empty site-packages."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    site = prefix / "lib" / f"python{version}" / "site-packages"
    for directory in (prefix / "bin", prefix / "conda-meta", site):
        directory.mkdir(parents=True)
    base = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    (prefix / "bin" / f"python{version}").symlink_to(base)
    (prefix / "pyvenv.cfg").write_text(f"home = {base.parent}\n")
    markers = {"python_version": version, "python_full_version": platform.python_version()}
    abi = sysconfig.get_config_var("SOABI")
    facts = {"site": str(site.relative_to(prefix)), "abi": abi, "markers": markers}
    (prefix / "facts").write_text(json.dumps(facts))
    text = _PYTHON.format(prefix=shlex.quote(str(prefix)), version=version)
    (prefix / "bin" / "python").write_text(text)
    (prefix / "bin" / "python").chmod(0o755)
    return Host(prefix, "small")


def install(
    host: Host,
    prefix: Path,
    name: str,
    version: str = "1.0",
    files: Mapping[str, str] | None = None,
    requires: tuple[str, ...] = (),
) -> Path:
    """Put a distribution into a prefix of the host's layout, and return its site-packages."""
    lay(prefix / "new", name, version, files=files, requires=requires)
    site = prefix / host.site_below_prefix
    for path in (prefix / "new" / SITE).iterdir():
        site.mkdir(parents=True, exist_ok=True)
        os.rename(path, site / path.name)
    return site
