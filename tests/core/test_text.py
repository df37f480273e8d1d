"""Lists in sentences."""

from __future__ import annotations

import pytest

from conda_overlay.core.text import few


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, ""), (1, "0"), (5, "0, 1, 2, 3, 4"), (6, "0, 1, 2, 3, 4 and 1 more"),
     (1000, "0, 1, 2, 3, 4 and 995 more")],
)  # fmt: skip
def test_first_items_are_named_and_the_others_counted(count: int, text: str) -> None:
    assert few([*map(str, range(count))]) == text
