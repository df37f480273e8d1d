"""``conda overlay repair``: what is missing comes back, and edits stay unless they are named."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from conda_overlay.layer import state
from tests.bed import dists
from tests.bench import Bench
from tests.lifecycle.patches import PLAN
from tests.long import LONG, few


def files_of(bench: Bench) -> dict[str, bytes]:
    tree = bench.overlay.resolve()
    paths = [p for p in tree.rglob("*") if p.is_file() and p.suffix != ".pyc"]
    return {str(path.relative_to(tree)): path.read_bytes() for path in paths}


def content_of(files: dict[str, bytes]) -> dict[str, bytes]:
    return {path: content for path, content in files.items() if not state.is_bookkeeping(path)}


def remove(bench: Bench, *paths: str) -> None:
    for path in paths:
        (bench.site / path).unlink()


def with_an_edit(bench: Bench) -> str:
    """Install alpha and new, and edit alpha; return what the file was."""
    bench.given("install", "alpha==1.5")
    bench.given("install", "new")
    original = (bench.site / "alpha/__init__.py").read_text()
    bench.edit(bench.site / "alpha/__init__.py", original + "mine = 1\n")
    return original


def test_a_missing_file_comes_back_from_another_revision_without_pip(quick: Bench) -> None:
    quick.given("install", "alpha==1.5")
    quick.given("install", "new")
    before = files_of(quick)
    remove(quick, "alpha/__init__.py")
    assert "conda overlay repair -n science alpha\n" in quick.ask("status")
    plan = quick.json("repair")
    assert plan.keys() == PLAN and plan["revision"] == 3
    assert files_of(quick) == before
    assert quick.see("alpha") == {"alpha": "1.5"}


def test_a_distribution_that_is_gone_is_installed_again_as_recorded(quick: Bench) -> None:
    quick.given("install", "alpha==1.5")
    for path in sorted(quick.site.glob("alpha*/*")):
        path.unlink()
    for path in quick.site.glob("alpha*"):
        path.rmdir()
    quick.given("repair")
    assert quick.see("alpha") == {"alpha": "1.5"}
    assert (quick.overlay / "bin" / "alpha").exists()
    assert quick.record()["distributions"]["alpha"]["requirement"] == "alpha==1.5"


def test_an_install_over_damage_restores_what_is_missing_and_keeps_edits(quick: Bench) -> None:
    with_an_edit(quick)
    remove(quick, "alpha-1.5.dist-info/INSTALLER")
    plan = quick.json("install", "alpha")
    assert [(one["name"], one["why"]) for one in plan["changes"]] == [("alpha", "repaired")]
    assert "mine" in (quick.site / "alpha/__init__.py").read_text()
    assert quick.see("alpha") == {"alpha": "1.5"}


def test_an_install_leaves_what_pip_renamed_of_another_distribution(quick: Bench) -> None:
    quick.given("install", "alpha==1.5")
    (quick.site / "alpha").rename(quick.site / "~lpha")
    quick.change("install", "new")
    assert (quick.site / "~lpha").is_dir()
    quick.change("repair")
    assert quick.see("alpha") == {"alpha": "1.5"} and not list(quick.site.glob("~*"))


def test_what_pip_renamed_and_left_is_put_back_from_there(quick: Bench) -> None:
    """As ``pip uninstall`` leaves it when it cannot write to the host."""
    quick.given("install", "alpha==1.5")
    before = files_of(quick)
    (quick.site / "alpha").rename(quick.site / "~lpha")
    quick.given("repair")
    assert files_of(quick) == before
    assert not list(quick.site.glob("~*"))


def test_edits_stay_unless_their_distribution_is_named(quick: Bench) -> None:
    original = with_an_edit(quick)
    remove(quick, "new/__init__.py")
    quick.given("repair")
    assert "mine" in (quick.site / "alpha/__init__.py").read_text()
    assert (quick.site / "new/__init__.py").exists()
    quick.given("repair", "alpha")
    assert (quick.site / "alpha/__init__.py").read_text() == original


GUARD_FINDINGS = {
    "made": "made by another version of conda-overlay",
    "changed": "its guard, its pip or its bin/.python is missing or was changed",
}


@pytest.mark.parametrize("how", GUARD_FINDINGS)
@pytest.mark.parametrize("path", ["sitecustomize.py", "bin/pip"])
def test_guard_and_pip_of_another_version_are_named_and_renewed_without_a_revision(
    quick: Bench, how: str, path: str
) -> None:
    quick.given("install", "new")
    place = quick.overlay / path if path.startswith("bin/") else quick.site / path
    mine = place.read_bytes()
    place.chmod(0o644)
    place.write_bytes(mine + b"# older\n")
    if how == "made":
        file = quick.revisions / "1" / "manifest.json"
        file.chmod(0o644)
        manifest = json.loads(file.read_text())
        name = str(place.relative_to(quick.overlay))
        manifest[name] = [0, 0, hashlib.sha256(place.read_bytes()).hexdigest()]
        file.write_text(json.dumps(manifest))
    [finding] = quick.json("status")["overlays"][0]["findings"]
    assert (finding["kind"], finding["text"]) == ("guard", GUARD_FINDINGS[how])
    assert finding["remedies"] == ["conda overlay repair -n science"]
    assert "made anew, for this version of conda-overlay" in quick.change("repair")
    assert place.read_bytes() == mine and not place.stat().st_mode & 0o222
    assert quick.numbers == [1]
    assert quick.json("status")["overlays"][0]["findings"] == []


def test_the_interpreter_of_scripts_is_named_when_it_is_gone_and_renewed(quick: Bench) -> None:
    quick.given("install", "new")
    place = quick.overlay / "bin" / ".python"
    place.unlink()
    [finding] = quick.json("status")["overlays"][0]["findings"]
    assert (finding["kind"], finding["text"]) == ("guard", GUARD_FINDINGS["changed"])
    quick.change("repair")
    assert quick.script("new") == "new 1.0" and quick.numbers == [1]


def test_nothing_to_repair_is_no_revision(quick: Bench) -> None:
    quick.given("install", "new")
    assert "Nothing to " in quick.ask("repair")
    assert quick.revision == 1


@LONG
def test_a_directory_in_the_place_of_a_file_gives_way_to_it(quick: Bench) -> None:
    quick.given("install", "alpha==1.5")
    before = files_of(quick)
    place = quick.site / "alpha/__init__.py"
    for words in (["repair"], ["undo"]):
        place.unlink()
        assert quick.user.run(["mkdir", place]).returncode == 0
        quick.change("record")  # which does not make it right
        assert "conda overlay repair -n science alpha\n" in quick.ask("status")
        quick.change(*words)
        assert files_of(quick) == before, words
    place.unlink()
    assert quick.user.run(["mkdir", "-p", place / "mine"]).returncode == 0
    assert str(place) in quick.refuse("repair", "-y")


@pytest.mark.parametrize("name", ["nosuch", "beta"])
def test_only_what_the_overlay_has_is_repaired(quick: Bench, name: str) -> None:
    quick.given("install", "new")
    done = quick.run("repair", *quick.where, name, "-y")
    assert done.returncode == 1 and name in done.stderr and "Traceback" not in done.stderr


@pytest.fixture
def twice(quick: Bench, links: Path) -> Bench:
    """Revision 2 has tool in the same version as revision 1, with other content."""
    for mark in ("one", "two"):
        wheel = dists.wheel(links, "tool", "1.0", files={"tool/fix.py": f"{mark}\n"})
        quick.install("--force-reinstall", wheel)
    return quick


@LONG
@pytest.mark.parametrize("gone", few(["tool/fix.py", "t*", "*/RECORD"], "t*"))
def test_what_comes_back_is_of_this_revision_not_of_another_of_its_version(
    twice: Bench, gone: str
) -> None:
    before = files_of(twice)
    for path in twice.site.glob(gone):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    plan = twice.json("repair")
    assert [change["why"] for change in plan["changes"]] == ["repaired"]
    after = files_of(twice)
    exactly = gone == "tool/fix.py"
    assert after == before if exactly else content_of(after) == content_of(before)
    assert "Nothing to " in twice.ask("repair")


@LONG
def test_what_no_longer_can_be_had_is_refused_and_edits_outlive_an_installation(
    quick: Bench, links: Path
) -> None:
    wheel = dists.wheel(
        links, "tool", "1.0", files={"tool/a.py": "a = 1\n", "tool/b.py": "b = 1\n"}
    )
    quick.install(wheel)
    quick.edit(quick.site / "tool/b.py", "mine = 1\n")
    remove(quick, "tool/a.py")
    quick.given("repair")
    assert (quick.site / "tool/a.py").exists()
    assert (quick.site / "tool/b.py").read_text() == "mine = 1\n"
    dists.wheel(links, "tool", "1.0", files={"tool/a.py": "other"})
    for number in quick.numbers:
        (quick.tree(number) / (quick.site / "tool/a.py").relative_to(quick.overlay)).unlink(
            missing_ok=True
        )
    assert "HASHES" in quick.refuse("repair", "-y")


@LONG
def test_a_file_that_was_edited_before_it_was_deleted_comes_back_edited(quick: Bench) -> None:
    quick.given("edit", "alpha", "--no-editor")
    file = quick.site / "alpha" / "__init__.py"
    quick.edit(file, "FIX = 1\n")
    quick.change("record")
    text = file.read_text()
    quick.user.run(["rm", "-f", file])
    assert "conda overlay repair" in quick.ask("status")
    quick.change("repair")
    assert file.read_text() == text
    quick.user.run(["rm", "-f", file])
    assert "alpha/__init__.py (deleted)" in quick.change("install", "new")  # from then on an edit
    assert "Nothing to repair" in quick.change("repair")
    quick.change("undo")
    assert file.read_text() == text


def test_undo_after_a_repair_goes_back_behind_it(quick: Bench) -> None:
    quick.given("install", "new")
    quick.given("install", "alpha==1.5")
    remove(quick, "alpha/__init__.py")
    quick.given("repair")
    quick.given("undo")
    assert quick.distributions() == ["new-1.0"]


@LONG
def test_another_version_installed_by_hand_is_an_edit(quick: Bench, wheels: Path) -> None:
    quick.given("install", "new")
    quick.given("install", "alpha==1.5")
    by_hand = wheels / "alpha-2.0-py3-none-any.whl"
    shutil.rmtree(quick.site / "alpha-1.5.dist-info")
    quick.make_by_hand(by_hand)
    assert "Nothing to " in quick.ask("repair")
    quick.given("repair", "alpha")
    assert quick.see("alpha") == {"alpha": "1.5"}
