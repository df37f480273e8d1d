"""Patches: which files they are for, whether they are made already, and all or nothing of them."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from conda_overlay.core.errors import OverlayError
from conda_overlay.edits import git, unified_diff
from conda_overlay.edits.patch import unified
from conda_overlay.edits.unified_diff import Fit, Part

CORE = "".join(f"def step{n}():\n    return {n}\n\n\n" for n in range(1, 9))
FIXED = CORE.replace("return 4", "return 44")

HUNK = """\
@@ -13,5 +13,5 @@ def step3():
 def step4():
-    return 4
+    return 44
{space}
{space}
 def step5():
""".format(space=" ")  # which a linter would take away

CORE_DIFF = f"--- {{0}}\n+++ {{1}}\n{HUNK}"
"""A plain patch of `tool/core.py`; the names are left open."""


def git_style(name: str, hunk: str = HUNK) -> str:
    """The part of a git-style patch that changes a file."""
    return f"diff --git a/{name} b/{name}\n--- a/{name}\n+++ b/{name}\n{hunk}"


def added(name: str, content: str = "new\n", mode: str = "100644") -> str:
    """The part of a git-style patch that adds a file of one line."""
    head = f"diff --git a/{name} b/{name}\nnew file mode {mode}\n--- /dev/null\n+++ b/{name}\n"
    return f"{head}@@ -0,0 +1 @@\n+{content}"


def removed(name: str, content: str = "old\n") -> str:
    head = f"diff --git a/{name} b/{name}\ndeleted file mode 100644\n--- a/{name}\n+++ /dev/null\n"
    return f"{head}@@ -1 +0,0 @@\n-{content}"


def renamed(old: str, new: str, verb: str = "rename") -> str:
    head = f"diff --git a/{old} b/{new}\nsimilarity index 100%\n"
    return f"{head}{verb} from {old}\n{verb} to {new}\n"


def belongs(path: str) -> bool:
    return path.startswith("tool/")


def fit(patch: str, strip: int | None = None, there: Collection[str] = ("tool/core.py",)) -> Fit:
    return unified_diff.fit(patch.encode(), belongs, strip, there)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site-packages with ``tool/core.py``."""
    site = tmp_path / "site"
    (site / "tool").mkdir(parents=True)
    (site / "tool" / "core.py").write_text(CORE)
    return site


def files(site: Path) -> dict[str, str]:
    """The files of a site-packages and their content."""
    found = (path for path in site.rglob("*") if path.is_file())
    return {str(path.relative_to(site)): path.read_text() for path in found}


def apply(site: Path, patch: str, *, reverse: bool = False) -> list[str]:
    """Apply the parts of a patch that are not there yet; return the lines of what fails."""
    found = fit(patch)
    parts = unified_diff.lacking(site, found.inside, found.strip, reverse=reverse)
    return unified_diff.apply_parts(site, parts, found.strip, reverse=reverse)


# -- which files a patch is for


@pytest.mark.parametrize(
    ("names", "strip"),
    [
        (("tool/core.py", "tool/core.py"), 0),
        (("a/tool/core.py", "b/tool/core.py"), 1),
        (("a/src/tool/core.py", "b/src/tool/core.py"), 2),
        (("/home/me/x/src/tool/core.py", "/home/me/x/src/tool/core.py"), 5),
        (("tool/core.py.orig\t2026-01-01 00:00:00", "tool/core.py\t2026-01-02 00:00:00"), 0),
    ],
)
def test_patch_of_diff_fits_at_the_directories_that_its_names_have_too_many(
    names: tuple[str, str], strip: int
) -> None:
    found = fit(CORE_DIFF.format(*names))
    assert (found.strip, [part.path for part in found.inside]) == (strip, ["tool/core.py"])
    assert found.outside == []


@pytest.mark.parametrize(("above", "strip"), [("", 1), ("src/", 2), ("packages/tool/src/", 4)])
def test_patch_of_git_fits_at_the_directories_that_its_names_have_too_many(
    site: Path, above: str, strip: int
) -> None:
    patch = git_style(f"{above}tool/core.py")
    assert fit(patch).strip == strip
    assert apply(site, patch) == []
    assert (site / "tool" / "core.py").read_text() == FIXED


def test_number_of_directories_that_the_user_names_is_not_searched_for() -> None:
    patch = git_style("src/tool/core.py")
    assert [part.path for part in fit(patch, 2).inside] == ["tool/core.py"]
    assert fit(patch, 1) == Fit(1, [], ["src/tool/core.py"])
    assert fit(patch, 9) == Fit(9, [], ["src/tool/core.py"])


def test_number_that_matches_the_most_files_that_are_there_is_chosen() -> None:
    patch = added("tool/tool/core.py") + git_style("tool/tool/other.py")
    assert fit(patch, there=("tool/core.py", "tool/other.py")).strip == 2
    assert fit(patch, there=("tool/tool/other.py",)).strip == 1


def test_text_around_a_patch_and_between_its_parts_is_no_part_of_it(site: Path) -> None:
    mail = "From: somebody <somebody@localhost>\nSubject: Fix\n---\n tool/core.py | 2 +-\n\n"
    patch = (
        f"{mail}{git_style('tool/core.py')}Index: other\n=====\n{added('tool/new.py')}-- \n2.39\n"
    )
    found = fit(patch)
    assert [part.path for part in found.inside] == ["tool/core.py", "tool/new.py"]
    assert apply(site, patch) == []
    assert files(site) == {"tool/core.py": FIXED, "tool/new.py": "new\n"}


def test_text_around_plain_patches_is_no_part_of_them(site: Path) -> None:
    (site / "tool" / "other.py").write_text("one\n")
    other = "--- tool/other.py\n+++ tool/other.py\n@@ -1 +1 @@\n-one\n+two\n"
    names = ("tool/core.py", "tool/core.py")
    patch = f"Hello,\n--- here it is:\n\n{CORE_DIFF.format(*names)}Only in new: x\n{other}"
    assert apply(site, patch) == []
    assert files(site) == {"tool/core.py": FIXED, "tool/other.py": "two\n"}


def test_files_that_the_patch_may_not_change_are_named() -> None:
    patch = git_style("src/tool/core.py") + git_style("setup.py") + added("tests/test_core.py")
    found = fit(patch)
    assert [part.path for part in found.inside] == ["tool/core.py"]
    assert found.outside == ["setup.py", "tests/test_core.py"]


def test_two_parts_of_one_file_are_one() -> None:
    second = HUNK.replace("13,5", "17,5").replace("step4", "step5").replace(" 4", " 5")
    found = fit(git_style("tool/core.py") + git_style("tool/core.py", second))
    [part] = found.inside
    assert part.text.count(b"diff --git") == 2


def test_name_with_a_blank_or_beyond_ascii_is_found(site: Path) -> None:
    quoted = '"a/tool/\\303\\274ber uns.py"'
    patch = f"diff --git {quoted} {quoted.replace('a/', 'b/', 1)}\nnew file mode 100644\n"
    patch += f"--- /dev/null\n+++ {quoted.replace('a/', 'b/', 1)}\n@@ -0,0 +1 @@\n+new\n"
    assert apply(site, patch) == []
    assert files(site)["tool/\u00fcber uns.py"] == "new\n"


@pytest.mark.parametrize("above", ["", "src/"])
def test_renamed_file_gets_its_new_name(site: Path, above: str) -> None:
    patch = renamed(f"{above}tool/core.py", f"{above}tool/kernel.py")
    assert [part.path for part in fit(patch, there=["tool/core.py"]).inside] == ["tool/kernel.py"]
    assert apply(site, patch) == []
    assert files(site) == {"tool/kernel.py": CORE}


@pytest.mark.parametrize("verb", ["rename", "copy"])
def test_file_from_elsewhere_is_neither_renamed_nor_copied(verb: str) -> None:
    patch = renamed("other/secret.py", "tool/core.py", verb) + git_style("tool/other.py")
    found = fit(patch)
    assert [part.path for part in found.inside] == ["tool/other.py"]
    assert found.outside == ["tool/core.py"]


@pytest.mark.parametrize(
    "text",
    ["", "hello\n", "--- a\n+++ b\n", "diff --git a/x b/x\n", "@@ -1 +1 @@\n-a\n+b\n"],
)
def test_text_that_is_no_patch_is_refused(text: str) -> None:
    with pytest.raises(OverlayError, match="This is not a patch"):
        fit(text)


def test_patch_that_is_cut_short_is_refused() -> None:
    whole = git_style("tool/core.py")
    with pytest.raises(OverlayError, match="This is not a patch"):
        fit(whole[:-20])


@pytest.mark.parametrize(
    "part",
    [
        added("tool/link.py", "/etc/passwd\n\\ No newline at end of file\n", mode="120000"),
        added("tool/vendored", f"Subproject commit {'1' * 40}\n", mode="160000"),
        "diff --git a/tool/core.py b/tool/core.py\nold mode 100644\nnew mode 120000\n",
    ],
    ids=["link", "submodule", "file becomes a link"],
)
def test_patch_that_makes_a_link_or_a_submodule_is_refused(part: str) -> None:
    with pytest.raises(OverlayError, match="creates a link or a submodule"):
        fit(git_style("tool/other.py") + part)


def test_link_outside_of_the_distribution_is_left_out_like_any_other_file() -> None:
    patch = git_style("tool/core.py") + added("docs/link", "x\n", mode="120000")
    assert fit(patch).outside == ["docs/link"]


@pytest.mark.parametrize(
    "hunk",
    [
        "@@ -14 +14 @@\n-    return 4\n+    return 44\n",
        "@@ -14,0 +15 @@\n+    # a comment\n",
        "@@ -14 +13,0 @@\n-    return 4\n",
        f"{HUNK}@@ -30 +30 @@\n-    return 8\n+    return 88\n",
    ],
)
def test_patch_without_context_is_refused(hunk: str) -> None:
    with pytest.raises(OverlayError, match=r"core\.py does not apply: it has no lines around"):
        fit(git_style("tool/core.py", hunk))


def test_patch_of_a_whole_file_needs_no_context(site: Path) -> None:
    (site / "tool" / "one.py").write_text("old\n")
    assert apply(site, git_style("tool/one.py", "@@ -1 +1 @@\n-old\n+new\n")) == []
    assert (site / "tool" / "one.py").read_text() == "new\n"


# -- whether it is made already


@pytest.mark.parametrize(("text", "reverse"), [(FIXED, False), (CORE, True)])
def test_part_that_is_there_already_is_not_lacking(site: Path, text: str, reverse: bool) -> None:
    (site / "tool" / "core.py").write_text(text)
    found = fit(git_style("tool/core.py"))
    assert unified_diff.lacking(site, found.inside, 1, reverse=reverse) == []


@pytest.mark.parametrize(("text", "reverse"), [(CORE, False), (FIXED, True)])
def test_part_that_is_not_there_is_lacking(site: Path, text: str, reverse: bool) -> None:
    (site / "tool" / "core.py").write_text(text)
    found = fit(git_style("tool/core.py"))
    assert unified_diff.lacking(site, found.inside, 1, reverse=reverse) == found.inside


def test_part_that_fits_neither_way_is_lacking_so_that_its_failure_is_told(site: Path) -> None:
    (site / "tool" / "core.py").write_text(CORE.replace("return 4", "return 'four'"))
    found = fit(git_style("tool/core.py"))
    assert unified_diff.lacking(site, found.inside, 1, reverse=False) == found.inside


def test_only_the_parts_that_are_not_there_are_lacking(site: Path) -> None:
    (site / "tool" / "core.py").write_text(FIXED)
    patch = git_style("tool/core.py") + added("tool/new.py")
    assert [p.path for p in unified_diff.lacking(site, fit(patch).inside, 1, reverse=False)] == [
        "tool/new.py"
    ]


def test_part_that_applies_exactly_is_lacking_though_its_reverse_applies_elsewhere(
    site: Path,
) -> None:
    """A neighbour looks as this function will look."""
    (site / "tool" / "core.py").write_text("a\nold\nz\n" + "-\n" * 8 + "a\nnew\nz\n")
    found = fit(git_style("tool/core.py", "@@ -1,3 +1,3 @@\n a\n-old\n+new\n z\n"))
    assert unified_diff.lacking(site, found.inside, 1, reverse=False) == found.inside


def test_part_that_applies_both_ways_elsewhere_is_an_error(site: Path) -> None:
    text = "x\n" * 5 + "a\nold\nz\n" + "-\n" * 8 + "a\nnew\nz\n"
    (site / "tool" / "core.py").write_text(text)
    hunk = "@@ -9,3 +9,3 @@\n a\n-old\n+new\n z\n"
    with pytest.raises(OverlayError, match=r"not clear where in tool/core\.py the patch belongs"):
        unified_diff.lacking(site, fit(git_style("tool/core.py", hunk)).inside, 1, reverse=False)


WITHOUT_LINES = {
    "new": (added("tool/new.py", "").split("---")[0], {}, {"tool/new.py": ""}),
    "gone": (removed("tool/one.py", "").split("---")[0], {"tool/one.py": ""}, {}),
    "rename": (renamed("tool/one.py", "tool/two.py"), {"tool/one.py": "1"}, {"tool/two.py": "1"}),
}


@pytest.mark.parametrize(("patch", "before", "after"), WITHOUT_LINES.values(), ids=WITHOUT_LINES)
@pytest.mark.parametrize("reverse", [False, True])
def test_part_without_lines_is_lacking_until_it_is_made(
    site: Path, patch: str, before: dict[str, str], after: dict[str, str], reverse: bool
) -> None:
    old, new = (after, before) if reverse else (before, after)
    for name, content in old.items():
        (site / name).write_text(content)
    there = ["tool/one.py"]
    parts = fit(patch, there=there).inside
    assert unified_diff.lacking(site, parts, 1, reverse=reverse) == parts
    assert unified_diff.apply_parts(site, parts, 1, reverse=reverse) == []
    assert files(site) == {"tool/core.py": CORE, **new}
    assert unified_diff.lacking(site, parts, 1, reverse=reverse) == []
    assert unified_diff.lacking(site, parts, 1, reverse=not reverse) == parts


@pytest.mark.parametrize("content", ["", "other\n"])
def test_part_that_adds_an_empty_file_is_there_only_if_the_file_is_empty(
    site: Path, content: str
) -> None:
    (site / "tool" / "new.py").write_text(content)
    parts = fit(added("tool/new.py", "").split("---")[0]).inside
    assert unified_diff.lacking(site, parts, 1, reverse=False) == (parts if content else [])


def test_part_that_changes_only_the_mode_is_lacking_until_the_file_has_it(site: Path) -> None:
    head = "diff --git a/tool/core.py b/tool/core.py\n"
    parts = fit(f"{head}old mode 100644\nnew mode 100755\n").inside
    for reverse in (False, True):
        assert unified_diff.lacking(site, parts, 1, reverse=not reverse) == []
        assert unified_diff.lacking(site, parts, 1, reverse=reverse) == parts
        assert unified_diff.apply_parts(site, parts, 1, reverse=reverse) == []


def test_part_without_text_lines_is_there_once_its_bytes_are(site: Path, tmp_path: Path) -> None:
    place, words = tmp_path / "table.bin", ["diff", "--no-index", "--binary", "table.bin", "new"]
    place.write_bytes(b"\0one")
    (tmp_path / "new").write_bytes(b"\0two")
    text = git.run(words, b"", tmp_path).stdout.replace(b"/new", b"/table.bin")
    text = text.replace(b"/table.bin", b"/tool/table.bin")
    (site / "tool" / "table.bin").write_bytes(place.read_bytes())
    parts = unified_diff.fit(text, belongs, 1).inside
    assert unified_diff.lacking(site, parts, 1, reverse=False) == parts
    assert unified_diff.apply_parts(site, parts, 1, reverse=False) == []
    assert unified_diff.lacking(site, parts, 1, reverse=False) == []
    assert unified_diff.lacking(site, parts, 1, reverse=True) == parts


# -- all or nothing


def test_applied_patch_is_taken_back_by_its_reverse(site: Path) -> None:
    (site / "tool" / "gone.py").write_text("old\n")
    before = files(site)
    patch = git_style("tool/core.py") + added("tool/sub/new.py") + removed("tool/gone.py")
    assert apply(site, patch) == []
    assert files(site) == {"tool/core.py": FIXED, "tool/sub/new.py": "new\n"}
    assert apply(site, patch, reverse=True) == []
    assert files(site) == before


def test_patch_that_fails_in_one_file_changes_none(site: Path) -> None:
    (site / "tool" / "other.py").write_text("other\n")
    before = files(site)
    bad = git_style("tool/other.py", "@@ -1 +1 @@\n-one\n+two\n")
    assert apply(site, git_style("tool/core.py") + bad + added("tool/new.py"))
    assert files(site) == before


def test_failure_shows_the_lines_of_the_patch_and_those_of_the_file(site: Path) -> None:
    (site / "tool" / "core.py").write_text(CORE.replace("return 4", "return 'four'"))
    assert apply(site, git_style("tool/core.py")) == [
        "tool/core.py, line 13: the patch expects",
        *("    def step4():", "        return 4", "    ", "    ", "    def step5():"),
        "where the file has",
        *("    def step4():", "        return 'four'", "    ", "    ", "    def step5():"),
    ]


def test_failure_in_two_files_shows_both(site: Path) -> None:
    (site / "tool" / "core.py").write_text("")
    (site / "tool" / "other.py").write_text("other\n")
    bad = git_style("tool/other.py", "@@ -1 +1 @@\n-one\n+two\n")
    lines = apply(site, git_style("tool/core.py") + bad)
    assert [line for line in lines if not line.startswith(" ")] == [
        *("tool/core.py, line 13: the patch expects", "where the file has"),
        *("tool/other.py, line 1: the patch expects", "where the file has"),
    ]
    assert lines[-4:] == [
        "tool/other.py, line 1: the patch expects",
        "    one",
        "where the file has",
        "    other",
    ]
    assert "    (its end)" in lines


@pytest.mark.parametrize(
    "text", [CORE.replace("    ", "\t"), CORE.replace("\n", "\r\n"), CORE.replace(" 4", " 4 ")]
)
def test_failure_by_white_space_alone_is_told(site: Path, text: str) -> None:
    (site / "tool" / "core.py").write_bytes(text.encode())
    assert "where the file has, with other white space or line ends," in apply(
        site, git_style("tool/core.py")
    )


def test_all_hunks_that_fail_are_told_with_the_lines_of_the_untouched_file(site: Path) -> None:
    new = FIXED.replace("return 1", "import os\n    return 1").replace("return 8", "return 88")
    patch = "".join(unified(("tool/core.py",) * 2, (CORE, new)))
    there = CORE.replace("return 4", "return 'four'").replace("return 8", "return 'eight'")
    (site / "tool" / "core.py").write_text(there)
    told = apply(site, patch)
    assert [line for line in told if "return" in line and "'" in line] == [
        "        return 'four'",
        "        return 'eight'",
    ]
    assert files(site) == {"tool/core.py": there}


def test_parts_for_many_files_that_are_not_there_need_no_program_for_each(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = fit("".join(added(f"tool/new{n}.py") for n in range(9)))
    monkeypatch.setenv("PATH", str(site))  # where there is no git
    assert unified_diff.lacking(site, found.inside, 1, reverse=False) == found.inside


def test_patches_of_both_styles_in_one_file_are_one_patch(site: Path) -> None:
    plain = CORE_DIFF.format("a/tool/core.py", "b/tool/core.py")
    for patch in (added("tool/new.py") + plain, plain + added("tool/new.py")):
        assert [part.path for part in sorted(fit(patch).inside)] == ["tool/core.py", "tool/new.py"]
        assert apply(site, patch) == []
        assert files(site) == {"tool/core.py": FIXED, "tool/new.py": "new\n"}
        assert apply(site, patch, reverse=True) == []


ORIGINAL = {f"tool/{name}": CORE for name in ("core.py", "other.py", "old.py", "gone.py")}
ORIGINAL |= {"tool/gone.py": "old\n", "tool/words.sql": "one\n-- a/x\n", "tool/mode.py": ""}
PATCHED = {
    "tool/core.py": FIXED,
    "tool/other.py": FIXED,
    "tool/name.py": CORE,
    "tool/words.sql": "one\n++ b/x\n",
    "tool/mode.py": "",
    "tool/new.py": "new\n",
    "tool/empty.py": "",
    "tool/plain.py": "-- a/tool/x\n",
}
SECTIONS = {
    "tool/core.py": CORE_DIFF.format("a/tool/core.py", "b/tool/core.py"),
    "tool/other.py": git_style("tool/other.py"),
    "tool/new.py": added("tool/new.py"),
    "tool/gone.py": removed("tool/gone.py"),
    "tool/name.py": renamed("tool/old.py", "tool/name.py"),
    "tool/empty.py": "diff --git a/tool/empty.py b/tool/empty.py\nnew file mode 100644\n",
    "tool/mode.py": "diff --git a/tool/mode.py b/tool/mode.py\nold mode 100644\nnew mode 100755\n",
    "tool/plain.py": "--- /dev/null\n+++ b/tool/plain.py\n@@ -0,0 +1 @@\n+-- a/tool/x\n",
    "tool/words.sql": (
        "--- a/tool/words.sql\n+++ b/tool/words.sql\n@@ -1,2 +1,2 @@\n one\n--- a/x\n+++ b/x\n"
    ),
}
"""Sections of both styles by the file that they make; some have no hunk."""


def joined(names: Sequence[str]) -> list[str]:
    """Sections in this order; with a line between those that would be one section to git."""
    texts = [SECTIONS[name] for name in names]
    pairs = zip(texts, [*texts[1:], ""], strict=True)
    apart = ("@@" not in text and after.startswith("---") for text, after in pairs)
    return [text + "diff -u a b\n" * new for text, new in zip(texts, apart, strict=True)]


@pytest.mark.parametrize("first", SECTIONS)
def test_sections_of_both_styles_are_split_in_any_order(first: str) -> None:
    for second in SECTIONS.keys() - {first}:
        texts = joined([first, second])
        found = [(part.path, part.text.decode()) for part in fit("".join(texts), 1).inside]
        assert found == [*zip((first, second), texts, strict=True)]


@pytest.mark.parametrize("seed", range(9))
def test_sections_of_both_styles_apply_in_any_order_whatever_is_there(
    site: Path, seed: int
) -> None:
    chance = random.Random(seed)
    order = chance.sample([*SECTIONS], len(SECTIONS))
    for name, content in ORIGINAL.items():
        (site / name).write_text(content)
    for name in chance.sample(order, 3):
        assert apply(site, SECTIONS[name]) == []
    patch = "".join(joined(order))
    assert apply(site, patch) == []
    assert files(site) == PATCHED
    found = fit(patch)
    assert unified_diff.lacking(site, found.inside, 1, reverse=False) == []
    assert apply(site, patch, reverse=True) == []
    assert files(site) == ORIGINAL


def test_sections_stay_apart_when_those_between_are_there_already(site: Path) -> None:
    (site / "tool/other.py").write_text(FIXED)
    assert apply(site, "".join(joined(["tool/empty.py", "tool/other.py", "tool/core.py"]))) == []
    assert files(site) == {"tool/core.py": FIXED, "tool/other.py": FIXED, "tool/empty.py": ""}


def test_number_of_a_line_that_no_file_has_is_no_crash(site: Path) -> None:
    number = "9" * 5000
    hunk = f"@@ -{number},1 +{number},1 @@\n-    return 4\n+    return 44\n"
    with suppress(OverlayError):  # git may find the line all the same
        apply(site, git_style("tool/core.py", hunk))
    assert files(site).keys() == {"tool/core.py"}


def test_failure_at_a_file_that_is_not_there_is_what_git_says(site: Path) -> None:
    assert apply(site, git_style("tool/absent.py")) == [
        "error: tool/absent.py: No such file or directory"
    ]


def test_no_parts_change_nothing(site: Path) -> None:
    assert unified_diff.apply_parts(site, [], 1, reverse=False) == []
    assert files(site) == {"tool/core.py": CORE}


def test_link_in_the_place_of_a_file_is_not_written_through(site: Path) -> None:
    (site / "secret").write_text(CORE)
    (site / "tool" / "core.py").unlink()
    (site / "tool" / "core.py").symlink_to(site / "secret")
    assert apply(site, git_style("tool/core.py"))
    assert (site / "secret").read_text() == CORE


def test_no_repository_around_it_and_no_variable_of_git_matters(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in (site, site.parent):
        (place / ".git").mkdir()
        (place / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
        for name in ("objects", "refs"):
            (place / ".git" / name).mkdir()
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_WORK_TREE", "/nowhere")
    assert apply(site, git_style("tool/core.py")) == []
    assert (site / "tool" / "core.py").read_text() == FIXED


def test_without_git_the_error_says_so(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(site))
    parts = [Part("tool/core.py", (git_style("tool/core.py").encode(),))]
    with pytest.raises(OverlayError, match="Patches are applied with git"):
        unified_diff.apply_parts(site, parts, 1, reverse=False)


# -- a series of commits


ONE = "one\ntwo\nthree\n"
TWO, THREE = ONE.replace("one", "ONE"), ONE.replace("one", "One")
MORE, LESS = "tool/more.py", "tool/less.py"


def change(name: str, old: str, new: str) -> str:
    """The part of a git-style patch that replaces the content of a file; None: it is not there."""
    return "".join(unified((name, name), (old or None, new or None)))


SERIES: dict[str, tuple[list[str], dict[str, str], dict[str, str]]] = {
    "add, edit": ([change(MORE, "", ONE), change(MORE, ONE, TWO)], {}, {MORE: TWO}),
    "edit, edit": (
        [change(MORE, ONE, TWO), change(MORE, TWO, THREE)],
        {MORE: ONE},
        {MORE: THREE},
    ),
    "edit, delete": ([change(MORE, ONE, TWO), change(MORE, TWO, "")], {MORE: ONE}, {}),
    "delete, add": ([change(MORE, ONE, ""), change(MORE, "", THREE)], {MORE: ONE}, {MORE: THREE}),
    "rename, edit": ([renamed(MORE, LESS), change(LESS, ONE, TWO)], {MORE: ONE}, {LESS: TWO}),
    "edit, rename": ([change(MORE, ONE, TWO), renamed(MORE, LESS)], {MORE: ONE}, {LESS: TWO}),
    "rename, rename back, edit": (
        [renamed(MORE, LESS), renamed(LESS, MORE), change(MORE, ONE, TWO)],
        {MORE: ONE},
        {MORE: TWO},
    ),
    "add, delete": ([change(MORE, "", ONE), change(MORE, ONE, "")], {}, {}),
    "edit, edit back": ([change(MORE, ONE, TWO), change(MORE, TWO, ONE)], {MORE: ONE}, {MORE: ONE}),
    "other file": (
        [change(MORE, ONE, TWO), git_style("tool/core.py"), change(MORE, TWO, THREE)],
        {MORE: ONE, "tool/core.py": CORE},
        {MORE: THREE, "tool/core.py": FIXED},
    ),
}
"""Commits, and the files before and after them."""


def series(*commits: str) -> str:
    """As `git format-patch --stdout` writes commits, and a pull request's ``.patch``."""
    mail = "From {:040x} Mon Sep 17 00:00:00 2001\nFrom: me <me@localhost>\nSubject: Fix\n\n---\n"
    return "".join(f"{mail.format(n)}{one}-- \n2.39\n\n" for n, one in enumerate(commits, 1))


def put(site: Path, wanted: dict[str, str]) -> None:
    (site / "tool" / "core.py").unlink()
    for name, text in wanted.items():
        (site / name).write_text(text)


@pytest.mark.parametrize("case", SERIES)
def test_commits_apply_one_after_the_other_and_are_reverted_backwards(
    site: Path, case: str
) -> None:
    commits, before, after = SERIES[case]
    put(site, before)
    patch = series(*commits)
    assert apply(site, patch) == []
    assert files(site) == after
    found = fit(patch, there=tuple(after))
    assert unified_diff.lacking(site, found.inside, found.strip, reverse=False) == []
    assert apply(site, patch, reverse=True) == []
    assert files(site) == before
    assert unified_diff.lacking(site, found.inside, found.strip, reverse=True) == []


def test_diffs_of_one_file_after_each_other_are_a_series_too(site: Path) -> None:
    commits, before, after = SERIES["add, edit"]
    put(site, before)
    assert apply(site, "".join(commits)) == [] and files(site) == after


def test_parts_of_one_commit_apply_at_once(site: Path) -> None:
    put(site, {MORE: ONE, LESS: TWO})
    swap = renamed(MORE, LESS) + renamed(LESS, MORE)
    assert apply(site, series(swap, change(MORE, TWO, THREE))) == []
    assert files(site) == {LESS: ONE, MORE: THREE}


def test_a_series_of_which_one_commit_fails_changes_nothing(site: Path) -> None:
    before = {MORE: ONE, "tool/core.py": CORE}
    put(site, before)
    commits = git_style("tool/core.py"), change(MORE, ONE, TWO), change(MORE, ONE, THREE)
    [first, *rest] = apply(site, series(*commits))
    assert first == f"{MORE}, line 1: the patch expects" and "    ONE" in rest
    assert files(site) == before


def test_the_commit_that_makes_a_link_later_is_refused(site: Path) -> None:
    put(site, {MORE: ONE})
    link = f"diff --git a/{MORE} b/{MORE}\nnew file mode 120000\n--- /dev/null\n+++ b/{MORE}\n"
    link += "@@ -0,0 +1 @@\n+core.py\n\\ No newline at end of file\n"
    with pytest.raises(OverlayError, match="creates a link"):
        fit(series(change(MORE, ONE, ""), link))
