"""Environments that move, are renamed, or are reached by a link: whose overlay it is."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bed import environment, place
from tests.bed.terminal import on_terminal
from tests.bench import Bench

SCRIPT = """
. '{base}/etc/profile.d/conda.sh'
export CONDA_CHANGEPS1=false
conda activate '{host}'
python -c 'import new; print(new.__version__)' || echo none
conda deactivate
"""


def at(bench: Bench, path: Path) -> Bench:
    return replace(bench, name=str(path))


def activate(bench: Bench) -> tuple[str, str]:
    """What a program in the activated environment prints, and what activation says."""
    script = SCRIPT.format(base=bench.conda.prefix, host=bench.host)
    done = bench.user.run(["bash", "--norc", "-eu", "-c", script])
    said = [line for line in done.stderr.splitlines() if line.startswith("conda-overlay")]
    return done.stdout.strip(), "\n".join(said)


def findings(bench: Bench) -> list[str]:
    report = bench.json("status")
    return [f["kind"] for o in report["overlays"] for f in o["findings"]]


def test_a_base_that_has_moved_and_left_a_link_is_as_before(own: Bench) -> None:
    own.given("install", "new")
    moved = own.host.rename(own.host.with_name("moved"))
    own.host.symlink_to(moved)
    for bench in (own, at(own, moved)):
        assert activate(bench) == ("1.0", "")
        assert findings(bench) == []
        assert bench.json("install", "new")["revision"] is None
        assert own.script("new")
    own.change("install", "--upgrade", "alpha")
    assert at(own, moved).json("status")["overlays"][0]["revision"] == 2
    own.host.unlink()
    assert activate(at(own, moved)) == ("1.0", "")  # the new path was recorded


def test_a_link_and_the_path_behind_it_have_the_same_overlay_named_by_that(own: Bench) -> None:
    link = at(own, own.host.with_name("current"))
    link.host.symlink_to(own.host)
    link.change("install", "new")
    assert own.overlay.is_symlink() and not (own.overlays / "current").exists()
    for bench in (own, link):
        assert activate(bench) == ("1.0", "")
        assert [one["revision"] for one in bench.json("status")["overlays"]] == [1]
    own.change("install", "--upgrade", "alpha")
    assert [one["revision"] for one in link.json("status")["overlays"]] == [2]


def test_a_renamed_environment_says_so_and_rebase_gives_it_its_overlay(own: Bench) -> None:
    own.given("install", "new", "--reason", "ticket 1")
    own.given("install", "--upgrade", "alpha")
    now = at(own, own.host.rename(own.host.with_name("renamed")))
    text = f"{own.overlay} is of {own.host}, which is gone, and perhaps {now.host} now"
    line = f"conda-overlay: {text}; to use it here: conda overlay rebase"
    assert activate(now) == ("none", line)
    report = now.json("status")
    [finding] = report["relatives"]
    rebase = f"conda overlay rebase -p {now.host}"
    assert (finding["text"], finding["remedies"]) == (text, [rebase])
    assert f"moved: {text}\n  {rebase}\n" in now.ask("status")
    assert text in now.user.run([now.conda.executable, "doctor", "-p", now.host]).stdout
    delete = f"conda overlay delete -p {own.overlay}"
    assert (
        f"{own.overlay}: host is gone:"
        in own.user.run([own.conda.executable, "overlay", "list"], env=own.environ).stdout
    )
    assert delete in own.user.run([own.conda.executable, "overlay", "list"]).stdout
    plan = now.json("rebase")
    assert plan["revision"] == 3 and not plan["changes"]
    assert f"{own.overlay}, of {own.host}, becomes that of {now.host}" in plan["notes"]
    assert activate(now) == ("1.0", "") and findings(now) == []
    assert (own.overlay / "bin" / "new").exists()
    mine = replace(now, name=own.name)  # whose overlay keeps its name
    assert own.user.run([own.overlay / "bin" / "new"]).returncode == 0
    assert mine.record()["distributions"]["new"]["reason"] == "ticket 1"
    assert "Revision 4" in now.change("undo", "1")


@pytest.mark.parametrize("same", ["name", "packages"])
def test_an_environment_that_is_elsewhere_now_is_known_by_its_name_or_its_packages(
    own: Bench, same: str
) -> None:
    own.given("install", "new")
    directory = own.host.with_name("elsewhere")
    directory.mkdir()
    now = at(own, own.host.rename(directory / (own.host.name if same == "name" else "other")))
    if same == "name":
        (now.host / "conda-meta" / "more-1.0-0.json").write_text("{}")
    assert [one["kind"] for one in now.json("status")["relatives"]] == ["moved"]
    if same == "packages":
        (now.host / "conda-meta" / "more-1.0-0.json").write_text("{}")
        assert now.json("status")["relatives"] == []


def test_a_link_that_leads_elsewhere_now_says_so_and_rebase_carries_the_overlay_over(
    own: Bench, science: Path
) -> None:
    link = at(own, own.host.with_name("current"))
    link.host.symlink_to(own.host)
    link.change("install", "new", "--reason", "ticket 1")
    link.host.unlink()
    link.host.symlink_to(environment.clone(science, own.host.with_name("next")))
    text = f"{own.overlay} is of {own.host}, where {link.host} led before"
    assert activate(link) == (
        "none",
        f"conda-overlay: {text}; to use it here: conda overlay rebase",
    )
    assert [one["text"] for one in link.json("status")["relatives"]] == [text]
    plan = link.json("rebase")
    [change] = plan["changes"]
    assert (change["name"], change["why"]) == ("new", f"carried over from {own.host.name}")
    assert activate(link) == ("1.0", "")
    assert activate(own) == ("1.0", "")
    assert (own.overlays / "next").is_symlink()


def test_news_count_as_told_only_where_somebody_sees_them(own: Bench) -> None:
    own.given("install", "new")
    (own.host / "conda-meta" / "more-1.0-0.json").write_text("{}")
    changed = "the environment has changed since revision 1"
    for _ in range(2):  # as in a batch job
        assert changed in activate(own)[1]
    script = SCRIPT.format(base=own.conda.prefix, host=own.host)
    argv = ["bash", "--norc", "-c", script]
    environ = own.user.environ(own.environ)
    shown = [on_terminal(argv, environ, own.user) for _ in range(2)]
    assert [changed in text for text in shown] == [True, False]
    assert changed not in activate(own)[1]


@pytest.mark.parametrize("how", ["name", "path"])
def test_the_overlay_of_an_environment_that_is_gone_can_be_read_carried_over_and_deleted(
    own: Bench, science: Path, how: str
) -> None:
    own.given("install", "new", "--reason", "ticket 1")
    place.remove(own.host)
    where = ["-n", own.host.name] if how == "name" else ["-p", str(own.overlay)]

    def run(*words: str) -> str:
        done = own.run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "ticket 1" in run("history", *where)
    assert 'new = "new"' in run("export", *where) or '"new' in run("export", *where)
    status = run("status", *where)
    assert f"its environment {own.host} is gone" in status and "new" in status
    delete = f"conda overlay delete -p {own.overlay}"
    assert delete in status
    nxt = at(own, environment.clone(science, own.host.with_name("next")))
    carried = nxt.json("rebase", "--from", where[1])
    assert [one["name"] for one in carried["changes"]] == ["new"]
    run("delete", *where, "--yes")
    assert not own.overlay.exists()


def test_several_that_may_be_meant_are_named(own: Bench, science: Path) -> None:
    own.given("install", "new")
    other = at(own, environment.clone(science, own.host.with_name("other")))
    other.change("install", "new")
    now = at(own, own.host.rename(own.host.with_name("renamed")))
    other.host.rename(own.host.with_name("more"))
    told = now.refuse("rebase", code=2)
    assert f"Several overlays may be meant for {now.host}" in told
    words = ["conda", "overlay", "rebase", "-p", str(now.host), "--from", str(other.overlay)]
    assert shlex.join(words) in told
