"""What conda says of packages that it cannot get, in one sentence."""

from __future__ import annotations

from pathlib import Path

from conda_overlay.fork.conda_packages import _failure


def test_a_thousand_packages_that_cannot_be_had_are_one_short_sentence() -> None:
    urls = [f"https://channel.invalid/noarch/p{n}-1.0-0.conda" for n in range(1000)]
    error = _failure("HTTP 404\n" + "\n".join(urls), urls, Path("/envs/new"))
    assert "and 995 more are no longer in any channel; nothing has changed." in error.message
    assert len(error.message) < 400
    assert error.dump_map()["packages"] == urls
