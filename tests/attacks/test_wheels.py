"""Nothing that a wheel names is written outside of the overlay, or printed as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bed import dists
from tests.bench import Bench
from tests.long import first

NAMES = ["../../x", "../x", "sub/x", "{home}/x", "..", "."]


@first(1)
@pytest.mark.parametrize("name", NAMES)
def test_a_script_that_leads_out_of_bin_is_refused(bench: Bench, links: Path, name: str) -> None:
    name = name.format(home=bench.user.home)
    wheel = dists.wheel(links, "bad", "1.0", scripts={name: "bad:main"})
    told = bench.refused(wheel)
    assert f"The script {name!r} would be outside of bin." in told
    assert not [path for path in bench.user.home.rglob("x") if path.name == "x"]


@first(1)
@pytest.mark.parametrize("member", ["../x.py", "../../../../x.py", "/x.py"])
def test_a_file_that_leads_out_of_site_packages_is_refused(
    bench: Bench, links: Path, member: str
) -> None:
    wheel = dists.wheel(links, "bad", "1.0", files={member: ""})
    bench.refused(wheel)
    assert not [*bench.user.home.rglob("x.py")]


def test_names_and_versions_are_escaped_on_their_way_to_a_terminal(
    bench: Bench, links: Path
) -> None:
    bench.given("install", "new")
    info = bench.site / "odd-1.dist-info"
    script = 'mkdir "$1"; printf "Name: o\\033[2Jdd\\nVersion: 1\\033]0;x\\007\\n" > "$1/METADATA"'
    assert bench.user.run(["sh", "-euc", script, "sh", info]).returncode == 0
    for command in ("status", "history", "diff", "export"):
        told = bench.run(command, *bench.where)
        assert "\033" not in told.stdout + told.stderr
        assert "\007" not in told.stdout + told.stderr
