"""``conda overlay undo``: back to any revision, as a new one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.bed import dists
from tests.bench import Bench
from tests.lifecycle.patches import PLAN, files
from tests.long import LONG

PYPROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""

BACKEND = """\
import os, zipfile

INFO = "mine-1.0.dist-info/"
MEMBERS = {
    "mine.pth": os.path.join(os.path.dirname(os.path.abspath(__file__)), "src"),
    INFO + "METADATA": "Metadata-Version: 2.1\\nName: mine\\nVersion: 1.0\\n",
    INFO + "WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    INFO + "RECORD": "mine.pth,,\\n" + "".join(INFO + n + ",,\\n" for n in ("METADATA", "WHEEL")),
}


def build_editable(directory, config_settings=None, metadata_directory=None):
    with zipfile.ZipFile(os.path.join(directory, "mine-1.0-py3-none-any.whl"), "w") as wheel:
        for name, content in MEMBERS.items():
            wheel.writestr(name, content)
    return "mine-1.0-py3-none-any.whl"


build_wheel = build_editable
"""

ALONE = {"PIP_FIND_LINKS": None, "PIP_NO_INDEX": None, "PIP_INDEX_URL": "http://127.0.0.1:1/"}
"""Nothing is there to install from."""


@LONG
def test_undo_goes_back_by_one_and_redo_comes_forward(bench: Bench) -> None:
    assert "has no revision yet" in bench.refuse("undo", "--yes")
    bench.given("install", "alpha==2.0")
    bench.given("install", "new", "--reason", "ticket 7")
    dry = bench.ask("undo", "--dry-run")
    assert "removed:\n  - new  1.0  back to revision 1\n" in dry
    assert "Dry run: nothing was changed." in dry
    assert bench.revision == 2
    printed = bench.change("undo", env=ALONE)
    assert "Revision 3: back to revision 1." in printed
    assert bench.see("alpha", "new") == {"alpha": "2.0", "new": None}
    assert bench.files(3) == bench.files(1)
    assert "back to revision 2" in bench.change("redo", env=ALONE)
    assert bench.see("alpha", "new") == {"alpha": "2.0", "new": "1.0"}
    assert bench.script("new") == "new 1.0"
    assert bench.files(4) == bench.files(2)
    assert (bench.record(3)["restores"], bench.record(4)["restores"]) == (1, 2)
    assert bench.record(4)["distributions"] == bench.record(2)["distributions"]
    assert bench.record(4)["distributions"]["new"]["reason"] == "ticket 7"


def test_undo_to_any_revision_and_to_the_host(bench: Bench) -> None:
    for version in ("1.5", "2.0"):
        bench.install(f"alpha=={version}")
    bench.given("remove", "alpha")
    bench.change("undo", "1", env=ALONE)
    assert (bench.see("alpha", "beta"), bench.script("alpha")) == (
        {"alpha": "1.5", "beta": "1.0"},
        "alpha 1.5",
    )
    assert "Nothing to " in bench.change("undo", "4")
    assert "Nothing to " in bench.change("undo", "1")
    assert "alpha  1.5 -> 1.0  back to the environment" in bench.change("undo", "0", env=ALONE)
    assert bench.see("alpha", "beta") == {"alpha": "1.0", "beta": "1.0"}
    assert "Nothing to " in bench.change("undo", "0")
    assert (bench.revision, bench.record()["restores"]) == (5, 0)
    for number in ("6", "-1"):
        told = bench.refuse("undo", "--yes", number)
        assert f"has no revision {number}.\nHint: conda overlay history" in told
    bench.refuse("undo", "--yes", "one", code=2)
    assert bench.json("undo", "2", env=ALONE).keys() == PLAN
    assert bench.version("alpha") == "2.0"


@LONG
def test_overlay_made_by_hand_is_adopted_by_undo_0_and_comes_back(
    bench: Bench, wheels: Path
) -> None:
    bench.make_by_hand(*(wheels / f"{n}-py3-none-any.whl" for n in ("alpha-1.5", "new-1.0")))
    bench.edit(bench.site / "alpha" / "__init__.py", '__version__ = "1.5"\n__edited__ = True\n')
    bench.edit(bench.site / "mine.py", "")
    content = files(bench)
    for words in ([], ["1"]):
        assert "no revision" in bench.refuse("undo", "--yes", *words)
    dry = bench.json("undo", "0", "--dry-run")
    assert (dry["lost"], bench.revision) == ([], None)
    assert {c["name"]: (c["kind"], c["why"]) for c in dry["changes"]} == {
        name: ("remove", "back to the environment") for name in ("alpha", "new")
    }
    printed = bench.change("undo", "0")
    assert "alpha  1.5 -> 1.0  back to the environment" in printed
    assert (bench.numbers, bench.revision, bench.record()["restores"]) == ([1, 2], 2, 0)
    assert bench.record(1)["reason"] == "adopted: made by hand"
    assert bench.see("alpha", "new") == {"alpha": "1.0", "new": None}
    assert not (bench.site / "mine.py").exists()
    for forward, back in ((["redo"], ["undo"]), (["undo", "1"], ["undo", "0"])):
        bench.change(*forward)
        assert content.items() <= files(bench).items()  # which has the guard and the like, too
        assert "__edited__" in (bench.site / "alpha" / "__init__.py").read_text()
        bench.change(*back)
        assert bench.distributions() == []
    assert (bench.numbers, bench.record()["restores"]) == ([1, 2, 3, 4, 5, 6], 0)


@pytest.mark.parametrize("number", [(), ("1",)], ids=["the last", "one"])
def test_an_overlay_that_was_copied_without_its_link_says_how_to_make_it_a_revision(
    quick: Bench, number: tuple[str, ...]
) -> None:
    quick.given("install", "new")
    quick.user.run(
        ["sh", "-ec", 'cp -rL "$1" ~/copy; rm "$1"; mv ~/copy "$1"', "sh", quick.overlay]
    )
    told = quick.refuse("undo", *number, "--yes")
    assert f"{quick.overlay} was made by hand: no revision has what is there." in told
    quick.change("install", "alpha==1.5")
    quick.change("undo", "1")
    assert quick.distributions() == ["new-1.0"]


def test_what_was_changed_by_hand_in_a_revision_comes_back_with_it(quick: Bench) -> None:
    quick.given("install", "alpha==1.5")
    quick.edit(quick.site / "alpha" / "__init__.py", '__version__ = "1.5"\n__edited__ = True\n')
    quick.edit(quick.site / "mine.py", "")
    quick.given("install", "alpha==2.0", "--force")
    assert quick.version("alpha") == "2.0"
    quick.given("undo")
    assert "__edited__" in (quick.site / "alpha" / "__init__.py").read_text()
    assert (quick.site / "mine.py").exists()
    # Now only files differ, and this is said, asked and undone as well.
    quick.edit(quick.site / "mine.py", "again = 1\n")
    assert "mine.py" in quick.refuse("undo", "--yes", "1")
    done = quick.run("undo", *quick.where, "1", "--force", input="y\n")
    path = (quick.site / "mine.py").relative_to(quick.overlay)
    assert f"files:\n  M {path}\n" in done.stdout
    assert f"edits that will be lost:\n  {path}\n" in done.stdout
    assert (quick.site / "mine.py").read_text() == ""
    quick.given("undo", "3")
    assert (quick.site / "mine.py").read_text() == "again = 1\n"


@LONG
def test_edits_by_hand_come_back_where_the_metadata_was_removed(quick: Bench) -> None:
    """It is installed again, and the edits are of that revision."""
    quick.given("install", "new")
    shutil.rmtree(quick.site / "new-1.0.dist-info")
    quick.edit(quick.site / "new/__init__.py", "MINE = 1\n")
    quick.edit(quick.site / "new/work.py", "")
    quick.given("install", "delta==1.0", "--force-reinstall", "--no-deps")
    quick.given("undo")
    assert (quick.site / "new-1.0.dist-info/METADATA").exists()
    assert (quick.site / "new/__init__.py").read_text() == "MINE = 1\n"
    assert (quick.site / "new/work.py").exists()
    assert "Nothing to do" in quick.change("undo", "1")


def test_a_conflict_that_comes_back_is_shown_and_has_to_be_allowed(quick: Bench) -> None:
    quick.given("install", "delta==2.0", "--allow-conflicts")
    quick.given("remove", "delta")
    conflict = "stuck 1.0 (environment) requires delta<2, but 2.0 (overlay) would be in effect"
    told = quick.refuse("undo", "--yes")
    assert f"  {conflict}\nHint: --allow-conflicts proceeds anyway" in told
    printed = quick.change("undo", "--allow-conflicts")
    assert f"conflicts (allowed by --allow-conflicts):\n  {conflict}\n" in printed
    assert quick.version("delta") == "2.0"


def test_files_that_were_dropped_are_installed_again_from_the_lock(
    bench: Bench, links: Path
) -> None:
    for name in ("tool", "fool"):
        dists.wheel(links, name, "1.0", scripts={name: f"{name}:main"})
    dists.wheel(links, "tool", "2.0")
    simple = dists.index(links)
    bench.install("--index-url", simple.as_uri(), "tool==1.0", env={"PIP_NO_INDEX": None})
    bench.install("alpha==2.0", "--find-links", links, "fool")
    bench.given("undo", "0")
    bench.given("clean")
    printed = bench.change("undo", "2", env={"PIP_FIND_LINKS": None})
    assert "Some files of revision 2 are gone; installing them again." in printed
    assert bench.distributions() == ["alpha-2.0", "beta-2.0", "fool-1.0", "tool-1.0"]
    assert (bench.script("tool"), bench.script("alpha")) == ("tool 1.0", "alpha 2.0")
    assert bench.record()["distributions"] == bench.record(2)["distributions"]
    assert bench.json("status")["overlays"][0]["findings"] == []


@pytest.mark.parametrize("option", ["--index-url", "--find-links"])
def test_files_are_looked_for_where_the_requirements_file_named_a_place(
    quick: Bench, links: Path, option: str
) -> None:
    """With an option in a line of its own; also if the record does not tell the URL of the file."""
    dists.wheel(links, "tool", "1.0")
    place = dists.index(links).as_uri() if option == "--index-url" else str(links)
    quick.edit(quick.user.home / "r.txt", f"{option} {place}\ntool\n")
    quick.install("-r", quick.user.home / "r.txt", env=ALONE)
    quick.user.run(["rm", quick.user.home / "r.txt"])
    quick.given("undo", "0")
    for hidden in (False, True):
        quick.given("clean")
        if hidden:
            hide_urls(quick, 1)
        quick.change("undo", "1", env=ALONE)
        assert quick.distributions() == ["tool-1.0"]
        quick.given("undo", "0")


@LONG
def test_each_file_is_looked_for_where_it_was_found_then(quick: Bench, links: Path) -> None:
    places = []
    for name in ("tool", "fool"):
        dists.wheel(links / name, name, "1.0")
        places.append(dists.index(links / name).as_uri())
    env = {"PIP_NO_INDEX": None, "PIP_FIND_LINKS": None, "PIP_INDEX_URL": places[1]}
    quick.install("--index-url", places[0], "tool", env=env)
    quick.install("fool", env=env)
    quick.given("remove", "tool", "fool")
    quick.given("clean")
    hide_urls(quick, 2)
    quick.change("undo", env=env)
    assert quick.distributions() == ["fool-1.0", "tool-1.0"]


@LONG
def test_file_that_no_index_names_any_more_is_taken_from_its_url(
    quick: Bench, links: Path, served: str
) -> None:
    dists.wheel(links, "tool", "1.0")
    simple = dists.index(links)
    env = {"PIP_NO_INDEX": None, "PIP_FIND_LINKS": None, "PIP_INDEX_URL": f"{served}/simple"}
    quick.install("tool", env=env)
    quick.install("alpha==1.5", "--find-links", f"{served}/", env={"PIP_NO_INDEX": "1"})
    quick.given("remove", "alpha", "tool")
    quick.given("clean")
    (simple / "tool" / "index.html").write_text("")
    quick.change("undo", env={**env, "PIP_FIND_LINKS": quick.environ["PIP_FIND_LINKS"]})
    assert quick.distributions() == ["alpha-1.5", "tool-1.0"]
    dists.wheel(links, "tool", "1.0", files={"evil.py": ""})
    quick.given("remove", "alpha", "tool")
    quick.given("clean")
    assert "HASHES" in quick.refuse("undo", "--yes", env=env)


@pytest.fixture
def served(links: Path) -> Iterator[str]:
    """Where `links` is on the web."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(links))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def hide_urls(bench: Bench, number: int) -> None:
    """As a pip before 22.2 leaves the record, which does not tell them; it keeps the hashes."""
    path = bench.record_path(number)
    record = json.loads(path.read_text())
    for entry in record["distributions"].values():
        entry["url"] = None
    path.write_text(json.dumps(record))


@LONG
def test_editables_are_installed_again_from_their_source(quick: Bench) -> None:
    source = quick.user.home / "mine"
    quick.user.run(["mkdir", "-p", source / "src"])
    quick.edit(source / "src" / "mine.py", '__version__ = "1.0"\n')
    quick.edit(source / "backend.py", BACKEND)
    quick.edit(source / "pyproject.toml", PYPROJECT)
    quick.install("-e", source)
    quick.given("remove", "mine")
    assert "Kept revision 1, which cannot be downloaded again" in quick.change("clean")
    quick.given("clean", "--force")
    assert quick.kept == [2]
    quick.given("undo")
    assert quick.version("mine") == "1.0"
    quick.edit(source / "src" / "mine.py", '__version__ = "1.0"\nedited = True\n')
    assert "True" in quick.python("-c", "import mine; print(mine.edited)").stdout


@LONG
def test_file_that_is_another_one_now_is_refused(bench: Bench, links: Path) -> None:
    wheel = dists.wheel(links, "tool", "1.0")
    bench.install("--find-links", links, "tool")
    bench.given("remove", "tool")
    bench.given("clean")
    dists.wheel(links, "tool", "1.0", files={"evil.py": ""})
    restored = "CannotRestoreError: Revision 1 cannot be restored"
    told = bench.refuse("undo", "--yes", env={"PIP_FIND_LINKS": None})
    assert f"{restored} exactly; the overlay is unchanged." in told
    assert "HASHES" in told
    wheel.unlink()
    told = bench.refuse("undo", "--yes", env={"PIP_FIND_LINKS": None})
    assert restored in told
    assert "No matching distribution found for tool==1.0" in told
    assert (bench.revision, bench.distributions()) == (2, [])
