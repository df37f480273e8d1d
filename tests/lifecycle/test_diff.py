"""``conda overlay diff``: what two revisions, or a revision and the host, differ in."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.bed import dists
from tests.bench import Bench
from tests.lifecycle.patches import PLAN
from tests.long import LONG


def test_distributions_of_the_overlay_the_host_and_revisions(bench: Bench) -> None:
    bench.given("install", "alpha==1.5", "new")
    bench.given("install", "alpha==2.0")
    bench.given("remove", "new")
    assert bench.ask("diff") == (
        "environment -> revision 3\n"
        "instead of the environment's:\n"
        "  ~ alpha  1.0 -> 2.0\n"
        "  ~ beta   1.0 -> 2.0\n\n"
    )
    assert bench.ask("diff", "1") == (
        "revision 1 -> revision 3\n"
        "instead of the environment's:\n"
        "  ~ beta  1.0 -> 2.0\n\n"
        "changed:\n"
        "  ~ alpha  1.5 -> 2.0\n\n"
        "removed:\n"
        "  - new  1.0\n\n"
    )
    assert "added:\n  + new  1.0\n" in bench.ask("diff", "3", "2")
    assert bench.ask("diff", "1", "0") == (
        "revision 1 -> environment\n"
        "removed:\n"
        "  - new  1.0\n\n"
        "back to the environment's:\n"
        "  - alpha  1.5 -> 1.0\n\n"
    )
    assert bench.ask("diff", "2", "2") == "revision 2 -> revision 2\n  no distribution differs\n"
    assert bench.ask("diff", "0", "0") == "environment -> environment\n  no distribution differs\n"


def test_files_and_text(bench: Bench, links: Path) -> None:
    text = 'a = "\x0c\u2028"\rb = 2\n'
    dists.wheel(links, "tool", "1.0", files={"tool/odd.py": text, "tool/data": b"\0\1"})
    bench.install("alpha==1.5", "--find-links", links, "tool")
    dists.wheel(links, "tool", "2.0", files={"tool/odd.py": text + "c = 3", "tool/data": b"\0\2"})
    bench.install("--find-links", links, "tool==2.0")
    site = bench.site.relative_to(bench.overlay)
    lines = bench.ask("diff", "1", "2", "--files").splitlines()
    assert f"  M {site}/tool/odd.py" in lines
    assert f"  M {site}/tool/data" in lines
    assert f"  A {site}/tool-2.0.dist-info/METADATA" in lines
    assert f"  D {site}/tool-1.0.dist-info/METADATA" in lines
    assert not [line for line in lines if "alpha" in line]
    found = bench.run("diff", *bench.where, "1", "2", "--text").stdout
    assert ("--- a/tool/__init__.py\trevision 1\n+++ b/tool/__init__.py\trevision 2\n") in found
    assert '\n-__version__ = "1.0"\n+__version__ = "2.0"\n' in found
    assert "# Binary files a/tool/data and b/tool/data differ\n" in found
    assert "\n+c = 3\n\\ No newline at end of file\n" in found
    against_host = bench.ask("diff", "--files")
    assert f"  M {site}/alpha/__init__.py\n" in against_host
    assert f"  A {site}/tool/odd.py\n" in against_host
    assert "sitecustomize.py" not in against_host
    back = bench.ask("diff", "2", "0", "--files")
    assert f"  D {site}/tool/odd.py\n" in back


def test_patch_takes_the_text(quick: Bench, links: Path) -> None:
    texts = ["one\ntwo\n", "one\r\n2\n"]
    for version, text in zip(("1.0", "2.0"), texts, strict=True):
        dists.wheel(links, "tool", version, files={"tool/words.txt": text})
        quick.install("--find-links", links, f"tool=={version}")
    copy = links / "words.txt"
    copy.write_text(texts[0])
    report = quick.json("diff", "1", "2", "--text")["text"]
    part = next(
        "--- " + part for part in report.split("\n--- ") if ".txt\t" in part.partition("\n")[0]
    )
    argv = ["patch", "--binary", str(copy)]
    done = subprocess.run(argv, input=f"{part}\n".encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stdout
    assert copy.read_bytes() == texts[1].encode()


def test_json_keys_stay(bench: Bench) -> None:
    bench.given("install", "alpha==2.0")
    bench.edit(bench.site / "mine.py", "x = 1\n")
    report = bench.json("diff")
    assert report.keys() == PLAN - {"success", "dry_run", "revision", "running"} | {
        "old",
        "new",
        "text",
    }
    assert (report["old"], report["new"], report["text"]) == ("host", "revision 1", None)
    assert [(c["name"], c["host_version"], c["after"]) for c in report["changes"]] == [
        ("alpha", "1.0", "2.0"),
        ("beta", "1.0", "2.0"),
    ]
    assert report["files"].keys() == {"added", "changed", "removed"}
    mine = str((bench.site / "mine.py").relative_to(bench.overlay))
    assert mine in report["files"]["added"]
    assert (
        "+++ b/mine.py\trevision 1\n@@ -0,0 +1 @@\n+x = 1\n" in bench.json("diff", "--text")["text"]
    )


def test_what_is_not_there_is_one_clear_error(bench: Bench) -> None:
    assert "has no revision yet.\nHint: conda overlay install" in bench.refuse("diff")
    bench.given("install", "new")
    bench.given("undo", "0")
    assert "has no revision 7" in bench.refuse("diff", "7")
    assert "diff compares two revisions at most" in bench.refuse("diff", "0", "1", "2", code=2)
    told = bench.refuse("diff", "one")
    assert "There is no one in host or revision 2." in told
    bench.given("clean")
    told = bench.refuse("diff", "1")
    assert f"The files of revision 1 of {bench.overlay} were dropped." in told
    assert "Hint: conda overlay undo -n science 1, which installs again what it can" in told


def test_overlay_made_by_hand_is_compared_with_the_host(bench: Bench, wheels: Path) -> None:
    bench.make_by_hand(wheels / "alpha-1.5-py3-none-any.whl")
    shadowing = "instead of the environment's:\n  ~ alpha  1.0 -> 1.5\n\n"
    assert bench.ask("diff") == f"environment -> overlay\n{shadowing}"
    assert '+__version__ = "1.5"' in bench.ask("diff", "--text")
    assert "has no revision yet" in bench.refuse("diff", "1")


def test_reader_may_close_the_pipe(quick: Bench, links: Path) -> None:
    dists.wheel(links, "big", "1.0", files={"big/data.txt": "line\n" * 200_000})
    quick.install("--find-links", links, "big")
    script = '"$1" overlay diff -n science --text | head -n 1'
    env = {**quick.environ, "PATH": os.environ["PATH"]}
    done = quick.user.run(["sh", "-c", script, "sh", quick.conda.executable], env=env)
    assert done.stdout.startswith("# big 1.0 over science")
    assert "Traceback" not in done.stderr


@pytest.fixture
def fixed_twice(quick: Bench, links: Path) -> Bench:
    """Over the host's alpha 1.0 a hot-fix of the same version, which is then changed again."""
    for mark in ("one", "two"):
        files = {"alpha/fix.py": f"MARK = '{mark}'\n", "alpha/data": f"\0{mark}"}
        scripts = {"alpha": "alpha:main"}
        wheel = dists.wheel(links, "alpha", "1.0", files=files, scripts=scripts)
        quick.install(wheel)
    return quick


@LONG
def test_other_content_of_one_version_is_named_file_by_file(fixed_twice: Bench) -> None:
    site = fixed_twice.site.relative_to(fixed_twice.overlay)
    assert fixed_twice.ask("diff", "Alpha", "1", "2") == (
        "revision 1 -> revision 2\n"
        "changed:\n"
        "  ~ alpha  1.0, another source and other content\n\n"
        f"  M {site}/alpha/data\n"
        f"  M {site}/alpha/fix.py\n"
    )
    against_host = fixed_twice.ask("diff", "alpha")
    assert against_host.endswith(f"\n\n  A {site}/alpha/data\n  A {site}/alpha/fix.py\n")
    report = fixed_twice.json("diff", "2", "alpha", "0")
    assert report["files"]["removed"] == [f"{site}/alpha/data", f"{site}/alpha/fix.py"]


@LONG
def test_text_of_one_distribution_is_its_own_files_alone(fixed_twice: Bench) -> None:
    head, _, text = fixed_twice.ask("diff", "--text", "alpha", "1", "2").partition("# Binary")
    assert text == (
        " files a/alpha/data and b/alpha/data differ\n"
        "diff --git a/alpha/fix.py b/alpha/fix.py\n"
        "--- a/alpha/fix.py\trevision 1\n+++ b/alpha/fix.py\trevision 2\n"
        "@@ -1 +1 @@\n-MARK = 'one'\n+MARK = 'two'\n"
    )
    assert head.splitlines()[0].startswith("# alpha 1.0 over science (Python 3.")
    assert "revision 2" in fixed_twice.ask("diff", "--text", "alpha")


def test_metadata_of_two_versions_is_compared(quick: Bench) -> None:
    quick.given("install", "alpha==1.5", "new")
    text = quick.ask("diff", "--text", "alpha")
    names = [line for line in text.splitlines() if line.startswith(("---", "+++"))]
    assert names == [
        "--- a/alpha-1.0.dist-info/METADATA\thost",
        "+++ b/alpha-1.5.dist-info/METADATA\trevision 1",
        "--- a/alpha/__init__.py\thost",
        "+++ b/alpha/__init__.py\trevision 1",
    ]
    assert quick.ask("diff", "beta") == "environment -> revision 1\n  no distribution differs\n"


@pytest.mark.parametrize("name", ["tool/extra.py", "tool/data/table.bin", "../../../bin/tool-step"])
def test_file_that_was_deleted_from_a_copy_is_a_difference(tool: Bench, name: str) -> None:
    tool.given("edit", "tool", "--no-editor")
    (tool.site / name).unlink()
    path = os.path.relpath(tool.site / name, tool.overlay)
    assert tool.json("diff")["files"]["removed"] == [path]
    tool.change("record")
    assert f"  D {path}\n" in tool.ask("diff", "--files")
    assert f"  A {path}\n" in tool.ask("diff", "2", "0", "--files")
    assert tool.json("diff", "tool")["files"]["removed"] == [path]
    short = path.rpartition("site-packages/")[2]
    for words, sign in ((["0", "2"], "-"), (["2", "0"], "+")):
        text = tool.ask("diff", *words, "--text")
        binary = f"# Binary files a/{short} and b/{short} differ\n"
        null = "+++ /dev/null\n" if sign == "-" else "--- /dev/null\n"
        assert binary in text if name.endswith(".bin") else null in text
        assert text.count(short) >= 2


def test_file_that_was_deleted_later_does_not_differ_in_the_revision_before(tool: Bench) -> None:
    tool.given("edit", "tool", "--no-editor")
    (tool.site / "tool/data/table.bin").unlink()
    tool.change("record")
    files = tool.json("diff", "0", "1")["files"]
    assert not [path for paths in files.values() for path in paths if "table.bin" in path]
