"""The picture of a session is what a terminal shows."""

from __future__ import annotations

from html import escape
from xml.etree import ElementTree

import pytest

from tests import recording
from tests.bed import place
from tests.long import LONG


@pytest.mark.parametrize(
    ("line", "content"),
    [
        ("plain", "plain"),
        ("a < b & c", "a &lt; b &amp; c"),
        ("\x1b[1madded:\x1b[0m 1", '<tspan class="bold">added:</tspan> 1'),
        (
            "\x1b[1m\x1b[32m+ x\x1b[0m\x1b[0m  1.0",
            '<tspan class="bold green">+ x</tspan>  1.0',
        ),
        ("\x1b[1;31m- x\x1b[m", '<tspan class="bold red">- x</tspan>'),
        ("\x1b[?2004h$ ls\x1b[K", "$ ls"),
        (" 50%\r100%", "100%"),
    ],
)
def test_escapes_of_a_line_become_spans(line: str, content: str) -> None:
    assert recording.spans(line) == content


def test_line_that_a_terminal_would_break_is_refused() -> None:
    recording.spans("\x1b[1m" + 80 * "x")
    with pytest.raises(AssertionError):
        recording.spans(81 * "x")


def test_lines_stand_below_each_other_and_light_up_in_order() -> None:
    tree = ElementTree.fromstring(recording.picture("$ ls\na\n\nb\n(x) $ ls"))
    texts = [*tree.iter("{http://www.w3.org/2000/svg}text")]
    assert [text.text for text in texts] == ["$ ls", "a", "b", "(x) $ ls"]
    assert [text.get("class") for text in texts] == ["typed", None, None, "typed"]
    places = [float(text.get("y", "")) for text in texts]
    times = [float(text.get("style", "").partition(":")[2].rstrip("s")) for text in texts]
    assert places == sorted({*places}) and times == sorted({*times})


def test_recorded_session_is_the_one_of_the_script() -> None:
    text = recording.PICTURE.read_text(encoding="utf-8")
    ElementTree.fromstring(text)
    assert len(text) < 30_000 and str(place.root()) not in text
    for line in recording.SESSION:
        assert f" {escape(line, quote=False)}<" in text


@LONG
@pytest.mark.network
def test_session_can_be_recorded_again() -> None:
    shown = recording.session()
    assert (
        "Revision 1: humanize added." in shown and "Revision 2: back to the environment." in shown
    )
    recording.picture(shown)
