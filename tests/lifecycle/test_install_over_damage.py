"""Installs over what is damaged: it comes back as it was recorded, and nothing else is lost."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bed import dists
from tests.bench import Bench
from tests.lifecycle import patches
from tests.lifecycle.test_repair import files_of, remove


def plan_of(bench: Bench, *words: str | Path) -> list[tuple[str, str, object, object, str]]:
    plan = bench.json(*map(str, words))
    return [(c["name"], c["kind"], c["before"], c["after"], c["why"]) for c in plan["changes"]]


def test_a_damaged_newer_one_is_not_exchanged_for_the_hosts(quick: Bench) -> None:
    """Its files are in no other revision, and the host has another version."""
    quick.given("install", "alpha==2.0", "--reason", "ticket")
    remove(quick, "alpha/__init__.py")
    told = plan_of(quick, "install", "alpha")
    assert quick.see("alpha") == {"alpha": "2.0"}, told
    assert quick.record()["distributions"]["alpha"]["reason"] == "ticket"


def test_a_damaged_fix_from_a_source_is_not_exchanged_for_that_of_the_index(
    quick: Bench, links: Path
) -> None:
    fix = patches.patched(quick, links, "directory", "alpha", "1.5", "mine")
    quick.install(fix, "--reason", "ticket", "--intent", "dev")
    remove(quick, "alpha/__init__.py")
    told = plan_of(quick, "install", "alpha")
    entry = quick.record()["distributions"].get("alpha")
    assert patches.mark(quick, "alpha") == "mine", (told, entry)


def test_a_damaged_fix_with_new_in_the_index(quick: Bench, links: Path) -> None:
    fix = patches.patched(quick, links, "directory", "new", "1.0", "mine")
    quick.install(fix, "--reason", "ticket", "--intent", "dev", "--until", "2030-01-01")
    remove(quick, "new/__init__.py")
    told = plan_of(quick, "install", "new")
    entry = quick.record()["distributions"].get("new")
    assert patches.mark(quick, "new") == "mine", (told, entry)


def test_options_and_pins_of_a_damaged_one_stay(quick: Bench) -> None:
    quick.given("install", "new==1.0", "--intent", "hold", "--until", "2030-01-01", "--reason", "t")
    before = quick.record()["distributions"]["new"]
    remove(quick, "new/__init__.py")
    quick.change("install", "new")
    after = quick.record()["distributions"]["new"]
    for name in ("requirement", "intent", "until", "reason", "requested"):
        assert before[name] == after[name], name


def test_an_edit_in_what_pip_renamed_is_not_lost_by_another_install(quick: Bench) -> None:
    quick.given("install", "alpha==1.5")
    quick.edit(quick.site / "alpha/__init__.py", "mine = 1\n")
    (quick.site / "alpha").rename(quick.site / "~lpha")
    done = quick.run("install", *quick.where, "-y", "new")
    left = [p.read_text() for p in quick.site.rglob("*.py") if "mine = 1" in p.read_text()]
    assert left or "alpha" in done.stdout + done.stderr, done.stdout + done.stderr
    assert left, done.stdout + done.stderr


def test_an_edit_in_what_pip_renamed_is_not_lost_by_its_install(quick: Bench) -> None:
    quick.given("install", "alpha==1.5")
    quick.given("install", "new")
    quick.edit(quick.site / "alpha/__init__.py", "mine = 1\n")
    (quick.site / "alpha").rename(quick.site / "~lpha")
    done = quick.run("install", *quick.where, "-y", "alpha")
    left = [p.read_text() for p in quick.site.rglob("*.py") if "mine = 1" in p.read_text()]
    assert left or done.returncode, done.stdout + done.stderr


def test_an_edit_in_what_pip_renamed_is_not_lost_by_repair(quick: Bench) -> None:
    quick.given("install", "alpha==1.5")
    quick.given("install", "new")
    quick.edit(quick.site / "alpha/__init__.py", "mine = 1\n")
    (quick.site / "alpha").rename(quick.site / "~lpha")
    done = quick.run("repair", *quick.where, "-y")
    left = [p.read_text() for p in quick.site.rglob("*.py") if "mine = 1" in p.read_text()]
    assert left or done.returncode, done.stdout + done.stderr


def test_the_why_of_an_upgrade_over_damage(quick: Bench) -> None:
    quick.given("install", "alpha==1.5")
    quick.given("install", "new")
    remove(quick, "alpha/__init__.py")
    [told] = [t for t in plan_of(quick, "install", "alpha==2.0") if t[0] == "alpha"]
    assert told[4] not in ("repaired", "files were missing"), told


def test_all_that_pip_renamed_goes_also_what_is_alike(quick: Bench, links: Path) -> None:
    files = {"tool/a/__init__.py": "", "tool/b/__init__.py": "", "tool/c.py": ""}
    quick.install(dists.wheel(links, "tool", "1.0", files=files))
    before = files_of(quick)
    shutil.copytree(quick.site / "tool", quick.site / "~ool")
    quick.change("repair")
    assert files_of(quick) == before


def test_all_that_pip_renamed_is_put_back_also_what_is_alike(quick: Bench, links: Path) -> None:
    files = {"tool/a/__init__.py": "", "tool/b/__init__.py": "", "tool/c.py": ""}
    quick.install(dists.wheel(links, "tool", "1.0", files=files))
    before = files_of(quick)
    (quick.site / "tool").rename(quick.site / "~ool")
    (quick.site / "tool-1.0.dist-info").rename(quick.site / "~ool-1.0.dist-info")
    quick.change("install", "tool", env={"PIP_FIND_LINKS": str(links)})
    assert files_of(quick) == before


@pytest.mark.parametrize("what", ["dir", "fifo", "link"])
def test_a_record_that_is_no_file(quick: Bench, what: str) -> None:
    quick.given("install", "alpha==1.5")
    quick.given("install", "new")
    before = files_of(quick)
    place = quick.site / "alpha-1.5.dist-info/RECORD"
    keep = quick.user.home / "RECORD"
    shutil.copy(place, keep)
    text = keep.read_bytes()
    place.unlink()
    if what == "dir":
        place.mkdir()
    elif what == "fifo":
        os.mkfifo(place)
    else:
        place.symlink_to(keep)
    quick.change("install", "alpha")
    assert keep.read_bytes() == text
    assert files_of(quick) == before


def test_a_damaged_one_without_a_record_is_put_back(quick: Bench) -> None:
    quick.given("install", "alpha==1.5")
    quick.given("install", "new")
    remove(quick, "alpha-1.5.dist-info/RECORD")
    quick.change("install", "alpha")
    assert (quick.site / "alpha-1.5.dist-info/RECORD").exists()


def test_an_editable_that_lost_its_pth_by_its_name(quick: Bench, links: Path) -> None:
    dists.wheel(links, "mine", "1.0", files={"mine/__init__.py": "MARK = 'index'\n"})
    bench = replace(quick, environ={**quick.environ, "PIP_FIND_LINKS": str(links)})
    directory = patches.source(quick.user, "mine", "1.0", "here")
    bench.install("-e", directory, "--reason", "t")
    for path in bench.site.glob("mine*.pth"):
        path.unlink()
    done = bench.run("install", *bench.where, "-y", "mine")
    assert patches.mark(bench, "mine") == "here", done.stdout + done.stderr


def test_a_hotfix_that_lost_a_file_and_whose_host_has_the_version(
    quick: Bench, links: Path
) -> None:
    directory = patches.source(quick.user, "alpha", "1.0", "mine")
    quick.install(directory, "--reason", "ticket")
    remove(quick, "alpha/__init__.py")
    done = quick.run("install", *quick.where, "-y", "alpha")
    assert patches.mark(quick, "alpha") == "mine", done.stdout + done.stderr


def test_metadata_missing_install(quick: Bench) -> None:
    quick.given("install", "alpha==1.5")
    quick.given("install", "new")
    before = files_of(quick)
    remove(quick, "alpha-1.5.dist-info/METADATA")
    done = quick.run("install", *quick.where, "-y", "alpha")
    assert done.returncode == 0 and "Traceback" not in done.stderr
    assert quick.see("alpha")["alpha"] == "1.5", done.stdout + done.stderr
    assert files_of(quick) == before


def test_metadata_missing_upgrade(quick: Bench) -> None:
    quick.given("install", "alpha==1.5")
    quick.given("install", "new")
    remove(quick, "alpha-1.5.dist-info/METADATA")
    done = quick.run("install", *quick.where, "-y", "alpha==2.0")
    assert "Traceback" not in done.stderr, done.stderr
    if done.returncode == 0:
        infos = [p.name for p in quick.site.glob("alpha-*")]
        assert infos == ["alpha-2.0.dist-info"], (infos, done.stdout)


def test_dist_info_gone_upgrade(quick: Bench, links: Path) -> None:
    """What pip lays over it, and what remains of the old."""
    for version in ("1.0", "2.0"):
        dists.wheel(links, "tool", version, files={f"tool/only{version[0]}.py": ""})
    bench = replace(quick, environ={**quick.environ, "PIP_FIND_LINKS": str(links)})
    bench.change("install", "tool==1.0")
    shutil.rmtree(bench.site / "tool-1.0.dist-info")
    done = bench.run("install", *bench.where, "-y", "tool==2.0")
    assert done.returncode == 0, done.stderr
    assert not (bench.site / "tool/only1.py").exists(), done.stdout


def test_dist_info_gone_install_again(quick: Bench) -> None:
    quick.given("install", "alpha==1.5", "--reason", "t", "--until", "2030-01-01")
    quick.given("install", "new")
    before = files_of(quick)
    shutil.rmtree(quick.site / "alpha-1.5.dist-info")
    done = quick.run("install", *quick.where, "-y", "alpha")
    assert done.returncode == 0, done.stderr
    assert quick.see("alpha") == {"alpha": "1.5"}, done.stdout
    assert files_of(quick) == before


def test_a_record_that_is_gone_is_told_and_repaired_after_another_change(quick: Bench) -> None:
    quick.given("install", "alpha==1.5")
    before = files_of(quick)
    remove(quick, "alpha-1.5.dist-info/RECORD")
    quick.change("install", "new")
    quick.change("repair")
    assert {**before, **files_of(quick)} == files_of(quick)


def test_a_program_nowhere_of_a_newer_one_is_put_back(quick: Bench) -> None:
    quick.given("install", "alpha==1.5", "--reason", "t")
    (quick.overlay / "bin/alpha").unlink()
    done = quick.run("install", *quick.where, "-y", "alpha")
    assert quick.see("alpha") == {"alpha": "1.5"}, done.stdout


def test_a_damaged_fix_of_a_group_of_options(quick: Bench, links: Path) -> None:
    """Its options are lost when it is installed again."""
    dists.wheel(links, "tool", "1.0")
    quick.change("install", "tool", "--find-links", links, "--no-build-isolation")
    before = quick.record()["distributions"]["tool"]["options"]
    remove(quick, "tool/__init__.py")
    quick.run("install", *quick.where, "-y", "tool", env={"PIP_FIND_LINKS": str(links)})
    entry = quick.record()["distributions"]["tool"]
    assert entry["options"] == before, entry


def test_a_damaged_one_whose_index_is_its_option(quick: Bench, links: Path) -> None:
    dists.wheel(links, "tool", "1.0")
    quick.change("install", "tool", "--find-links", links)
    remove(quick, "tool/__init__.py")
    done = quick.run("install", *quick.where, "-y", "tool")
    assert done.returncode == 0 and quick.see("tool") == {"tool": "1.0"}, done.stderr


def test_two_typed_of_which_one_is_gone(quick: Bench) -> None:
    quick.given("install", "alpha==1.5", "--reason", "t")
    remove(quick, "alpha/__init__.py")
    quick.change("install", "alpha", "new")
    assert quick.see("alpha", "new") == {"alpha": "1.5", "new": "1.0"}


def test_notes_of_the_user_in_a_directory_with_a_tilde(quick: Bench) -> None:
    quick.given("install", "alpha==1.5")
    (quick.site / "~notes").mkdir()
    (quick.site / "~notes/todo.txt").write_text("mine")
    done = quick.run("install", *quick.where, "-y", "new")
    assert (quick.site / "~notes/todo.txt").exists() or done.returncode, done.stdout


def test_install_by_name_over_a_gone_dist_info(quick: Bench) -> None:
    quick.given("install", "alpha==1.5")
    shutil.rmtree(quick.site / "alpha-1.5.dist-info")
    done = quick.run("install", *quick.where, "-y", "alpha")
    code = quick.python("-c", "import alpha; print(alpha.__version__)").stdout.strip()
    said = done.stdout + done.stderr
    assert not ("Nothing to " in said and code == "1.5"), said


def test_a_failed_upgrade_over_missing_metadata(quick: Bench, links: Path) -> None:
    for version in ("1.0", "2.0"):
        dists.wheel(links, "tool", version, files={f"tool/only{version[0]}.py": ""})
    bench = replace(quick, environ={**quick.environ, "PIP_FIND_LINKS": str(links)})
    bench.change("install", "tool==1.0")
    remove(bench, "tool-1.0.dist-info/METADATA")
    done = bench.run("install", *bench.where, "-y", "tool==2.0")
    assert done.returncode == 0, done.stderr


def test_the_hint_for_a_directory_in_the_place_of_a_module_names_what_is_there(
    quick: Bench, links: Path
) -> None:
    dists.wheel(links, "tool", "1.0", files={"single.py": "a = 1\n"})
    bench = replace(quick, environ={**quick.environ, "PIP_FIND_LINKS": str(links)})
    quick.given("install", "alpha==1.5")
    (bench.site / "single.py").mkdir()
    (bench.site / "single.py/x").write_text("mine")
    done = bench.run("install", *bench.where, "-y", "tool")
    assert done.returncode
    assert "/drafts/" not in done.stderr, done.stderr


def test_the_command_that_status_names_helps(quick: Bench) -> None:
    quick.given("install", "alpha==1.5")
    remove(quick, "alpha-1.5.dist-info/RECORD")
    quick.change("install", "new")
    before = quick.ask("status")
    said = quick.run("repair", *quick.where, "-y")
    named = quick.run("repair", *quick.where, "-y", "alpha")
    up = quick.run("install", *quick.where, "-y", "alpha==2.0")
    gone = quick.run("remove", *quick.where, "-y", "alpha")
    told = [before, said.stdout, said.stderr, named.stdout, named.stderr, up.stderr, gone.stderr]
    assert gone.returncode == 0 and "Nothing to " not in said.stdout, "\n----\n".join(told)


def test_remove_of_one_without_a_record(quick: Bench) -> None:
    quick.given("install", "alpha==1.5")
    remove(quick, "alpha-1.5.dist-info/RECORD")
    done = quick.run("remove", *quick.where, "-y", "alpha")
    assert done.returncode == 0 or "conda overlay repair" in done.stderr, done.stderr


def test_a_file_removed_from_a_copy_stays_removed_by_an_install_of_it(fixed: Bench) -> None:
    remove(fixed, "tool/extra.py")  # an edit, as reference.md has it
    done = fixed.run("install", *fixed.where, "-y", "tool")
    gone = not (fixed.site / "tool/extra.py").exists()
    assert gone or "extra.py" in done.stdout + done.stderr, done.stdout + done.stderr
