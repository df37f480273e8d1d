"""What differs between two states of an overlay, that nothing is left out, and what it means."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conda_overlay.change import plan
from conda_overlay.core.models import Change, Distribution, FileChanges, HistoryEntry, Plan
from conda_overlay.core.serialize import encode
from conda_overlay.distributions import dependencies
from conda_overlay.distributions.site import Site
from conda_overlay.layer.state import State
from tests.distributions.test_dependencies import HOST, MARKERS, OVERLAY, site

NAMES = ("a", "b", "c")


def ground(below: Site | None = None) -> plan.Ground:
    return plan.Ground("/host", "/overlay", dependencies.effective(below or {}), MARKERS, HOST)


def module(key: str) -> str:
    """The path of the one file that a distribution has."""
    return f"site/{key}.py"


def state(
    mine: Site,
    entries: Mapping[str, HistoryEntry] | None = None,
    files: Mapping[str, str] | None = None,
    edited: Collection[str] = (),
) -> State:
    """A state in which each distribution has one file.

    Args:
        mine: the distributions.
        entries: what is known of them; the version alone of what is left out.
        files: the content of files; a distribution's is its version where it is left out.
        edited: paths.
    """
    known = {key: HistoryEntry(found[0].version, found[0].name) for key, found in mine.items()}
    content = {**{module(key): found[0].version for key, found in mine.items()}, **(files or {})}
    return State(
        mine,
        {**known, **(entries or {})},
        {path: (len(text), 0, text) for path, text in content.items()},
        {key: frozenset({module(key), f"site/{key}.dist-info/RECORD"}) for key in mine},
        frozenset(edited),
    )


def compare(before: State, after: State, below: Site | None = None, **why: str) -> Plan:
    return plan.compare(before, after, ground(below), {k.rstrip("_"): v for k, v in why.items()})


def only_change(before: State, after: State, below: Site | None = None) -> Change:
    found = compare(before, after, below)
    assert found
    [change] = found.changes
    return change


# -- versions


def test_difference_names_what_turns_one_into_the_other() -> None:
    below = site(a="1", b="1", e="1")
    before = state(site(OVERLAY, a="2", b="2", c="1", d="1"))
    after = state(site(OVERLAY, a="3", c="1", e="1", f="1"))
    found = compare(before, after, below, _="so it is", f="needed")
    facts = [(c.key, c.kind, c.host_version, c.before, c.after, c.visible, c.why) for c in
             found.changes]  # fmt: skip
    assert facts == [
        ("a", "upgrade", "1", "2", "3", "3", "so it is"),
        ("b", "remove", "1", "2", None, "1", "so it is"),
        ("d", "remove", None, "1", None, None, "so it is"),
        ("e", "replace", "1", None, "1", "1", "so it is"),
        ("f", "add", None, None, "1", "1", "needed"),
    ]
    assert [c.differs for c in found.changes] == [("version",)] * 3 + [("origin",), ("version",)]
    assert all(c.files_differ for c in found.changes)
    assert (found.host, found.overlay) == ("/host", "/overlay")


def test_copy_of_the_host_gives_way_without_another_version() -> None:
    change = only_change(state(site(OVERLAY, a="1")), State(), site(a="1"))
    assert (change.kind, change.before, change.visible) == ("remove", "1", "1")
    assert change.differs == ("origin",)
    assert (change.after, change.requirement, change.intent) == (None, None, None)


def test_change_carries_what_is_known_from_now_on() -> None:
    entry = HistoryEntry("2", "a", requested=True, requirement="a>=2", intent="hold")
    change = only_change(state(site(OVERLAY, a="1")), state(site(OVERLAY, a="2"), {"a": entry}))
    assert (change.requested, change.requirement, change.intent) == (True, "a>=2", "hold")
    assert change.differs == ("version", "requested", "requirement", "intent")


# -- the same version


def test_another_content_at_the_same_version_is_a_change() -> None:
    mine = site(OVERLAY, a="1", b="1")
    change = only_change(state(mine), state(mine, files={module("a"): "hot-fix"}))
    assert (change.key, change.before, change.after, change.differs) == (
        "a",
        "1",
        "1",
        ("content",),
    )
    assert change.files_differ


def test_file_that_is_gone_or_has_come_is_another_content() -> None:
    mine = site(OVERLAY, a="1")
    whole = state(mine)
    for one, other in ((whole, replace(whole, files={})), (replace(whole, files={}), whole)):
        found = compare(one, other)
        assert [c.differs for c in found.changes] == [("content",)]
        assert not found.files, "it is the distribution's, and told once"


def test_what_pip_notes_of_an_installation_is_no_content() -> None:
    mine = site(OVERLAY, a="1")
    assert not compare(state(mine), state(mine, files={"site/a.dist-info/RECORD": "sorted anew"}))


ORIGINS: dict[str, dict[str, Any]] = {
    "editable": {"editable": "/src/a", "direct_url": "file:///src/a"},
    "directory": {"direct_url": "file:///src/a"},
    "repository": {"direct_url": "git+https://x/a@c0ffee"},
}


@pytest.mark.parametrize("kind", ORIGINS)
def test_another_origin_at_the_same_version_is_a_change(kind: str) -> None:
    mine = site(OVERLAY, a="1")
    moved = {"a": [replace(mine["a"][0], **ORIGINS[kind])]}
    for one, other in ((mine, moved), (moved, mine)):
        change = only_change(state(one), state(other))
        assert change.differs == ("origin",)
        assert change.files_differ


def test_another_file_of_an_index_at_the_same_version_is_another_origin() -> None:
    mine = site(OVERLAY, a="1")
    before, after = ({"a": HistoryEntry("1", "a", sha256=sha)} for sha in ("0" * 64, "1" * 64))
    assert only_change(state(mine, before), state(mine, after)).differs == ("origin",)


def test_another_place_of_the_same_distribution_is_none() -> None:
    mine = site(OVERLAY, a="1")
    moved = {"a": [replace(mine["a"][0], path=HOST / "a.dist-info")]}
    assert not compare(state(mine), state(moved))


DECISIONS: dict[str, Any] = {
    "requested": True,
    "requirement": "a==1",
    "options": ("--pre",),
    "intent": "hold",
    "until": "2030-01-01",
    "reason": "ticket 7",
}


def test_each_field_that_a_user_decides_is_tried() -> None:
    assert DECISIONS.keys() == {*plan.DECIDED}


@pytest.mark.parametrize("name", DECISIONS)
def test_another_decision_of_the_user_is_a_change(name: str) -> None:
    mine, undecided = site(OVERLAY, a="1"), HistoryEntry("1", "a")
    decided = replace(undecided, **{name: DECISIONS[name]})
    for one, other in ((undecided, decided), (decided, undecided)):
        change = only_change(state(mine, {"a": one}), state(mine, {"a": other}))
        assert change.differs == (name,)
        assert getattr(change, name, None) == (None if name == "options" else getattr(other, name))
        assert not change.files_differ


def test_who_installed_it_and_when_is_no_difference() -> None:
    mine, one = site(OVERLAY, a="1"), HistoryEntry("1", "a", since="2026-01-01", by="me")
    other = replace(one, since="2027-01-01", by="you")
    assert not compare(state(mine, {"a": one}), state(mine, {"a": other}))


# -- files


def test_files_of_no_distribution_are_told_each() -> None:
    mine = site(OVERLAY, a="1")
    before = state(mine, files={"bin/x": "1", "bin/y": "1", "bin/z": "1"})
    after = state(mine, files={"bin/x": "1", "bin/y": "2", "bin/w": "1"})
    found = compare(before, after)
    assert found
    assert found.changes == ()
    assert found.files == FileChanges(added=("bin/w",), changed=("bin/y",), removed=("bin/z",))


def test_edits_that_would_go_are_lost_and_those_that_stay_are_not() -> None:
    mine = site(OVERLAY, a="1", b="1", c="1")
    edits = {module("a"): "mine", module("b"): "mine", "bin/notes": "mine", "bin/kept": "mine"}
    before = state(mine, files=edits, edited=edits)
    assert compare(before, before).lost == ()
    after = state(site(OVERLAY, a="2", b="1"), files={module("b"): "mine", "bin/kept": "mine"})
    assert compare(before, after).lost == ("bin/notes", module("a"))


def test_edit_is_lost_although_only_the_content_changes() -> None:
    mine = site(OVERLAY, a="1")
    before = state(mine, files={module("a"): "edited"}, edited=[module("a")])
    found = compare(before, state(mine))
    assert ([c.differs for c in found.changes], found.lost) == ([("content",)], (module("a"),))


# -- conflicts


def test_conflicts_come_and_go_with_what_differs() -> None:
    below = site(a=("1", "b<2"), b="1", c=("1", "d>=2"), d="1")
    broken = state(site(OVERLAY, b="2"))
    [come] = compare(State(), broken, below).conflicts
    assert str(come) == "a 1 (environment) requires b<2, but 2 (overlay) would be in effect"
    assert compare(broken, State(), below).resolved == (come,)
    whole = compare(State(), state(site(OVERLAY, d="2")), below)
    assert whole.conflicts == ()
    assert [str(c) for c in whole.resolved] == [
        "c 1 (environment) requires d>=2, but 1 (environment) would be in effect"
    ]


def test_what_the_host_lacks_for_itself_is_no_conflict_of_a_change() -> None:
    below = site(a=("1", "absent"), b="1")
    found = compare(State(), state(site(OVERLAY, b="2")), below)
    assert (found.conflicts, found.resolved) == ((), ())


# -- why


def test_why_is_worked_out_where_nobody_tells_it() -> None:
    below = site(a="1", b=("1", "a<2"))
    before = state(site(OVERLAY, gone="1"))
    mine = site(OVERLAY, a="2", b=("2", "a>=2", "d"), d="1", z="1")
    asked = {"a": HistoryEntry("2", "a", requested=True), "z": HistoryEntry("1", "z")}
    found = compare(before, state(mine, asked), below)
    assert {change.key: change.why for change in found.changes} == {
        "a": "requested",
        "b": "required",
        "d": "b 2 requires d",
        "gone": "nothing depends on it",
        "z": "required",
    }


# -- all of it, by chance

TEXTS = st.sampled_from(("1", "2"))


@st.composite
def states(draw: st.DrawFn) -> State:
    """Any state of a few distributions and files."""
    mine: dict[str, list[Distribution]] = {}
    entries = {}
    contents: dict[str, str] = {}
    for key in draw(st.lists(st.sampled_from(NAMES), unique=True)):
        requires = draw(st.lists(st.sampled_from([f"{n}<2" for n in NAMES]), max_size=1))
        version = draw(TEXTS)
        [found] = site(OVERLAY, **{key: (version, *requires)})[key]
        kind = draw(st.sampled_from((None, None, *ORIGINS)))
        mine[key] = [replace(found, **ORIGINS[kind]) if kind else found]
        decided = draw(st.sets(st.sampled_from((*DECISIONS,)), max_size=2))
        entries[key] = HistoryEntry(
            version,
            key,
            sha256=draw(st.sampled_from((None, "0" * 64))),
            **{name: DECISIONS[name] for name in decided},
        )
        # What a distribution requires is in a file of it.
        contents[module(key)] = draw(TEXTS) + " ".join(requires)
    contents.update(draw(st.dictionaries(st.sampled_from(("bin/x", "bin/y")), TEXTS)))
    edited = draw(st.sets(st.sampled_from([*contents]))) if contents else set()
    return state(mine, entries, contents, edited)


def facts(of: State) -> object:
    """All that counts in a state."""
    distributions = {
        key: (
            found.version,
            found.editable,
            found.direct_url,
            of.entries[key].sha256,
            [getattr(of.entries[key], name) for name in DECISIONS],
        )
        for key, (found, *_) in of.site.items()
    }
    return distributions, {path: info[2] for path, info in of.files.items()}


BELOW = site(a="1", b=("1", "c<2"), c="2")


@given(states())
def test_nothing_differs_from_itself(one: State) -> None:
    assert compare(one, one, BELOW) == Plan("/host", "/overlay")
    assert not compare(one, replace(one), BELOW)


@given(states(), states())
def test_every_difference_shows_and_nothing_else_does(one: State, other: State) -> None:
    found = compare(one, other, BELOW)
    assert bool(found) == (facts(one) != facts(other))
    if not found:
        assert not (found.lost or found.conflicts or found.resolved)


@given(states(), states())
def test_way_back_is_the_reverse(one: State, other: State) -> None:
    there, back = compare(one, other, BELOW), compare(other, one, BELOW)
    assert [(c.key, c.before, c.after, c.differs) for c in there.changes] == [
        (c.key, c.after, c.before, c.differs) for c in back.changes
    ]
    assert there.files.added == back.files.removed
    assert there.files.changed == back.files.changed
    assert (there.conflicts, there.resolved) == (back.resolved, back.conflicts)


@given(states(), states())
def test_plan_is_json(one: State, other: State) -> None:
    found = compare(one, other, BELOW)
    data = json.loads(json.dumps(encode(found)))
    assert [change["name"] for change in data["changes"]] == [c.name for c in found.changes]
    assert data["files"] == {
        "added": [*found.files.added],
        "changed": [*found.files.changed],
        "removed": [*found.files.removed],
    }
    assert data["lost"] == [*found.lost]


# -- what it means


@given(states())
def test_what_no_index_can_give_again_or_is_held_is_never_redundant(mine: State) -> None:
    found = plan.redundant(mine, dependencies.effective(BELOW), MARKERS)
    for key in found:
        [distribution] = mine.site[key]
        assert distribution.direct_url is None
        assert distribution.editable is None
        assert key not in mine.edited_keys
        assert mine.entries[key].intent == "fix"


@given(states())
def test_redundant_is_what_the_host_has_or_nothing_needs(mine: State) -> None:
    below = dependencies.effective(BELOW)
    found = plan.redundant(mine, below, MARKERS)
    for key, why in found.items():
        if mine.entries[key].requested:
            assert why == f"not needed: the environment has {below[key].version}"
            assert mine.site[key][0].version <= below[key].version
        else:
            assert why == "nothing depends on it"


@pytest.mark.parametrize(
    ("mine", "host", "redundant"),
    [
        ("1", "1", True),
        ("1", "2", True),
        ("2", "1", False),
        ("1", None, False),
        ("odd", "1", False),
    ],
)
def test_fix_is_redundant_once_the_host_has_it(
    mine: str, host: str | None, redundant: bool
) -> None:
    own = state(site(OVERLAY, a=mine), {"a": HistoryEntry(mine, "a", requested=True)})
    below = dependencies.effective(site(a=host) if host else {})
    assert bool(plan.redundant(own, below, MARKERS)) is redundant


def test_what_only_a_redundant_one_needed_goes_with_it() -> None:
    entries = {key: HistoryEntry("1", key, requested=True) for key in ("a", "c")}
    own = state(site(OVERLAY, a=("1", "b"), b="1", c=("1", "d"), d="1"), entries)
    below = dependencies.effective(site(a="1"))
    assert plan.redundant(own, below, MARKERS) == {
        "a": "not needed: the environment has 1",
        "b": "nothing depends on it",
    }


@pytest.mark.parametrize(
    ("mine", "host", "facts", "means"),
    [
        ("2", None, {}, "not in host"),
        ("2", "1", {}, "newer than host"),
        ("2", "3", {}, "older than host"),
        ("2", "2", {}, "in place of host"),
        ("2", "2", {"redundant": True}, "redundant"),
        ("2", None, {"redundant": True}, "not needed"),
        ("2", "1", {"redundant": True, "broken": True}, "broken"),
        ("2", "2", {"broken": True, "stale": True}, "stale"),
    ],
)
def test_meaning(mine: str, host: str | None, facts: dict[str, bool], means: str) -> None:
    [found] = site(OVERLAY, a=mine)["a"]
    below = site(a=host)["a"][0] if host else None
    assert plan.meaning(found, below, **facts) == means
