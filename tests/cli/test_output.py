"""What is printed, for people and for programs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from conda_overlay.cli import output
from conda_overlay.models import Change, Conflict, Plan, Result


def change(name: str, kind: str, *versions: str | None, **more: Any) -> Change:
    host, before, after = versions
    return Change(name, name, kind, host, before, after, "requested", **more)


CHANGES = (
    change("new", "add", None, None, "1"),
    change("newer", "add", None, "1", "2"),
    change("up", "upgrade", "1", None, "2"),
    change("again", "upgrade", "1", "2", "3"),
    change("mine", "replace", "1", None, "1", editable="/src"),
    change("back", "remove", "1", "2", None),
)


def test_plan_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    conflict = Conflict("stuck", "1", "host", "up<2", "2", "overlay")
    output.show_plan(Plan("/host", "/overlay", CHANGES, (conflict,)))
    assert capsys.readouterr().out == (
        "\nhost:    /host\noverlay: /overlay\n\n"
        "added:\n"
        "  new    1       requested\n"
        "  newer  1 -> 2  requested\n"
        "\n"
        "shadowing the host:\n"
        "  up     1 (host) -> 2  requested\n"
        "  again  2 -> 3         requested\n"
        "  mine   1 (host) -> 1  requested, editable from /src\n"
        "\n"
        "back to the host:\n"
        "  back  2 -> 1 (host)  requested\n"
        "\n"
        "conflicts, which you allow:\n"
        "  stuck 1 (host) requires up<2, but 2 (overlay) would be in effect\n"
        "\n"
    )


@pytest.mark.parametrize(
    ("changes", "revision", "dry_run", "says"),
    [
        ((), None, False, "\nAlready satisfied: nothing to do.\n"),
        ((), None, True, "\nAlready satisfied: nothing to do.\n"),
        (CHANGES[:1], None, True, "Dry run: nothing was changed.\n"),
        (CHANGES[:1], 3, False, "\nRevision 3 of /o: 1 distribution changed.\n"),
        (CHANGES, 3, False, "\nRevision 3 of /o: 6 distributions changed.\n"),
    ],
)
def test_result_for_people(
    capsys: pytest.CaptureFixture[str],
    changes: tuple[Change, ...],
    revision: int | None,
    dry_run: bool,
    says: str,
) -> None:
    output.show_result(Result(Plan("/h", "/o", changes), revision), dry_run=dry_run, json=False)
    assert capsys.readouterr().out == says


def test_result_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    output.show_result(Result(Plan("/h", "/o", CHANGES[:1]), 3), dry_run=False, json=True)
    assert json.loads(capsys.readouterr().out) == {
        "success": True,
        "dry_run": False,
        "revision": 3,
        "host": "/h",
        "overlay": "/o",
        "changes": [
            {
                "name": "new",
                "kind": "add",
                "host_version": None,
                "before": None,
                "after": "1",
                "why": "requested",
                "requested": False,
                "editable": None,
                "url": None,
                "sha256": None,
            }
        ],
        "conflicts": [],
    }


def test_table_is_as_wide_as_what_is_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    output.table([["a", "bb", ""], ["ccc", "d", "e"]])
    assert capsys.readouterr().out == "a    bb\nccc  d   e\n"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1_500_000, "1.5 MB"),
        (2e9, "2.0 GB"),
        (3e15, "3000.0 TB"),
    ],
)
def test_size_for_people(count: float, text: str) -> None:
    assert output.size(count) == text
