"""The rounds of resolution: which dependents move, which constraints give way, and when it ends."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from conda_overlay.core.errors import PipError, ResolutionError
from conda_overlay.core.models import Conflict, Distribution
from conda_overlay.resolve.resolver import Pin, Resolution
from tests.resolve.played import Answer, Played, impossible
from tests.resolve.test_pip_output import HASHES_ARE_MISSING, HASHES_DIFFER, NOSUCH, WHEEL_26

HELD = ["alpha<2", "delta<2", "delta>=1"]
"""The constraints that keep the installed distributions consistent."""

ALPHA_2 = impossible("The user requested alpha==2.0", "The user requested (constraint) alpha<2")
DELTA_2 = impossible("The user requested delta==2.0", "The user requested (constraint) delta<2")
STUCK = impossible("The user requested delta==2.0", "stuck 1.0 depends on delta<2")


@pytest.fixture
def played(tmp_path: Path) -> Played:
    return Played(tmp_path)


def versions(found: Resolution) -> Mapping[str, str]:
    """The versions of the distributions in the stage."""
    return {key: staged[0].version for key, staged in found.staged.items()}


# -- a set that fits


def test_first_answer_that_breaks_nothing_is_taken(
    played: Played, capsys: pytest.CaptureFixture[str]
) -> None:
    found = played.resolve("new", Answer({"new 1.0": ["alpha"]}))
    assert versions(found) == {"new": "1.0"}
    assert (found.moved, found.broken, found.unwanted, found.held_back) == ({}, (), (), ())
    assert played.runs == [("new", HELD)]
    assert capsys.readouterr() == ("", "")


def test_first_run_is_held_to_what_the_overlay_s_own_distributions_require(played: Played) -> None:
    overlay = {"alpha 1.5": ["delta<1.9"], "mine 1.0": ["new>=1", "gamma!=7"]}
    played.resolve("new", Answer({"new 1.0": []}), overlay=overlay)
    assert played.runs == [("new", ["alpha<2", "delta<1.9", "delta<2", "delta>=1", "gamma!=7"])]


def test_requirement_that_is_broken_already_holds_nothing_back(tmp_path: Path) -> None:
    played = Played(tmp_path, {"alpha 3.0": [], "beta 1.0": ["alpha<2", "absent>=1"]})
    found = played.resolve("new", Answer({"new 1.0": []}))
    assert played.runs == [("new", [])]
    assert found.broken == ()


def test_dependent_that_would_break_moves_along(
    played: Played, capsys: pytest.CaptureFixture[str]
) -> None:
    found = played.resolve(
        "alpha==2.0",
        ALPHA_2,
        Answer({"alpha 2.0": []}),
        Answer({"alpha 2.0": [], "beta 2.0": ["alpha>=2"]}),
    )
    assert versions(found) == {"alpha": "2.0", "beta": "2.0"}
    assert found.broken == ()
    assert found.moved == {
        "beta": Conflict("beta", "1.0", "host", "alpha<2", "2.0", "overlay"),
    }
    assert played.runs == [
        ("alpha==2.0", HELD),
        ("alpha==2.0", ["delta<2", "delta>=1"]),
        ("alpha==2.0 beta", ["delta<2", "delta>=1"]),
    ]
    assert capsys.readouterr().out.splitlines() == [
        "Resolving again (round 2): the request needs another alpha",
        "Resolving again (round 3): beta needs alpha<2",
    ]


def test_dependents_join_one_after_the_other_while_new_ones_break(tmp_path: Path) -> None:
    played = Played(tmp_path, {"a 1.0": [], "b 1.0": ["a<2"], "c 1.0": ["b<2"]})
    b, c = {"a 2.0": [], "b 2.0": ["a>=2"]}, {"c 2.0": ["b>=2"]}
    found = played.resolve("a==2.0", Answer({"a 2.0": []}), Answer(b), Answer({**b, **c}))
    assert found.moved.keys() == {"b", "c"}
    assert [words for words, _ in played.runs] == ["a==2.0", "a==2.0 b", "a==2.0 b c"]


def test_many_joining_dependents_are_not_all_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = "bcdef"
    played = Played(tmp_path, {"a 1.0": [], **{f"{name} 1.0": ["a<2"] for name in names}})
    new = {"a 2.0": [], **{f"{name} 2.0": ["a"] for name in names}}
    played.resolve("a==2.0", Answer({"a 2.0": []}), Answer(new))
    said = "b needs a<2; c needs a<2; d needs a<2; and others"
    assert capsys.readouterr().out == f"Resolving again (round 2): {said}\n"


def test_constraint_that_another_requirement_conflicts_with_gives_way(
    played: Played, capsys: pytest.CaptureFixture[str]
) -> None:
    found = played.resolve(
        "new",
        impossible("new 1.0 depends on delta>=2", "The user requested (constraint) delta<2"),
        Answer({"new 1.0": ["delta>=2"], "delta 2.0": []}),
        Answer({"new 1.0": ["delta>=2"], "delta 2.0": [], "stuck 2.0": []}),
    )
    assert found.moved.keys() == {"stuck"}
    assert [lines for _, lines in played.runs] == [HELD, ["alpha<2"], ["alpha<2"]]
    said = capsys.readouterr().out
    assert "(round 2): new needs another delta\n" in said
    assert "(round 3): stuck needs delta<2\n" in said


def test_name_that_has_no_match_under_a_constraint_is_tried_without(played: Played) -> None:
    """Older pips say no more of a conflict than this."""
    none = Answer(stderr="ERROR: No matching distribution found for Alpha==2.0\n")
    found = played.resolve("alpha==2.0", none, Answer({"alpha 2.0": [], "beta 2.0": []}))
    assert versions(found)["alpha"] == "2.0"
    assert [lines for _, lines in played.runs] == [HELD, ["delta<2", "delta>=1"]]


def test_all_constraints_give_way_if_pip_blames_none(
    played: Played, capsys: pytest.CaptureFixture[str]
) -> None:
    found = played.resolve("new", impossible(), Answer({"new 1.0": []}))
    assert versions(found) == {"new": "1.0"}
    assert played.runs == [("new", HELD), ("new", [])]
    said = "Resolving again (round 2): with any version of what is installed\n"
    assert capsys.readouterr().out == said


def test_all_constraints_give_way_after_a_few_have_done_so_in_vain(tmp_path: Path) -> None:
    host = {f"{name} 1.0": [f"{name}x<2"] for name in "abcde"}
    played = Played(tmp_path, {**host, **{f"{name}x 1.0": [] for name in "abcde"}})
    refusals = [impossible(f"The user requested (constraint) {name}x<2") for name in "abc"]
    played.resolve("new", *refusals, Answer({"new 1.0": []}))
    assert [len(lines) for _, lines in played.runs] == [5, 4, 3, 0]


def test_answer_that_breaks_only_what_no_deps_implies_is_taken(played: Played) -> None:
    found = played.resolve("--no-deps new", Answer({"new 1.0": ["absent>=1"]}))
    assert [str(conflict) for conflict in found.broken] == [
        "new 1.0 (overlay) requires absent>=1, but it is not installed"
    ]
    assert found.unwanted == ()
    assert len(played.runs) == 1


# -- no set that fits


def refused(played: Played, words: str, *answers: Answer) -> list[str]:
    """The reasons why there is no consistent set."""
    with pytest.raises(ResolutionError) as caught:
        played.resolve(words, *answers)
    first, *reasons, hint = str(caught.value).splitlines()
    assert first == "No consistent set of distributions exists, so nothing was installed:"
    assert "--allow-conflicts" in hint
    assert [each["requirement"] for each in vars(caught.value)["conflicts"]]
    return [reason.strip() for reason in reasons]


NO_SET = (DELTA_2, Answer({"delta 2.0": []}), STUCK, STUCK)
"""pip's answers to ``delta==2.0``: ``stuck`` would break, and has no other version."""


def test_without_a_consistent_set_the_error_names_who_requires_it(played: Played) -> None:
    assert refused(played, "delta==2.0", *NO_SET) == [
        "stuck 1.0 (environment) requires delta<2, but 2.0 (overlay) would be in effect"
    ]
    assert [words for words, _ in played.runs] == [
        *("delta==2.0", "delta==2.0", "delta==2.0 stuck", "delta==2.0 stuck")
    ]


def test_conflicts_that_are_allowed_are_those_of_the_best_answer(played: Played) -> None:
    found = played.resolve("delta==2.0", *NO_SET, allow_conflicts=True)
    assert versions(found) == {"delta": "2.0"}
    assert found.moved == {}
    assert [conflict.name for conflict in found.broken] == ["stuck"]
    assert found.stage.root.name == "stage1"


BOTH_2 = impossible(
    "The user requested (constraint) alpha<2", "The user requested (constraint) delta<2"
)
LEFT = (
    BOTH_2,
    Answer({"alpha 2.0": [], "delta 2.0": []}),
    STUCK,
    Answer({"alpha 2.0": [], "delta 2.0": [], "beta 2.0": ["alpha>=2"]}),
)
"""pip's answers to both: ``beta`` moves, and ``stuck`` cannot."""


def test_dependent_that_cannot_move_is_left_behind_so_that_others_move(
    played: Played, capsys: pytest.CaptureFixture[str]
) -> None:
    found = played.resolve("alpha==2.0 delta==2.0", *LEFT, allow_conflicts=True)
    assert versions(found) == {"alpha": "2.0", "delta": "2.0", "beta": "2.0"}
    assert found.moved.keys() == {"beta"}
    assert [conflict.name for conflict in found.broken] == ["stuck"]
    asked = ["alpha==2.0", "delta==2.0"]
    assert [sorted(words.split()) for words, _ in played.runs][2:] == [
        [*asked[:1], "beta", *asked[1:], "stuck"],
        [*asked[:1], "beta", *asked[1:]],
    ]
    assert "(round 4): no other version of stuck fits\n" in capsys.readouterr().out


def test_only_those_that_are_left_behind_are_named(played: Played) -> None:
    [reason] = refused(played, "alpha==2.0 delta==2.0", *LEFT)
    assert reason.startswith("stuck 1.0 (environment) requires delta<2")


def test_dependents_that_pip_cannot_move_in_hash_mode_are_named(tmp_path: Path) -> None:
    """pip wants a hash of each dependent that joins, too."""
    played = Played(tmp_path, {"a 1.0": [], "b 1.0": ["a<2"]})
    answers = Answer({"a 2.0": []}), Answer(stderr=HASHES_ARE_MISSING)
    [reason] = refused(played, "--require-hashes a==2.0", *answers)
    assert reason.startswith("b 1.0 (environment) requires a<2")


def test_no_deps_lets_no_dependent_join(played: Played) -> None:
    [reason] = refused(played, "--no-deps alpha==2.0", ALPHA_2, Answer({"alpha 2.0": []}))
    assert reason.startswith("beta 1.0 (environment) requires alpha<2")
    assert len(played.runs) == 2


def test_search_ends_after_twelve_rounds(tmp_path: Path) -> None:
    names = [f"d{number:02}" for number in range(20)]
    after = pairwise(names)
    played = Played(tmp_path, {"d00 1.0": [], **{f"{b} 1.0": [f"{a}<2"] for a, b in after}})
    answers = [Answer({f"{name} 2.0": [] for name in names[: number + 1]}) for number in range(12)]
    [reason] = refused(played, "d00==2.0", *answers)
    assert reason.startswith("d01 1.0 (environment) requires d00<2")
    assert len(played.runs) == 12


# -- pip fails


@pytest.mark.parametrize("allow_conflicts", [False, True])
@pytest.mark.parametrize(
    ("words", "answer", "told"),
    [
        ("late", Answer(stderr=WHEEL_26), "Building late failed"),
        ("nosuch", Answer(stderr=NOSUCH), "No matching distribution found for nosuch"),
        ("-r h.txt", Answer(stderr=HASHES_DIFFER), "DO NOT MATCH THE HASHES"),
        ("--bogus", Answer(stderr="no such option: --bogus\n"), "no such option"),
        (
            "new==1 new==2",
            impossible("The user requested new==1", "The user requested new==2"),
            "The user requested new==2",
        ),
    ],
)
def test_failure_that_is_not_for_our_constraints_is_told_at_once(
    played: Played, words: str, answer: Answer, told: str, allow_conflicts: bool
) -> None:
    with pytest.raises(PipError, match=told):
        played.resolve(words, answer, allow_conflicts=allow_conflicts)
    assert len(played.runs) == 1


def test_failure_without_any_constraints_is_told_at_once(tmp_path: Path) -> None:
    played = Played(tmp_path, {"alpha 1.0": []})
    with pytest.raises(PipError, match="alpha 1 depends on x"):
        played.resolve("new", impossible("alpha 1 depends on x", "new 1 depends on y"))
    assert len(played.runs) == 1


@pytest.mark.parametrize("allow_conflicts", [False, True])
def test_failed_build_of_a_dependent_is_told_at_once(played: Played, allow_conflicts: bool) -> None:
    answers = ALPHA_2, Answer({"alpha 2.0": []}), Answer(stderr=WHEEL_26)
    with pytest.raises(PipError, match="Building late failed") as caught:
        played.resolve("alpha==2.0", *answers, allow_conflicts=allow_conflicts)
    assert vars(caught.value)["requirements"] == ["alpha==2.0"]
    assert len(played.runs) == 3


# -- upgrades that are held back


def held_back(played: Played, words: str, now: str = "1.5") -> tuple[str, ...]:
    return played.resolve(words, Answer({f"alpha {now}": []})).held_back


def test_upgrade_that_does_not_reach_the_newest_version_says_why(played: Played) -> None:
    played.newest("alpha", "2.0")
    assert held_back(played, "--upgrade alpha") == (
        "alpha 2.0 is held back: beta 1.0 requires alpha<2; "
        "conda overlay install 'alpha>=2.0', which needs another beta",
    )


@pytest.mark.parametrize(
    ("words", "newest"),
    [
        ("alpha", "2.0"),  # no upgrade is asked for
        ("--upgrade alpha", "1.5"),
        ("--upgrade alpha", None),  # the index does not answer
        ("--upgrade alpha<2", "2.0"),  # the user holds it back
        ("--upgrade --constraint=gone.txt alpha", "2.0"),
        ("--upgrade alpha", "1.9"),  # nobody says why
    ],
)
def test_upgrade_that_our_constraints_do_not_hold_back_is_not_explained(
    played: Played, words: str, newest: str | None
) -> None:
    if newest:
        played.newest("alpha", newest)
    assert held_back(played, words) == ()


@pytest.mark.parametrize(("text", "explained"), [("# ours\nalpha<2  # yet\n", 0), ("other<2\n", 1)])
def test_upgrade_that_the_configured_constraints_may_hold_back_is_not_explained(
    played: Played, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, explained: int
) -> None:
    file = tmp_path / "c.txt"
    file.write_text(text)
    monkeypatch.setenv("PIP_CONSTRAINT", f"{tmp_path}/gone {file}")
    played.newest("alpha", "2.0")
    assert len(held_back(played, "--upgrade alpha")) == explained


@pytest.mark.parametrize(
    ("text", "newest", "expected"),
    [
        ("alpha<2\n", "2.0", ""),
        ("other<2\n", "2.0", "alpha 2.0 is held back: beta 1.0 requires alpha<2; "),
        ("other<2\n", "1.9", "alpha 1.9 is held back, perhaps by what -c names or what is there"),
    ],
)
def test_upgrade_with_constraints_of_others_is_explained(
    played: Played, tmp_path: Path, text: str, newest: str, expected: str
) -> None:
    file = tmp_path / "c.txt"
    file.write_text(text)
    played.newest("alpha", newest)
    told = "".join(held_back(played, f"--upgrade --constraint={file} alpha"))
    assert told.startswith(expected) and bool(told) == bool(expected)


# -- pins

PINNED = impossible("new 1.0 depends on alpha>=1.6", "The user requested (constraint) alpha==1.0")
NEEDING = Answer({"new 1.0": ["alpha>=1.6"], "alpha 1.7": []})


def pinned(text: str, *, held: bool) -> dict[str, Pin]:
    there = Distribution("alpha", "alpha", "1.0", (), Path())
    return {"alpha": Pin(text, Requirement(text), there, held)}


def test_pins_are_constraints_of_the_first_round(played: Played) -> None:
    found = played.resolve("new", Answer({"new 1.0": []}), pins=pinned("alpha==1.0", held=True))
    assert played.runs == [("new", ["alpha<2", "alpha==1.0", "delta<2", "delta>=1"])]
    assert found.given_up == {}


def test_what_hides_a_pin_is_kept_with_it(played: Played) -> None:
    played.resolve("new", Answer({"new 1.0": []}), pins=pinned("alpha==9", held=True))
    assert played.runs == [("new", sorted([*HELD, "alpha==1.0"]))]


def test_pin_gives_way_if_it_is_not_held(played: Played) -> None:
    found = played.resolve("new", PINNED, NEEDING, pins=pinned("alpha==1.0", held=False))
    assert found.given_up == {"alpha": "new 1.0 requires alpha>=1.6"}
    assert (found.refused, found.unwanted) == ((), ())


@pytest.mark.parametrize("allow_conflicts", [False, True])
def test_pin_that_is_held_gives_way_only_with_conflicts(
    played: Played, allow_conflicts: bool
) -> None:
    pins, answers = pinned("alpha==1.0", held=True), (PINNED, NEEDING)
    if allow_conflicts:
        found = played.resolve("new", *answers, pins=pins, allow_conflicts=True)
        assert found.given_up == {"alpha": "new 1.0 requires alpha>=1.6"}
        return
    with pytest.raises(ResolutionError) as caught:
        played.resolve("new", *answers, pins=pins)
    told = ["alpha==1.0 was requested, but new 1.0 requires alpha>=1.6"]
    assert vars(caught.value)["pins"] == told
    assert vars(caught.value)["conflicts"] == []
