"""The edits of a copy: as a patch, counted, taken back, and made again."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conda_overlay.core.errors import OverlayError
from conda_overlay.core.models import Distribution
from conda_overlay.distributions.record import read_record
from conda_overlay.edits import unified_diff
from conda_overlay.edits.originals import added_files, files_of, note_files
from conda_overlay.edits.patch import (
    NO_TEXT,
    Edit,
    edits_of,
    parts_of,
    patch_of,
    restore,
    revert,
    start_again,
    summary,
    unified,
)
from conda_overlay.filesystem.manifest import take_manifest
from tests.edits.copies import FILES, copied, texts, write

CORE = FILES["tool/core.py"]

PATCH = """\
diff --git a/tool/core.py b/tool/core.py
--- a/tool/core.py
+++ b/tool/core.py
@@ -1,3 +1,3 @@
 one
-two
+TWO
 three
"""


@pytest.fixture
def copy(tmp_path: Path) -> Distribution:
    return copied(tmp_path / "tree", binary={"tool/fast.so": b"\x7fELF\0"})


def edit(copy: Distribution, name: str, content: str | bytes | None) -> None:
    """Edit, add or remove a file, and record it as a command does."""
    if content is None:
        (copy.site / name).unlink()
    else:
        write(copy, name, content)
    names = {path for path, *_ in read_record(copy.path) or ()}
    note_files(copy, names - {name} if content is None else names | {name})


def apply(copy: Distribution, patch: str) -> list[str]:
    """Apply a recorded patch to a copy."""
    parts = parts_of(copy, patch, files_of(copy) or set())
    return unified_diff.apply_parts(copy.site, parts, 1, reverse=False)


# -- found


def test_copy_that_nobody_has_edited_has_no_edits(copy: Distribution) -> None:
    assert edits_of(copy) == []
    assert patch_of(copy) == ""
    assert summary(copy) == []
    assert not revert(copy)
    assert not start_again(copy)


def test_changed_added_and_removed_files_are_edits(copy: Distribution) -> None:
    edit(copy, "tool/core.py", "one\nTWO\nthree\n")
    edit(copy, "tool/new.py", "new\n")
    edit(copy, "top.py", None)
    write(copy, "tool/unknown.py", "not recorded\n")
    assert edits_of(copy) == [
        Edit("tool/core.py", CORE, "one\nTWO\nthree\n"),
        Edit("tool/new.py", None, "new\n"),
        Edit("top.py", FILES["top.py"], None),
    ]
    assert Edit("tool/unknown.py", None, "not recorded\n") in edits_of(copy, ["tool/unknown.py"])


def test_files_that_are_known_to_be_unchanged_are_not_read(copy: Distribution) -> None:
    edit(copy, "tool/core.py", "changed\n")
    assert edits_of(copy, unchanged={"tool/core.py"}) == []


def test_file_that_became_something_other_than_text_is_no_edit_that_a_patch_can_hold(
    copy: Distribution,
) -> None:
    write(copy, "tool/core.py", b"\0\0")
    assert edits_of(copy) == []
    assert patch_of(copy, ["tool/core.py"]) == f"{NO_TEXT}tool/core.py\n"


def test_edits_of_a_copy_without_originals_are_unknown(copy: Distribution) -> None:
    write(copy, "tool/core.py", "changed\n")
    (copy.path / "originals.zip").write_bytes(b"damaged")
    assert edits_of(copy) == []
    assert not revert(copy)
    assert (copy.site / "tool/core.py").read_text() == "changed\n"


# -- as a patch


def test_patch_is_what_git_writes(copy: Distribution) -> None:
    edit(copy, "tool/core.py", "one\nTWO\nthree\n")
    assert patch_of(copy) == PATCH


def test_patch_says_which_files_are_added_and_removed(copy: Distribution) -> None:
    edit(copy, "tool/new.py", "new\n")
    edit(copy, "top.py", None)
    assert patch_of(copy) == (
        "diff --git a/tool/new.py b/tool/new.py\n"
        "new file mode 100644\n"
        "--- /dev/null\n+++ b/tool/new.py\n@@ -0,0 +1 @@\n+new\n"
        "diff --git a/top.py b/top.py\n"
        "deleted file mode 100644\n"
        "--- a/top.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-x = 1\n"
    )


def test_patch_notes_a_missing_newline_at_the_end(copy: Distribution) -> None:
    edit(copy, "top.py", "x = 2")
    assert patch_of(copy).splitlines()[-3:] == [
        *("-x = 1", "+x = 2", "\\ No newline at end of file"),
    ]


def test_patch_names_in_comments_the_edited_files_that_are_not_text(copy: Distribution) -> None:
    edit(copy, "tool/core.py", "one\nTWO\nthree\n")
    edited = ["tool/fast.so", "tool/core.py", "tool/b\x1b[1m.so"]
    found = patch_of(copy, edited)
    assert found == f"{PATCH}{NO_TEXT}tool/b\\x1b[1m.so\n{NO_TEXT}tool/fast.so\n"


def test_patch_that_would_be_too_long_names_the_files_alone(tmp_path: Path) -> None:
    names = [f"tool/{number}.py" for number in range(6)]
    copy = copied(tmp_path, {"tool/__init__.py": "", **dict.fromkeys(names, "x\n")})
    for name in names:
        write(copy, name, "y" * (1 << 20))
    assert patch_of(copy, names) == "".join(f"{NO_TEXT}{name}\n" for name in names)


def test_labels_of_a_diff_are_for_people_and_a_blank_in_a_name_ends_with_a_tab() -> None:
    found = [*unified(("a b", "a b"), ("1\n", "2\n"))]
    assert found[1:3] == ["--- a/a b\t\n", "+++ b/a b\t\n"]
    found = [*unified(("x", "y"), ("1\n", "2\n"), ("host", "overlay"))]
    assert found[:2] == ["--- a/x\thost\n", "+++ b/y\toverlay\n"]


def test_summary_counts_the_lines_of_each_file(copy: Distribution) -> None:
    edit(copy, "tool/core.py", "one\nTWO\n")
    edit(copy, "tool/new.py", "1\n2\n3\n")
    edit(copy, "top.py", None)
    write(copy, "tool/fast.so", b"\0")
    assert summary(copy, ["tool/fast.so", "tool/core.py"]) == [
        *("core.py +1 -2", "new.py +3 -0", "top.py +0 -1", "fast.so"),
    ]


@pytest.mark.parametrize(("text", "others"), [(12, 0), (8, 4), (10, 1), (0, 12)])
def test_summary_of_many_files_names_ten_and_counts_the_others(
    copy: Distribution, text: int, others: int
) -> None:
    for number in range(text):
        edit(copy, f"tool/new{number:02}.py", "x\n")
    found = summary(copy, [f"tool/lib{number:02}.so" for number in range(others)])
    assert len(found) == 11
    assert found[-1] == f"{text + others - 10} more"


# -- taken back


def test_reverted_copy_is_as_it_was_made(copy: Distribution) -> None:
    before = texts(copy)
    edit(copy, "tool/core.py", "changed\n")
    edit(copy, "tool/sub/new.py", "new\n")
    edit(copy, "top.py", None)
    assert revert(copy)
    assert texts(copy) == before
    assert edits_of(copy) == []


def test_reverted_file_is_a_new_one_since_older_trees_may_share_it(copy: Distribution) -> None:
    edit(copy, "tool/core.py", "changed\n")
    shared = copy.site.parent / "older"
    shared.hardlink_to(copy.site / "tool/core.py")
    assert revert(copy)
    assert shared.read_text() == "changed\n"


def test_copy_that_starts_again_forgets_its_added_files(copy: Distribution) -> None:
    before, rows = texts(copy), sorted(read_record(copy.path) or ())
    edit(copy, "tool/core.py", "changed\n")
    edit(copy, "tool/new.py", "new\n")
    edit(copy, "tool/more.so", b"\0")
    edit(copy, "top.py", None)
    assert start_again(copy)
    assert texts(copy) == before
    assert added_files(copy) == []
    assert sorted(read_record(copy.path) or ()) == rows


def test_copy_with_nothing_but_an_added_file_starts_again_too(copy: Distribution) -> None:
    edit(copy, "tool/more.so", b"\0")
    assert start_again(copy)
    assert not (copy.site / "tool/more.so").exists()


# -- made again


def test_recorded_edits_are_restored_after_others_in_place(copy: Distribution) -> None:
    edit(copy, "tool/core.py", "one\nTWO\nthree\n")
    patch, recorded = patch_of(copy), take_manifest(copy.prefix)
    before = texts(copy)
    write(copy, "tool/core.py", "in place\n")
    write(copy, "tool/added.py", "in place\n")
    (copy.site / "top.py").unlink()
    assert restore({"tool": copy}, {"tool": patch}, recorded) == []
    assert texts(copy) == before


def test_text_files_are_restored_behind_a_link_and_below_a_directory(copy: Distribution) -> None:
    """Although what the link leads to is the same."""
    edit(copy, "tool/core.py", None)
    edit(copy, "tool/core.py/x.py", "in a directory\n")
    write(copy, "tool/core.py/x.bin", b"\0")
    patch, recorded = patch_of(copy), take_manifest(copy.prefix)
    before = texts(copy)
    (copy.site / "tool/data").rename(copy.site / "data")
    (copy.site / "tool/data").symlink_to("../data")
    write(copy, "top.py", "in place\n")
    assert restore({"tool": copy}, {"tool": patch}, recorded) == []
    assert {name: text for name, text in texts(copy).items() if name[:5] != "data/"} == before
    assert not (copy.site / "tool/data").is_symlink()
    shutil.rmtree(copy.site / "tool/core.py")
    write(copy, "tool/core.py", "in place\n")
    assert restore({"tool": copy}, {"tool": patch}, recorded) == []
    assert (copy.site / "tool/core.py/x.py").read_text() == "in a directory\n"


def test_file_that_is_as_recorded_keeps_its_permissions(copy: Distribution) -> None:
    """Because revisions share it."""
    edit(copy, "tool/new.py", "new\n")
    (copy.site / "tool/new.py").chmod(0o444)
    patch = patch_of(copy)
    write(copy, "top.py", "in place\n")
    assert restore({"tool": copy}, {"tool": patch}, None) == []
    assert (copy.site / "tool/new.py").stat().st_mode & 0o777 == 0o444


def test_file_that_belongs_to_no_copy_is_not_taken_away(copy: Distribution) -> None:
    recorded = take_manifest(copy.prefix)
    write(copy, "other/mine.py", "mine\n")
    write(copy, "tool/core.py~", "of an editor\n")
    assert restore({"tool": copy}, {"tool": ""}, recorded) == []
    assert {"other/mine.py", "tool/core.py~"} <= texts(copy).keys()


def test_copy_without_recorded_edits_is_left_alone(copy: Distribution) -> None:
    write(copy, "tool/core.py", "in place\n")
    assert restore({"tool": copy}, {"tool": None}, None) == []
    assert restore({"tool": copy}, {}, None) == []
    assert (copy.site / "tool/core.py").read_text() == "in place\n"


def test_without_a_manifest_new_files_stay(copy: Distribution) -> None:
    write(copy, "tool/added.py", "in place\n")
    write(copy, "tool/core.py", "in place\n")
    assert restore({"tool": copy}, {"tool": PATCH}, None) == []
    assert (copy.site / "tool/core.py").read_text() == "one\nTWO\nthree\n"
    assert (copy.site / "tool/added.py").exists()


def test_comments_of_a_patch_are_no_reason_to_restore_it(copy: Distribution) -> None:
    edit(copy, "tool/core.py", "one\nTWO\nthree\n")
    inode = (copy.site / "tool/core.py").stat().st_ino
    assert restore({"tool": copy}, {"tool": f"{PATCH}{NO_TEXT}tool/fast.so\n"}, None) == []
    assert (copy.site / "tool/core.py").stat().st_ino == inode


def test_edits_that_do_not_apply_are_told(copy: Distribution) -> None:
    bad = PATCH.replace("-two", "-zwei")
    assert restore({"tool": copy}, {"tool": bad}, None)[:2] == [
        "tool/core.py, line 1: the patch expects",
        "    one",
    ]


@pytest.mark.parametrize("name", ["other/core.py", "tool-1.0.dist-info/METADATA", "mine.pth"])
def test_recorded_patch_of_another_file_is_refused(copy: Distribution, name: str) -> None:
    patch = PATCH + PATCH.replace("tool/core.py", name)
    with pytest.raises(OverlayError, match="change files that are not its own") as caught:
        parts_of(copy, patch, files_of(copy) or set())
    assert name in str(caught.value)


def test_patch_of_comments_alone_has_no_parts(copy: Distribution) -> None:
    assert parts_of(copy, f"{NO_TEXT}tool/fast.so\n", set()) == []


ENDS = st.sampled_from(("\n", "\r\n", "\r", "\f", "\x85", "\u2028", ""))
LINES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5)
TEXTS = st.lists(st.tuples(LINES, ENDS).map("".join), max_size=6).map("".join)
NAMES = st.sampled_from(
    ("tool/a.py", "tool/b c.txt", "tool/sub/\u00fc.py", "tool/a.py.d/x", "t.py")
)
MAKE = st.dictionaries(NAMES, TEXTS)


@settings(deadline=None, max_examples=15)
@given(MAKE, MAKE)
def test_patch_of_any_edits_makes_the_same_files_again(
    before: dict[str, str], after: dict[str, str]
) -> None:
    before = {"tool/__init__.py": "", "t.py": "", **before}
    after = {"tool/__init__.py": "", **after}
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        mine, theirs = copied(Path(one), before), copied(Path(other), before)
        for name in before.keys() | after.keys():
            if before.get(name) != after.get(name):
                edit(mine, name, after.get(name))
        patch = patch_of(mine)
        assert apply(theirs, patch) == []
        assert texts(theirs) == texts(mine)
        note_files(theirs, files_of(mine) or ())
        assert patch_of(theirs) == patch
        assert revert(theirs) is bool(patch)
        assert texts(theirs).items() == before.items()


def test_a_file_that_is_rewritten_has_no_bytecode_of_its_other_text(copy: Distribution) -> None:
    """Of the same size, and in the same second, Python would take one for the other."""
    old, new = copy.site / "tool/core.py", CORE.replace("two", "TWO")
    patch = {"tool": patch_of(copy)}
    cached = [old.parent / f"__pycache__/{name}.cpython-312.pyc" for name in ("core", "core2")]

    def compiled() -> None:
        for path in cached:
            path.parent.mkdir(exist_ok=True)
            path.touch()

    edit(copy, "tool/core.py", new)
    compiled()
    assert restore({"tool": copy}, patch, None) == [] and old.read_text() == CORE
    assert [path.exists() for path in cached] == [False, True]
    compiled()
    parts = parts_of(copy, PATCH, {"tool/core.py"})
    assert (
        unified_diff.apply_parts(copy.site, parts, 1, reverse=False) == []
        and old.read_text() == new
    )
    assert [path.exists() for path in cached] == [False, True]
