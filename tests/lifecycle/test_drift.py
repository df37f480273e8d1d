"""When the host has changed: a line at activation, and what it means in the status."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests import sources
from tests.bed import dists, environment, place
from tests.bed.terminal import on_terminal
from tests.bench import Bench
from tests.long import LONG, few

SCRIPT = """
. '{base}/etc/profile.d/conda.sh'
export CONDA_CHANGEPS1=false
conda activate '{host}'
python -c 'import new; print(new.__version__)'
conda deactivate
"""
CHANGED = "the environment has changed since revision 1; see: conda overlay status"


def wheel(wheels: Path, name: str, version: str) -> Path:
    return wheels / f"{name}-{version}-py3-none-any.whl"


def activate(bench: Bench) -> str:
    """What activation says on a terminal; the overlay works, whatever it says."""
    script = SCRIPT.format(base=bench.conda.prefix, host=bench.host)
    argv = ["bash", "--norc", "-eu", "-c", script]
    shown = on_terminal(argv, bench.user.environ(), bench.user).splitlines(keepends=True)
    assert shown.count("1.0\n") == 1
    return "".join(line for line in shown if line != "1.0\n")


def rows(bench: Bench) -> dict[str, dict[str, Any]]:
    [overlay] = bench.json("status")["overlays"]
    return {row["name"]: row for row in overlay["distributions"]}


def found_in(bench: Bench) -> list[dict[str, Any]]:
    [overlay] = bench.json("status")["overlays"]
    found: list[dict[str, Any]] = overlay["findings"]
    return found


def findings(bench: Bench) -> dict[str, str]:
    return {finding["kind"]: finding["text"] for finding in found_in(bench)}


def meaning(bench: Bench, name: str) -> str:
    """What the status says of a distribution, as JSON; and as text if it needs attention."""
    found: str = rows(bench)[name]["meaning"]
    [line] = [l for l in bench.ask("status").splitlines() if l.split()[:1] == [name]]  # noqa: E741
    words = {"redundant": "not needed: the environment has it", "stale": "built for another Python"}
    words |= {"older than host": "older than the environment's", "broken": "broken"}
    assert found not in words or words[found] in line
    return found


def test_activation_says_it_in_one_line_once_for_each_host_state(
    bench: Bench, science: Path, wheels: Path
) -> None:
    with place.scratch() as directory:
        own = replace(bench, name=str(environment.clone(science, directory / "own")))
        own.install("new")
        assert activate(own) == ""
        sources.administrate(own.host, wheel(wheels, "delta", "2.0"))
        assert activate(own) == f"conda-overlay: {own.overlay}: {CHANGED}\n"
        assert activate(own) == ""
        sources.administrate(own.host, wheel(wheels, "gamma", "2.0"))
        assert CHANGED in activate(own)
        assert activate(own) == ""
        own.change("rebase")
        assert activate(own) == ""


def test_what_is_overdue_is_told_by_activation_and_status(own: Bench) -> None:
    own.given("install", "new", "--until", "2020-01-31")
    told = "new has been overdue since 2020-01-31"
    assert activate(own) == f"conda-overlay: {own.overlay}: {told}; see: conda overlay status\n"
    assert activate(own) == ""
    assert findings(own)["overdue"] == told
    assert f"overdue: {told}" in own.ask("status")
    assert rows(own)["new"]["until"] == "2020-01-31"


@pytest.mark.parametrize(
    "damage",
    few(["printf '\\377\\000host' >", "rm", "chmod 0", "mkdir -p nil;rm"], "chmod 0"),
)
def test_a_damaged_notice_never_breaks_the_activation(own: Bench, damage: str) -> None:
    own.given("install", "new")
    done = own.user.run(["sh", "-c", f"chmod u+w {own.notice}; {damage} {own.notice}"])
    assert done.returncode == 0, done.stderr
    assert activate(own) == ""


def test_undo_and_redo_over_a_changed_host_are_no_rebase(own: Bench, wheels: Path) -> None:
    own.given("install", "new")
    own.given("install", "alpha==1.5")
    sources.administrate(own.host, wheel(wheels, "delta", "2.0"))
    for command in ("undo", "redo"):
        own.given(command)
        assert "delta 1.0 -> 2.0" in findings(own)["drift"]
    own.given("rebase")
    assert "drift" not in findings(own)


def test_other_files_below_a_copy_at_the_same_version_are_drift(own: Bench) -> None:
    own.given("edit", "gamma", "--no-editor")
    assert "drift" not in findings(own)
    [file] = own.host.glob("lib/python*/site-packages/gamma/__init__.py")
    file.write_text(file.read_text() + "MENDED = 1\n")
    text = "the files below your copies have changed at the same version: gamma"
    assert findings(own)["drift"] == text
    own.given("rebase")
    assert "drift" not in findings(own)
    assert own.python("-c", "import gamma; gamma.MENDED").returncode == 0


@pytest.mark.parametrize("kind", ["drift", "overdue"])
def test_a_finding_comes_with_a_command_that_mends_it(own: Bench, wheels: Path, kind: str) -> None:
    own.given("install", "new", "--until", "2020-01-31")
    sources.administrate(own.host, wheel(wheels, "delta", "2.0"))
    [finding] = [f for f in found_in(own) if f["kind"] == kind]
    command = finding["remedies"][-1]
    assert f"  {command}\n" in own.ask("status")
    done = own.run(*shlex.split(command)[2:], "--yes")
    assert done.returncode == 0, done.stderr
    assert kind not in findings(own)


def test_status_says_what_changed(own: Bench, wheels: Path) -> None:
    own.given("install", "new")
    sources.administrate(own.host, wheel(wheels, "alpha", "2.0"))
    assert (
        findings(own)["drift"] == "the environment has changed since revision 1: alpha 1.0 -> 2.0"
    )
    assert "drift: the environment has changed" in own.ask("status")


def test_status_says_that_conda_packages_changed(own: Bench) -> None:
    own.given("install", "new")
    (own.host / "conda-meta" / "zlib-1.3-0.json").write_text('{"name": "zlib"}')
    assert "its conda packages: zlib absent -> 1.3" in findings(own)["drift"]


def test_redundant_is_what_the_host_has_too_or_newer(own: Bench, wheels: Path) -> None:
    own.given("install", "--upgrade", "alpha<2", "--intent", "fix")
    assert meaning(own, "alpha") == "newer than host"
    sources.administrate(own.host, wheel(wheels, "alpha", "1.5"))
    assert meaning(own, "alpha") == "redundant"
    sources.administrate(own.host, wheel(wheels, "alpha", "2.0"))
    assert meaning(own, "alpha") == "redundant"


@LONG
def test_older_than_host_is_what_hides_something_newer_on_purpose(own: Bench, wheels: Path) -> None:
    own.given("install", "alpha==1.5", "--intent", "hold")
    assert meaning(own, "alpha") == "newer than host"
    sources.administrate(own.host, wheel(wheels, "alpha", "2.0"))
    assert meaning(own, "alpha") == "older than host"


def test_broken_is_what_lacks_a_requirement_now(own: Bench, wheels: Path) -> None:
    sources.administrate(own.host, wheel(wheels, "delta", "2.0"))
    own.given("install", "gamma==2.0")
    assert meaning(own, "gamma") == "newer than host"
    sources.administrate(own.host, wheel(wheels, "delta", "1.0"))
    assert meaning(own, "gamma") == "broken"
    told = findings(own)["conflict"]
    assert told == "gamma 2.0 (overlay) requires delta>=2, but 1.0 (environment) is in effect"


@pytest.mark.parametrize("number", [0, 1])
def test_a_conflict_with_what_was_requested_names_commands_that_solve_it(
    own: Bench, number: int
) -> None:
    own.given("install", "delta==2.0", "--allow-conflicts")
    [finding] = [
        f for f in own.json("status")["overlays"][0]["findings"] if f["kind"] == "conflict"
    ]
    assert finding["text"].endswith("; delta==2.0 was requested")
    words = shlex.split(finding["remedies"][number])
    assert words[2:3] == [["install", "remove"][number]]
    own.given(*words[2:])
    assert "conflict" not in findings(own)


@pytest.mark.parametrize("edited", [False, True])
def test_a_conflict_with_a_dependency_names_what_was_requested(own: Bench, edited: bool) -> None:
    own.given("install", "gamma==2.0", "--allow-conflicts")  # needs delta>=2
    if edited:
        own.given("edit", "--no-editor", "gamma", "--allow-conflicts")
    [finding] = [
        f for f in own.json("status")["overlays"][0]["findings"] if f["kind"] == "conflict"
    ]
    assert finding["text"].endswith("; delta is there for gamma==2.0, as requested")
    [command] = finding["remedies"]
    own.given(*shlex.split(command)[2:])
    assert "conflict" not in findings(own)


@LONG
def test_stale_is_what_was_built_for_another_python(own: Bench, links: Path) -> None:
    import json

    tag = f"cp{own.site.parent.name.removeprefix('python').replace('.', '')}-abi3-linux_x86_64"
    dists.wheel(links, "compiled", "1.0", tag=tag)
    own.install("compiled", "new", "--find-links", links)
    assert meaning(own, "compiled") == "not in host"
    record = own.record_path(1)
    data = json.loads(record.read_text())
    data["host"]["abi"] = "cpython-299-x86_64-linux-gnu"  # as if the host had been built anew
    own.edit(record, json.dumps(data))
    assert meaning(own, "compiled") == "stale"
    assert meaning(own, "new") == "not in host"
    plan = own.json("rebase")  # builds it again, which here leads to the very same files
    assert (plan["revision"], plan["changes"], plan["accepts_host"]) == (2, [], True)
    assert meaning(own, "compiled") == "not in host"


@LONG
def test_dev_is_never_redundant(own: Bench) -> None:
    own.install("-e", sources.project(own.user, "mine"))
    sources.administrate(own.host, dists.wheel(own.host.parent / "links", "mine", "9.0"))
    assert meaning(own, "mine") == "older than host"


def test_undo_and_redo_pass_over_a_revision_that_only_accepted_the_environment(
    own: Bench, links: Path
) -> None:
    own.install("new")
    sources.administrate(own.host, dists.wheel(links, "unrelated", "1.0"))
    assert own.json("rebase")["accepts_host"] and own.revision == 2
    assert own.json("undo")["changes"] and own.version("new") is None
    assert own.json("redo")["changes"] and own.version("new") == "1.0"
    assert "There is nothing to redo." in own.refuse("redo")


def test_edits_by_hand_in_what_only_accepted_the_environment_are_noted_and_redone(
    own: Bench, links: Path
) -> None:
    own.install("new")
    own.given("edit", "alpha", "--no-editor")
    place = own.site / "alpha/__init__.py"
    own.edit(place, "HAND = 1\n")
    sources.administrate(own.host, dists.wheel(links, "unrelated", "1.0"))
    plan = own.json("rebase")
    assert plan["accepts_host"] and not plan["changes"]
    [note] = plan["notes"]
    assert note.startswith("this revision keeps your edits:") and "alpha/__init__.py" in note
    assert own.json("history")["position"] == own.revision == 3
    own.given("undo")
    assert place.read_text() != "HAND = 1\n"
    own.given("redo")
    assert place.read_text() == "HAND = 1\n"


@pytest.mark.parametrize("which", [0, 1])
def test_the_commands_for_an_overdue_edited_copy_work(own: Bench, which: int) -> None:
    own.given("edit", "alpha", "--no-editor")
    own.edit(own.site / "alpha" / "__init__.py", "__version__ = '1.0'\nMINE = 1\n")
    own.change("record")
    own.change("note", "alpha", "--until", "2020-01-31")
    [finding] = [f for f in found_in(own) if f["kind"] == "overdue"]
    assert finding["text"].endswith("; with it go your edits, which record keeps for undo")
    done = own.run(*shlex.split(finding["remedies"][which])[2:], "--yes")
    assert done.returncode == 0, done.stderr
    assert "overdue" not in findings(own)
    if which == 0:
        assert "- alpha  1.0  requested" in done.stdout
        own.change("undo")
        assert "MINE" in (own.site / "alpha" / "__init__.py").read_text()
