"""The page of commands says what the parsers say."""

from __future__ import annotations

import pytest

from tests import commands_page
from tests.bed import place


def test_page_of_commands_is_what_the_parsers_say() -> None:
    written = commands_page.PAGE.read_text(encoding="utf-8")
    assert written == commands_page.page(), f"make it anew: {commands_page.MAKE}"


def test_page_of_commands_does_not_depend_on_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert commands_page.page() == commands_page.PAGE.read_text(encoding="utf-8")


def test_page_of_commands_has_nothing_of_this_machine() -> None:
    assert str(place.CHECKOUT) not in commands_page.page()
