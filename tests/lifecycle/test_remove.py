"""``conda overlay remove`` and ``conda overlay undo 0``: what goes, what comes back, what stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bed import dists
from tests.bench import Bench
from tests.lifecycle import patches
from tests.lifecycle.patches import PLAN
from tests.long import LONG

NEVER = "belongs to the environment, which is never changed"


@pytest.fixture
def tower(links: Path) -> Path:
    """Wheels: top requires middle, which requires bottom; lone; tidy has an extra, bottom."""
    dists.wheel(links, "bottom", "1.0")
    dists.wheel(links, "middle", "1.0", requires=["bottom"])
    dists.wheel(links, "top", "1.0", requires=["middle"], scripts={"top": "top:main"})
    dists.wheel(links, "lone", "1.0")
    dists.wheel(links, "tidy", "1.0", extras={"more": ["bottom"]})
    return links


def names(bench: Bench) -> list[str]:
    return [name.partition("-")[0] for name in bench.distributions()]


@LONG
def test_dependent_that_moved_along_goes_back_with_what_it_followed(bench: Bench) -> None:
    bench.given("install", "alpha==2.0", "new")
    printed = bench.change("remove", "new")
    assert "removed:\n  - new  1.0  requested\n" in printed
    assert bench.see("alpha", "beta", "new") == {"alpha": "2.0", "beta": "2.0", "new": None}
    printed = bench.change("remove", "alpha", "--reason", "not needed")
    assert (
        "back to the environment's:\n"
        "  - alpha  2.0 -> 1.0  requested\n"
        "  - beta   2.0 -> 1.0  nothing depends on it\n"
    ) in printed
    assert "Revision 3: alpha and 1 dependency back to the environment's." in printed
    assert bench.see("alpha", "beta") == {"alpha": "1.0", "beta": "1.0"}
    assert not (bench.overlay / "bin" / "beta").exists()
    record = bench.record()
    assert (record["distributions"], record["reason"]) == ({}, "not needed")
    assert [change["name"] for change in record["plan"]["changes"]] == ["alpha", "beta"]


@LONG
def test_json_is_the_plan_that_the_history_keeps(quick: Bench) -> None:
    quick.given("install", "alpha==2.0")
    dry = quick.json("remove", "alpha", "--dry-run")
    assert dry.keys() == PLAN
    assert (dry["dry_run"], dry["revision"], quick.revision) == (True, None, 1)
    done = quick.json("remove", "alpha")
    assert (done["dry_run"], done["revision"], quick.revision) == (False, 2, 2)
    assert done["changes"] == dry["changes"] == quick.record()["plan"]["changes"]
    assert [(c["name"], c["kind"], c["before"], c["after"]) for c in done["changes"]] == [
        ("alpha", "remove", "2.0", None),
        ("beta", "remove", "2.0", None),
    ]


def test_what_only_it_needed_goes_along(quick: Bench, tower: Path) -> None:
    quick.install("--find-links", tower, "top", "lone")
    dry = quick.ask("remove", "top", "--dry-run")
    assert (
        "removed:\n"
        "  - bottom  1.0  nothing depends on it\n"
        "  - middle  1.0  nothing depends on it\n"
        "  - top     1.0  requested\n"
    ) in dry
    assert "Dry run: nothing was changed." in dry
    assert names(quick) == ["bottom", "lone", "middle", "top"]
    quick.given("remove", "top")
    assert names(quick) == ["lone"]
    assert not (quick.overlay / "bin" / "top").exists()


@LONG
def test_what_somebody_asked_for_or_an_extra_needs_stays(quick: Bench, tower: Path) -> None:
    quick.install("--find-links", tower, "tidy[more]", "lone")
    quick.install("--find-links", tower, "top", "middle")
    quick.given("remove", "lone")
    assert names(quick) == ["bottom", "middle", "tidy", "top"]
    quick.given("remove", "top")
    assert names(quick) == ["bottom", "middle", "tidy"]
    quick.given("remove", "middle", "tidy")
    assert names(quick) == []


def test_names_are_refused_that_the_overlay_does_not_have(bench: Bench) -> None:
    assert f"gamma {NEVER}." in bench.refuse("remove", "--yes", "gamma")
    bench.given("install", "new")
    assert f"gamma {NEVER}." in bench.refuse("remove", "--yes", "new", "gamma")
    told = bench.refuse("remove", "--yes", "nosuch")
    assert "nosuch is not in the overlay.\nHint: conda overlay status" in told
    assert f"Alpha {NEVER}." in bench.refuse("remove", "--yes", "Alpha")
    bench.refuse("remove", "--yes", code=2)


def test_what_another_one_needs_is_refused_unless_conflicts_are_allowed(
    bench: Bench, tower: Path
) -> None:
    bench.install("--find-links", tower, "top", "beta==2.0")
    told = bench.refuse("remove", "--yes", "middle")
    assert "top 1.0 (overlay) requires middle, but it is not installed" in told
    assert "Hint: --allow-conflicts proceeds anyway, and records the conflicts" in told
    told = bench.refuse("remove", "--yes", "alpha")
    assert "beta 2.0 (overlay) requires alpha>=2, but 1.0 (environment) would be in effect" in told
    printed = bench.change("remove", "alpha", "--allow-conflicts")
    assert (
        "conflicts (allowed by --allow-conflicts):\n  beta 2.0 (overlay) requires alpha>=2"
        in printed
    )
    [conflict] = bench.record()["plan"]["conflicts"]
    assert (conflict["name"], conflict["requirement"]) == ("beta", "alpha>=2")


def test_dependent_of_what_stays_cannot_go_back_alone(quick: Bench) -> None:
    quick.given("install", "alpha==2.0")
    told = quick.refuse("remove", "--yes", "beta")
    assert "beta 1.0 (environment) requires alpha<2, but 2.0 (overlay) would be in effect" in told


def test_files_changed_by_hand_are_named_and_need_force(bench: Bench) -> None:
    bench.given("install", "alpha==1.5", "new")
    module = bench.site / "alpha" / "__init__.py"
    bench.edit(module, '__version__ = "1.5"\n__edited__ = True\n')
    path = str(module.relative_to(bench.overlay))
    told = bench.refuse("remove", "--yes", "alpha")
    assert (
        f"Your edits to these files would be lost:\n  {path}\nHint: --force proceeds anyway: conda "
    ) in told
    bench.given("remove", "new")  # in the revision that this makes, the file is as committed
    told = bench.refuse("remove", "--yes", "alpha")
    assert f"  {path}\n" in told
    printed = bench.change("remove", "alpha", "--force")
    assert f"edits that will be lost:\n  {path}\n" in printed
    assert bench.version("alpha") == "1.0"
    bench.given("undo")
    assert "__edited__ = True" in module.read_text()


def test_no_at_the_question_leaves_everything_as_it_was(quick: Bench) -> None:
    quick.given("install", "new")
    before = quick.content()
    for command in ("remove new", "undo 0", "undo", "delete"):
        word, *words = command.split()
        default = "(y/[n])" if command == "delete" else "([y]/n)"
        said = "Nothing was deleted.\n" if command == "delete" else "Nothing was changed.\n"
        for answer in ("n\n", "\n") if default == "(y/[n])" else ("n\n",):
            done = quick.run(word, *quick.where, *words, input=answer)
            assert (done.returncode, done.stderr) == (0, "")
            assert done.stdout.endswith(f"Proceed {default}? {said}")
            assert quick.content() == before


def test_end_of_input_at_the_question_is_an_error_and_changes_nothing(quick: Bench) -> None:
    quick.given("install", "new")
    for word, *words in (["remove", "new"], ["undo", "0"], ["undo"], ["delete"]):
        told = quick.refuse(word, *words)
        assert (
            "No answer was given, so nothing was changed.\nHint: --yes proceeds without asking"
            in told
        )


@LONG
def test_undo_0_goes_back_to_the_host_and_can_be_redone(bench: Bench) -> None:
    bench.given("install", "alpha==2.0", "new")
    bench.edit(bench.site / "mine.py", "")
    printed = bench.change("remove", "new")
    assert "removed:\n  - new  1.0  requested\n" in printed
    assert names(bench) == ["alpha", "beta"]
    printed = bench.change("undo", "0")
    assert "alpha  2.0 -> 1.0  back to the environment" in printed
    path = (bench.site / "mine.py").relative_to(bench.overlay)
    assert f"other files:\n  D {path}\n" in printed
    assert bench.see("alpha", "beta", "new") == {"alpha": "1.0", "beta": "1.0", "new": None}
    assert not (bench.site / "mine.py").exists()
    assert bench.record()["distributions"] == {}
    assert "There is nothing to undo." in bench.refuse("undo", "--yes")
    bench.given("undo", "2")
    assert bench.see("alpha", "beta", "new") == {"alpha": "2.0", "beta": "2.0", "new": None}
    assert (bench.site / "mine.py").exists()
    bench.given("undo", "0")
    bench.given("redo")  # each of the changes that were undone at once
    assert bench.version("new") == "1.0"
    bench.given("redo")
    assert bench.see("alpha", "new") == {"alpha": "2.0", "new": None}
    assert (bench.site / "mine.py").exists()


def test_undo_0_where_nothing_is_overlaid_does_nothing(quick: Bench) -> None:
    assert "has no revision yet" in quick.refuse("undo", "--yes", "0")
    assert not quick.state.exists()
    quick.given("install", "new")
    quick.given("undo", "0")
    assert "Nothing to " in quick.change("undo", "0")
    assert quick.revision == 2
    quick.edit(quick.site / "mine.py", "")
    path = (quick.site / "mine.py").relative_to(quick.overlay)
    assert f"  {path}\nHint: --force" in quick.refuse("undo", "--yes", "0")
    assert f"files:\n  D {path}\n" in quick.change("undo", "0", "--force")
    assert not (quick.site / "mine.py").exists()


@pytest.mark.parametrize("words", [[], ["--yes", "new"], ["--force"], ["--help"]], ids=str)
def test_reset_which_people_try_names_the_commands_that_do_it(
    quick: Bench, words: list[str]
) -> None:
    quick.given("install", "new")
    told = quick.refuse("reset", *words, code=2)
    sentence = "UsageError: There is no command reset."
    assert f"{sentence}\nHint: conda overlay undo 0, or conda overlay remove NAME" in told
    bare = quick.run("reset")
    assert (bare.returncode, bare.stdout) == (2, "") and sentence in bare.stderr


@LONG
def test_overlay_made_by_hand_is_adopted_by_a_removal(bench: Bench, wheels: Path) -> None:
    bench.make_by_hand(*(wheels / f"{n}-py3-none-any.whl" for n in ("alpha-1.5", "new-1.0")))
    by_hand = names(bench)
    bench.given("remove", "alpha")
    assert bench.see("alpha", "new") == {"alpha": "1.0", "new": "1.0"}
    assert bench.script("new") == "new 1.0"
    bench.given("undo", "0")
    assert names(bench) == []
    bench.given("undo", "1")
    assert (names(bench), bench.version("alpha")) == (by_hand, "1.5")


@pytest.mark.parametrize("options", [["-e"], []], ids=["editable", "source"])
def test_the_directory_of_a_source_is_answered_with_its_name(
    quick: Bench, options: list[str]
) -> None:
    source = patches.source(quick.user, "mine", "1.0", "x")
    quick.install(*options, source)
    for text in (str(source), f"./{source.relative_to(quick.user.home)}"):
        told = quick.refuse("remove", text, code=2)
        assert f"{text!r} is not the name of a distribution." in told
        assert "Hint: conda overlay remove -n science mine\n" in told
    assert "Hint: conda overlay status -n science\n" in quick.refuse("remove", "./other", code=2)
