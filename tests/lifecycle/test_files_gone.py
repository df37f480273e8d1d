"""What `status` and plans say of files that are gone, or that were changed though they are ours."""

from __future__ import annotations

from tests.bench import Bench


def texts(bench: Bench) -> list[str]:
    """The findings of the overlay."""
    [overlay] = bench.json("status")["overlays"]
    return [one["text"] for one in overlay["findings"]]


def test_packages_are_missing_after_everything_was_deleted(quick: Bench) -> None:
    quick.given("install", "new")
    quick.edit(quick.site / "mine.py", "MINE = 1\n")
    quick.given("record")
    script = 'cd "$1" && rm -rf bin lib'
    assert quick.user.run(["sh", "-c", script, "sh", quick.overlay]).returncode == 0
    found = texts(quick)
    assert "new is gone" in found
    name = (quick.site / "mine.py").relative_to(quick.overlay)
    said = f"deleted since revision 2: {name}; no package has this, "
    assert f"{said}record keeps it so, repair restores it" in found
    quick.change("repair")
    assert texts(quick) == []
    assert (quick.site / "mine.py").exists()


def test_a_recorded_file_that_no_package_has_is_missed(quick: Bench) -> None:
    quick.given("install", "new")
    path = quick.site / "mine.py"
    quick.edit(path, "MINE = 1\n")
    quick.given("record")
    assert quick.user.run(["rm", "-f", path]).returncode == 0
    [text] = texts(quick)
    assert text.startswith("deleted since revision 2: ") and "mine.py" in text
    quick.change("record")
    assert texts(quick) == []


def test_our_own_files_that_were_changed_are_named_by_what_replaces_them(quick: Bench) -> None:
    quick.given("install", "new")
    path = quick.site / "sitecustomize.py"
    quick.edit(path, path.read_text() + "MINE = 1\n")
    quick.edit(quick.site / "mine.py", "MINE = 1\n")
    note = f"made anew, without your edits: {path.relative_to(quick.overlay)}"
    assert note in quick.ask("install", "alpha==1.5", "--dry-run")
    assert note in quick.change("record")
    assert "made anew" not in quick.change("install", "alpha==1.5")
