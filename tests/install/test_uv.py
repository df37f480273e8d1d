"""The setting ``overlay_installer: uv``: uv installs, and nobody sees a difference."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.bed import dists
from tests.bench import Bench

WITH_UV = {"CONDA_PLUGINS_OVERLAY_INSTALLER": "uv"}
WITH_PIP = {"CONDA_PLUGINS_OVERLAY_INSTALLER": "pip"}

OWN = ("INSTALLER",)
"""Files that differ."""


@pytest.fixture
def index(wheels: Path, links: Path) -> Path:
    """A directory with the test's own wheels, and an index over them."""
    shutil.copytree(wheels, links, dirs_exist_ok=True)
    return dists.index(links)


def by_uv(bench: Bench, index: Path) -> Bench:
    environ = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": index.as_uri()}
    return replace(bench, environ={**environ, **WITH_UV})


@pytest.fixture
def fast(quick: Bench, index: Path) -> Bench:
    return by_uv(quick, index)


def installer(bench: Bench, name: str) -> str:
    """The program that has installed a distribution."""
    [info] = bench.site.glob(f"{name}-*.dist-info")
    return (info / "INSTALLER").read_text().strip()


def without_times(record: dict[str, Any]) -> dict[str, Any]:
    """The distributions in a record."""
    found: dict[str, Any] = record["distributions"]
    return {name: {**entry, "since": None} for name, entry in found.items()}


def test_uv_installs_upgrades_and_is_undone_as_pip(bench: Bench, index: Path) -> None:
    seen = []
    fast = by_uv(bench, index)
    slow = replace(fast, environ={**fast.environ, **WITH_PIP})
    for name, one in (("pip", slow), ("uv", fast)):
        one.user.empty_home()
        one.install("new", "alpha==1.5")
        assert installer(one, "new") == name
        assert one.script("new") == "new 1.0"
        first = without_times(one.record())
        one.install("-U", "alpha", "beta")
        assert one.distributions() == ["alpha-2.0", "beta-2.0", "new-1.0"]
        second = without_times(one.record())
        (one.overlay.resolve() / "bin" / "new").unlink()
        one.change("repair")  # by pip, exactly
        assert one.script("new") == "new 1.0"
        one.change("undo", "0")
        assert one.distributions() == []
        seen.append((first, second, one.numbers))
    assert seen[0] == seen[1]


def test_files_and_modes_are_those_of_pip(quick: Bench, fast: Bench, links: Path) -> None:
    scripts = {"scripts/tool.sh": "#!/bin/sh\n", "data/share/tool/a": "", "scripts/t": "#!python\n"}
    dists.wheel(
        links, "tool", "1.0", scripts={"tool": "tool:main"}, data=scripts, files={"tool/x.sh": ""}
    )
    dists.index(links)
    found = []
    for bench in (quick, fast):
        bench.user.empty_home()
        bench.install("tool", env=None if bench is fast else {"PIP_FIND_LINKS": str(links)})
        assert installer(bench, "tool") == ("uv" if bench is fast else "pip")
        assert bench.script("tool") == "tool 1.0"
        tree = bench.overlay.resolve()
        paths = [path for path in tree.rglob("*") if path.name not in OWN and path.suffix != ".pyc"]
        found.append({str(path.relative_to(tree)): oct(path.lstat().st_mode) for path in paths})
    assert found[0] == found[1]


def test_reason_why_pip_installs_is_shown_with_v(fast: Bench) -> None:
    said = fast.try_install("--yes", "-v", "--no-deps", "alpha==1.5")
    assert "pip installs: uv has no equivalent of --no-deps" in said.stdout + said.stderr
    assert installer(fast, "alpha") == "pip"
    assert "pip installs" not in fast.install("--pre", "alpha==2.0", "beta")


def test_setting_takes_two_values(quick: Bench) -> None:
    said = quick.try_install("--yes", "new", env={"CONDA_PLUGINS_OVERLAY_INSTALLER": "mamba"})
    assert said.returncode == 1
    assert "neither pip nor uv" in said.stderr
    assert "Traceback" not in said.stderr
