"""What is printed, for people and for programs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from conda.base.context import reset_context

from conda_overlay.cli.render import output
from conda_overlay.cli.render.plan import show_plan, show_result
from conda_overlay.core.errors import OverlayError
from conda_overlay.core.models import Change, Conflict, FileChanges, Plan, Program, Result
from tests.bed.terminal import on_terminal


def change(
    name: str, kind: str, *versions: str | None, differs: str = "version", **entry: Any
) -> Change:
    host, before, after = versions
    known = {"requested": True, "intent": "fix", **entry} if after else {}
    why = "requested" if after else "removed"
    return Change(name, kind, host, before, after, tuple(differs.split()), why, **known)


WAS = {"intent": "hold", "reason": None}
CHANGES = (
    change("new", "add", None, None, "1"),
    change("newer", "add", None, "1", "2"),
    change("up", "upgrade", "1", None, "2", reason="not shown when nothing else was recorded"),
    change("again", "upgrade", "1", "2", "3", intent="hold", until="2027-01-31"),
    change("mine", "replace", "1", None, "1", editable="/src", intent="dev"),
    change("fixed", "replace", "1", "1", "1", differs="origin content", intent="hold"),
    change("kept", "add", None, "1", "1", differs="intent reason", reason="ticket 12", was=WAS),
    change("back", "remove", "1", "2", None),
    change("gone", "remove", None, "2", None),
)


CHANGED = (
    "new added; up, mine replaced; newer, again, fixed changed; kept noted; gone removed; "
    "back back to the environment's"
)


def test_plan_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    conflict = Conflict("stuck", "1", "host", "up<2", "2", "overlay")
    absent = Conflict("lame", "1", "overlay", "crutch", None)
    plan = Plan(
        *("/host", "/overlay", CHANGES, FileChanges(("new.txt",), ("bin/tool",), ("old",))),
        lost=("bin/tool",),
        conflicts=(conflict,),
        resolved=(absent,),
        accepts_host=True,
        notes=("up 3 is held back",),
    )
    show_plan(plan)
    assert capsys.readouterr().out == (
        "\nenvironment: /host\noverlay:     /overlay\n\n"
        "added:\n"
        "  + new  1  requested\n"
        "\n"
        "instead of the environment's:\n"
        "  ~ up    1 -> 2        requested\n"
        "  ~ mine  1, your copy  requested, editable from /src\n"
        "\n"
        "changed:\n"
        "  ~ newer  1 -> 2                               requested\n"
        "  ~ again  2 -> 3                               requested, kept until removed, "
        "until 2027-01-31\n"
        "  ~ fixed  1, another source and other content  requested, kept until removed\n"
        "\n"
        "noted:\n"
        "  = kept  1  intent hold -> fix; reason 'ticket 12'\n"
        "\n"
        "removed:\n"
        "  - gone  2  removed\n"
        "\n"
        "back to the environment's:\n"
        "  - back  2 -> 1  removed\n"
        "\n"
        "other files:\n"
        "  A new.txt\n"
        "  M bin/tool\n"
        "  D old\n"
        "\n"
        "The environment as it is now will be recorded with the overlay.\n"
        "\n"
        "conflicts that this resolves:\n"
        "  lame 1 (overlay) requires crutch, but it is not installed\n"
        "\n"
        "note:\n"
        "  up 3 is held back\n"
        "\n"
        "conflicts (allowed by --allow-conflicts):\n"
        "  stuck 1 (environment) requires up<2, but 2 (overlay) would be in effect\n"
        "\n"
        "edits that will be lost:\n"
        "  bin/tool\n"
        "\n"
    )


def test_plan_of_files_alone_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    files = FileChanges(tuple(f"{number}.txt" for number in range(1021)))
    show_plan(Plan("/host", "/overlay", files=files))
    printed = capsys.readouterr().out
    assert "\n\nfiles:\n  A 0.txt\n" in printed
    assert printed.endswith("  A 19.txt\n  and 1,001 more\n\n")


@pytest.mark.parametrize(
    ("changes", "revision", "dry_run", "says"),
    [
        ((), None, False, "\nNothing to do: all is as requested already.\n"),
        ((), None, True, "\nNothing to do: all is as requested already.\n"),
        (CHANGES[:1], None, True, "Dry run: nothing was changed.\n"),
        (CHANGES[:1], None, False, "Nothing was changed.\n"),
        (CHANGES[:1], 3, False, "Revision 3: new added.\n"),
        (CHANGES, 3, False, f"Revision 3: {CHANGED}.\n"),
    ],
)
def test_result_for_people(
    capsys: pytest.CaptureFixture[str],
    changes: tuple[Change, ...],
    revision: int | None,
    dry_run: bool,
    says: str,
) -> None:
    show_result(Result(Plan("/h", "/o", changes), revision, dry_run))
    assert capsys.readouterr().out == says


def test_a_notebook_is_not_asked_because_nobody_can_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-color")
    monkeypatch.setenv("PAGER", "cat")
    with pytest.raises(OverlayError, match="A notebook cannot ask") as caught:
        output.ask()
    assert caught.value.hint == "add --yes"


@pytest.fixture
def for_programs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As with ``--json``."""
    with monkeypatch.context() as patched:
        patched.setenv("CONDA_JSON", "true")
        reset_context()
        yield
    reset_context()


@pytest.mark.usefixtures("for_programs")
def test_result_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    running = (Program(7, "python run.py", "2026-01-01T00:00:00Z"),)
    show_result(Result(Plan("/h", "/o", CHANGES[:1]), 3, running=running))
    assert json.loads(capsys.readouterr().out) == {
        "success": True,
        "dry_run": False,
        "revision": 3,
        "running": [{"pid": 7, "command": "python run.py", "started": "2026-01-01T00:00:00Z"}],
        "host": "/h",
        "overlay": "/o",
        "changes": [
            {
                "name": "new",
                "kind": "add",
                "host_version": None,
                "before": None,
                "after": "1",
                "differs": ["version"],
                "why": "requested",
                "requested": True,
                "requirement": None,
                "editable": None,
                "url": None,
                "sha256": None,
                "intent": "fix",
                "until": None,
                "reason": None,
                "hides": None,
                "was": {},
            }
        ],
        "files": {"added": [], "changed": [], "removed": []},
        "lost": [],
        "conflicts": [],
        "resolved": [],
        "accepts_host": False,
        "notes": [],
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


SHOW = """
from conda_overlay.cli.render import diff, output
from conda_overlay.core.models import FileChanges
diff.show_files(FileChanges(("new",), ("other",), ("old\\x1b",)))
diff.show_text(["--- a\\n", "+++ b\\n", "@@ -1 +1 @@\\n", "-1\\n", "+2\\n", " 3\\n"])
output.table([["# name"], ["alpha"]])
"""
COLOURED = (
    "  \x1b[32mA new\x1b[0m\n  M other\n  \x1b[31mD old\\x1b\x1b[0m\n"
    "\x1b[1m--- a\x1b[0m\n\x1b[1m+++ b\x1b[0m\n@@ -1 +1 @@\n\x1b[31m-1\x1b[0m\n"
    "\x1b[32m+2\x1b[0m\n 3\n"
    "\x1b[1m# name\x1b[0m\nalpha\n"
)


@pytest.mark.parametrize("environ", [{}, {"NO_COLOR": ""}, {"TERM": "dumb"}])
def test_colours_are_for_a_terminal_that_wants_them(environ: dict[str, str]) -> None:
    variables = {**os.environ, "TERM": "xterm", **environ}
    variables.pop("" if environ else "NO_COLOR", None)
    argv = [sys.executable, "-c", SHOW]
    shown = on_terminal(argv, variables)
    plain = re.sub("\x1b\\[\\d+m", "", COLOURED)
    assert shown == (plain if environ else COLOURED)
    assert subprocess.run(argv, capture_output=True, text=True, check=True).stdout == plain
