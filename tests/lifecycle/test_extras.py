"""The extras of a request belong to it, whatever becomes of its version."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import sources
from tests.bed import dists
from tests.bench import Bench


@pytest.fixture
def fast(quick: Bench, links: Path) -> Bench:
    """Finds mine 1.0 and 2.0, whose extra needs dep, and pusher, which needs mine 2.0."""
    for version in ("1.0", "2.0"):
        dists.wheel(links, "mine", version, extras={"fast": ["dep"]})
    dists.wheel(links, "dep", "1.0")
    dists.wheel(links, "pusher", "1.0", requires=["mine>=2"])
    return quick


@pytest.mark.parametrize(
    ("how", "then"),
    [
        *(("mine[fast]==1.0", then) for then in ("", "edit", "update", "pusher")),
        *(("mine[fast] @ {uri}", then) for then in ("", "pusher")),
        ("{path}[fast]", "rebase"),
    ],
)
def test_extras_stay(fast: Bench, links: Path, how: str, then: str) -> None:
    wheel = links / "mine-1.0-py3-none-any.whl"
    fast.install("--find-links", links, how.format(uri=wheel.as_uri(), path=wheel))
    if then == "edit":
        fast.change("edit", "mine", "--no-editor")
    elif then == "update":
        fast.change("update", "mine")
    elif then == "pusher":
        fast.install("--find-links", links, "pusher", "--allow-conflicts")
    elif then:
        fast.change(then)
    exported = fast.export()
    assert "dep-1.0" in fast.distributions()
    fast.change("undo", "0")
    fast.change("apply", exported)
    assert "dep-1.0" in fast.distributions(), exported.read_text()


@pytest.mark.parametrize(
    ("words", "requirement"),
    [
        (("update", "mine>=2"), "mine[fast]>=2.0"),
        (("update", "mine[slow]"), "mine[fast,slow]>=2.0"),
        (("install", "mine>=2"), "mine[fast]>=2"),
        (("install", "-r"), "mine[fast]>=2"),
        (("install", "-U", "mine"), "mine[fast]>=2.0"),
        (("install", "--force-reinstall", "mine"), "mine[fast]"),
        (("install", "-U", "mine[slow]"), "mine[fast,slow]>=2.0"),
        (("install", "{wheel}"), "mine[fast] @ {uri}"),
    ],
)
def test_extras_stay_when_a_request_is_for_another_version(
    fast: Bench, links: Path, words: tuple[str, ...], requirement: str
) -> None:
    in_words = not {"-r", "{wheel}"} & {*words}  # so that pip gets the extras, too
    dists.wheel(links, "more", "1.0")
    needs = ["dep", "more"] if in_words else ["dep"]
    wheel = dists.wheel(links, "mine", "2.0", extras={"fast": needs, "slow": []})
    fast.install("--find-links", links, "mine[fast]>=1,<2")
    if words[-1] == "-r":
        words = (*words, str(sources.write(fast.user, fast.user.home / "r.txt", "mine>=2\n")))
    given = [word.format(wheel=wheel) for word in words]
    fast.change(*given, "--find-links", str(links))
    found = fast.record()["distributions"]["mine"]
    assert found["requirement"] == requirement.format(uri=wheel.as_uri())
    assert found["version"] == "2.0"
    assert {f"{name}-1.0" for name in needs} <= {*fast.distributions()}


def test_a_pin_with_extras_stays_when_its_name_is_requested(fast: Bench, links: Path) -> None:
    fast.install("--find-links", links, "mine[fast]==1.0")
    fast.install("mine", "--reason", "ticket 7")
    entry = fast.record()["distributions"]["mine"]
    assert (entry["requirement"], entry["reason"]) == ("mine[fast]==1.0", "ticket 7")


def test_what_a_requested_extra_needs_is_missed(fast: Bench, links: Path) -> None:
    fast.install("--find-links", links, "mine[fast]==1.0")
    missing = "mine 1.0 (overlay) requires dep, but it is not installed"
    assert missing in fast.refuse("remove", "dep", "--yes")
    fast.change("remove", "dep", "--allow-conflicts")
    told = fast.ask("status")
    assert missing in told and "conda overlay rebase" in told
    fast.change("rebase")
    assert "dep-1.0" in fast.distributions()
    assert missing not in fast.ask("status")
