"""What somebody edited in the overlay is not lost without a word, by any command."""

from __future__ import annotations

import base64
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import sources
from tests.bed import dists
from tests.bench import Bench
from tests.lifecycle import patches
from tests.lifecycle.patches import change, mark, revision, row
from tests.long import LONG, few, first

LOSING = {
    "install": ["alpha==2.0"],
    "install -I": ["-I", "--no-deps", "alpha==1.5"],
    "install --force-reinstall": ["--force-reinstall", "--no-deps", "alpha==1.5"],
    "remove": ["alpha"],
    "undo": [],
    "undo 0": ["0"],
    "undo N": ["2"],
    "apply": ["other.toml"],
}
"""Commands that put something in the place of what was edited."""


@pytest.fixture
def edited(quick: Bench) -> Bench:
    """Revision 2, whose alpha 1.5 was edited."""
    quick.given("install", "new")
    quick.given("install", "alpha==1.5")
    other = 'format = 1\n[[wanted]]\nrequirement = "new"\n'
    sources.write(quick.user, quick.user.home / "other.toml", other)
    edit(quick, "alpha", "1.5")
    return quick


def edit(bench: Bench, name: str, version: str) -> None:
    bench.edit(bench.site / name / "__init__.py", patches.text(name, version, "by hand"))
    assert mark(bench, name) == "by hand"


def lost(bench: Bench, name: str = "alpha") -> str:
    return str((bench.site / name / "__init__.py").relative_to(bench.overlay))


@first(1)
@pytest.mark.parametrize("command", few(LOSING, *[*LOSING][:2]))
def test_what_loses_an_edit_needs_force_and_names_the_file(edited: Bench, command: str) -> None:
    [verb, *_], words = command.split(), LOSING[command]
    told = edited.refuse(verb, "--yes", *words)
    assert lost(edited) in told
    assert "--force" in told
    before = edited.content()
    plan = edited.json(verb, *words, "--dry-run")
    assert edited.content() == before
    assert mark(edited, "alpha") == "by hand"
    edited.change(verb, *words, "--force")
    assert mark(edited, "alpha") == "not ours"
    assert plan["lost"] == [lost(edited)]


def test_a_dry_run_lists_the_edits_that_would_be_lost(edited: Bench) -> None:
    before = edited.content()
    for verb, *words in (["install", "alpha==2.0"], ["remove", "alpha"], ["undo"]):
        shown = edited.ask(verb, *words, "--dry-run")
        assert lost(edited) in shown
    assert edited.content() == before


def test_a_file_of_no_distribution_is_an_edit_too(quick: Bench) -> None:
    quick.given("install", "new")
    quick.edit(quick.site / "mine.py", "")
    name = str((quick.site / "mine.py").relative_to(quick.overlay))
    for words in (["0"], []):
        assert name in quick.refuse("undo", "--yes", *words)
    assert quick.json("undo", "0", "--dry-run")["lost"] == [name]
    quick.given("undo", "0", "--force")
    assert not (quick.site / "mine.py").exists()


@LONG
def test_an_own_file_that_a_package_would_replace_needs_force_also_if_recorded(
    quick: Bench,
) -> None:
    quick.given("install", "alpha==1.5")
    quick.user.run(["mkdir", quick.site / "new"])
    quick.edit(quick.site / "mine.py", "MINE = 1\n")
    quick.edit(quick.site / "new" / "__init__.py", "MINE = 1\n")
    quick.change("record")
    refused = quick.refuse("install", "new")
    path = (quick.site / "new/__init__.py").relative_to(quick.overlay)
    assert f"would be lost:\n  {path}\n" in refused and "mine.py" not in refused
    assert quick.json("install", "new", "--force")["lost"] == [str(path)]
    assert quick.version("new") == "1.0"
    quick.change("undo")
    assert quick.python("-c", "import new; new.MINE").returncode == 0


def test_an_edit_that_is_not_in_the_way_stays_and_is_not_listed(edited: Bench) -> None:
    plan = edited.json("install", "delta==2.0", "--allow-conflicts")
    assert mark(edited, "alpha") == "by hand"
    edited.change("remove", "new")
    assert mark(edited, "alpha") == "by hand"
    assert plan["lost"] == []


@LONG
def test_an_edited_copy_of_what_the_host_has_is_not_redundant(own: Bench, links: Path) -> None:
    dists.wheel(links, "tool", "1.0")
    own.install("--find-links", links, "tool")
    edit(own, "tool", "1.0")
    sources.administrate(own.host, dists.wheel(links, "tool", "1.0"))
    meaning = row(own, "tool")["meaning"]
    own.given("rebase")
    assert mark(own, "tool") == "by hand"
    assert meaning != "redundant"


@LONG
def test_an_edit_from_before_the_last_change_is_one_still(edited: Bench) -> None:
    edited.change("remove", "new")
    assert lost(edited) in edited.refuse("install", "--yes", "alpha==2.0")
    assert mark(edited, "alpha") == "by hand"


def test_undo_to_the_current_revision_takes_an_edit_back(edited: Bench) -> None:
    plan = edited.json("undo", "2", "--dry-run")
    edited.change("undo", "2", "--force")
    assert (mark(edited, "alpha"), edited.version("alpha")) == ("not ours", "1.5")
    assert revision(edited) == 3
    found = [*plan["changes"], *plan["files"]["changed"]]
    assert found
    assert change(plan, "alpha")["differs"] == ["content"]


def test_what_was_removed_by_hand_is_in_the_next_plan_by_its_name(quick: Bench) -> None:
    quick.given("install", "alpha==2.0", "new")
    for path in quick.site.glob("alpha*"):
        shutil.rmtree(path)
    assert quick.json("install", "new", "--dry-run")["changes"] == []
    plan = quick.json("remove", "new")
    gone = {change["name"]: change for change in plan["changes"]}["alpha"]
    assert (gone["kind"], gone["before"], gone["after"]) == ("remove", "2.0", None)
    assert (gone["host_version"], gone["why"]) == ("1.0", "its files are gone")
    assert "alpha" not in quick.record()["distributions"]
    quick.given("undo")
    assert quick.version("alpha") == "2.0"


def test_what_was_removed_by_hand_is_put_back_by_repair(quick: Bench) -> None:
    quick.given("install", "new")
    for path in quick.site.glob("new*"):
        shutil.rmtree(path)
    [change] = quick.json("repair")["changes"]
    assert (change["name"], change["after"], change["why"]) == ("new", "1.0", "repaired")


def with_record(wheel: Path, change: Callable[[str, str], str]) -> None:
    """Change the hash of each file in the RECORD of a wheel."""
    with zipfile.ZipFile(wheel) as old:
        content = {name: old.read(name) for name in old.namelist()}
    [record] = [name for name in content if name.endswith("/RECORD")]
    rows = [line.split(",") for line in content[record].decode().splitlines()]
    lines = [",".join([name, sha and change(name, sha), size]) for name, sha, size in rows]
    content[record] = "".join(f"{line}\n" for line in lines).encode()
    with zipfile.ZipFile(wheel, "w") as new:
        for name, data in content.items():
            new.writestr(name, data)


@first(1)
@pytest.mark.parametrize(
    "change",
    [
        lambda _, sha: f"sha256={base64.urlsafe_b64decode(sha[7:] + '=').hex()}",
        lambda name, _: "sha256=" + base64.urlsafe_b64encode(name.encode()[:32].zfill(32)).decode(),
        lambda _, sha: f"{sha}!",
    ],
    ids=["hex", "another", "garbage"],
)
def test_what_a_builder_has_written_wrong_is_no_edit(
    quick: Bench, links: Path, change: Callable[[str, str], str]
) -> None:
    with_record(dists.wheel(links, "odd", "1.0"), change)
    quick.install("--find-links", links, "odd")
    [overlay] = quick.json("status")["overlays"]
    assert (overlay["findings"], overlay["distributions"][0]["edited"]) == ([], False)
    (quick.site / "odd/__init__.py").unlink()
    quick.change("repair")
    assert quick.version("odd") == "1.0"
    quick.change("remove", "odd")


# -- links to directories, which lead out of the overlay


TOOL = {"tool/__init__.py": "", "tool/core.py": "X = 1\n"}


@pytest.fixture
def linked(own: Bench, links: Path) -> Bench:
    """A copy whose package is a link to a directory of the user's, with edits that are theirs."""
    own.given("install", "new")
    sources.administrate(own.host, dists.wheel(links, "tool", "1.0", files=TOOL))
    own.given("edit", "tool", "--no-editor")
    tool = own.site / "tool"
    steps = f"cp -r {tool} ~/mine", f"rm -r {tool}", f"ln -s ~/mine {tool}"
    edit = "echo 'MINE = 1' >> ~/mine/core.py", "chmod 444 ~/mine/*"
    own.user.run(["sh", "-c", " && ".join([*steps, *edit])])
    return own


@pytest.mark.parametrize(
    "words",
    few(
        [
            ("record",),
            ("undo", "2", "--dry-run"),
            ("undo", "2", "--force"),
            ("install", "alpha==1.5", "--force"),
            ("remove", "tool", "--force"),
            ("repair", "tool"),
            ("rebase", "--force"),
        ],
        ("record",),
        ("undo", "2", "--dry-run"),
    ),
    ids=" ".join,
)
def test_nothing_is_written_behind_a_link_to_a_directory(
    linked: Bench, words: tuple[str, ...]
) -> None:
    mine = linked.user.home / "mine"
    before = {path: (path.read_bytes(), path.stat().st_mode) for path in mine.iterdir()}
    assert b"MINE" in before[mine / "core.py"][0]
    linked.run(words[0], *linked.where, "--yes", *words[1:])
    assert {path: (path.read_bytes(), path.stat().st_mode) for path in mine.iterdir()} == before
    assert mine.lstat().st_uid == linked.user.uid


def test_status_names_a_link_in_the_place_of_a_package_which_is_what_runs(linked: Bench) -> None:
    place = (linked.site / "tool").relative_to(linked.overlay)
    [overlay] = linked.json("status")["overlays"]
    found = {one["kind"]: one["text"] for one in overlay["findings"]}
    assert found.keys() == {"missing", "by-hand"}  # the environment's is not in effect
    assert found["missing"].endswith(f", since {place} is a link")


def test_a_directory_that_became_a_link_comes_back(linked: Bench) -> None:
    linked.user.run(["sh", "-c", f"rm -r {linked.site}/new && ln -s ~/mine {linked.site}/new"])
    assert f"conda overlay repair -p {linked.host} new\n" in linked.ask("status")
    linked.change("repair", "new")
    assert not (linked.site / "new").is_symlink() and linked.version("new") == "1.0"
    linked.change("undo", "2", "--force")
    assert not (linked.site / "tool").is_symlink()
    assert (linked.site / "tool" / "core.py").read_text() == TOOL["tool/core.py"]


@pytest.mark.parametrize("there", ["a link", "nothing"])
def test_the_programs_directory_is_made_again_and_no_link_is_followed(
    quick: Bench, there: str
) -> None:
    quick.given("install", "new")
    mine, programs = quick.user.home / "programs", quick.overlay / "bin"
    make = f"rm -r {programs}; mkdir {mine}; echo mine > {mine}/pip"
    quick.user.run(["sh", "-c", make + (f"; ln -s {mine} {programs}" if there == "a link" else "")])
    quick.change("repair", "--force")
    assert sorted(path.name for path in mine.iterdir()) == ["pip"]
    assert (mine / "pip").read_text() == "mine\n"
    assert quick.script("new") == "new 1.0" and not programs.is_symlink()


def test_edited_programs_stay_executable_in_every_revision(own: Bench, links: Path) -> None:
    files = {"tool/__init__.py": "", "tool/run.sh": "#!/bin/sh\necho 1\n"}
    wheel = dists.wheel(links, "tool", "1.0", files=files, executable=["tool/run.sh"])
    sources.administrate(own.host, wheel)
    own.given("edit", "tool", "--no-editor")
    run = own.site / "tool" / "run.sh"
    for number in (2, 3):
        script = f"printf '#!/bin/sh\\necho {number}\\n' > {run}"
        own.user.run(["sh", "-c", script])
        own.change("record")
        assert own.user.run([run]).stdout == f"{number}\n"
    for number in (2, 1):
        own.change("undo")
        assert own.user.run([run]).stdout == f"{number}\n"
    own.change("undo", "3")
    own.change("repair", "tool")
    assert own.user.run([run]).stdout == "1\n"


def test_repair_of_one_takes_no_other_away_that_is_behind_a_link(quick: Bench) -> None:
    for name in ("new", "alpha==1.5"):
        quick.given("install", name)
    site, mine = quick.site, quick.user.home / "mine"
    quick.user.run(["sh", "-c", f"cp -a {site} {mine}; rm -rf {site}; ln -s {mine} {site}"])
    assert "is a link, so nothing is changed." in quick.refuse("repair", "new", "--yes", "--force")
    assert quick.see("alpha", "new") == {"alpha": "1.5", "new": "1.0"}
