"""``conda overlay patch``, and edits as a patch: applied, exported, carried to another host."""

from __future__ import annotations

import difflib
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from conda_overlay.core import toml_writer
from conda_overlay.formats import overlay_toml
from tests import sources
from tests.bed import cpython, dists, environment, place, pypi
from tests.bench import Bench
from tests.lifecycle import edited
from tests.lifecycle.edited import BROKEN, CORE, ELSEWHERE, FIX, FIXED, steps
from tests.long import LONG, few, first


@pytest.fixture
def own(quick: Bench, science: Path, links: Path) -> Iterator[Bench]:
    """Over a host of the test's own that has `tool`."""
    with place.scratch() as directory:
        yield replace(quick, name=str(edited.host(science, directory, links)))


def git(bench: Bench, *words: str | Path, cwd: Path) -> None:
    done = bench.user.run(["git", *words], cwd=cwd)
    assert done.returncode == 0, done.stderr


# -- patch


def test_a_pull_request_is_applied_but_for_what_is_not_installed(tool: Bench, fix: Path) -> None:
    plan = tool.json("patch", "tool", fix, "--reason", "PR 1")
    assert steps(tool) == [44, 7]
    [note] = plan["notes"]
    assert "docs/changes.md" in note and "tests/test_core.py" in note and "tool/core" not in note
    [change] = plan["changes"]
    assert change["why"] == "edited: core.py +1 -1" and change["intent"] == "hold"
    assert change["before"] is None and change["after"] == change["host_version"] == "1.0"
    assert tool.record()["distributions"]["tool"]["reason"] == "PR 1"


def test_a_patch_that_is_there_already_says_so(tool: Bench, fix: Path) -> None:
    tool.change("patch", "tool", fix)
    shown = tool.ask("patch", "tool", fix)
    assert "already in tool 1.0" in shown and "Nothing to " in shown
    assert tool.revision == 1


def test_the_reason_of_a_patch_that_is_there_already_is_recorded_or_said_to_be_not(
    tool: Bench, fix: Path
) -> None:
    told = tool.ask("patch", "tool", fix, "--reverse", "--reason", "PR 0")
    assert "was never in tool 1.0, so the reason is not recorded" in told
    tool.change("patch", "tool", fix)
    tool.change("patch", "tool", fix, "--reason", "PR 1")
    assert tool.record()["distributions"]["tool"]["reason"] == "PR 1"
    assert "Nothing to" in tool.ask("patch", "tool", fix, "--reason", "PR 1")


def test_a_patch_is_taken_back(tool: Bench, fix: Path) -> None:
    assert "was never in" in tool.ask("patch", "tool", fix, "--reverse")
    tool.change("patch", "tool", fix)
    tool.change("patch", "tool", fix, "--reverse")
    assert steps(tool) == [4, 7]


def test_a_change_of_the_host_itself_is_only_taken_out_by_force(
    own: Bench, fix: Path, links: Path
) -> None:
    """After the host has got it, it is not the user's patch any more."""
    sources.administrate(own.host, edited.wheel(links, "1.1", FIXED))
    told = own.refuse("patch", "tool", fix, "--reverse", "--yes")
    assert "tool 1.1 has this change itself, in tool/core.py" in told and "--force" in told
    own.change("patch", "tool", fix, "--reverse", "--force")
    assert steps(own) == [4, 7]


def test_a_new_file_that_is_executable_is_so_after_a_rebase(own: Bench, links: Path) -> None:
    lines = "new file mode 100755\n--- /dev/null\n+++ b/tool/start.sh\n@@ -0,0 +1 @@\n+#!/bin/sh\n"
    patch = own.user.home / "run.patch"
    sources.write(own.user, patch, f"diff --git a/tool/start.sh b/tool/start.sh\n{lines}")
    own.change("patch", "tool", patch)
    sources.administrate(own.host, edited.wheel(links, "1.1"))
    own.change("rebase")
    assert own.version("tool") == "1.1" and (own.site / "tool" / "start.sh").stat().st_mode & 0o100
    assert "new file mode 100755" in own.ask("export", "--format", "patch")


def test_a_file_that_the_host_itself_has_not_comes_back_only_by_force(tool: Bench) -> None:
    lines = "deleted file mode 100644\n--- a/tool/gone.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-x = 1\n"
    patch = tool.user.home / "gone.patch"
    sources.write(tool.user, patch, f"diff --git a/tool/gone.py b/tool/gone.py\n{lines}")
    told = tool.refuse("patch", "tool", patch, "--reverse", "--yes")
    assert "tool 1.0 has this change itself, in tool/gone.py" in told
    tool.change("patch", "tool", patch, "--reverse", "--force")
    assert (tool.site / "tool" / "gone.py").read_text() == "x = 1\n"


def test_a_patch_with_a_name_of_any_bytes_is_refused_in_a_sentence(tool: Bench) -> None:
    file = tool.user.home / "odd.patch"
    head = b"diff --git a/tool/caf\xe9.py b/tool/caf\xe9.py\nnew file mode 100644\n"
    body = b"--- /dev/null\n+++ b/tool/caf\xe9.py\n@@ -0,0 +1 @@\n+x = 1\n"
    sources.write(tool.user, file, "")
    file.write_bytes(head + body)
    tool.refuse("patch", "tool", file, "--yes")


@pytest.mark.parametrize("end", ["\n", FIX[FIX.index("diff --git a/tests") - 1 :]])
def test_a_patch_that_was_pasted_without_its_last_line_end_is_applied(
    tool: Bench, fix: Path, end: str
) -> None:
    sources.write(tool.user, fix, FIX.removesuffix(end))
    assert "edited: core.py +1 -1" in tool.change("patch", "tool", fix)


def test_the_hint_for_a_patch_of_a_bare_file_name_names_the_file(tool: Bench, fix: Path) -> None:
    lines = difflib.unified_diff(
        CORE.splitlines(True), FIXED.splitlines(True), "core.py.orig", "core.py"
    )
    sources.write(tool.user, fix, "".join(lines))
    told = tool.refuse("patch", "tool", fix, "--yes")
    assert "if core.py is tool/core.py, write that in the lines --- and +++ of the patch" in told


def test_a_patch_without_end_is_refused(tool: Bench) -> None:
    assert "/dev/zero cannot be read: it is too large" in tool.refuse("patch", "tool", "/dev/zero")


def test_a_hunk_that_does_not_apply_shows_both_sides(tool: Bench, fix: Path) -> None:
    sources.write(tool.user, fix, FIX.replace("-    return 4\n", "-    return 5\n"))
    told = tool.refuse("patch", "tool", fix, "--yes")
    assert "tool/core.py, line 14: the patch expects" in told
    assert "return 5" in told and "return 4" in told
    assert f"conda overlay edit -p {tool.host} tool" in told


def test_a_patch_is_applied_whole_or_not_at_all(tool: Bench, fix: Path) -> None:
    second = FIX[FIX.index("diff --git a/src") : FIX.index("diff --git a/tests")]
    second = second.replace("core.py", "__init__.py").replace("return 4", "return nothing")
    sources.write(tool.user, fix, FIX + second)
    assert "tool/__init__.py" in tool.refuse("patch", "tool", fix, "--yes")


def test_new_and_deleted_files_of_a_patch_come_and_go(tool: Bench, fix: Path) -> None:
    lines = CORE.splitlines()
    gone = "\n".join(["--- tool/core.py", "+++ /dev/null", f"@@ -1,{len(lines)} +0,0 @@"])
    gone += "".join(f"\n-{line}" for line in lines)
    new = "--- /dev/null\n+++ tool/fresh.py\n@@ -0,0 +1 @@\n+FRESH = 1\n"
    sources.write(tool.user, fix, f"{gone}\n{new}")
    tool.change("patch", "tool", fix)
    assert not (tool.site / "tool/core.py").exists()
    assert tool.python("-c", "import tool.fresh as f; print(f.FRESH)").stdout == "1\n"
    assert tool.json("status")["overlays"][0]["findings"] == []


def test_a_pull_request_that_touches_the_top_of_its_project_is_applied(
    tool: Bench, fix: Path
) -> None:
    """Whose paths have fewer directories than those of the package have too many."""
    sources.write(tool.user, fix, FIX.replace("docs/changes.md", "CHANGES.md"))
    [note] = tool.json("patch", "tool", fix)["notes"]
    assert "CHANGES.md" in note and steps(tool) == [44, 7]


def test_a_fix_that_makes_a_function_as_its_neighbour_is_not_there_already(
    tool: Bench, fix: Path
) -> None:
    body = "def {}(c):\n    open(c)\n    start(c)\n    finish(c{})\n    close(c)\n\n\n"
    text = "".join(body.format(name, ", True" if name == "get" else "") for name in ("get", "post"))
    fixed = text.replace("finish(c)", "finish(c, True)")
    tool.given("edit", "tool", "--no-editor")
    edited.edit(tool, tool.site / "tool" / "core.py", text)
    lines = difflib.unified_diff(
        text.splitlines(True), fixed.splitlines(True), "a/tool/core.py", "b/tool/core.py", n=1
    )
    sources.write(tool.user, fix, "".join(lines))
    tool.change("patch", "tool", fix)
    assert (tool.site / "tool" / "core.py").read_text() == fixed
    assert "already in" in tool.ask("patch", "tool", fix)


def test_a_renamed_file_is_renamed_and_a_new_directory_is_made(tool: Bench, fix: Path) -> None:
    rename = "diff --git a/{0} b/{1}\nsimilarity index 100%\nrename from {0}\nrename to {1}\n"
    names = "tool/extra.py", "tool/deep/more.py"
    sources.write(tool.user, fix, FIX.replace("src/tool", "tool") + rename.format(*names))
    tool.change("patch", "tool", fix)
    assert tool.python("-c", "import tool.deep.more").returncode == 0
    assert not (tool.site / "tool" / "extra.py").exists() and steps(tool) == [44, 7]
    assert tool.json("status")["overlays"][0]["findings"] == []
    sources.write(tool.user, fix, rename.format(*reversed(names)))
    tool.change("patch", "tool", fix)
    assert tool.json("why", "tool")["edited"] == ["core.py +1 -1"]
    assert "not included in this patch" not in tool.ask("export", "--format", "patch")


def test_a_patch_without_lines_is_there_once_its_files_are(tool: Bench, fix: Path) -> None:
    """An empty file that is new, and a file that has only another name."""
    head = "diff --git a/{0} b/{1}\n"
    new = head.format(*["tool/sub/__init__.py"] * 2) + "new file mode 100644\n"
    names = "tool/extra.py", "tool/more.py"
    rename = (head + "similarity index 100%\nrename from {0}\nrename to {1}\n").format(*names)
    sources.write(tool.user, fix, new + rename)
    assert "was never in tool 1.0" in tool.ask("patch", "tool", fix, "--reverse")
    tool.change("patch", "tool", fix)
    assert "already in tool 1.0" in tool.ask("patch", "tool", fix)
    tool.change("patch", "tool", fix, "--reverse")
    assert tool.distributions() == []


def test_a_new_empty_file_that_the_environment_has_by_now_is_no_conflict(
    own: Bench, fix: Path, links: Path
) -> None:
    name = "tool/sub/__init__.py"
    head = f"diff --git a/{name} b/{name}\nnew file mode 100644\n"
    own.given("patch", "tool", sources.write(own.user, fix, head))
    exported = own.export()
    own.given("undo", "0")
    [core] = own.host.glob("lib/python3*/site-packages/tool/core.py")
    (core.parent / "sub").mkdir()
    (core.parent / "sub" / "__init__.py").touch()
    record = next(core.parent.parent.glob("tool-*.dist-info")) / "RECORD"
    record.write_text(record.read_text() + f"{name},,\n")
    plan = own.json("apply", exported)
    assert "has all its edits" in str(plan) and own.distributions() == []


def test_the_line_ends_of_a_patch_need_not_be_those_of_the_file(tool: Bench, fix: Path) -> None:
    crlf = FIX.replace("\n", "\r\n")
    for text, content in ((crlf, FIXED), (crlf, FIXED.replace("\n", "\r\n"))):
        before = content.replace("return 44  # fixed", "return 4")
        tool.ask("edit", "tool", "--no-editor", "--yes")
        edited.edit(tool, tool.site / "tool" / "core.py", before)
        sources.write(tool.user, fix, text)
        tool.change("patch", "tool", fix)
        assert (tool.site / "tool" / "core.py").read_bytes() == content.encode()


def test_a_hunk_at_the_end_stays_there_beside_a_new_file(tool: Bench, fix: Path) -> None:
    """As git has it, a hunk with nothing behind it belongs to the end of a file."""
    tool.given("edit", "tool", "--no-editor")
    edited.edit(tool, tool.site / "tool" / "core.py", CORE + "more = 1\n" * 9)
    end = (
        "--- a/tool/core.py\n+++ b/tool/core.py\n@@ -30,3 +30,4 @@\n     return 8\n \n \n+END = 1\n"
    )
    new = "--- /dev/null\n+++ b/tool/fresh.py\n@@ -0,0 +1 @@\n+FRESH = 1\n"
    for text in (end, end + new):
        sources.write(tool.user, fix, text)
        assert "does not apply" in tool.refuse("patch", "tool", fix, "--yes")


@first(1)
@pytest.mark.parametrize(
    "source", ["/etc/hostname", "../../../../.secret", "tool-1.0.dist-info/METADATA"]
)
@pytest.mark.parametrize("verb", ["copy", "rename"])
def test_a_patch_takes_no_file_from_elsewhere(
    tool: Bench, fix: Path, source: str, verb: str
) -> None:
    text = f"diff --git a/{source} b/tool/stolen.py\nsimilarity index 100%\n"
    text += f"{verb} from {source}\n{verb} to tool/stolen.py\n"
    sources.write(tool.user, fix, FIX.replace("src/tool", "tool") + text)
    done = tool.run("patch", *tool.where, "--yes", "tool", fix)
    assert "Traceback" not in done.stderr
    assert not (tool.site / "tool" / "stolen.py").exists()


def test_the_attributes_of_the_user_decide_nothing(tool: Bench, fix: Path) -> None:
    sources.write(tool.user, tool.user.home / ".config/git/attributes", "* text eol=crlf\n")
    tool.change("patch", "tool", fix)
    assert (tool.site / "tool" / "core.py").read_bytes() == FIXED.encode()


@pytest.mark.parametrize(
    ("text", "words", "said"),
    [
        ("no patch at all\n", [], "not a patch"),
        (FIX.replace("src/tool", "src/other"), [], "does not change any file of tool 1.0"),
        (FIX, ["--strip", "0"], "does not change any file of tool 1.0"),
        (FIX.replace("src/tool/core.py", "src/tool/../core.py"), [], "does not change any file"),
    ],
)
def test_what_is_no_patch_for_it_is_refused(
    tool: Bench, fix: Path, text: str, words: list[str], said: str
) -> None:
    sources.write(tool.user, fix, text)
    assert said in tool.refuse("patch", "tool", fix, "--yes", *words)


ALL_OUT = "@@ -1,32 +0,0 @@\n" + "".join(f"-{line}\n" for line in CORE.split("\n")[:-1])


HEAD = "diff --git a/tool/core.py b/tool/core.py\n--- a/tool/core.py\n+++ b/tool/core.py\n"


def test_a_patch_of_all_lines_of_a_file_is_made_once(tool: Bench, fix: Path) -> None:
    sources.write(tool.user, fix, HEAD + ALL_OUT)
    tool.change("patch", "tool", fix)
    assert (tool.site / "tool" / "core.py").read_text() == ""
    assert "already in" in tool.ask("patch", "tool", fix, "--yes")


@pytest.mark.parametrize(
    "hunk",
    ["@@ -5,0 +6 @@\n+# six\n", "@@ -14 +13,0 @@\n-    return 4\n", "@@ -0,0 +1 @@\n+A = 1\n"],
    ids=["in between", "less", "at the top"],
)
def test_a_patch_without_context_is_refused(tool: Bench, fix: Path, hunk: str) -> None:
    """Or rather as git says: a hunk with nothing below it, it takes for the end of the file."""
    sources.write(tool.user, fix, HEAD + hunk)
    told = tool.refuse("patch", "tool", fix, "--yes")
    assert "tool/core.py" in told and "does not apply" in told


def test_the_option_of_patch_and_git_is_explained(tool: Bench, fix: Path) -> None:
    done = tool.run("patch", "-p1", "tool", fix)
    assert done.returncode == 2
    assert "--strip 1" in done.stderr


def test_a_number_below_zero_of_components_to_strip_is_refused(tool: Bench, fix: Path) -> None:
    done = tool.run("patch", *tool.where, "tool", fix, "--strip=-1", "--yes")
    assert (done.returncode, tool.revisions.exists()) == (2, False)
    assert "--strip needs a number of at least 0" in done.stderr


def test_a_patch_makes_no_links(tool: Bench, fix: Path) -> None:
    link = "diff --git a/{0} b/{0}\nnew file mode 120000\n--- /dev/null\n+++ b/{0}\n"
    link += "@@ -0,0 +1 @@\n+/etc/passwd\n\\ No newline at end of file\n"
    sources.write(tool.user, fix, FIX + link.format("src/tool/l.py"))
    assert "link" in tool.refuse("patch", "tool", fix, "--yes")
    sources.write(tool.user, fix, FIX + link.format("docs/latest"))
    [note] = tool.json("patch", "tool", fix)["notes"]
    assert note.startswith("no part of tool") and "docs/latest" in note


def test_a_patch_of_the_metadata_or_of_the_guard_is_left_out(tool: Bench, fix: Path) -> None:
    text = "diff --git a/{0} b/{0}\nnew file mode 100644\n--- /dev/null\n+++ b/{0}\n"
    text += "@@ -0,0 +1 @@\n+x = 1\n"
    more = text.format("sitecustomize.py") + text.format("tool-1.0.dist-info/extra.py")
    sources.write(tool.user, fix, FIX.replace("src/tool", "tool") + more)
    notes = "\n".join(tool.json("patch", "tool", fix)["notes"])
    assert "sitecustomize.py" in notes and "dist-info" in notes
    assert tool.json("status")["overlays"][0]["findings"] == []


def test_a_new_file_in_the_package_is_part_of_a_patch_by_any_name(own: Bench, links: Path) -> None:
    """In its edits of another version, and in those of an export, too."""
    names = ["tool/.defaults.cfg", "tool/x.bak", "tool/#x.py"]
    text = edited.FIX.replace("src/", "") + "".join(map(edited.new_file, names))
    fix = sources.write(own.user, own.user.home / "fix.patch", text)
    assert "tool/" not in "".join(own.json("patch", "tool", fix)["notes"])
    sources.administrate(own.host, edited.wheel(links, "1.1", ELSEWHERE))
    own.change("rebase")
    assert all((own.site / name).read_text() == "X = 1\n" for name in names)
    file = own.export()
    own.change("delete", "--force")
    own.change("apply", file)
    assert all((own.site / name).read_text() == "X = 1\n" for name in names)
    own.change("patch", "tool", fix, "--reverse")
    assert not own.site.is_dir() or not any((own.site / name).exists() for name in names)


def test_new_modules_beside_a_package_are_left_out_and_said_to_be_needed(
    tool: Bench, fix: Path
) -> None:
    text = edited.FIX + edited.new_file("src/_helper.py") + edited.new_file("src/more/__init__.py")
    sources.write(tool.user, fix, text)
    rest, modules = tool.json("patch", "tool", fix)["notes"]
    assert rest == "no part of tool, so left out: docs/changes.md, tests/test_core.py"
    assert "its code may need" in modules and "src/_helper.py, src/more/__init__.py" in modules


def test_a_patch_comes_from_standard_input_or_a_server(tool: Bench, scratch: Path) -> None:
    (scratch / "fix.diff").write_text(FIX)
    (scratch / "page.html").write_text("<html></html>")
    done = tool.run("patch", *tool.where, "tool", "-", "--yes", input=FIX)
    assert done.returncode == 0, done.stderr
    assert steps(tool) == [44, 7]
    tool.given("undo")
    with sources.served(scratch) as address:
        tool.change("patch", "tool", f"http://user:secret@{address}/fix.diff")
        page = tool.refuse("patch", "tool", f"http://{address}/page.html", "--yes")
        gone = tool.refuse("patch", "tool", f"http://user:secret@{address}/gone.diff", "--yes")
    assert steps(tool) == [44, 7]
    assert "web page" in page and "cannot be read" in gone
    assert "secret" not in gone and "secret" not in str(tool.record())


def test_no_repository_around_it_and_no_configuration_matters(tool: Bench, fix: Path) -> None:
    git(tool, "init", "-q", ".", cwd=tool.user.home)
    sources.write(tool.user, tool.user.home / ".gitconfig", "[apply]\n whitespace = error-all\n")
    sources.write(tool.user, fix, FIX.replace("# fixed\n", "# fixed  \n"))
    tool.change("patch", "tool", fix)
    assert steps(tool) == [44, 7]


def test_without_git_a_patch_is_refused_in_a_sentence(tool: Bench, fix: Path) -> None:
    bins = tool.user.home / "bin"
    bins.mkdir()
    told = tool.refuse("patch", "tool", fix, "--yes", env={"PATH": str(bins)})
    assert "with git, which is not on PATH" in told


# -- as a patch


@pytest.mark.parametrize("program", ["git apply", "patch -p1"])
@pytest.mark.parametrize("words", ["export --format patch", "diff --text", "diff --text tool"])
def test_the_edits_are_a_patch_that_other_programs_take(
    fixed: Bench, words: str, program: str
) -> None:
    command, *rest = words.split()
    text = fixed.ask(command, *rest)
    site = fixed.user.home / "site" / "tool"
    file = sources.write(fixed.user, site / "core.py", CORE)
    patch = sources.write(fixed.user, fixed.user.home / "it.patch", text)
    if program.startswith("patch") and not Path("/usr/bin/patch").exists():
        pytest.skip("this machine has no patch")
    done = fixed.user.run(["sh", "-c", f'{program} < "$1"', "sh", patch], cwd=site.parent)
    assert done.returncode == 0, done.stdout + done.stderr + text
    assert file.read_text() == FIXED


def test_without_edits_a_file_stays_as_it_is(tool: Bench, fix: Path) -> None:
    tool.change("install", "new")
    for words, none in (
        (("-f", fix), f"no package has edits, so {fix} stays"),
        (("new", "-f", fix), f"no edits of new, so {fix} stays"),
        (("--format", "patch"), "no package has edits"),
    ):
        done = tool.run("export", *tool.where, *words)
        assert (done.returncode, done.stdout) == (0, ""), done
        assert f"Nothing to export: {none}." in done.stderr
    assert fix.read_text() == FIX


def test_a_patch_says_of_what_by_whom_and_why(fixed: Bench) -> None:
    text = fixed.ask("export", "--format", "patch")
    head = text[: text.index("diff --git")]
    assert "tool 1.0" in head and "ticket 1234" in head and fixed.user.name in head
    assert "own" in head
    shown = fixed.ask("diff", "--text", "tool")
    assert "ticket 1234" in shown[: shown.index("diff --git")]


def test_the_exported_file_makes_the_same_edit_elsewhere(fixed: Bench) -> None:
    exported = fixed.export()
    assert "+    return 44  # fixed" in exported.read_text().splitlines()  # to be read by people
    for words in (["overlay.toml"], ["overlay.toml", "--locked"]):
        fixed.change("undo", "0")
        assert steps(fixed) == [4, 7]
        fixed.change("apply", *words)
        assert steps(fixed) == [44, 7]
        assert "Nothing to " in fixed.ask("apply", *words)
        entry = fixed.record()["distributions"]["tool"]
        assert entry["reason"] == "ticket 1234" and entry["intent"] == "hold"


def test_applying_a_file_over_other_edits_needs_force(fixed: Bench) -> None:
    fixed.export()
    edited.edit(fixed, fixed.site / "tool" / "extra.py", "# mine\n")
    told = fixed.refuse("apply", "overlay.toml", "--yes")
    assert "tool/extra.py" in told and "--force" in told
    fixed.given("apply", "overlay.toml", "--force")
    assert (fixed.site / "tool" / "extra.py").read_text() == CORE and steps(fixed) == [44, 7]


@first(1)
@pytest.mark.parametrize("path", ["alpha/__init__.py", "evil.pth", "tool-1.0.dist-info/METADATA"])
def test_a_file_may_edit_nothing_but_the_distribution_that_it_names(
    fixed: Bench, path: str
) -> None:
    exported = fixed.export()
    sources.write(fixed.user, exported, exported.read_text().replace("tool/core.py", path))
    fixed.given("undo", "0")
    assert path in fixed.refuse("apply", "overlay.toml", "--yes")


@LONG
def test_an_edited_upgrade_is_made_again_too(tool: Bench) -> None:
    tool.given("install", "alpha==1.5")
    tool.given("edit", "alpha", "--no-editor")
    module = tool.site / "alpha" / "__init__.py"
    edited.edit(tool, module, module.read_text() + "MINE = 1\n")
    tool.given("record")
    tool.export()
    for words in (["overlay.toml"], ["overlay.toml", "--locked"]):
        tool.change("undo", "0")
        tool.change("apply", *words)
        assert tool.python("-c", "import alpha as a; print(a.MINE, a.__version__)").stdout == (
            "1 1.5\n"
        )
        assert "Nothing to " in tool.ask("apply", "overlay.toml")


def test_other_formats_say_that_they_lack_the_edits(fixed: Bench) -> None:
    done = fixed.run("export", *fixed.where, "--format", "requirements.txt")
    assert "tool was edited" in done.stderr
    assert "tool" not in fixed.run("export", *fixed.where).stderr


@pytest.mark.parametrize("text", ["a\nb\n", "it's '''quoted'''\n", "cr\r\n", "end'\n'", "\x7f\n"])
def test_a_patch_of_any_text_comes_back_from_a_file(text: str) -> None:
    wanted = {"requirement": "x==1", "name": "x", "patch": text}
    written = toml_writer.dumps({"format": 1, "wanted": [wanted]})
    assert overlay_toml.parse(written, "overlay.toml").entries["x"].patch == text


# -- a file all of whose lines were edited, so that its patch has no context


@pytest.mark.parametrize("text", few(["#!/bin/sh -e\n", ""], ""), ids=["changed", "emptied"])
@LONG
def test_an_edit_of_a_file_of_one_line_is_taken_back_made_again_and_carried(
    own: Bench, links: Path, text: str
) -> None:
    script = own.site / "tool" / "run.sh"
    before = "#!/bin/sh\n"
    own.given("edit", "tool", "--no-editor")  # 1
    edited.edit(own, script, text)
    own.given("record")  # 2
    patch = own.record()["distributions"]["tool"]["patch"]
    assert re.search(r"^@@ -1 .*@@\n-#!/bin/sh\n", patch, re.MULTILINE)
    own.given("undo")
    assert script.read_text() == before
    own.given("redo")
    assert script.read_text() == text
    edited.edit(own, script, "#!/bin/sh -x\n")
    own.given("record")  # 5, which leaves 4 what was recorded
    own.given("undo")
    assert script.read_text() == text
    assert own.record()["distributions"]["tool"]["patch"] == patch
    assert own.user.run(["rm", "-f", script]).returncode == 0
    own.given("repair")
    assert script.read_text() == text
    own.given("repair", "tool")
    assert script.read_text() == before
    own.given("undo")
    exported = own.export()
    sources.administrate(own.host, edited.wheel(links, "2.0", ELSEWHERE))
    own.given("rebase")
    assert (script.read_text(), own.version("tool")) == (text, "2.0")
    own.given("undo", "0")
    own.change("apply", exported, "--allow-conflicts")
    assert script.read_text() == text


def test_a_patch_that_changes_no_text_makes_no_revision(own: Bench, links: Path) -> None:
    mode = links / "mode.diff"
    mode.write_text("diff --git a/tool/core.py b/tool/core.py\nold mode 100644\nnew mode 100755\n")
    plan = own.json("patch", "tool", mode)
    assert plan["notes"] == ["the patch changes no text of tool 1.0"]
    assert own.revision is None


def test_clean_keeps_one_tree_with_the_edits_from_which_undo_restores_them(
    own: Bench, fix: Path
) -> None:
    own.given("patch", "tool", fix)
    own.given("install", "new")
    own.given("remove", "new")
    assert own.json("clean")["revisions"] == [1, 2] and own.kept == [3]
    own.change("undo", "2")
    assert steps(own) == [44, 7] and own.version("new") == "1.0"


# -- rebase


def test_rebase_edits_the_new_version_of_the_host_in_the_same_way(
    own: Bench, fix: Path, links: Path
) -> None:
    own.change("patch", "tool", fix, "--reason", "ticket 1234")
    sources.administrate(own.host, edited.wheel(links, "2.0", ELSEWHERE))
    plan = own.json("rebase")
    assert steps(own) == [44, 77] and own.version("tool") == "2.0"
    assert plan["lost"] == [] and plan["changes"][0]["why"] == "edited: core.py +1 -1"
    entry = own.record()["distributions"]["tool"]
    assert entry["requirement"] == "tool==2.0" and entry["reason"] == "ticket 1234"
    assert "Nothing to " in own.ask("rebase")


@LONG
def test_rebase_sees_a_host_that_changed_under_the_same_version(
    own: Bench, fix: Path, links: Path
) -> None:
    own.change("patch", "tool", fix)
    pypi.install(own.host, [edited.wheel(links, "1.0", ELSEWHERE)], "--force-reinstall")
    own.given("rebase")
    assert steps(own) == [44, 77]


@LONG
def test_rebase_sees_a_host_in_which_only_data_changed(own: Bench, fix: Path) -> None:
    own.change("patch", "tool", fix)
    [table] = own.host.glob("lib/python3*/site-packages/tool/data/table.bin")
    table.write_bytes(b"new")
    own.given("rebase")
    assert (own.site / "tool/data/table.bin").read_bytes() == b"new" and steps(own) == [44, 7]


@LONG
def test_rebase_does_not_lose_an_edit_that_no_patch_can_say(
    own: Bench, fix: Path, links: Path
) -> None:
    own.change("patch", "tool", fix)
    own.edit(own.site / "tool" / "data" / "table.bin", "other")
    own.given("record")
    sources.administrate(own.host, edited.wheel(links, "2.0", ELSEWHERE))
    told = own.refuse("rebase", "--yes")
    assert "tool/data/table.bin" in told and "--force" in told
    own.given("rebase", "--force")
    assert steps(own) == [44, 77]


@LONG
def test_an_edited_distribution_that_was_made_by_hand_is_no_copy_of_the_host(
    own: Bench, links: Path
) -> None:
    own.make_by_hand(edited.wheel(links, "3.0"))
    own.given("edit", "tool", "--no-editor")
    edited.edit(own, own.site / "tool" / "extra.py", "# mine\n")
    own.given("record")
    own.given("rebase")
    assert own.version("tool") == "3.0"
    assert (own.site / "tool" / "extra.py").read_text() == "# mine\n"


@LONG
def test_rebase_finds_the_right_one_of_two_that_are_alike(
    own: Bench, fix: Path, links: Path
) -> None:
    body = "def {}(c):\n    open(c)\n    start(c)\n    finish(c{})\n    close(c)\n\n\n"
    text = "".join(body.format(name, ", True" if name == "get" else "") for name in ("get", "post"))
    fixed = text.replace("finish(c)", "finish(c, True)")
    pypi.install(own.host, [edited.wheel(links, "1.0", text)], "--force-reinstall")
    own.given("edit", "tool", "--no-editor")
    edited.edit(own, own.site / "tool" / "core.py", fixed)
    own.given("record")
    sources.administrate(own.host, edited.wheel(links, "2.0", "import os\n" * 6 + text))
    own.given("rebase")
    assert (own.site / "tool" / "core.py").read_text() == "import os\n" * 6 + fixed


def test_what_the_new_version_has_already_retires(own: Bench, fix: Path, links: Path) -> None:
    own.change("patch", "tool", fix)
    sources.administrate(own.host, edited.wheel(links, "2.0", FIXED))
    plan = own.json("rebase")
    assert plan["changes"][0]["why"] == "retired: tool 2.0 has all its edits"
    assert plan["notes"] == [] and plan["lost"] == []
    assert not (own.site / "tool").exists() and steps(own) == [44, 7]


@pytest.mark.parametrize(
    ("text", "why"),
    [(FIXED, "tool 2.0 has its other edits"), (CORE, "no other file of it was edited")],
)
def test_a_copy_that_retires_does_not_claim_the_edits_that_are_lost(
    own: Bench, links: Path, text: str, why: str
) -> None:
    own.given("edit", "tool", "--no-editor")
    table = own.site / "tool/data/table.bin"
    own.edit(table, "other")
    edited.edit(own, own.site / "tool" / "core.py", text)
    sources.administrate(own.host, edited.wheel(links, "2.0", FIXED))
    plan = own.json("rebase", "--force")
    assert plan["changes"][0]["why"] == f"retired: {why}"
    assert plan["lost"] == [str(table.relative_to(own.overlay))]


@LONG
def test_what_the_new_version_has_in_one_file_is_made_in_the_others(
    own: Bench, links: Path
) -> None:
    own.given("edit", "tool", "--no-editor")
    edited.edit(own, own.site / "tool" / "core.py", FIXED)
    edited.edit(own, own.site / "tool" / "extra.py", CORE + "MINE = 1\n")
    sources.administrate(own.host, edited.wheel(links, "2.0", FIXED))
    assert own.json("rebase")["notes"] == [
        "the edits of tool/core.py retire: tool 2.0 has them",
        f"this revision keeps your edits: {(own.site / 'tool/extra.py').relative_to(own.overlay)}",
    ]
    code = "import tool, tool.extra as e; print(e.MINE, tool.__version__)"
    assert own.python("-c", code).stdout == "1 2.0\n"
    assert own.json("why", "tool")["edited"] == ["extra.py +1 -0"]


@pytest.mark.parametrize("how", few(["recorded", "in place", "dropped"], "in place"))
def test_a_fix_that_retired_is_told_when_the_environment_goes_back(
    own: Bench, fix: Path, links: Path, how: str
) -> None:
    own.given("install", "new")
    if how == "in place":
        own.given("edit", "tool", "--no-editor")
        edited.edit(own, own.site / "tool" / "core.py", FIXED)
    else:
        own.given("patch", "tool", fix, "--reason", "it's 44")
    sources.administrate(own.host, edited.wheel(links, "2.0", FIXED))
    assert own.json("rebase")["notes"] == []
    sources.administrate(own.host, edited.wheel(links))
    own.change("remove", "new")
    if how == "dropped":
        shutil.rmtree(own.tree(2))
    [note] = own.json("rebase")["notes"]
    what, _, command = note.partition("; for these: ")
    assert what == "tool is 1.0 again, without your edits of then" and steps(own) == [4, 7]
    if how == "dropped":
        assert command == f"conda overlay undo 2 -p {own.host}"
        own.change("undo", "2")
        assert steps(own) == [44, 7]
        return
    read, write = (shlex.split(words) for words in command.split(" | "))
    text = own.run(*read[2:]).stdout
    done = own.run(*write[2:], input=text)
    assert done.returncode == 0, done.stderr
    assert steps(own) == [44, 7] and own.version("new") is None
    if how == "recorded":
        assert own.record()["distributions"]["tool"]["reason"] == "it's 44"
    assert own.json("rebase")["notes"] == []


def test_no_command_is_told_that_would_revert_a_change_of_the_environment(
    own: Bench, fix: Path, links: Path
) -> None:
    own.given("patch", "tool", fix)
    sources.administrate(own.host, edited.wheel(links, "2.0", FIXED))
    own.change("rebase")
    sources.administrate(own.host, edited.wheel(links))
    [extra] = own.host.glob("lib/python*/site-packages/tool/extra.py")
    extra.write_text(CORE.replace("return 3", "return 333"))
    assert own.json("rebase")["notes"] == []


def test_edits_that_do_not_apply_to_other_line_ends_say_so(
    own: Bench, fix: Path, links: Path
) -> None:
    own.given("patch", "tool", fix)
    sources.administrate(own.host, edited.wheel(links, "2.0", CORE.replace("\n", "\r\n")))
    told = own.refuse("rebase", "--yes")
    assert "where the environment has, with other line ends," in told


def test_edits_that_do_not_apply_stay_and_every_place_is_told_with_a_way_out(
    own: Bench, fix: Path, links: Path
) -> None:
    own.change("patch", "tool", fix)
    edited.edit(own, own.site / "tool" / "core.py", FIXED.replace("return 8", "return 88"))
    other = BROKEN.replace("return 8", "return 'eight'")
    sources.administrate(own.host, edited.wheel(links, "2.0", other))
    told = own.refuse("rebase", "--yes")
    for line in ("return 44  # fixed", "return 'four'", "return 88", "return 'eight'"):
        assert f"      {line}\n" in told
    assert "Your edits of tool do not apply to tool 2.0" in told
    where = f"-p {own.host}"
    keep, drop = f"conda overlay record {where}", f"conda overlay rebase --force {where}"
    assert f"Hint: {keep} && {drop}, and make" in told
    assert steps(own) == [44, 7]
    own.change("record")
    assert f"Hint: {drop}, and make" in own.refuse("rebase", "--yes")
    plan = own.json("rebase", "--force")
    assert plan["changes"][0]["why"] == "its edits do not apply to 2.0"
    assert [path.rpartition("site-packages/")[2] for path in plan["lost"]] == ["tool/core.py"]
    assert own.version("tool") == "2.0"
    own.change("undo")
    assert "return 88" in (own.site / "tool" / "core.py").read_text()
    assert steps(own)[0] == 44


@LONG
@pytest.mark.skipif(not cpython.available(), reason="no second Python on this machine")
def test_edits_that_do_not_apply_in_another_python_are_given_up_and_kept_in_a_file(
    own: Bench, fix: Path, links: Path, tmp_path: Path
) -> None:
    newest, other = cpython.available()[-1], edited.wheel(tmp_path, "2.0", BROKEN)
    template = environment.template(python=newest, pip="ensurepip", wheels=[other])
    own.change("install", "new")
    own.change("patch", "tool", fix)
    place.remove(own.host)
    environment.clone(template, own.host)
    keep = f"conda overlay export -f edits.patch -p {own.host}"
    drop = f"conda overlay rebase --force -p {own.host}"
    assert f"Hint: {keep} && {drop}, and" in own.refuse("rebase", "--yes")
    file = own.user.home / "edits.patch"
    own.ask("export", "-f", file)
    assert "+    return 44  # fixed" in file.read_text()
    told = own.change("rebase", "--force")
    assert "the edits of tool are left behind: they do not apply to tool 2.0" in told
    assert own.see("tool", "new") == {"tool": "2.0", "new": "1.0"}


@LONG
def test_edits_of_which_the_new_version_has_a_part_are_told_to_be_fewer(
    own: Bench, fix: Path, links: Path
) -> None:
    own.change("patch", "tool", fix)
    edited.edit(own, own.site / "tool" / "core.py", FIXED.replace("return 8", "return 88"))
    sources.administrate(own.host, edited.wheel(links, "2.0", FIXED))
    plan = own.json("rebase")
    assert "some edits of tool/core.py retire: tool 2.0 has them" in plan["notes"]
    assert own.json("why", "tool")["edited"] == ["core.py +1 -1"]


@LONG
def test_edits_in_place_before_a_rebase_are_carried_as_they_are(
    own: Bench, fix: Path, links: Path
) -> None:
    """Also where the host's old files, and what was recorded, are gone."""
    own.change("patch", "tool", fix)
    sources.administrate(own.host, edited.wheel(links, "2.0", ELSEWHERE))
    again = FIXED.replace("return 44", "return 45")
    edited.edit(own, own.site / "tool" / "core.py", again)
    own.given("rebase")
    assert steps(own) == [45, 77]


@LONG
def test_a_copy_that_was_never_edited_goes_with_the_next_rebase(own: Bench, links: Path) -> None:
    own.given("edit", "tool", "--no-editor")
    sources.administrate(own.host, edited.wheel(links, "2.0", ELSEWHERE))
    own.given("rebase")
    assert not (own.site / "tool").exists()


@LONG
def test_edits_of_what_the_host_lost_are_not_lost(own: Bench, fix: Path) -> None:
    own.change("patch", "tool", fix)
    for path in own.host.glob("lib/python3*/site-packages/tool*"):
        shutil.rmtree(path)
    own.given("rebase")
    assert steps(own) == [44, 7]


@LONG
def test_edits_are_carried_to_another_environment(
    own: Bench, fix: Path, links: Path, science: Path
) -> None:
    own.change("patch", "tool", fix, "--reason", "ticket 1234")
    with place.scratch() as directory:
        other = replace(own, name=str(environment.clone(science, directory / "next")))
        sources.administrate(other.host, edited.wheel(links, "2.0", ELSEWHERE))
        other.change("rebase", "--from", own.host)
        assert steps(other) == [44, 77] and other.version("tool") == "2.0"
        assert other.record()["distributions"]["tool"]["reason"] == "ticket 1234"


@LONG
def test_edits_from_another_environment_come_beside_ones_own(
    own: Bench, fix: Path, links: Path, science: Path
) -> None:
    own.change("patch", "tool", fix)
    with place.scratch() as directory:
        other = replace(own, name=str(environment.clone(science, directory / "next")))
        sources.administrate(other.host, edited.wheel(links))
        other.ask("edit", "tool", "--no-editor", "--yes")
        edited.edit(other, other.site / "tool" / "extra.py", CORE + "MINE = 1\n")
        other.change("record")
        other.change("rebase", "--from", own.host)
        assert steps(other) == [44, 7]
        assert other.python("-c", "import tool.extra as e; print(e.MINE)").stdout == "1\n"
        assert "Nothing to " in other.ask("rebase", "--from", own.host)


@LONG
def test_a_requirement_that_moves_an_edited_copy_needs_force(
    own: Bench, fix: Path, links: Path
) -> None:
    own.change("patch", "tool", fix)
    edited.wheel(links, "2.0", ELSEWHERE)
    dists.wheel(links, "user", "1.0", requires=["tool>=2"])
    told = own.refuse("install", "--yes", "--find-links", links, "user")
    assert re.search(r"tool/core\.py|conflict|requires", told)


@LONG
def test_a_token_in_a_url_that_cannot_be_reached_is_not_shown(tool: Bench) -> None:
    url = "http://127.0.0.1:9/x.{}?token=hunter2"
    for words in (
        ("patch", *tool.where, "tool", url.format("diff")),
        ("fork", "-n", "mine", "--from", url.format("txt")),
        ("install", *tool.where, f"new @ {url.format('whl')}"),
    ):
        done = tool.run(*words, "--yes")
        assert done.returncode == 1 and "hunter2" not in done.stdout + done.stderr, done.stderr
