"""Edits that have no effect, as Python imports another file, are named by whoever tells them."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest

from tests import sources
from tests.bed import dists
from tests.bench import Bench

FIX = """\
--- a/fast/core.py
+++ b/fast/core.py
@@ -1 +1 @@
-X = 1
+X = 2
"""
SO = "fast/core.cpython-311-x86_64-linux-gnu.so"
TOLD = "fast/core.py does not run: Python imports {}"


@pytest.fixture
def fast(own: Bench, links: Path) -> Bench:
    """Over a host that has fast 1.0."""
    files = {"fast/__init__.py": "", "fast/core.py": "X = 1\n"}
    sources.administrate(own.host, dists.wheel(links, "fast", "1.0", files=files))
    return own


def becomes(bench: Bench, links: Path, name: str) -> None:
    """The administrator installs fast 1.1, which has another file beside `core.py`."""
    files = {"fast/__init__.py": "", "fast/core.py": "X = 1\n", name: ""}
    sources.administrate(bench.host, dists.wheel(links, "fast", "1.1", files=files))


def findings(bench: Bench) -> dict[str, list[str]]:
    [overlay] = bench.json("status")["overlays"]
    return {one["text"]: one["remedies"] for one in overlay["findings"]}


@pytest.mark.parametrize("instead", [SO, "fast/core/__init__.py"])
def test_a_fix_that_another_file_of_the_next_version_bypasses(
    fast: Bench, links: Path, scratch: Path, instead: str
) -> None:
    (scratch / "fix.patch").write_text(FIX)
    assert "does not run" not in fast.change("patch", "fast", scratch / "fix.patch")
    assert findings(fast) == {}
    becomes(fast, links, instead)
    told = TOLD.format(instead)
    assert told in fast.json("rebase", "--dry-run")["notes"]
    fast.change("rebase")
    assert told in findings(fast)
    assert told in fast.ask("why", "fast")
    assert told not in fast.json("install", "new")["notes"]


def test_a_patch_and_a_record_name_it_and_the_command_helps(
    fast: Bench, links: Path, scratch: Path
) -> None:
    becomes(fast, links, SO)
    (scratch / "fix.patch").write_text(FIX)
    told = TOLD.format(SO)
    notes = fast.json("patch", "fast", scratch / "fix.patch")["notes"]
    assert notes.count(told) == 1
    fast.edit(fast.site / "fast/core.py", "X = 3\n")
    assert told in fast.json("record")["notes"]
    [remove, repair] = findings(fast)[told]
    assert repair == f"conda overlay repair -p {fast.host} fast"
    assert fast.user.run(shlex.split(remove)).returncode == 0
    assert told not in findings(fast)
    fast.change("record")
    assert fast.python("-c", "import fast.core; print(fast.core.X)").stdout == "3\n"


@pytest.mark.parametrize("how", ["edit", "delete"])
def test_a_pth_file_of_which_the_environments_runs_as_well(
    own: Bench, links: Path, how: str
) -> None:
    files = {"hooky/__init__.py": "", "hooky.pth": "import sys; sys.hooked = 1\n"}
    sources.administrate(own.host, dists.wheel(links, "hooky", "1.0", files=files))
    own.given("edit", "hooky", "--no-editor")
    place = own.site / "hooky.pth"
    if how == "edit":
        own.edit(place, "\n")
    else:
        place.unlink()
    told = "hooky.pth of the environment runs at each start as well, unedited"
    assert told in own.json("record")["notes"]
    assert told in findings(own)


def test_what_comes_into_effect_in_front_of_a_copy_is_named_by_rebase(
    own: Bench, links: Path
) -> None:
    sources.administrate(own.host, dists.wheel(links, "nsa", "1.0", files={"ns/a.py": "X = 1\n"}))
    own.given("edit", "nsa", "--no-editor")
    own.edit(own.site / "ns/a.py", "X = 2\n")
    own.given("record")
    files = {"ns/__init__.py": "", "ns/b.py": ""}
    sources.administrate(own.host, dists.wheel(links, "nsb", "2.0", files=files))
    notes = own.json("rebase")["notes"]
    assert any("nsb 2.0 (environment) hides the module ns.a of nsa 1.0" in one for one in notes)


def test_a_directory_of_new_files_that_is_a_file_in_the_next_version(
    fast: Bench, links: Path
) -> None:
    fast.given("edit", "fast", "--no-editor")
    fast.user.run(
        ["sh", "-c", f"mkdir {fast.site}/fast/notes; echo 1 > {fast.site}/fast/notes/t.txt"]
    )
    fast.given("record")
    becomes(fast, links, "fast/notes")
    told = fast.refuse("rebase", "--yes")
    assert "fast/notes/t.txt, as fast/notes is a file in the environment now" in told
    fast.change("rebase", "--force")
    assert fast.distributions() == []


def test_record_drops_the_bytecode_of_an_earlier_edit_in_the_same_second(fast: Bench) -> None:
    fast.given("edit", "fast", "--no-editor")
    file = fast.site / "fast/core.py"
    python, environ = fast.host / "bin/python", {"PYTHONPATH": str(fast.site)}

    def run() -> str:
        code = "import fast.core; print(fast.core.X)"
        return fast.user.run([python, "-B", "-c", code], env=environ).stdout

    for number in (4, 5):
        fast.edit(file, f"X = {number}\n")
        fast.user.run(["touch", "-d", f"2026-01-01 00:00:00.{number}", file])
        if number == 4:
            fast.user.run([python, "-m", "compileall", "-q", file.parent])
    assert run() == "4\n"  # as Python does
    fast.change("record")
    assert run() == "5\n"


def test_another_package_with_the_same_modules_is_named_by_rebase(fast: Bench, links: Path) -> None:
    fast.given("edit", "fast", "--no-editor")
    files = {"fast/__init__.py": "", "fast/core.py": "X = 9\n"}
    sources.administrate(fast.host, dists.wheel(links, "faster", "2.0", files=files))
    [info] = fast.host.glob("lib/python*/site-packages/fast-1.0.dist-info")
    shutil.rmtree(info)
    notes = fast.json("rebase")["notes"]
    assert any("fast 1.0 hides the module fast of faster 2.0" in one for one in notes), notes
