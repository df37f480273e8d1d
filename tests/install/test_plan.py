"""What is shown and asked before anything is done, and what is remembered afterwards."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.bed import dists
from tests.bench import Bench
from tests.long import LONG, first

ALPHA: dict[str, object] = {
    "name": "alpha",
    "kind": "upgrade",
    "host_version": "1.0",
    "before": None,
    "after": "2.0",
    "differs": ["version"],
    "why": "requested",
    "requested": True,
    "requirement": "alpha==2.0",
    "editable": None,
    "intent": "hold",
    "until": None,
    "reason": None,
    "hides": "host",
    "was": {},
}


def test_plan_is_a_table_of_what_moves_and_why(bench: Bench) -> None:
    printed = bench.install("alpha==2.0", "new")
    head, *groups, end = printed[printed.index("\nenvironment:") + 1 :].split("\n\n")
    assert head == f"environment: {bench.host}\noverlay:     {bench.overlay}"
    assert groups == [
        "added:\n  + new  1.0  requested",
        "instead of the environment's:\n"
        "  ~ alpha  1.0 -> 2.0  requested, kept until removed\n"
        "  ~ beta   1.0 -> 2.0  beta 1.0 requires alpha<2",
    ]
    assert end == "Revision 1: new added; alpha and 1 dependency replaced.\n"
    assert "-> 1.5  requested" not in printed
    assert (
        "back to the environment's:\n"
        "  - alpha  2.0 -> 1.0  the environment has it\n"
        "  - beta   2.0 -> 1.0  "
    ) in bench.install("alpha==1.0")


def test_what_gives_way_to_the_environment_says_what_requires_that(
    bench: Bench, links: Path
) -> None:
    bench.install("alpha==2.0", "beta==2.0")
    told = bench.install("alpha==1.5")
    assert "  - beta  2.0 -> 1.0  beta 2.0 requires alpha>=2\n" in told
    assert "beta==2.0, which was requested, is given up: beta 2.0 requires alpha>=2\n" in told
    dists.wheel(links, "older", "1.0", requires=["alpha<1.5"])
    told = bench.install("older", "--find-links", str(links), "--allow-conflicts")
    assert "  - alpha  1.5 -> 1.0  older 1.0 requires alpha<1.5\n" in told


def test_dry_run_shows_the_plan_and_changes_nothing(bench: Bench) -> None:
    done = bench.try_install("--dry-run", "alpha==2.0")
    assert done.returncode == 0, done.stderr
    assert "  ~ beta   1.0 -> 2.0" in done.stdout
    assert "Dry run: nothing was changed." in done.stdout
    assert not bench.state.exists()


@first(1)
@pytest.mark.parametrize("dry_run", [False, True])
def test_json_is_the_plan_alone(bench: Bench, dry_run: bool) -> None:
    plan = bench.plan(*["--dry-run"] * dry_run, "alpha==2.0")
    assert plan.keys() == {
        *("success", "dry_run", "revision", "host", "overlay", "changes", "files", "lost"),
        *("conflicts", "resolved", "accepts_host", "notes", "running"),
    }
    assert plan["success"] is True
    assert (plan["dry_run"], plan["revision"]) == ((True, None) if dry_run else (False, 1))
    assert (plan["host"], plan["overlay"]) == (str(bench.host), str(bench.overlay))
    alpha, beta = plan["changes"]
    origin = {"url": alpha.pop("url"), "sha256": alpha.pop("sha256")}
    assert alpha == ALPHA
    assert origin["url"].endswith("/alpha-2.0-py3-none-any.whl")
    assert (beta["name"], beta["requested"], beta["requirement"]) == ("beta", False, None)
    assert plan["files"] == {"added": [], "changed": [], "removed": []}
    assert plan["lost"] == plan["conflicts"] == plan["resolved"] == plan["notes"] == []
    assert plan["accepts_host"] is False
    if not dry_run:
        kept = bench.record()["plan"]
        outer = {name: plan[name] for name in ("success", "dry_run", "revision", "running")}
        assert outer | kept == plan | {"changes": [{**alpha, **origin}, beta]}


@LONG
def test_json_of_a_conflict_names_its_sides(quick: Bench) -> None:
    done = quick.try_install("--json", "delta==2.0")
    told = json.loads(done.stdout)
    assert done.returncode == 1
    assert told["conflicts"] == [
        {
            "name": "stuck",
            "version": "1.0",
            "origin": "host",
            "requirement": "delta<2",
            "found": "2.0",
            "found_origin": "overlay",
        }
    ]


@first(1)
@pytest.mark.parametrize(
    "words", [["alpha>=3"], ["alpha==1.0", "alpha<1"], ["nosuch"], ["--no-such-option", "alpha"]]
)
def test_json_stays_json_when_it_fails(quick: Bench, words: list[str]) -> None:
    done = quick.try_install("--json", *words)
    assert done.returncode != 0
    if "--no-such-option" not in words:  # argparse's own
        assert words[0] in json.loads(done.stdout)["message"]


def test_no_leaves_everything_as_it_was(bench: Bench) -> None:
    done = bench.try_install("new", input="n\n")
    assert "Proceed ([y]/n)?" in done.stdout
    assert "Revision" not in done.stdout
    assert not bench.state.exists()
    assert not bench.overlay.exists()


def test_yes_at_the_prompt_installs(bench: Bench) -> None:
    done = bench.try_install("new", input="y\n")
    assert done.returncode == 0, done.stderr
    assert bench.version("new") == "1.0"


def test_condarc_can_say_yes(quick: Bench) -> None:
    (quick.user.home / ".condarc").write_text("always_yes: true\n")
    assert quick.try_install("new").returncode == 0
    assert quick.version("new") == "1.0"


def test_history_tells_who_when_what_and_why(bench: Bench) -> None:
    bench.given("install", "alpha==1.5", "--reason", "ticket 12")
    bench.given("install", "new")
    first, second = bench.record(1), bench.record(2)
    assert (first["format"], first["number"], second["number"]) == (1, 1, 2)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", first["time"])
    assert first["user"] == bench.user.name
    assert first["hostname"]
    assert first["command"][:3] == ["conda", "overlay", "install"]
    assert first["command"][-3:] == ["alpha==1.5", "--reason", "ticket 12"]
    assert (first["reason"], second["reason"]) == ("ticket 12", None)
    assert first["plan"]["changes"][0]["after"] == "1.5"
    host = first["host"]
    assert host["prefix"] == str(bench.host)
    assert host["distributions"]["beta"] == "1.0"
    assert any(package.startswith("python-") for package in host["packages"])
    entries = second["distributions"]
    assert known(entries["alpha"]) == [
        ("version", "1.5"),
        ("since", first["time"]),
        ("by", bench.user.name),
        ("reason", "ticket 12"),
        ("requested", True),
    ]
    assert entries.keys() == {"alpha", "new"}


def known(entry: dict[str, object]) -> list[tuple[str, object]]:
    names = ("version", "since", "by", "reason", "requested")
    return [(name, entry[name]) for name in names]


def test_what_comes_along_is_not_recorded_as_requested(quick: Bench) -> None:
    quick.given("install", "alpha==2.0")
    entries = quick.record()["distributions"]
    assert {key: entry["requested"] for key, entry in entries.items()} == {
        "alpha": True,
        "beta": False,
    }


def test_credentials_are_never_recorded(quick: Bench, wheels: Path, links: Path) -> None:
    dists.wheel(links, "tool", "1.0")
    simple = dists.index(links)
    quick.install(
        *("--index-url", simple.as_uri().replace("file://", "file://me:s3cret@localhost")),
        *("--extra-index-url", "https://me:s3%40cret@127.0.0.1:1/simple"),
        *("--proxy", "me:s3cret@localhost:1", "--no-index", "--find-links", str(links)),
        "tool",
    )
    kept = quick.record_path(1).read_text()
    assert "s3cret" not in kept and "s3%40cret" not in kept
    assert "127.0.0.1:1/simple" in kept


@first(1)
@pytest.mark.parametrize(("options", "shows"), [(["-q"], False), (["-v"], True), ([], True)])
def test_verbosity_is_pips_too(quick: Bench, options: list[str], shows: bool) -> None:
    printed = quick.install(*options, "new")
    assert ("Looking in links" in printed) == shows
    assert "added:\n  + new  1.0" in printed
    assert "Successfully installed" not in printed


def test_pips_misleading_remarks_are_left_out(quick: Bench) -> None:
    printed = quick.install("alpha==1.5", "gamma==2.0", "--allow-conflicts")
    for remark in ("uninstall", "Successfully installed", "dependency resolver"):
        assert remark not in printed


def test_modules_of_another_distribution_that_are_hidden_are_named(
    quick: Bench, links: Path
) -> None:
    """As of opencv-python-headless over opencv-python; a namespace that both add to hides none."""
    dists.wheel(links, "alpha-headless", "3.0", top_level="alpha")
    dists.wheel(links, "ns-a", "1.0", top_level="", files={"alpha/part.py": ""})
    plan = quick.plan("--find-links", links, "alpha-headless", "ns-a", "new")
    assert plan["notes"] == ["alpha-headless 3.0 hides the module alpha of alpha 1.0 (environment)"]
