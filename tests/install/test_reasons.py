"""Every line of a plan says why: who requires what, by which extra, and what is held back."""

from __future__ import annotations

from pathlib import Path

from tests.bed import dists
from tests.bench import Bench


def test_what_a_typed_extra_needs_names_it(quick: Bench, links: Path) -> None:
    dists.wheel(links, "rich", "1.0", requires=["plain"], extras={"all": ["more>=1"]})
    for name in ("plain", "more"):
        dists.wheel(links, name, "1.0")
    plan = quick.plan("--find-links", links, "rich[all]")
    assert {change["name"]: change["why"] for change in plan["changes"]} == {
        "more": "rich[all] requires more>=1",
        "plain": "rich 1.0 requires plain",
        "rich": "requested",
    }


def test_what_the_extra_of_an_extra_needs_names_who_asks(quick: Bench, links: Path) -> None:
    dists.wheel(links, "rich", "1.0", extras={"all": ["poor[some]"]})
    dists.wheel(links, "poor", "1.0", extras={"some": ["more"]})
    dists.wheel(links, "more", "1.0")
    plan = quick.plan("--find-links", links, "rich[all]")
    reasons = {change["name"]: change["why"] for change in plan["changes"]}
    assert reasons["poor"] == "rich[all] requires poor[some]"
    assert "requires more" in reasons["more"]


def test_upgrade_that_is_held_back_says_by_what_and_what_to_type(quick: Bench) -> None:
    plan = quick.plan("--upgrade", "alpha")
    assert [change["after"] for change in plan["changes"]] == ["1.5"]
    assert plan["notes"] == [
        "alpha 2.0 is held back: beta 1.0 requires alpha<2; "
        "conda overlay install 'alpha>=2.0', which needs another beta"
    ]
