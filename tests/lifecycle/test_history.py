"""``conda overlay history``: who changed what, when and why, and what was done by hand since."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.bed import dists
from tests.bench import Bench
from tests.long import LONG

RECORD = {
    *("number", "time", "user", "hostname", "command", "reason", "host", "plan"),
    *("distributions", "parent", "restores", "edits", "current", "kept"),
}
READING = ("history", "diff", "status", "list", "export")
CHANGING = ("apply", "clean", "delete", "install", "rebase", "redo", "remove", "undo")


def test_newest_comes_first_with_all_that_is_known_and_the_current_one_is_marked(
    bench: Bench,
) -> None:
    bench.given("install", "alpha==2.0", "new", "--reason", "ticket 7")
    bench.given("remove", "new")
    bench.given("undo")
    lines = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "TIME", bench.ask("history")).splitlines()
    assert lines == [
        "* 3  TIME  back to revision 1",
        "  2  TIME  - new 1.0",
        "= 1  TIME  ~ alpha 1.0 -> 2.0, + new 1.0 and 1 dependency (ticket 7)",
        "",
        "*: the current revision, with the state of revision 1 (=)",
        "",
        "All of a revision: conda overlay history -n science 3",
    ]


def test_who_is_named_where_it_was_not_the_caller_alone(bench: Bench) -> None:
    bench.given("install", "new")
    record = bench.state / "revisions" / "1" / "record.json"
    assert bench.user.name not in bench.ask("history")
    bench.user.run(["sed", "-i", f's/"user": "{bench.user.name}"/"user": "other"/', record])
    assert "  other  + new 1.0" in bench.ask("history")


@LONG
def test_times_are_local_for_people_and_utc_for_programs(quick: Bench) -> None:
    quick.given("install", "new")
    [revision] = quick.json("history")["revisions"]
    utc = datetime.strptime(revision["time"], "%Y-%m-%dT%H:%M:%SZ")
    quick = replace(quick, anew=True)  # a fork keeps the time zone
    for zone, hours in (("XXX-5", 5), ("XXX+3", -3)):
        local = (utc + timedelta(hours=hours)).strftime("%Y-%m-%d %H:%M")
        assert quick.ask("history", env={"TZ": zone}).startswith(f"* 1  {local}  ")
        assert f"* 1  {local}  " in quick.ask("history", "1", env={"TZ": zone})
        assert quick.json("history", "1", env={"TZ": zone}) == revision


def test_one_revision_is_shown_with_its_whole_plan(bench: Bench) -> None:
    bench.given("install", "delta==2.0", "--allow-conflicts", "--reason", "ticket 7")
    bench.given("remove", "delta")
    shown = bench.ask("history", "1")
    for line in ("ticket 7", "delta", "stuck 1.0 (environment) requires delta<2"):
        assert line in shown
    assert "{" not in shown
    assert "overlay remove" not in shown


def test_json_keys_stay_and_a_record_is_whole(bench: Bench) -> None:
    bench.given("install", "new")
    bench.given("remove", "new")
    bench.given("clean")
    told = bench.json("history")
    assert told.keys() == {"overlay", "current", "position", "revisions", "edits"}
    assert (told["overlay"], told["current"]) == (str(bench.overlay), 2)
    assert told["position"] == 2
    assert [(r["number"], r["current"], r["kept"]) for r in told["revisions"]] == [
        (2, True, True),
        (1, False, False),
    ]
    assert all(revision.keys() == RECORD for revision in told["revisions"])
    assert told["edits"] == {"added": [], "changed": [], "removed": []}
    assert bench.json("history", "1") == told["revisions"][1]
    kept = bench.record(1)
    assert {name: told["revisions"][1][name] for name in kept if name != "format"} == {
        name: value for name, value in kept.items() if name != "format"
    }
    assert "has no revision 3.\nHint: conda overlay history" in bench.refuse("history", "3")
    bench.refuse("history", "one", code=2)


def test_what_was_done_by_hand_is_named_by_history_and_status(bench: Bench) -> None:
    bench.given("install", "alpha==1.5", "new")
    assert "by hand" not in bench.ask("history")
    bench.edit(bench.site / "alpha" / "__init__.py", '__version__ = "1.5"\n')
    bench.edit(bench.site / "mine.py", "")
    bench.user.run(["rm", "-f", bench.site / "new" / "__init__.py"])
    site = bench.site.relative_to(bench.overlay)
    assert (
        "\nedited since the current revision; to keep this: conda overlay record -n science\n"
        f"  A {site}/mine.py\n"
        f"  M {site}/alpha/__init__.py\n"
        f"  D {site}/new/__init__.py\n"
    ) in bench.ask("history")
    assert bench.json("history")["edits"] == {
        "added": [f"{site}/mine.py"],
        "changed": [f"{site}/alpha/__init__.py"],
        "removed": [f"{site}/new/__init__.py"],
    }
    [overlay] = bench.json("status")["overlays"]
    findings = [finding["text"] for finding in overlay["findings"]]
    for path in ("mine.py", "alpha/__init__.py", "new/__init__.py"):
        assert any(f"{site}/{path}" in text for text in findings)


def test_what_was_done_by_hand_stays_known_after_the_next_change(quick: Bench) -> None:
    quick.given("install", "alpha==1.5")
    quick.edit(quick.site / "mine.py", "")
    plan = quick.plan("new")
    site = quick.site.relative_to(quick.overlay)
    assert plan["notes"] == [f"this revision keeps your edits: {site}/mine.py"]
    assert f"edited by hand before it:\n  A {site}/mine.py\n" in quick.ask("history", "2")
    assert quick.json("history", "2")["edits"] == {
        **{"added": [f"{site}/mine.py"], "changed": [], "removed": []}
    }
    assert "+ new 1.0; 1 file edited by hand\n" in quick.ask("history")
    assert not any(quick.json("history")["edits"].values())


def test_touched_file_with_the_same_content_was_not_changed(quick: Bench) -> None:
    quick.given("install", "alpha==1.5")
    module = quick.site / "alpha" / "__init__.py"
    quick.edit(module, module.read_text())
    assert not any(quick.json("history")["edits"].values())


@LONG
def test_name_of_a_file_in_another_encoding_is_printed_somehow(quick: Bench) -> None:
    quick.given("install", "new")
    quick.user.run(["sh", "-c", 'touch "$1/$(printf "h\\377.py")"', "sh", quick.site])
    for encoding in ("utf-8", "ascii", "utf-8:strict"):
        assert "h\\udcff.py" in quick.ask("history", env={"PYTHONIOENCODING": encoding})
    assert quick.change("remove", "new")


def test_credentials_are_never_kept(bench: Bench, links: Path) -> None:
    dists.wheel(links, "tool", "1.0")
    url = "https://me:s3cret@127.0.0.1:1/simple"
    bench.install(
        *("--extra-index-url", url, "--find-links", links, "tool", "--reason", f"from {url}")
    )
    bench.change("remove", "tool", "--reason", f"was from {url}")
    text = bench.ask("history", "1") + bench.ask("history", "2") + bench.ask("history")
    assert "s3cret" not in text
    assert "was from https://127.0.0.1:1/simple" in text
    for number in (1, 2):
        assert "s3cret" not in bench.record_path(number).read_text()


def test_without_an_overlay_it_says_so_and_nothing_is_made(bench: Bench) -> None:
    assert bench.ask("history") == f"No revisions of {bench.overlay}.\n"
    assert bench.json("history") == {
        **{"overlay": str(bench.overlay), "current": None, "position": None},
        **{"revisions": [], "edits": {"added": [], "changed": [], "removed": []}},
    }
    assert "has no revision yet" in bench.refuse("history", "1")
    assert not bench.state.exists()


def test_overlay_made_by_hand_has_none(quick: Bench, wheels: Path) -> None:
    quick.make_by_hand(wheels / "alpha-1.5-py3-none-any.whl")
    assert quick.ask("history") == f"No revisions of {quick.overlay}: it was made by hand.\n"
    assert "was made by hand: no revision has" in quick.run("undo", *quick.where, "--yes").stderr
    assert (quick.revision, quick.version("alpha")) == (None, "1.5")


def test_files_of_revisions_cannot_be_written_in_place(bench: Bench) -> None:
    bench.given("install", "alpha==1.5")
    bench.given("install", "new")
    assert not [path for number in (1, 2) for path in written(bench, number)]
    before = bench.files(1)
    module = bench.site / "alpha" / "__init__.py"
    done = bench.user.run(["sh", "-c", 'echo "x = 1" >> "$1"', "sh", module])
    assert done.returncode != 0
    bench.edit(module, "x = 1\n")
    bench.given("remove", "new")
    bench.given("undo")
    bench.given("undo", "0", "--force")
    assert bench.files(1) == before


def written(bench: Bench, number: int) -> list[Path]:
    """The files of a revision that its owner may write."""
    return [
        path
        for path in bench.tree(number).rglob("*")
        if path.is_file() and path.suffix != ".pyc" and path.stat().st_mode & 0o222
    ]


@pytest.mark.parametrize("command", [*READING, *CHANGING])
def test_every_command_has_help_with_examples(quick: Bench, command: str) -> None:
    done = quick.run(command, "--help")
    assert done.returncode == 0, done.stderr
    assert f"conda overlay {command}" in done.stdout.partition("example")[2]


@pytest.mark.parametrize("command", ["undo", "remove", "diff", "history", "clean", "delete"])
def test_errors_of_programs_are_json_alone(quick: Bench, command: str) -> None:
    words = {"remove": ["alpha"], "history": ["3"], "clean": ["--keep", "0"], "delete": ["x"]}
    done = quick.run(command, *quick.where, "--json", *words.get(command, []))
    if command == "delete":  # argparse's own
        assert (done.returncode, done.stdout) == (2, "")
    else:
        assert done.returncode == (2 if command == "clean" else 1)
        assert json.loads(done.stdout)["message"]
    assert not quick.state.exists()
