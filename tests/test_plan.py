"""What the planner lets go together, and what it tells two contents of an overlay apart by."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conda_overlay import planner
from conda_overlay.distributions import Site
from tests.test_planner import HOST, MARKERS, OVERLAY, site

NAMES = tuple("abcdef")


def unneeded(
    overlay: Site,
    below: Site,
    named: Collection[str],
    wanted: Collection[str],
    asked: Collection[str] = (),
) -> set[str]:
    return planner.unneeded(overlay, planner.effective(below), named, wanted, MARKERS, asked)


def test_what_only_the_named_needed_goes_down_to_the_ground() -> None:
    mine = site(OVERLAY, a=("1", "b"), b=("1", "c"), c="1", d=("1", "e"), e="1")
    assert unneeded(mine, site(), ["a"], ["a", "d"]) == {"b", "c"}
    assert unneeded(mine, site(), ["d"], ["a", "d"]) == {"e"}
    assert unneeded(mine, site(), ["a"], ["a", "b", "d"]) == set()


def test_what_two_needed_stays_for_the_other() -> None:
    mine = site(OVERLAY, a=("1", "c"), b=("1", "c"), c="1")
    assert unneeded(mine, site(), ["a"], ["a", "b"]) == set()
    assert unneeded(mine, site(), ["a", "b"], ["a", "b"]) == {"c"}


def test_what_the_host_has_well_enough_is_not_needed() -> None:
    mine = site(OVERLAY, a=("1", "c>=2"), b=("1", "c"), c="2")
    assert unneeded(mine, site(c="1"), ["a"], ["a", "b"]) == {"c"}
    assert unneeded(mine, site(c="1"), ["b"], ["a", "b"]) == set()


def test_cycle_goes_whole() -> None:
    mine = site(OVERLAY, a=("1", "b"), b=("1", "c"), c=("1", "b"))
    assert unneeded(mine, site(), ["a"], ["a"]) == {"b", "c"}


def test_dependent_stays_as_long_as_what_it_moved_with() -> None:
    mine = site(OVERLAY, alpha="2", beta=("2", "alpha>=2"), new="1")
    below = site(alpha="1", beta=("1", "alpha<2"))
    assert unneeded(mine, below, ["new"], ["alpha", "new"]) == set()
    assert unneeded(mine, below, ["alpha"], ["alpha", "new"]) == {"beta"}


def test_what_an_extra_needs_stays_whoever_asked_for_the_extra() -> None:
    mine = site(OVERLAY, a=("1", "b; extra == 'x'"), b="1", c="1", d=("1", "a[x]"))
    assert unneeded(mine, site(), ["c"], ["a", "c"]) == {"b", "d"}
    assert unneeded(mine, site(), ["c"], ["a", "c"], ["a[x]>=1", "c"]) == {"d"}
    assert unneeded(mine, site(), ["c"], ["a", "c", "d"]) == set()
    assert unneeded(mine, site(), ["a"], ["a", "c"], ["a[x]"]) == {"b", "d"}
    assert unneeded(mine, site(), ["c"], ["a", "c"], ["./a", "==", ""]) == {"b", "d"}


@st.composite
def overlays(draw: st.DrawFn) -> Site:
    """Any graph of requirements."""
    names = st.lists(st.sampled_from(NAMES), unique=True)
    return site(OVERLAY, **{name: ("1", *draw(names)) for name in draw(names)})


@given(overlays(), st.sets(st.sampled_from(NAMES)), st.sets(st.sampled_from(NAMES)))
def test_nothing_that_stays_needs_what_goes(mine: Site, named: set[str], wanted: set[str]) -> None:
    named &= set(mine)
    gone = unneeded(mine, site(), named, wanted)
    assert not gone & named
    assert not gone & wanted
    kept = set(mine) - gone - named
    needs = {name for key in kept for name in mine[key][0].requires}
    assert not needs & gone
    # And what stays is wanted, or needed by something that stays.
    assert kept - wanted <= needs


@given(overlays(), st.sets(st.sampled_from(NAMES)))
def test_what_falls_is_what_cannot_stand_without_the_named(mine: Site, named: set[str]) -> None:
    named &= set(mine)
    fallen = planner.falling(mine, {}, named, set(mine) - named, MARKERS)
    for key in set(mine) - named - fallen:
        assert set(mine[key][0].requires) <= set(mine) - named - fallen
    assert planner.falling(mine, {}, named, (), MARKERS) == set()


def test_dependencies_do_not_fall_but_dependents_do() -> None:
    mine = site(OVERLAY, alpha=("2", "low"), beta=("2", "alpha>=2"), low="1", top=("1", "beta>=2"))
    below = planner.effective(site(alpha="1", beta=("1", "alpha<2")))
    fallen = planner.falling(mine, below, ["alpha"], ["beta", "low", "top"], MARKERS)
    assert fallen == {"beta", "top"}


def test_difference_names_what_turns_one_into_the_other() -> None:
    below = planner.effective(site(a="1", b="1", e="1"))
    before = site(OVERLAY, a="2", b="2", c="1", d="1")
    after = site(OVERLAY, a="3", c="1", e="1", f="1")
    why = {"": "so it is", "f": "needed"}
    found = planner.difference(below, before, after, why, ["a"])
    assert [(c.key, c.kind, c.before, c.after, c.visible, c.why, c.requested) for c in found] == [
        ("a", "upgrade", "2", "3", "3", "so it is", True),
        ("b", "remove", "2", None, "1", "so it is", False),
        ("d", "remove", "1", None, None, "so it is", False),
        ("e", "replace", None, "1", "1", "so it is", False),
        ("f", "add", None, "1", "1", "needed", False),
    ]
    assert planner.difference(below, after, after, why) == ()


def test_another_version_or_origin_is_a_difference() -> None:
    before = site(OVERLAY, a="1")
    [old] = before["a"]
    others = replace(old, version="2"), replace(old, editable="/a"), replace(old, direct_url="/a")
    for other in others:
        [change] = planner.difference({}, before, {"a": [other]}, {"": "why"})
        assert (change.key, change.after) == ("a", other.version)
    moved = {"a": [replace(old, path=HOST / "a.dist-info")]}
    assert planner.difference({}, before, moved, {"": "why"}) == ()


@pytest.mark.parametrize(
    ("one", "other", "newer"), [("2", "1", True), ("1", "1", False), ("1.10", "1.9", True),
                                ("1", "2", False), ("odd", "1", True), ("1", "odd", True)]
)  # fmt: skip
def test_is_newer(one: str, other: str, newer: bool) -> None:
    assert planner.is_newer(one, other) is newer


@pytest.mark.parametrize(
    ("mine", "host", "facts", "means"),
    [
        ("2", None, {}, "still needed"),
        ("2", "1", {}, "still needed"),
        ("2", "2", {}, "redundant"),
        ("2", "3", {}, "redundant"),
        ("2", "3", {"intent": "hold"}, "downgrades"),
        ("2", "1", {"broken": True}, "broken"),
        ("2", "2", {"broken": True, "stale": True}, "stale"),
    ],
)
def test_meaning(mine: str, host: str | None, facts: dict[str, object], means: str) -> None:
    [found] = site(OVERLAY, a=mine)["a"]
    below = site(a=host)["a"][0] if host else None
    options = {"intent": "fix", "broken": False, "stale": False, **facts}
    assert planner.meaning(found, below, **options) == means  # type: ignore[arg-type]
