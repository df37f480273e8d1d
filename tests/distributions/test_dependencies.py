"""Who requires what among the distributions in effect, and who then goes or comes along."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement

from conda_overlay.core.models import Conflict, Distribution
from conda_overlay.distributions import dependencies
from conda_overlay.distributions.site import Site

HOST, OVERLAY = Path("/host/site"), Path("/overlay/site")
MARKERS = {
    **{"os_name": "posix", "sys_platform": "linux", "python_version": "3.11"},
    **{"python_full_version": "3.11.7", "platform_machine": "x86_64"},
    **{"implementation_name": "cpython", "platform_system": "Linux"},
}


def site(place: Path = HOST, /, **versions: str | tuple[str, ...]) -> Site:
    """Distributions: a version, or a version and requirements."""
    found = {}
    for name, facts in versions.items():
        version, *requires = (facts,) if isinstance(facts, str) else facts
        info = place / f"{name}.dist-info"
        found[name] = [Distribution(name, name, version, tuple(requires), info)]
    return found


def broken(before: list[Site], after: list[Site]) -> list[str]:
    views = dependencies.effective(*before), dependencies.effective(*after)
    return [str(c) for c in dependencies.new_conflicts(*views, MARKERS, HOST)]


@pytest.mark.parametrize(
    ("requests", "satisfied"),
    [
        (["a"], True),
        (["a>=1", "b"], True),
        (["a>1"], False),
        (["absent"], False),
        (["needs-b"], True),
        (["needs-absent"], False),  # pip would install it
        (["needs-needs-absent"], False),
        (["extra"], True),
        (["extra[more]"], False),
        (["elsewhere"], True),  # what is for another system is not needed
        (["round"], True),
        (["pre"], True),
        (["odd"], False),  # a version that cannot be compared
        (["a @ file:///a.whl"], False),  # which file it was installed from is not known
        (["a; python_version > '3'"], False),  # pip evaluates it
        (["from-url"], False),
        (["broken"], False),
        ([], True),
    ],
)
def test_request_is_satisfied_if_all_that_it_needs_in_turn_is_there(
    requests: list[str], satisfied: bool
) -> None:
    view = dependencies.effective(
        site(
            a="1",
            b="1",
            pre="2.0rc1",
            odd="one",
            extra=("1", "absent; extra == 'more'", "a"),
            elsewhere=("1", "absent; sys_platform == 'win32'"),
            round=("1", "round", "b"),
            broken=("1", "no requirement at all"),
            **{
                "needs-b": ("1", "b<2"),
                "needs-absent": ("1", "absent"),
                "needs-needs-absent": ("1", "needs-absent"),
                "from-url": ("1", "a @ https://localhost/a.whl"),
            },
        )
    )
    parsed = [Requirement(text) for text in requests]
    assert dependencies.are_satisfied(parsed, view, MARKERS) is satisfied


def test_first_site_wins() -> None:
    view = dependencies.effective(site(OVERLAY, a="2"), site(a="1", b="1"))
    assert {key: found.version for key, found in view.items()} == {"a": "2", "b": "1"}


@pytest.mark.parametrize(
    ("requirement", "says"),
    [
        ("b<2", ["a 1 (environment) requires b<2, but 2 (overlay) would be in effect"]),
        ("b", []),
        ("b>=1", []),
        ("b<2; python_version < '3'", []),
        (
            "b<2; python_version > '3'",
            ["a 1 (environment) requires b<2, but 2 (overlay) would be in effect"],
        ),
        ("b<2; extra == 'x'", []),
        ("b<2; unknown_marker == 'x'", []),
        ("not a requirement", []),
        ("b===2", []),
        ("B.b<2", []),
    ],
)
def test_conflict_is_what_breaks_by_a_change(requirement: str, says: list[str]) -> None:
    host = site(a=("1", requirement), b="1")
    new = broken([host], [site(OVERLAY, b="2"), host])
    assert [text for text in new if "B.b" not in text] == says


def test_absence_is_a_conflict() -> None:
    host = site(b="1")
    assert broken([host], [site(OVERLAY, a=("1", "c>1")), host]) == [
        "a 1 (overlay) requires c>1, but it is not installed"
    ]


def test_what_was_broken_before_is_left_out() -> None:
    host = site(a=("1", "b>=3", "c"), b="1")
    assert broken([host], [site(OVERLAY, b="2"), host]) == []


def test_prerelease_satisfies_what_is_installed() -> None:
    host = site(a=("1", "b>=1"), b="1")
    assert broken([host], [site(OVERLAY, b="2.0rc1"), host]) == []


def test_version_outside_pep_440_is_not_judged() -> None:
    host = site(a=("1", "b<2"), b="1")
    assert broken([host], [site(OVERLAY, b="2024-x-custom"), host]) == []


def test_extra_counts_once_something_asks_for_it() -> None:
    host = site(b="1", c=("1", "b<2; extra == 'x'"))
    plain = [site(OVERLAY, b="2"), host]
    assert broken([host], plain) == []
    asked = [site(OVERLAY, b="2", d=("1", "c[x]")), host]
    assert broken([host], asked) == [
        "c 1 (environment) requires b<2, but 2 (overlay) would be in effect"
    ]


def test_constraints_keep_whole_what_is_whole() -> None:
    view = dependencies.effective(
        site(
            a=("1", "b<2", "absent>1", "c>=7", "d", "b>=1; extra == 'x'", "e<2; os_name == 'nt'"),
            b=("1", "c<2"),
            c="1",
            d=("1", "b!=5"),
            e="1",
        )
    )
    assert [*map(str, dependencies.constraints(view, MARKERS, ()))] == ["b!=5", "b<2", "c<2"]
    assert [*map(str, dependencies.constraints(view, MARKERS, {"a", "d"}))] == ["c<2"]


@pytest.mark.parametrize(
    ("host", "new", "kind"),
    [
        (None, "1", "add"),
        ("1", "2", "upgrade"),
        ("2", "1", "downgrade"),
        ("1", "1.0", "replace"),
        ("x-y", "1", "replace"),
        ("1", None, "remove"),
    ],
)
def test_kind_of_change(host: str | None, new: str | None, kind: str) -> None:
    def one(version: str | None) -> Distribution | None:
        return Distribution("a", "a", version, (), HOST / "a") if version else None

    assert dependencies.kind(one(host), one(new)) == kind


def why(key: str, before: list[Site], after: list[Site], asked: Collection[str] = ()) -> str:
    old, new = dependencies.effective(*before), dependencies.effective(*after)
    typed = map(Requirement, asked)
    return dependencies.why_required(key, new, old.get(key), {*after[0]}, MARKERS, typed)


def test_why_names_the_requirement_that_forced_the_move() -> None:
    host = site(a="1", old=("1", "a"))
    mine = site(OVERLAY, a="2", new=("1", "a>=2"))
    assert why("a", [host], [mine, host]) == "new 1 requires a>=2"


def test_why_rather_names_what_moves_too() -> None:
    host = site(zzz=("1", "a"))
    assert why("a", [host], [site(OVERLAY, a="1", b=("1", "a")), host]) == "b 1 requires a"


def test_why_names_the_extra_that_was_typed() -> None:
    mine = site(OVERLAY, a="1", b=("1", "a>=1; extra == 'x'"))
    assert why("a", [], [mine], ["b[x]>=1"]) == "b[x] requires a>=1"
    assert why("a", [], [mine]) == "required"


def test_all_that_require_one_are_named_by_extras_too() -> None:
    asking = site(zzz=("1", "b[x]"), b=("1", "a>=1; extra == 'x'"), c=("1", "A", "a>=1"))
    alone = site(b=("1", "a>=1; extra == 'x'"), c=("1", "not a requirement", "a; os_name == 'nt'"))
    views = [dependencies.effective(found) for found in (asking, alone)]
    assert [dependencies.requiring("a", view, MARKERS) for view in views] == [["b", "c"], []]


def test_dependents_join_once() -> None:
    conflicts = [
        Conflict("A.x", "1", "host", requirement, "2", "overlay") for requirement in ("b<2", "c<2")
    ]
    assert dependencies.joining(conflicts, ()) == {"a-x": conflicts[0]}
    assert dependencies.joining(conflicts, {"a-x"}) == {}


@pytest.mark.parametrize(
    ("one", "other", "newer"), [("2", "1", True), ("1", "1", False), ("1.10", "1.9", True),
                                ("1", "2", False), ("odd", "1", True), ("1", "odd", True)]
)  # fmt: skip
def test_is_newer(one: str, other: str, newer: bool) -> None:
    assert dependencies.is_newer(one, other) is newer


NAMES = tuple("abcdef")


def orphans(
    overlay: Site,
    below: Site,
    named: Collection[str],
    wanted: Collection[str],
    asked: Collection[str] = (),
) -> set[str]:
    return dependencies.orphans(
        overlay, dependencies.effective(below), named, wanted, MARKERS, map(Requirement, asked)
    )


def test_what_only_the_named_needed_goes_down_to_the_ground() -> None:
    mine = site(OVERLAY, a=("1", "b"), b=("1", "c"), c="1", d=("1", "e"), e="1")
    assert orphans(mine, site(), ["a"], ["a", "d"]) == {"b", "c"}
    assert orphans(mine, site(), ["d"], ["a", "d"]) == {"e"}
    assert orphans(mine, site(), ["a"], ["a", "b", "d"]) == set()


def test_what_two_needed_stays_for_the_other() -> None:
    mine = site(OVERLAY, a=("1", "c"), b=("1", "c"), c="1")
    assert orphans(mine, site(), ["a"], ["a", "b"]) == set()
    assert orphans(mine, site(), ["a", "b"], ["a", "b"]) == {"c"}


def test_what_the_host_has_well_enough_is_not_needed() -> None:
    mine = site(OVERLAY, a=("1", "c>=2"), b=("1", "c"), c="2")
    assert orphans(mine, site(c="1"), ["a"], ["a", "b"]) == {"c"}
    assert orphans(mine, site(c="1"), ["b"], ["a", "b"]) == set()


def test_cycle_goes_whole() -> None:
    mine = site(OVERLAY, a=("1", "b"), b=("1", "c"), c=("1", "b"))
    assert orphans(mine, site(), ["a"], ["a"]) == {"b", "c"}


def test_dependent_stays_as_long_as_what_it_moved_with() -> None:
    mine = site(OVERLAY, alpha="2", beta=("2", "alpha>=2"), new="1")
    below = site(alpha="1", beta=("1", "alpha<2"))
    assert orphans(mine, below, ["new"], ["alpha", "new"]) == set()
    assert orphans(mine, below, ["alpha"], ["alpha", "new"]) == {"beta"}


def test_what_an_extra_needs_stays_whoever_asked_for_the_extra() -> None:
    mine = site(OVERLAY, a=("1", "b; extra == 'x'"), b="1", c="1", d=("1", "a[x]"))
    assert orphans(mine, site(), ["c"], ["a", "c"]) == {"b", "d"}
    assert orphans(mine, site(), ["c"], ["a", "c"], ["a[x]>=1", "c"]) == {"d"}
    assert orphans(mine, site(), ["c"], ["a", "c", "d"]) == set()
    assert orphans(mine, site(), ["a"], ["a", "c"], ["a[x]"]) == {"b", "d"}


@st.composite
def overlays(draw: st.DrawFn) -> Site:
    """Any graph of requirements."""
    names = st.lists(st.sampled_from(NAMES), unique=True)
    return site(OVERLAY, **{name: ("1", *draw(names)) for name in draw(names)})


@given(overlays(), st.sets(st.sampled_from(NAMES)), st.sets(st.sampled_from(NAMES)))
def test_nothing_that_stays_needs_what_goes(mine: Site, named: set[str], wanted: set[str]) -> None:
    named &= set(mine)
    gone = orphans(mine, site(), named, wanted)
    assert not gone & named
    assert not gone & wanted
    kept = set(mine) - gone - named
    needs = {name for key in kept for name in mine[key][0].requires}
    assert not needs & gone
    # And what stays is wanted, or needed by something that stays.
    assert kept - wanted <= needs
