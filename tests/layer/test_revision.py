"""The record of a revision: written, read again, and refused where it is damaged or newer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conda_overlay.core.errors import StateError
from conda_overlay.core.models import Change, FileChanges, HistoryEntry, Plan, Revision
from conda_overlay.core.pip_options import Options
from conda_overlay.core.serialize import encode
from conda_overlay.layer.revision import FORMAT, UNREADABLE, dump_record, load_record, name_of

PATH = Path("/overlays/.science/revisions/3/record.json")

WORDS = st.text(max_size=8)
NAMES = st.tuples(WORDS, WORDS)
HOSTS = st.fixed_dictionaries(
    {"python": WORDS, "abi": st.none() | WORDS, "distributions": st.dictionaries(WORDS, WORDS)},
    optional={"prefix": WORDS, "packages": st.lists(WORDS)},
)
PLANS = st.builds(
    Plan,
    host=WORDS,
    overlay=WORDS,
    changes=st.lists(
        st.builds(
            Change,
            name=WORDS,
            kind=WORDS,
            host_version=st.none() | WORDS,
            before=st.none() | WORDS,
            after=st.none() | WORDS,
            differs=st.just(("version",)),
            why=WORDS,
        ),
        max_size=3,
    ).map(tuple),
    notes=st.lists(WORDS, max_size=2).map(tuple),
)
ENTRIES = st.builds(
    HistoryEntry,
    version=WORDS,
    name=WORDS,
    since=WORDS,
    reason=st.none() | WORDS,
    requested=st.booleans(),
    options=st.lists(WORDS.map("--pre={}".format), max_size=2).map(Options.from_json),
    patch=st.none() | WORDS,
)
CHANGES = st.builds(FileChanges, *[st.lists(WORDS, max_size=2).map(tuple)] * 3)
REVISIONS = st.builds(
    Revision,
    number=st.just(3),
    time=WORDS,
    user=WORDS,
    hostname=WORDS,
    command=st.lists(WORDS, max_size=3).map(tuple),
    reason=st.none() | WORDS,
    host=HOSTS,
    plan=PLANS,
    distributions=st.dictionaries(WORDS, ENTRIES, max_size=3),
    parent=st.none() | st.integers(0, 9),
    restores=st.none() | st.integers(0, 9),
    edits=CHANGES,
)

HOST = {"python": "3.11.7", "abi": None, "distributions": {"alpha": "1.0"}}
PLAN = Plan("/host", "/overlay", (Change("alpha", "add", None, None, "1.0", (), "requested"),))
ONE = Revision(3, "2026-01-01T00:00:00Z", "me", "here", ("conda",), None, HOST, PLAN, parent=2)


def load(data: Any) -> Revision:
    return load_record(json.dumps(data).encode(), 3, PATH)


def fields() -> dict[str, Any]:
    """The fields of a record that can be read."""
    found: dict[str, Any] = json.loads(dump_record(ONE))
    return found


@given(REVISIONS)
@settings(deadline=None, max_examples=30)
def test_record_reads_back_as_what_was_written(revision: Revision) -> None:
    assert load_record(dump_record(revision), 3, PATH) == revision


def test_record_names_its_format() -> None:
    assert fields()["format"] == FORMAT == 1


def test_number_in_the_path_is_the_right_one() -> None:
    assert load_record(dump_record(ONE), 7, PATH).number == 7


def test_fields_that_a_later_version_adds_are_passed_over() -> None:
    assert load({**fields(), "later": {"x": 1}, "plan": {**encode(PLAN), "later": 1}}).user == "me"


@pytest.mark.parametrize("newer", [2, 10, 1.5])
def test_record_of_a_newer_format_says_how_to_read_it(newer: float) -> None:
    with pytest.raises(StateError) as caught:
        load({"format": newer, "all": "else is different"})
    assert caught.value.message == (
        f"{PATH} was written by a newer version of conda-overlay "
        f"(format {newer}, this one reads {FORMAT})."
    )
    assert caught.value.hint == "conda update -n base conda-overlay"


WITHOUT_ABI = {name: value for name, value in HOST.items() if name != "abi"}
NO_TEXTS: list[Any] = [None, [], {"a": None}, {"a": 1}]
NO_CHANGES: list[Any] = [None, [{}], [1], [{"name": None}]]
WRONG: dict[str, list[Any]] = {
    "format": [None, "new", []],
    "time": [None, 1],
    "host": [
        *(None, {}, {**HOST, "python": 3}, {"python": "3.11.7"}, WITHOUT_ABI),
        *({**HOST, "distributions": wrong} for wrong in NO_TEXTS),
    ],
    "plan": [None, {}, *({**encode(PLAN), "changes": wrong} for wrong in NO_CHANGES)],
    "distributions": [None, [], {"a": None}, {"a": {}}, {"a": {"version": 1}}],
    "parent": ["2", 1.5, True, []],
    "command": ["conda", [1], None],
    "edits": [None, {"added": "x"}],
}
"""Values of the wrong kind, by the field that has them."""


@pytest.mark.parametrize(("name", "wrong"), [(n, w) for n, many in WRONG.items() for w in many])
def test_damaged_record_is_one_of_the_known_errors(name: str, wrong: Any) -> None:
    with pytest.raises(UNREADABLE):
        load({**fields(), name: wrong})


@pytest.mark.parametrize("name", [name for name in fields() if name != "number"])
def test_field_that_is_missing_is_a_known_error_or_has_a_default(name: str) -> None:
    data = fields()
    del data[name]
    if name in ("distributions", "parent", "restores", "edits"):
        assert load(data).user == "me"
    else:
        with pytest.raises(UNREADABLE):
            load(data)


def test_every_truncation_is_a_known_error() -> None:
    content = dump_record(ONE)
    for end in range(len(content)):
        with pytest.raises(UNREADABLE):
            load_record(content[:end], 3, PATH)


@given(st.binary(max_size=20) | st.just(b"[" * 100_000), st.integers(0, 600))
def test_garbage_in_a_record_is_read_or_a_known_error(garbage: bytes, place: int) -> None:
    content = dump_record(ONE)
    for damaged in (garbage, content[:place] + garbage + content[place + 1 :]):
        try:
            assert isinstance(load_record(damaged, 3, PATH), Revision)
        except (*UNREADABLE, StateError):
            pass


def test_states_are_named_for_people() -> None:
    assert [name_of(n) for n in (None, 0, 7)] == ["overlay", "host", "revision 7"]
