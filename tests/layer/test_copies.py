"""Copies for editing in the state of a tree: their edits, and new files beside their modules."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from conda_overlay.core.models import HistoryEntry
from conda_overlay.layer.state import note_files, read_state, with_entries
from tests.edits.copies import copied, write
from tests.layer.test_state import SITE


def test_new_files_beside_the_modules_of_a_copy_are_part_of_it(tmp_path: Path) -> None:
    copy = copied(tmp_path)
    before = read_state(tmp_path, SITE, {})
    assert (before.new, note_files(before, before.site)) == ({}, False)
    write(copy, "tool/more.py", "more = 1\n")
    write(copy, "elsewhere.py", "x = 1\n")
    found = read_state(tmp_path, SITE, {})
    assert found.new == {"tool": {copy.below + "tool/more.py"}}
    assert note_files(found, found.site)
    after = read_state(tmp_path, SITE, {}, index=found.index)
    for state in (found, after):
        assert copy.below + "tool/more.py" in state.owned["tool"] & state.edited
        assert copy.below + "elsewhere.py" not in state.owned["tool"]
        assert "+more = 1" in (state.entries["tool"].patch or "")
    assert not note_files(after, after.site)


def test_other_entries_keep_the_edits_that_are_there(tmp_path: Path) -> None:
    copy = copied(tmp_path)
    write(copy, "tool/core.py", "one\n2\nthree\n")
    found = read_state(tmp_path, SITE, {})
    patch = found.entries["tool"].patch
    assert patch and "+2" in patch
    mine = HistoryEntry("1.0", "tool", reason="ticket 7", patch="of another time")
    other = with_entries(found, {"tool": mine, "gone": HistoryEntry("1.0")})
    assert other.entries == {"tool": replace(mine, patch=patch)}
    assert (other.site, other.files, other.edited) == (found.site, found.files, found.edited)
