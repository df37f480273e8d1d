"""What is moved into a fork, or changed in it, is named before the fork is made anew."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.bed import cpython, packages
from tests.lifecycle.forks import Forker, python, url

MOVED_IN = """\
mkdir -p ~/in/results/run1 ~/in/linked ~/in/repository/.git ~/in/closed; cd ~/in
echo precious > results/run1/data.csv; echo > linked/a; ln linked/a linked/b; echo > closed/file
mkdir -p etc; echo mine > etc/lib.conf
cd repository; rm -r .git; git init -q; echo ignored > .gitignore
git add -A; git -c user.name=a -c user.email=a@b commit -qm x
git update-ref refs/remotes/origin/main HEAD; echo > ignored; chmod 000 ../closed"""


def run(forker: Forker, script: str, place: Path) -> None:
    """Run a script in a directory."""
    done = forker.bench.user.run(["sh", "-ec", script], cwd=place)
    assert done.returncode == 0, done.stderr


def test_what_is_moved_into_a_fork_is_named(forker: Forker) -> None:
    """Whatever its time, which a move keeps."""
    run(forker, MOVED_IN, forker.home)
    forker.fork("--from", forker.spec(url("lib-1.0")), "-n", "moved-in")
    place = forker.env("moved-in")
    assert forker.fork("--recreate", "-n", "moved-in", "--dry-run")["notes"] == []
    script = "chmod 700 ~/in/closed; mv ~/in/[!e]* .; chmod 000 closed; mv etc old"
    run(forker, f"{script}; mv ~/in/etc etc", place)
    [note] = forker.fork("--recreate", "-n", "moved-in", "--dry-run")["notes"]
    named = "etc/lib.conf, closed/, linked/a, linked/b, old/lib.conf and 3 more"
    assert note == f"files that you changed in the present fork will be lost: {named}"
    run(forker, "rm -r old linked", place)
    [note] = forker.fork("--recreate", "-n", "moved-in", "--dry-run")["notes"]
    named = "repository/.gitignore, repository/ignored, results/run1/data.csv"
    assert note.endswith(f": etc/lib.conf, closed/, {named}")
    refused = forker.bench.run("fork", "--recreate", "-n", "moved-in", "--yes").stderr
    assert f"lost in:\n  {place}/etc/lib.conf\nHint" in refused and (place / "results").is_dir()
    run(forker, "rm -r etc; mv results repository ~/in; chmod 700 closed; rm -r closed", place)
    assert forker.fork("--recreate", "-n", "moved-in")["notes"] == []


def test_a_fork_that_was_copied_has_no_changes(forker: Forker) -> None:
    """Its files are read, as another inode is no change. So are those of an earlier version's."""
    forker.fork("--from", forker.spec(url("lib-1.0"), url("tool-1.0")), "-n", "restored")
    place = forker.env("restored")
    run(forker, "cp -a restored ../copy; rm -r restored; mv ../copy restored", place.parent)
    assert forker.fork("--recreate", "-n", "restored", "--dry-run")["notes"] == []
    (place / "conda-meta" / "overlay-fork" / "files.json").unlink()
    assert forker.fork("--recreate", "-n", "restored", "--dry-run")["notes"] == []


COPIED = "cp {how} copied ../copy; rm -r copied; mv ../copy copied"
EDITED = """\
echo "# mine" >> bin/app
echo "# mine" >> $(echo lib/python3*/site-packages/app/__init__.py)"""


def test_a_copied_fork_with_python_has_no_changes_but_the_users(
    forker: Forker, wheels: Path
) -> None:
    """Nor has one of an earlier version, unless a copy has given it new times."""
    alpha = wheels / "alpha-1.0-py3-none-any.whl"
    lab = packages.template([f"python={cpython.default().xy}", "app", "cache"], [alpha])
    forker.fork("--from", lab, "-n", "copied")
    place = forker.env("copied")
    recreate = "--recreate", "-n", "copied"
    for how in ("-a", "-r"):
        run(forker, COPIED.format(how=how), place.parent)
        assert forker.fork(*recreate, "--dry-run")["notes"] == [], how
    forker.fork(*recreate)
    remembered = place / "conda-meta" / "overlay-fork" / "files.json"
    text = remembered.read_text()
    remembered.unlink()
    run(forker, COPIED.format(how="-a"), place.parent)
    [note] = forker.fork(*recreate, "--dry-run")["notes"]
    assert note.endswith("will be lost: lib/here, lib/paths.bin, lib/paths.cache")  # of no package
    run(forker, EDITED, place)
    for step in ("of an earlier version", "of this one"):
        refused = forker.refused(*recreate)
        assert f"\n  {place}/bin/app\n" in refused and "/app/__init__.py\nHint" in refused, step
        assert refused.count(f"  {place}/") == 2
        remembered.write_text(text)


def test_what_only_another_user_can_remove_is_named_and_is_in_nobodys_way(
    forker: Forker, scratch: Path
) -> None:
    """Nor does it become the fork, if the next one does not work."""
    if os.geteuid() != 0:
        pytest.skip("only root can be two users")
    forker.fork("--from", forker.spec(url("lib-1.0")), "-n", "theirs")
    out = forker.env("theirs") / "out"
    out.mkdir(mode=0o700)
    (out / "file").write_text("root's\n")
    place = forker.env(".theirs.fork")
    done = forker.run("--recreate", "-n", "theirs", "--yes")
    assert done.returncode == 0 and "the present fork will be lost: out/\n" in done.stdout
    assert f"{place} stays: it has directories of another user." in done.stderr
    [kept] = place.rglob("out/file")
    forker.spec(python(scratch / "broken", "exit 1"))
    assert forker.run("--recreate", "-n", "theirs", "--yes").returncode == 1
    assert forker.packages("theirs") == {"lib": "1.0"}
    forker.spec(url("lib-1.0"))
    for _ in range(2):
        told = forker.run("--recreate", "-n", "theirs", "--yes")
        assert told.returncode == 0 and told.stderr.count(f"{place} stays") == 1
    [kept] = place.rglob("out/file")  # no deeper each time
    assert len(kept.relative_to(place).parts) == 5
    shutil.rmtree(kept.parent)
    assert "stays" not in forker.run("--recreate", "-n", "theirs", "--yes").stderr
    assert not place.exists()


def test_a_file_that_cannot_be_read_counts_as_changed(forker: Forker) -> None:
    forker.fork("--from", forker.spec(url("lib-1.0")), "-n", "unread")
    file = forker.env("unread") / "etc" / "lib.conf"
    run(forker, f"cp {file} copy; mv -f copy {file}; chmod 000 {file}", forker.home)
    assert f"\n  {file}\n" in forker.refused("--recreate", "-n", "unread")
