"""``conda overlay clean``: the files of old revisions go, their records stay."""

from __future__ import annotations

import re
from pathlib import Path

from tests.bed import dists
from tests.bench import Bench
from tests.long import LONG


def used(bench: Bench) -> int:
    """The bytes of all revisions, as ``du`` counts them, hard links once."""
    done = bench.user.run(["du", "-s", "--block-size=1", bench.revisions])
    return int(done.stdout.split()[0])


@LONG
def test_it_frees_what_it_says_and_du_agrees(bench: Bench, links: Path) -> None:
    dists.wheel(links, "big", "1.0", files={f"big/{n}": bytes(100_000 * n) for n in range(5)})
    bench.install("--find-links", links, "big", "alpha==1.5")
    bench.given("install", "alpha==2.0")
    bench.given("remove", "alpha")
    bench.given("remove", "big")
    before = used(bench)
    records = [bench.record(number) for number in (1, 2, 3, 4)]
    dry = bench.json("clean", "--keep", "2", "--dry-run")
    assert dry.keys() == {"success", "dry_run", "revisions", "kept", "bytes", "checkouts"}
    assert bench.kept == [1, 2, 3, 4]
    assert "Would drop the files of revisions 1, 2: " in bench.ask(
        "clean", "--keep", "2", "--dry-run"
    )
    done = bench.json("clean", "--keep", "2")
    assert (dry["dry_run"], done) == (True, {**dry, "dry_run": False})
    assert (done["revisions"], done["kept"], bench.kept) == ([1, 2], [], [3, 4])
    assert done["bytes"] == before - used(bench)
    assert done["bytes"] < 500_000  # big is in 3 still
    printed = bench.change("clean")
    assert re.match(r"Dropped the files of revision 3: 1\.\d MB\.\n$", printed)
    assert bench.change("clean") == "Nothing to drop.\n"
    assert bench.kept == [4]
    assert [bench.record(number) for number in (1, 2, 3, 4)] == records
    assert bench.version("alpha") == "1.0"


def test_setting_says_how_many_stay_after_each_change(bench: Bench) -> None:
    env = {"CONDA_PLUGINS_OVERLAY_KEEP_REVISIONS": "2"}
    bench.install("alpha==1.5", env=env)
    bench.install("new", env=env)
    bench.change("remove", "new", env=env)
    assert bench.kept == [2, 3]
    bench.change("undo", env=env)
    assert bench.kept == [3, 4]
    bench.change("undo", "0", env=env)
    assert bench.kept == [4, 5]
    assert [r["kept"] for r in bench.json("history")["revisions"]] == [
        *(True, True, False, False, False)
    ]
    bench.change("undo", "1", env=env)
    assert (bench.version("alpha"), bench.kept) == ("1.5", [5, 6])


def test_nothing_to_drop_where_there_is_nothing_or_no_revision(quick: Bench, wheels: Path) -> None:
    assert quick.change("clean") == "Nothing to drop.\n"
    assert not quick.state.exists()
    assert quick.json("clean")["revisions"] == []
    quick.make_by_hand(wheels / "alpha-1.5-py3-none-any.whl")
    assert quick.change("clean") == "Nothing to drop.\n"
    assert quick.version("alpha") == "1.5"


def test_current_revision_cannot_be_dropped(quick: Bench) -> None:
    quick.given("install", "new")
    for number in ("0", "-1"):
        told = quick.refuse("clean", "--keep", number, code=2)
        assert "the current revision always stays" in told
    quick.refuse("clean", "--keep", "one", code=2)
    quick.given("clean", "--keep", "1")
    assert quick.kept == [1]


def test_what_no_index_can_give_again_needs_force_and_a_yes(quick: Bench) -> None:
    quick.given("install", "alpha==1.5")
    quick.edit(quick.site / "alpha" / "__init__.py", '__version__ = "1.5"\nedited = True\n')
    quick.given("undo", "0", "--force")
    says = "Kept revision 1, which cannot be downloaded again; --force drops them.\n"
    assert quick.change("clean") == quick.ask("clean", "--dry-run") == says
    assert quick.json("clean") == {
        **{"success": True, "dry_run": False, "revisions": [], "kept": [1], "bytes": 0},
        "checkouts": [],
    }
    for answer in ("n\n", "\n"):
        done = quick.run("clean", *quick.where, "--force", input=answer)
        assert done.returncode == 0, done.stderr
        assert "Revision 1 may not come back the same.\nProceed (y/[n])? " in done.stdout
        assert "Dropped" not in done.stdout
        assert quick.kept == [1, 2]
    assert "No answer was given, so nothing was changed." in quick.refuse("clean", "--force")
    assert "Would drop the files of revision 1: " in quick.ask("clean", "--force", "--dry-run")
    assert quick.kept == [1, 2]
    assert "Dropped the files of revision 1: " in quick.change("clean", "--force")
    assert quick.kept == [2]


def test_files_that_were_there_before_the_first_revision_are_kept(quick: Bench) -> None:
    quick.user.run(["mkdir", "-p", quick.site])
    quick.edit(quick.site / "mine.py", "")
    quick.given("install", "new")
    quick.given("undo", "0")
    quick.given("clean")
    assert quick.kept == [2, 3]  # 2 has the file, too
    quick.given("undo", "1")
    assert (quick.site / "mine.py").exists()
