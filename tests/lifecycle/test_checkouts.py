"""Editables from version control: a user's commits in their checkouts stay."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from tests import sources
from tests.bench import Bench

GIT = "git -c user.name=a -c user.email=a@b"
MINE = "MINE = 1\nUNCOMMITTED = 1\n"


def sh(bench: Bench, directory: Path, script: str) -> None:
    done = bench.user.run(["sh", "-ec", script], cwd=directory)
    assert done.returncode == 0, done.stderr


class Mine:
    """An editable from a repository of the user's, in an overlay."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.upstream = sources.project(bench.user, "mine")
        sh(bench, self.upstream, f"git init -q -b main; git add -A; {GIT} commit -qm x")
        self.url = f"git+{self.upstream.as_uri()}#egg=mine"
        bench.install("-e", self.url)
        [self.checkout] = self.checkouts()
        self.before = bench.user.home / "before"

    def checkouts(self) -> list[Path]:
        return sorted(self.bench.state.glob("src/**/mine"))

    def work(self) -> None:
        """Commit a line, and add another one."""
        first, second = MINE.splitlines()
        there = f"echo '{first}' >> mine.py; {GIT} commit -qam mine; echo '{second}' >> mine.py"
        sh(self.bench, self.checkout, there)

    def move_upstream(self) -> None:
        script = f"sed -i s/0.1/0.2/ mine.py backend.py; {GIT} commit -qam two"
        sh(self.bench, self.upstream, script)

    @property
    def runs(self) -> str:
        return self.bench.python("-c", "import mine; print(mine.__version__)").stdout.strip()

    @property
    def is_kept(self) -> bool:
        return (self.checkout / "mine.py").read_text().endswith(MINE)

    @property
    def note(self) -> str:
        return f"your commits or edits in {self.checkout} stay there, and are nowhere else"


@pytest.fixture
def mine(quick: Bench) -> Mine:
    return Mine(quick)


def test_same_request_again_is_nothing_to_do(mine: Mine) -> None:
    assert mine.runs == "0.1"  # which writes bytecode there
    for words in (["--dry-run"], ["--yes"]):
        done = mine.bench.try_install(*words, "-e", mine.url)
        assert "Nothing to do" in done.stdout, done.stdout + done.stderr
    assert mine.checkouts() == [mine.checkout]


def test_work_in_a_checkout_stays(mine: Mine) -> None:
    mine.work()
    assert mine.note in mine.bench.try_install("--dry-run", "-e", mine.url).stdout
    done = mine.bench.try_install("-e", mine.url, input="n\n")
    assert mine.note in done.stdout and "Nothing was changed" in done.stdout
    mine.bench.refused("-e", mine.url, "alpha==99")
    assert mine.checkouts() == [mine.checkout] and mine.is_kept
    mine.bench.install("-e", mine.url)
    assert len(mine.checkouts()) == 2 and mine.is_kept
    assert mine.bench.python("-c", "import mine; mine.MINE").returncode == 1
    mine.bench.change("undo")
    assert mine.bench.python("-c", "import mine; mine.MINE, mine.UNCOMMITTED").returncode == 0


def test_what_upstream_has_since_is_a_plan_and_undo_takes_it_back(mine: Mine) -> None:
    mine.move_upstream()
    mine.bench.try_install("-e", mine.url, input="n\n")
    assert mine.runs == "0.1"
    told = mine.bench.try_install("--dry-run", "-e", mine.url).stdout
    assert f"editable from {mine.bench.state}/src/" in told
    assert mine.note not in mine.bench.install("-e", mine.url)
    assert mine.runs == "0.2"
    mine.bench.change("undo")
    assert mine.runs == "0.1"


def test_removed_and_made_again(mine: Mine) -> None:
    file = mine.bench.export()
    mine.work()
    assert mine.note in mine.bench.change("remove", "mine")
    assert mine.note in mine.bench.change("apply", file)
    assert mine.is_kept
    kept = f"Kept {mine.checkout}: its commits or edits are yours"
    assert kept in mine.bench.change("clean", "--force")
    assert mine.is_kept and len(mine.checkouts()) == 2


def test_clean_drops_the_checkouts_that_no_revision_uses(mine: Mine) -> None:
    mine.move_upstream()
    mine.bench.install("-e", mine.url)
    assert mine.runs == "0.2"
    mine.bench.change("clean")
    assert len(mine.checkouts()) == 2
    mine.bench.change("clean", "--force")
    assert mine.checkout not in mine.checkouts() and mine.runs == "0.2"


def test_delete_names_the_work_that_goes_and_needs_force(mine: Mine) -> None:
    mine.work()
    for words in (["--yes"], ["--json"], []):
        done = mine.bench.run("delete", *mine.bench.where, *words, input="y\n")
        told = done.stdout + done.stderr
        assert str(mine.checkout) in told and "--force proceeds anyway" in told, done
        assert done.returncode == 1 and mine.is_kept and mine.bench.revision == 1
    line = f"With it go your commits or edits in {mine.checkout}, which are nowhere else."
    assert line in mine.bench.ask("delete", "--dry-run")
    assert mine.bench.json("delete", "--dry-run")["checkouts"] == [str(mine.checkout)]
    assert line in mine.bench.change("delete", "--force")
    assert not mine.bench.state.exists()


@pytest.mark.parametrize("how", ["managed", "by hand"])
def test_delete_names_the_work_in_a_repository_that_the_user_has_in_the_overlay(
    quick: Bench, wheels: Path, how: str
) -> None:
    if how == "managed":
        quick.given("install", "new")
    else:
        quick.make_by_hand(wheels / "new-1.0-py3-none-any.whl")
    clone = quick.overlay / "src" / "mine"
    quick.user.run(["mkdir", "-p", clone])
    sh(quick, clone, f"git init -q; echo > a; git add a; {GIT} commit -qm x")
    told = quick.refuse("delete", "--yes")
    assert f"\n  {clone}\n" in told and "--force proceeds anyway" in told
    quick.change("delete", "--force")
    assert not quick.overlay.exists()


def test_what_is_made_from_it_elsewhere_lacks_the_work(mine: Mine) -> None:
    mine.work()
    other = replace(mine.bench, name="base")
    told = other.change("rebase", "--from", mine.bench.name)
    assert mine.note in told
    told = mine.bench.run("fork", "--from", mine.bench.name, "-n", "other", "--dry-run").stdout
    assert mine.note in told


def test_undo_to_a_checkout_that_was_dropped_names_it_and_the_command(mine: Mine) -> None:
    mine.bench.change("remove", "mine")
    mine.bench.change("clean", "--force")
    for word in ("--yes", "--dry-run"):
        told = mine.bench.refuse("undo", word)
        assert f"the checkout {mine.checkout} of mine is gone\n" in told
        hint = ["conda", "overlay", "install", "-p", str(mine.bench.host), "-e", mine.url]
        assert f"Hint: {shlex.join(hint)}, which clones what is there now\n" in told
    assert mine.checkouts() == [] and mine.bench.revision == 2
    mine.bench.change(*hint[2:3], *hint[5:])
    assert mine.runs == "0.1"


def test_undo_to_an_editable_whose_directory_is_gone_names_it(mine: Mine) -> None:
    mine.bench.install("-e", mine.upstream)
    mine.bench.change("remove", "mine")
    mine.bench.change("clean", "--force")
    mine.bench.user.run(["rm", "-r", mine.upstream])
    told = mine.bench.refuse("undo", "--yes")
    assert (
        f"the directory {mine.upstream} of mine is gone\nHint: conda overlay history -n science 2"
        in told
    )
