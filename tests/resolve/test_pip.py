"""Which pip is asked: the newest, and another one for what that one refuses."""

from __future__ import annotations

from importlib.metadata import distribution
from pathlib import Path

import pytest

from conda_overlay.core.errors import PipError
from tests.layer.test_state import SITE
from tests.resolve.played import Answer, Played

BASE = str(distribution("pip").locate_file(""))
"""Where the pip of conda's base is, which these tests run in."""

NO_SUCH_OPTION = "\nUsage:\n  pip install [options]\n\nno such option: --odd\n"
LEGACY = "ERROR: Cannot process installed package old 1-x in '/x' because it has an invalid version"


def locations(place: Path, version: str) -> list[str]:
    mine = str(place / "host" / SITE)
    found = Played(place, pip=version).pip.locations
    return ["host" if location == mine else "base" for location in found]


@pytest.mark.parametrize(
    ("version", "expected"),
    [("999.0", ["host", "base"]), ("22.2", ["base", "host"]), ("22.1.2", ["base"])],
)
def test_the_newest_comes_first_and_one_that_is_too_old_not_at_all(
    tmp_path: Path, version: str, expected: list[str]
) -> None:
    assert locations(tmp_path, version) == expected


@pytest.mark.parametrize(
    "refusal", [Answer(stderr=NO_SUCH_OPTION, code=2), Answer(stderr=LEGACY)], ids=["option", "old"]
)
def test_what_the_newest_refuses_is_asked_of_the_other(tmp_path: Path, refusal: Answer) -> None:
    played = Played(tmp_path, pip="22.2")
    found = played.resolve("new", refusal, Answer({"new 1.0": []}))
    assert [*found.staged] == ["new"]
    assert played.locations == [BASE, str(tmp_path / "host" / SITE)]


def test_what_both_refuse_is_the_error_of_the_last(tmp_path: Path) -> None:
    played = Played(tmp_path, pip="22.2")
    refusals = [Answer(stderr=NO_SUCH_OPTION + line, code=2) for line in ("of base\n", "of host\n")]
    with pytest.raises(PipError, match="of host"):
        played.resolve("new", *refusals)


def test_what_fails_for_another_reason_is_asked_once(tmp_path: Path) -> None:
    played = Played(tmp_path, pip="22.2")
    with pytest.raises(PipError, match="disk is full"):
        played.resolve("new", Answer(stderr="ERROR: the disk is full"), Answer({"new 1.0": []}))
    assert played.locations == [BASE]
