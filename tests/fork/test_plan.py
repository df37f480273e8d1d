"""What is added to a document on the command line of a fork."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conda_overlay.core.models import HistoryEntry
from conda_overlay.fork.plan import with_more
from conda_overlay.formats.document import Document


def entry(requirement: str | None, intent: str = "fix", **more: str) -> HistoryEntry:
    """An entry of ``alpha``."""
    asked = HistoryEntry("1.0", "alpha", requested=requirement is not None, intent=intent)
    return replace(asked, requirement=requirement, **more)  # type: ignore[arg-type]


def added(text: str, old: HistoryEntry | None = None) -> HistoryEntry:
    """The entry of ``alpha`` after a requirement was typed."""
    known = Document("", "", "", {"alpha": old} if old else {})
    return with_more(known, (), (), (), [text]).entries["alpha"]


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("alpha", "fix"),
        ("alpha>=1", "fix"),
        ("alpha==1.5", "hold"),
        ("alpha @ file:///alpha-1.0.tar.gz", "hold"),
    ],
)
def test_what_is_typed_has_the_intent_that_install_gives_it(text: str, intent: str) -> None:
    assert added(text).intent == intent
    assert added(text, entry(None)).intent == intent  # until now a dependency
    assert added(text, entry("alpha")).intent == intent
    assert added(text, entry("/src/alpha", "dev", editable="/src/alpha")).intent == intent


def test_what_was_noted_stays() -> None:
    noted = entry("alpha", "dev", until="2027-01-01", reason="a trial")
    found = added("alpha==1.0", noted)
    assert (found.intent, found.until, found.reason) == ("dev", "2027-01-01", "a trial")


@pytest.mark.parametrize(
    ("old", "typed", "wanted"),
    [
        ("alpha==1.5", "alpha", "alpha==1.5"),
        ("alpha==1.5", "alpha[x]", "alpha[x]==1.5"),
        ("alpha[x]<2", "Alpha", "alpha[x]<2"),
        ("alpha @ file:///alpha-1.0.tar.gz", "alpha", "alpha @ file:///alpha-1.0.tar.gz"),
        ("/src/alpha", "alpha", "/src/alpha"),
    ],
)
def test_a_name_alone_keeps_the_request_that_is_there(old: str, typed: str, wanted: str) -> None:
    found = added(typed, entry(old, "hold", reason="ticket 7", sha256="1"))
    assert (found.requirement, found.intent, found.reason) == (wanted, "hold", "ticket 7")
