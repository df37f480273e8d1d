"""``conda overlay apply`` makes an overlay what a file says."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests import sources
from tests.bed import dists
from tests.bed.users import User
from tests.bench import Bench
from tests.lifecycle import edited
from tests.lifecycle.patches import CHANGE, PLAN
from tests.long import LONG, first


def toml(user: User, text: str) -> Path:
    return sources.write(user, user.home / "by-hand.toml", f"format = 1\n{text}")


def facts(bench: Bench) -> dict[str, dict[str, object]]:
    """What the history knows of the distributions, less when and by whom."""
    entries = bench.record()["distributions"]
    return {
        key: {name: value for name, value in entry.items() if name not in ("since", "by")}
        for key, entry in entries.items()
    }


@first(1)
@pytest.mark.parametrize("locked", [[], ["--locked"]], ids=["anew", "locked"])
def test_an_overlay_toml_repeats_an_overlay_over_another_host(
    bench: Bench, locked: list[str]
) -> None:
    bench.given("install", "alpha==2.0", "new", "--reason", "ticket 7", "--until", "2030-01-31")
    other = replace(bench, name="daq")
    other.change("apply", bench.export(), *locked)
    assert other.see("alpha", "beta", "new") == {"alpha": "2.0", "beta": "2.0", "new": "1.0"}
    mine, theirs = facts(bench), facts(other)
    for key in ("alpha", "new"):
        assert theirs[key] == mine[key]
    assert theirs["beta"]["requested"] is False
    assert other.script("new") == "new 1.0"


def test_what_the_file_does_not_name_is_removed_and_the_plan_says_why(
    quick: Bench, daq: Bench
) -> None:
    quick.given("install", "new")
    daq.given("install", "alpha==2.0", "delta==2.0", "--allow-conflicts")
    plan = daq.json("apply", quick.export())
    assert {c["name"]: (c["kind"], c["why"], c["requested"]) for c in plan["changes"]} == {
        "alpha": ("remove", "not in the file", False),
        "beta": ("remove", "not in the file", False),
        "delta": ("remove", "not in the file", False),
        "new": ("add", "from the file", True),
    }
    assert daq.see("alpha", "new") == {"alpha": "1.0", "new": "1.0"}
    assert daq.distributions() == ["new-1.0"]


def test_files_locked_for_another_python_are_refused_in_a_sentence(quick: Bench) -> None:
    quick.given("install", "new")
    file = quick.export()
    text = re.sub('python = "3[.]\\d+', 'python = "3.7', file.read_text())
    quick.edit(file, text)
    told = quick.refuse("apply", file, "--locked", "--yes")
    assert "Locked for Python 3.7; this environment has 3." in told
    quick.change("apply", file)


@LONG
def test_applying_twice_is_applying_once(quick: Bench, daq: Bench) -> None:
    quick.given("install", "alpha==2.0", "new", "--reason", "ticket 7", "--intent", "hold")
    for words in (["overlay.toml"], ["overlay.toml", "--locked"]):
        file = quick.export(words[0])
        daq.change("apply", file, *words[1:])
        revision, content = daq.revision, daq.content()
        assert "Nothing to " in daq.change("apply", file, *words[1:])
        assert (daq.revision, daq.content()) == (revision, content)
    for words in (["overlay.toml"], ["overlay.toml", "--locked"]):
        quick.change("apply", quick.export(words[0]), *words[1:])
    assert quick.revision == 1


@LONG
def test_what_stays_keeps_since_when_and_by_whom(quick: Bench) -> None:
    quick.given("install", "alpha==2.0", "--reason", "first")
    before = quick.record()["distributions"]
    text = quick.export().read_text() + '\n[[wanted]]\nrequirement = "new"\n'
    file = sources.write(quick.user, quick.user.home / "more.toml", text)
    quick.change("apply", file, "--reason", "second")
    after = quick.record()["distributions"]
    assert {key: after[key] for key in before} == before
    assert after["new"]["reason"] == "second"


@LONG
def test_other_reasons_and_intents_alone_are_a_revision(quick: Bench) -> None:
    quick.given("install", "alpha==2.0")
    file = toml(quick.user, '[[wanted]]\nrequirement = "alpha==2.0"\nintent = "fix"\n')
    quick.change("apply", file)
    assert quick.revision == 2
    assert facts(quick)["alpha"]["intent"] == "fix"


def test_what_is_wanted_is_resolved_anew_unless_locked(quick: Bench, links: Path) -> None:
    dists.wheel(links, "tool", "1.0")
    quick.install("tool", "--find-links", links)
    file = quick.export()
    dists.wheel(links, "tool", "1.1")
    daq = replace(quick, name="daq")
    daq.change("apply", file, "--locked")
    assert daq.version("tool") == "1.0"
    daq.given("undo", "0")
    daq.change("apply", file)
    assert daq.version("tool") == "1.1"


@LONG
def test_locked_refuses_another_file_of_the_same_name(quick: Bench, links: Path) -> None:
    dists.wheel(links, "tool", "1.0")
    quick.install("tool", "--find-links", links)
    file = quick.export()
    dists.wheel(links, "tool", "1.0", files={"forged.py": ""})
    daq = replace(quick, name="daq")
    daq.given("install", "new")
    assert "HASH" in daq.refuse("apply", file, "--locked", "--yes").upper()
    assert daq.distributions() == ["new-1.0"]


def test_locked_never_puts_a_variable_into_a_url(quick: Bench, links: Path) -> None:
    """pip replaces these in requirements files; the file that is locked has such a name."""
    wheel = dists.wheel(links / "${SECRET}", "tool", "1.0")
    sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
    with sources.served(links) as address:
        url = f"http://{address}/${{SECRET}}/{wheel.name}"
        table = f'name = "tool"\nversion = "1.0"\nurl = "{url}"\nsha256 = "{sha256}"\n'
        quick.change(
            "apply", toml(quick.user, f"[[locked]]\n{table}"), "--locked", env={"SECRET": "mine"}
        )
    assert quick.distributions() == ["tool-1.0"]


@pytest.mark.parametrize("locked", [[], ["--locked"]], ids=["anew", "locked"])
def test_edits_that_the_file_lacks_are_lost_by_force_alone(quick: Bench, locked: list[str]) -> None:
    quick.given("install", "alpha==2.0")
    exported = quick.export()
    quick.edit(quick.site / "alpha/__init__.py", "__version__ = 'mine'\n")
    assert "alpha/__init__.py" in quick.refuse("apply", exported, "--yes", *locked)
    quick.change("apply", exported, "--force", *locked)
    assert quick.version("alpha") == "2.0"


def test_edits_that_are_locked_for_another_version_are_refused(own: Bench, links: Path) -> None:
    sources.administrate(own.host, edited.wheel(links))
    own.change("patch", "tool", sources.write(own.user, own.user.home / "f.patch", edited.FIX))
    exported = own.export()
    own.change("delete", "--force")
    sources.administrate(own.host, edited.wheel(links, "2.0", edited.ELSEWHERE))
    own.install("new")
    told = own.refuse("apply", exported, "--locked", "--yes")
    assert "The file locks edits of tool 1.0; this environment has 2.0." in told
    own.change("apply", exported)
    assert edited.steps(own) == [44, 77]


def test_paths_in_a_file_are_relative_to_its_directory(quick: Bench, links: Path) -> None:
    home = quick.user.home
    quick.user.run(["mkdir", home / "x", home / "y"])
    for name, version in (("x", "1.0"), ("y", "2.0")):
        dists.wheel(home / name / "wheels", "mine", version)
    text = 'format = 1\n[[wanted]]\nrequirement = "mine"\noptions = ["--find-links=wheels"]\n'
    text += '[[wanted]]\nname = "near"\nrequirement = "./near-1.0-py3-none-any.whl"\n'
    file = sources.write(quick.user, home / "x" / "overlay.toml", text)
    dists.wheel(home / "x", "near", "1.0")
    words = ["apply", *quick.where, "--yes", str(file)]
    assert quick.run(*words, cwd=home / "y").returncode == 0
    assert quick.distributions() == ["mine-1.0", "near-1.0"]


def test_the_hint_for_edits_of_what_is_not_there_helps(own: Bench, daq: Bench, links: Path) -> None:
    sources.administrate(own.host, edited.wheel(links))
    own.change("patch", "tool", sources.write(own.user, own.user.home / "f.patch", edited.FIX))
    exported = own.export()
    assert "conda overlay install -n daq tool==1.0" in daq.refuse("apply", exported)
    daq.install("--find-links", links, "tool==1.0")
    daq.change("apply", exported)
    assert daq.python("-c", "import tool.core as c; print(c.step4())").stdout == "44\n"


@LONG
def test_locked_refuses_a_file_that_is_gone(quick: Bench, links: Path) -> None:
    wheel = dists.wheel(links, "tool", "1.0")
    quick.install("tool", "--find-links", links)
    file = quick.export()
    wheel.unlink()
    assert "tool" in replace(quick, name="daq").refuse("apply", file, "--locked", "--yes")


def test_locked_refuses_a_file_without_a_lock(quick: Bench) -> None:
    file = toml(quick.user, '[[wanted]]\nrequirement = "new"\n')
    assert "The file locks nothing for new." in quick.refuse("apply", file, "--locked", "--yes")
    file = toml(quick.user, '[[locked]]\nname = "new"\nversion = "1.0"\n')
    assert "names no hash for new 1.0" in quick.refuse("apply", file, "--locked", "--yes")


@LONG
def test_locked_files_that_break_the_host_are_refused_unless_allowed(
    quick: Bench, daq: Bench
) -> None:
    quick.given("install", "delta==2.0", "--allow-conflicts")
    file = quick.export()
    told = daq.refuse("apply", file, "--locked", "--yes")
    assert "stuck 1.0 (environment) requires delta<2, but 2.0 (overlay) would be in effect" in told
    daq.change("apply", file, "--locked", "--allow-conflicts")
    assert daq.version("delta") == "2.0"


@LONG
def test_an_editable_is_applied_and_left_alone_afterwards(quick: Bench, daq: Bench) -> None:
    source = sources.project(quick.user, "mine", requires=("new",))
    quick.install("-e", source)
    for words in ([], ["--locked"]):
        file = quick.export()
        daq.change("apply", file, *words)
        assert daq.see("mine", "new") == {"mine": "0.1", "new": "1.0"}
        assert facts(daq)["mine"] == facts(quick)["mine"]
        assert (facts(daq)["mine"]["editable"], facts(daq)["mine"]["intent"]) == (
            str(source), "dev",
        )  # fmt: skip
        revision = daq.revision
        daq.change("apply", file, *words)
        assert daq.revision == revision
        daq.change("undo", "0")


@LONG
def test_what_came_from_a_url_is_applied_from_it(quick: Bench, daq: Bench, links: Path) -> None:
    wheel = dists.wheel(links, "direct", "1.0")
    quick.install(wheel)
    daq.change("apply", quick.export())
    assert facts(daq)["direct"] == facts(quick)["direct"]
    revision = daq.revision
    daq.change("apply", quick.export())
    assert daq.revision == revision


@LONG
def test_what_a_file_no_longer_names_does_not_hold_back_what_it_names(
    quick: Bench, links: Path
) -> None:
    dists.wheel(links, "old", "1.0", requires=["delta<2"])
    quick.install("old", "--find-links", links)
    file = toml(quick.user, '[[wanted]]\nrequirement = "gamma==2.0"\n')
    quick.change("apply", file, "--allow-conflicts")
    assert quick.distributions() == ["delta-2.0", "gamma-2.0"]


def test_an_empty_file_empties_the_overlay_and_undo_fills_it_again(quick: Bench) -> None:
    quick.given("install", "new")
    quick.change("apply", toml(quick.user, ""))
    assert quick.distributions() == []
    quick.given("undo")
    assert quick.version("new") == "1.0"


def test_dry_run_shows_the_plan_and_changes_nothing(quick: Bench) -> None:
    file = toml(quick.user, '[[wanted]]\nrequirement = "new"\n')
    before = quick.content()
    shown = quick.ask("apply", file, "--dry-run")
    assert "new  1.0  from the file" in shown
    assert "Dry run: nothing was changed." in shown
    assert quick.content() == before


def test_the_keys_of_the_json_stay(quick: Bench) -> None:
    file = toml(quick.user, '[[wanted]]\nrequirement = "new"\n')
    plan = quick.json("apply", file)
    assert plan.keys() == PLAN
    assert plan["changes"][0].keys() == CHANGE
    assert plan["changes"][0]["sha256"] == facts(quick)["new"]["sha256"]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("gone.toml", None, "gone.toml cannot be read: No such file or directory."),
        ("my.toml", "?", "my.toml is not a valid overlay.toml: "),
        ("my.toml", "format = 99", "my.toml was written by a newer version of conda-overlay."),
        ("pylock.toml", "lock-version = '1.0'", "pylock.toml is a lock file for pip and other"),
        ("r.txt", "new==1.0", "conda overlay install -n science -r"),
        ("e.yml", "name: x", "conda env create -f"),
        ("x.patch", "--- a/x\n", "Hint: conda overlay patch -n science NAME "),
    ],
    ids=["gone", "garbage", "newer", "pylock", "requirements", "environment", "patch"],
)
def test_a_file_that_cannot_be_read_is_one_sentence_and_a_hint(
    quick: Bench, name: str, text: str | None, says: str
) -> None:
    file = quick.user.home / name
    if text is not None:
        sources.write(quick.user, file, text)
    assert says in quick.refuse("apply", file, "--yes")


@LONG
def test_a_host_that_one_may_write_needs_force(quick: Bench, wheels: Path) -> None:
    host = quick.user.home / "own"
    done = quick.user.run(["cp", "-r", quick.host, host])
    assert done.returncode == 0, done.stderr
    own = replace(quick, name=str(host))
    file = toml(quick.user, '[[wanted]]\nrequirement = "new"\n')
    assert "it needs no overlay" in own.refuse("apply", file, "--yes")
    own.change("apply", file, "--force")
    assert own.version("new") == "1.0"


def test_a_patch_in_a_file_for_files_of_a_repository_alone_is_no_edit(fixed: Bench) -> None:
    """Nor may it change files of other packages."""
    text = fixed.export().read_text()
    fixed.given("undo", "0")
    for other in ("tool/.git/config", "alpha/__init__.py"):
        file = fixed.user.home / "other.toml"
        sources.write(fixed.user, file, text.replace("tool/core.py", other))
        done = fixed.run("apply", *fixed.where, file, "--yes")
        if "alpha" in other:
            assert done.returncode == 1
            assert (
                "Hint: edit the file: its edits of tool may change files of tool only"
                in done.stderr
            )
        else:
            assert "the copy of tool retires: no text of it was edited" in done.stdout, done
