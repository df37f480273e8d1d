"""Documents of layers put together, and where pip looks for several distributions at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conda_overlay.core.models import HistoryEntry
from conda_overlay.core.pip_options import Options
from conda_overlay.formats.document import Document, places

MINE = "--index-url=https://localhost/mine"


def entry(*options: str, url: str | None = None, requested: bool = True) -> HistoryEntry:
    return HistoryEntry("1.0", requested=requested, options=Options.from_json(options), url=url)


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([], []),
        ([entry(MINE), entry(MINE)], [MINE]),
        # The index of one must not keep pip from finding the other.
        ([entry(MINE), entry()], ["--extra-index-url=https://localhost/mine"]),
        ([entry("--no-index"), entry()], []),
        ([entry("--no-index"), entry("--no-index")], ["--no-index"]),
        (
            [entry("--find-links=/a"), entry("--find-links=/b")],
            ["--find-links=/a", "--find-links=/b"],
        ),
        # How one is built or chosen is not for the other, nor a place.
        ([entry("--pre", "--no-binary=:all:", "--constraint=/c")], []),
        # What came along was not typed for.
        ([entry(MINE), entry(requested=False)], [MINE]),
        ([entry(url="file:///wheels/a.whl")], ["--find-links=file:///wheels"]),
        ([entry(url="https://localhost/a.whl")], []),
    ],
)
def test_each_place_is_for_all_that_are_installed_at_once(
    entries: list[HistoryEntry], expected: list[str]
) -> None:
    found = places({str(number): one for number, one in enumerate(entries)})
    assert found.to_json() == expected


def document(**entries: HistoryEntry) -> Document:
    return Document("host", "3.11.2", "0", entries)


COPY = HistoryEntry("1.0", "tool", requested=True, requirement="tool==1.0", copied=True, patch="b")
THEIRS = HistoryEntry("1.0", "tool", url="https://localhost/tool.whl")
SOURCE = replace(THEIRS, requested=True, requirement="tool @ https://localhost/tool.whl")


@pytest.mark.parametrize(
    ("front", "behind", "expected"),
    [
        (COPY, THEIRS, ("tool==1.0", "b", False)),
        (COPY, replace(SOURCE, patch="a"), (SOURCE.requirement, "ab", False)),
        (COPY, replace(COPY, patch="a"), ("tool==1.0", "ab", True)),
        (COPY, replace(THEIRS, version="2.0", patch="a"), ("tool==1.0", "b", True)),
        # What one needs and the other was asked for is asked for, as it is in effect.
        (THEIRS, replace(THEIRS, requested=True, requirement="tool"), ("tool==1.0", None, False)),
    ],
    ids=["copy", "source", "copy of a copy", "another version", "needed"],
)
def test_a_document_over_another_has_what_is_in_effect(
    front: HistoryEntry, behind: HistoryEntry, expected: tuple[str, str | None, bool]
) -> None:
    other = HistoryEntry("1.0", "other", requested=True, requirement="other")
    both = document(tool=front).over(document(tool=behind, other=other))
    assert both.requested.keys() == {"tool", "other"}
    tool = both.entries["tool"]
    assert (tool.requirement, tool.patch, tool.copied) == expected
