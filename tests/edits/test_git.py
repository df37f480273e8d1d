"""Files that git merges."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from conda_overlay.edits import git
from tests.edits.test_unified_diff import CORE, FIXED


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site-packages with ``tool/core.py``."""
    (tmp_path / "tool").mkdir()
    (tmp_path / "tool" / "core.py").write_text(CORE)
    return tmp_path


def test_changes_in_other_lines_are_merged(site: Path) -> None:
    ours = site / "tool" / "core.py"
    ours.write_text(CORE.replace("return 7", "return 77"))
    merged = git.merge(ours, CORE.encode(), FIXED.encode())
    assert merged == (FIXED.replace("return 7", "return 77").encode(), [])
    assert ours.read_text() == CORE.replace("return 7", "return 77"), "the file itself stays"


def test_changes_in_the_same_lines_are_not_merged_and_all_are_told(site: Path) -> None:
    ours = site / "tool" / "core.py"
    ours.write_text(CORE.replace("return 4", "return 'four'").replace("return 8", "return 'eight'"))
    theirs = FIXED.replace("return 8", "return 88")
    assert git.merge(ours, CORE.encode(), theirs.encode()) == (
        None,
        [
            ("    return 'four'\n", "    return 44\n"),
            ("    return 'eight'\n", "    return 88\n"),
        ],
    )
    assert "<<<<" not in ours.read_text()


def test_conflict_in_a_file_with_line_ends_of_dos_is_told(site: Path) -> None:
    ours, dos = site / "tool" / "core.py", CORE.replace("\n", "\r\n")
    ours.write_bytes(dos.replace("return 4", "return 'four'").encode())
    merged = git.merge(ours, dos.encode(), dos.replace("return 4", "return 44").encode())
    assert merged == (None, [("    return 'four'\r\n", "    return 44\r\n")])


def test_file_that_is_not_text_is_not_merged(site: Path) -> None:
    ours = site / "tool" / "core.py"
    ours.write_bytes(b"\0" + os.urandom(8))
    assert git.merge(ours, b"\0one", b"\0two") == (None, [])
