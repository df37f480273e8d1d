"""In which requests recorded distributions are installed again, and in which order."""

from __future__ import annotations

import pytest

from conda_overlay.change.apply import in_turn, requests
from conda_overlay.core.errors import PipError, ResolutionError
from conda_overlay.core.models import HistoryEntry
from conda_overlay.core.pip_options import Options
from conda_overlay.core.request import Request, names_of


def entry(requirement: str, *options: str, since: str = "") -> HistoryEntry:
    given = Options.from_json(options)
    return HistoryEntry(
        "1.0", requirement, since, requested=True, requirement=requirement, options=given
    )


def words(*entries: HistoryEntry) -> list[str]:
    found = requests({entry.name: entry for entry in entries}, ())
    return [" ".join(request.words) for request in found]


def test_each_set_of_options_is_a_request_of_its_own() -> None:
    found = words(entry("a", "--pre"), entry("b"), entry("c", "--pre"), entry("d", "--no-index"))
    assert found == ["--pre -- a c", "-- b", "--no-index -- d"]


def test_requests_come_in_the_order_in_which_they_were_made() -> None:
    found = words(entry("a", since="2026-03"), entry("b", "--pre", since="2026-01"))
    assert found == ["--pre -- b", "-- a"]
    assert words() == []


def test_an_editable_that_is_installed_is_named_without_its_directory() -> None:
    mine = HistoryEntry("1", "mine", requested=True, requirement="/src/mine", editable="/src/mine")
    [again] = requests({"mine": mine}, {"mine"})
    assert again.words == ("--", "mine")
    [anew] = requests({"mine": mine}, ())
    assert anew.words == ("--editable", "/src/mine")


class Installer:
    """Installs what needs nothing that is not installed yet."""

    def __init__(self, **needs: str) -> None:
        self.needs = needs
        self.tried: list[str] = []
        self.installed: set[str] = set()

    def __call__(self, request: Request) -> None:
        [name] = names_of(request.requirements)
        self.tried.append(name)
        if not {*self.needs.get(name, "")} <= self.installed:
            raise PipError((f"nothing fits {name}",))
        self.installed.add(name)


def named(*names: str) -> list[Request]:
    return [Request.parse([name]) for name in names]


def test_a_request_that_fails_is_tried_again_after_the_others() -> None:
    install = Installer(a="bc", b="c")
    in_turn(named("a", "b", "c"), install)
    assert install.tried == ["a", "b", "c", "a", "b", "a"]
    assert install.installed == {*"abc"}


def test_the_first_failure_is_told_when_no_other_request_helps() -> None:
    install = Installer(a="x", c="y")
    with pytest.raises(PipError, match="nothing fits a"):
        in_turn(named("a", "b", "c"), install)
    assert install.tried == ["a", "b", "c", "a", "c"]


def test_a_conflict_counts_as_a_failure_and_other_errors_end_it_at_once() -> None:
    tried = []

    def install(request: Request) -> None:
        tried.append(request.words[-1])
        if len(tried) == 1:
            raise ResolutionError("It breaks.", ())
        if len(tried) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        in_turn(named("a", "b"), install)
    assert tried == ["a", "b", "a"]
