"""RECORD: what it lists after files were added and deleted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from conda_overlay.distributions.record import list_files, owned_files
from conda_overlay.distributions.site import read_distribution
from conda_overlay.filesystem.manifest import digest
from tests.edits.copies import FILES
from tests.layer.test_state import SITE, lay


def test_new_files_are_listed_and_those_that_are_gone_are_not(tmp_path: Path) -> None:
    found = read_distribution(lay(tmp_path, "tool", files=FILES))
    assert found is not None
    before = dict(owned_files(found, found.site) or {})
    (found.site / "tool/core.py").write_text("edited\n")
    (found.site / "top.py").unlink()
    (found.site / "tool/plug.py").write_text("P = 1\n")
    list_files(found, ["tool/core.py", "tool/plug.py", "tool/nowhere.py", "top.py"])
    new = {"tool/plug.py": digest(found.site / "tool/plug.py")}
    rest = {path: sha for path, sha in before.items() if path != "top.py"}
    assert owned_files(found, found.site) == {**rest, **new}


@pytest.mark.parametrize("left", ["without", "with the same"])
def test_no_record_is_written_without_need(tmp_path: Path, left: str) -> None:
    found = read_distribution(lay(tmp_path, "tool", files=FILES))
    assert found is not None
    record = tmp_path / SITE / "tool-1.0.dist-info/RECORD"
    os.link(record, tmp_path / "cached")  # as conda does
    if left == "without":
        record.unlink()
    list_files(found, ["tool/core.py", *(["tool/plug.py"] if left == "without" else [])])
    assert record.exists() == (left != "without")
    assert (tmp_path / "cached").stat().st_nlink == 1 + record.exists()
