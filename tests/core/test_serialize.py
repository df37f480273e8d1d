"""Our values as JSON and back: nothing is lost, and nothing else is taken for one of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conda_overlay.core.models import (
    Change,
    Conflict,
    Distribution,
    FileChanges,
    Finding,
    HistoryEntry,
    Plan,
    Revision,
)
from conda_overlay.core.pip_options import Options
from conda_overlay.core.serialize import decode, encode

TEXT = st.text(st.characters(exclude_categories=()))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
MAPPINGS = st.dictionaries(TEXT, JSON, max_size=3)
OPTIONS = st.lists(st.tuples(TEXT.map(lambda text: f"--{text}".split("=")[0]), st.none() | TEXT))
ENTRIES = st.builds(HistoryEntry, options=OPTIONS.map(tuple).map(Options))
KINDS: dict[type, st.SearchStrategy[Any]] = {
    HistoryEntry: ENTRIES,
    FileChanges: st.builds(FileChanges),
    Conflict: st.builds(Conflict),
    Change: st.builds(Change),
    Plan: st.builds(Plan),
    Finding: st.builds(Finding),
    Revision: st.builds(
        Revision,
        host=MAPPINGS,
        plan=st.builds(Plan),
        distributions=st.dictionaries(TEXT, ENTRIES, max_size=3),
    ),
}

VALUES = st.sampled_from([*KINDS]).flatmap(lambda kind: KINDS[kind])


def all_of(value: Any) -> list[Any]:
    """What equality passes over, too."""
    return [getattr(value, field.name) for field in fields(value)]


@given(VALUES)
def test_what_is_encoded_is_decoded_again(value: Any) -> None:
    for strict in (False, True):
        again = decode(type(value), json.loads(json.dumps(encode(value))), strict=strict)
        assert again == value
        assert all_of(again) == all_of(value)


@given(VALUES, st.text(min_size=1), JSON)
def test_field_that_is_not_known_is_passed_over_unless_strict(
    value: Any, name: str, later: object
) -> None:
    known = {field.name for field in fields(value)}
    data = encode(value)
    if name not in known:
        data[name] = later
        assert decode(type(value), data) == value
        with pytest.raises(TypeError, match="is not known"):
            decode(type(value), data, strict=True)


def test_strictness_reaches_what_is_inside() -> None:
    data = encode(Plan("h", "o", (Change("a", "add", None, None, "1", (), ""),)))
    data["changes"][0]["later"] = 1
    assert decode(Plan, data).changes[0].name == "a"
    with pytest.raises(TypeError, match=r"changes: 'later' is not known"):
        decode(Plan, data, strict=True)


@given(VALUES, st.data())
def test_field_without_a_default_must_be_there(value: Any, data: st.DataObject) -> None:
    encoded = encode(value)
    name = data.draw(st.sampled_from([*encoded]))
    del encoded[name]
    try:
        again = decode(type(value), encoded)
    except TypeError as error:
        assert name in str(error)
    else:
        assert encode(again).keys() == {*encoded, name}


FIELDS: dict[str, list[Any]] = {
    "version": [None, 1, True, [], {}],
    "requested": [None, 1, 0, "true", []],
    "reason": [1, False, [], {}],
    "options": [None, "--pre", {}, [1], [None], 1],
}


@pytest.mark.parametrize(("name", "wrong"), [(n, w) for n, many in FIELDS.items() for w in many])
def test_value_of_another_type_is_refused_and_its_field_named(name: str, wrong: object) -> None:
    data = {**encode(HistoryEntry("1")), name: wrong}
    with pytest.raises(TypeError, match=rf"{name}: .*is of the wrong type"):
        decode(HistoryEntry, data)


RECORD: dict[str, list[Any]] = {
    "number": [True, "1", 1.0, None, []],
    "parent": [False, "1", 0.5],
    "host": [None, [], "x", 1],
    "distributions": [None, [], {"a": None}, {"a": {}}, {"a": []}],
    "edits": [None, [], {"added": "x"}, {"added": [1]}],
}


@pytest.mark.parametrize(("name", "wrong"), [(n, w) for n, many in RECORD.items() for w in many])
def test_record_of_a_revision_is_as_strict(name: str, wrong: object) -> None:
    revision = Revision(1, "", "", "", (), None, {}, Plan("", ""))
    with pytest.raises(TypeError, match=name):
        decode(Revision, {**encode(revision), name: wrong})


@given(JSON, st.sampled_from([*KINDS]))
def test_any_other_json_is_a_type_error(value: object, kind: type) -> None:
    try:
        decode(kind, value)
    except TypeError:
        return
    assert isinstance(value, dict)


def test_paths_and_sets_become_what_json_has() -> None:
    found = Distribution("a", "a", "1", ("b",), Path("/x/a.dist-info"))
    assert encode(found)["path"] == "/x/a.dist-info"
    assert encode({"a": frozenset({"x"}), "b": ({"y"},)}) == {"a": ["x"], "b": [["y"]]}
    assert decode(Mapping[str, Any], {"a": [1, None]}) == {"a": [1, None]}
