"""Where pip looks for several distributions at once, by the options of each."""

from __future__ import annotations

import pytest

from conda_overlay.core.models import HistoryEntry
from conda_overlay.core.pip_options import Options
from conda_overlay.formats.document import places

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
