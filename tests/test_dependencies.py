"""What the planner makes of what is installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from conda_overlay import planner
from conda_overlay.distributions import Site
from conda_overlay.models import Conflict, Distribution

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
    views = planner.effective(*before), planner.effective(*after)
    return [str(c) for c in planner.new_conflicts(*views, MARKERS, HOST)]


def test_first_site_wins() -> None:
    view = planner.effective(site(OVERLAY, a="2"), site(a="1", b="1"))
    assert {key: found.version for key, found in view.items()} == {"a": "2", "b": "1"}


@pytest.mark.parametrize(
    ("requirement", "says"),
    [
        ("b<2", ["a 1 (host) requires b<2, but 2 (overlay) would be in effect"]),
        ("b", []),
        ("b>=1", []),
        ("b<2; python_version < '3'", []),
        (
            "b<2; python_version > '3'",
            ["a 1 (host) requires b<2, but 2 (overlay) would be in effect"],
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
        "a 1 (overlay) requires c>1, but it is not there"
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
    assert broken([host], asked) == ["c 1 (host) requires b<2, but 2 (overlay) would be in effect"]


def test_constraints_keep_whole_what_is_whole() -> None:
    view = planner.effective(
        site(
            a=("1", "b<2", "absent>1", "c>=7", "d", "b>=1; extra == 'x'", "e<2; os_name == 'nt'"),
            b=("1", "c<2"),
            c="1",
            d=("1", "b!=5"),
            e="1",
        )
    )
    assert planner.constraints(view, MARKERS, ()) == ["b!=5", "b<2", "c<2"]
    assert planner.constraints(view, MARKERS, {"a", "d"}) == ["c<2"]


def test_requested_names_are_those_that_can_be_told() -> None:
    words = ["Foo.Bar>=1", "baz[x]; python_version > '3'", "q @ https://x/q.whl", "./dir", "x/y"]
    assert planner.requested_names([*words, "https://x/z.whl"]) == {"foo-bar", "baz", "q"}


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

    assert planner.kind(one(host), one(new)) == kind


def test_change_tells_versions_and_why() -> None:
    below = planner.effective(site(a="1", b=("1", "a<2"), c="1"))
    staged = site(OVERLAY, a="2", b=("2", "a>=2", "d"), d="1")
    conflict = Conflict("b", "1", "host", "a<2", "2", "overlay")
    found = planner.changes(
        below,
        site(OVERLAY, a="1.5", c="3"),
        staged,
        removed={"c"},
        requested={"a"},
        dependents={"b": conflict},
        markers=MARKERS,
    )
    facts = [(c.key, c.kind, c.host_version, c.before, c.after, c.why) for c in found]
    assert facts == [
        ("a", "upgrade", "1", "1.5", "2", "requested"),
        ("b", "upgrade", "1", None, "2", "b 1 requires a<2"),
        ("c", "remove", "1", "3", None, "required"),
        ("d", "add", None, None, "1", "b 2 requires d"),
    ]


def test_why_names_the_requirement_that_forced_the_move() -> None:
    below = planner.effective(site(a="1", old=("1", "a")))
    staged = site(OVERLAY, a="2", new=("1", "a>=2"))
    found = planner.changes(below, {}, staged, requested={"new"}, markers=MARKERS)
    assert [change.why for change in found] == ["new 1 requires a>=2", "requested"]


def test_dependents_join_once() -> None:
    conflicts = [
        Conflict("A.x", "1", "host", requirement, "2", "overlay") for requirement in ("b<2", "c<2")
    ]
    assert planner.joining(conflicts, ()) == {"a-x": conflicts[0]}
    assert planner.joining(conflicts, {"a-x"}) == {}
