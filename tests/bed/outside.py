"""Looks whether the tests have left alone what is not theirs."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

Facts = dict[str, object]


def places() -> dict[Path, bool]:
    """The directories of this machine that nobody's test may change.

    Returns:
        For each whether its time counts, too: anybody writes to ``/tmp``.
    """
    home = Path(pwd.getpwuid(os.geteuid()).pw_dir)
    timed = (Path("/"), Path("/home"), Path("/etc"), home)
    return {Path("/tmp"): False, **dict.fromkeys(timed, True)}


@contextmanager
def unchanged(places: Iterable[tuple[Path, bool]]) -> Iterator[None]:
    """Look at directories before and after.

    Raises:
        AssertionError: Owner, mode or time of one is another; the message says which and how.
    """
    before = [(place, timed, _facts(place, timed)) for place, timed in places]
    yield
    changes = [
        f"{place}: {fact} was {old} and is {new[fact]}"
        for place, timed, facts in before
        for new in [_facts(place, timed)]
        for fact, old in facts.items()
        if new[fact] != old
    ]
    assert not changes, "The tests have changed what is not theirs: " + "; ".join(changes)


def _facts(place: Path, timed: bool) -> Facts:
    status = place.stat()
    facts: Facts = {"owner": status.st_uid, "group": status.st_gid}
    facts["mode"] = oct(stat.S_IMODE(status.st_mode))
    return {**facts, "time": status.st_mtime_ns} if timed else facts
