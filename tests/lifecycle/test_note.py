"""``conda overlay note``: other reasons, dates and intents, without an installation."""

from __future__ import annotations

from tests.bench import Bench


def entry(bench: Bench, name: str) -> dict[str, object]:
    found: dict[str, object] = bench.record()["distributions"][name]
    return {key: found[key] for key in ("reason", "intent", "until")}


def test_only_what_is_given_changes_and_nothing_is_installed(quick: Bench) -> None:
    quick.given("install", "alpha==2.0", "new", "--reason", "old", "--until", "2999-01-31")
    before = quick.record()["distributions"]
    printed = quick.change("note", "new", "--reason", "ticket 7")
    assert "noted:\n  = new  1.0  reason 'old' -> 'ticket 7'\n" in printed
    assert "Revision 2: new noted." in printed
    assert entry(quick, "new") == {**entry(quick, "alpha"), "reason": "ticket 7", "intent": "fix"}
    after = quick.record()["distributions"]
    assert {**after, "new": None} == {**before, "new": None}
    assert quick.see("alpha", "new") == {"alpha": "2.0", "new": "1.0"}


def test_intent_and_date_can_be_changed_and_a_date_removed(quick: Bench) -> None:
    quick.given("install", "new", "--until", "2999-01-31")
    printed = quick.change("note", "new", "--until", "", "--intent", "hold")
    assert "  = new  1.0  intent fix -> hold; until 2999-01-31 removed\n" in printed
    assert entry(quick, "new") == {"reason": None, "intent": "hold", "until": None}
    quick.change("undo")
    assert entry(quick, "new")["until"] == "2999-01-31"


def test_the_same_again_is_no_revision(quick: Bench) -> None:
    quick.given("install", "new", "--reason", "ticket 7")
    assert "Nothing to do" in quick.change("note", "new", "--reason", "ticket 7")
    assert quick.revision == 1


def test_nothing_to_note_and_no_date_are_refused(quick: Bench) -> None:
    quick.given("install", "new")
    for words, said in (
        ([], "give a reason, an intent or a date"),
        (["--until", "soon"], "soon is"),
    ):
        done = quick.run("note", *quick.where, "new", *words)
        assert done.returncode == 2 and said in done.stderr


def test_a_dependency_that_is_noted_is_requested_from_then_on(quick: Bench) -> None:
    """So it stays, with its note, whatever becomes of what needed it, and is exported."""
    quick.given("install", "beta==2.0")
    assert quick.record()["distributions"]["alpha"]["requested"] is False
    meant = {"reason": "R", "intent": "hold", "until": "2999-01-31"}
    assert "Nothing to do" in quick.change("note", "alpha", "--until", "")
    words = [word for name, text in meant.items() for word in (f"--{name}", text)]
    printed = quick.change("note", "alpha", *words)
    assert "now requested; the requirement is now alpha==2.0" in printed
    file = quick.export()
    quick.change("remove", "beta", "--allow-conflicts")  # the environment's needs alpha<2
    assert quick.see("alpha") == {"alpha": "2.0"} and entry(quick, "alpha") == meant
    quick.change("delete")
    quick.change("apply", file)
    assert entry(quick, "alpha") == meant
    quick.change("install", "beta==1.0", "--allow-conflicts")
    assert quick.see("alpha", "beta") == {"alpha": "1.5", "beta": "1.0"}
    assert entry(quick, "alpha") == meant


def test_a_dependency_is_requested_with_the_version_it_has_reached(quick: Bench) -> None:
    for words in (["note", "alpha", "--reason", "R"], ["install", "alpha", "--reason", "R"]):
        quick.change("install", "beta==2.0")
        quick.change(*words)
        assert quick.record()["distributions"]["alpha"]["requirement"] == "alpha>=2.0"
        quick.change("delete")


def test_the_reason_of_an_edited_dependency_goes_with_its_edits_alone_which_needs_force(
    quick: Bench,
) -> None:
    quick.given("install", "beta==2.0")
    quick.edit(quick.site / "alpha/__init__.py", "FIX = 1\n")
    quick.change("record", "--reason", "R")
    assert entry(quick, "alpha")["reason"] == "R"
    told = quick.refuse("remove", "beta", "--yes", "--allow-conflicts")
    assert "alpha/__init__.py" in told and "--force proceeds anyway" in told
    assert entry(quick, "alpha")["reason"] == "R"
