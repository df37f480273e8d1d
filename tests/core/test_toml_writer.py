"""What the TOML writer writes is what a TOML reader reads."""

from __future__ import annotations

import sys
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from conda_overlay.core import toml_writer

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
PLAIN = st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXT | st.lists(TEXT, max_size=3)
INNER = st.dictionaries(TEXT, PLAIN, max_size=3)
TABLE = st.dictionaries(TEXT, PLAIN | INNER | st.lists(INNER, min_size=1, max_size=3), max_size=4)
DOCUMENT = st.dictionaries(
    TEXT, PLAIN | TABLE | st.lists(TABLE, min_size=1, max_size=3), max_size=5
)


@given(DOCUMENT)
@settings(deadline=None, database=None)
def test_what_is_written_reads_back_equal(document: dict[str, Any]) -> None:
    assert tomllib.loads(toml_writer.dumps(document)) == document


def test_none_is_left_out_at_every_depth() -> None:
    document = {"a": None, "b": {"c": None, "d": 1}, "e": [{"f": None, "g": {"h": None, "i": 2}}]}
    expected = {"b": {"d": 1}, "e": [{"g": {"i": 2}}]}
    assert tomllib.loads(toml_writer.dumps(document)) == expected


def test_an_empty_document_is_valid() -> None:
    assert tomllib.loads(toml_writer.dumps({})) == {}


def test_it_looks_as_people_write_it() -> None:
    document = {"format": 1, "host": {"name": "science"}, "wanted": [{"options": ["--pre"]}]}
    assert toml_writer.dumps(document) == (
        'format = 1\n\n[host]\nname = "science"\n\n[[wanted]]\noptions = ["--pre"]\n'
    )
