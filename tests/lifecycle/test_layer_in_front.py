"""A layer for everybody in front of the user's own overlay."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bed import dists
from tests.bench import Bench
from tests.lifecycle.shared import change, layer_of
from tests.lifecycle.test_run import run


@pytest.fixture
def front(shared: Bench) -> Bench:
    """With a layer in front that has alpha 1.5."""
    condarc, layer = Path(shared.environ["CONDARC"]), layer_of(shared)
    text = condarc.read_text().replace(
        f"[~/.conda/overlays, beamline={layer}]", f"[beamline={layer}, ~/.conda/overlays]"
    )
    condarc.write_text(text)
    change(shared, "install", "alpha==1.5")
    return shared


@pytest.mark.parametrize("option", [[], ["--allow-conflicts"]])
def test_a_plan_names_what_stays_in_effect_in_front(front: Bench, option: list[str]) -> None:
    """And nothing is moved for a version that does not come into effect."""
    done = front.run("install", *front.where, "--yes", *option, "alpha==2.0")
    assert done.returncode == 0, done
    assert "alpha 1.5 of beamline is in effect in front of alpha 2.0" in done.stdout
    assert "beta" not in done.stdout
    code = "import alpha, beta; print(alpha.__version__, beta.__version__)"
    assert run(front, "python", "-c", code).stdout == "1.5 1.0\n"


def test_what_needs_another_version_than_that_in_front_is_a_conflict(front: Bench) -> None:
    argv = ["install", *front.where, "--yes", "beta==2.0"]
    done = front.run(*argv)
    assert done.returncode != 0, done
    broken = "beta 2.0 (overlay) requires alpha>=2, but 1.5 (overlay) would be in effect"
    assert broken in done.stderr
    done = front.run(*argv, "--allow-conflicts")
    assert done.returncode == 0 and broken in done.stdout, done


@pytest.mark.parametrize("option", [["-U", "--upgrade-strategy", "eager"], ["--force-reinstall"]])
def test_a_pin_behind_another_version_in_front_stays(
    front: Bench, links: Path, option: list[str]
) -> None:
    for version in ("1.5", "1.7", "2.0"):
        dists.wheel(links, "pinned", version)
    dists.wheel(links, "tool", "1.0", requires=["pinned"])
    argv = ["install", *front.where, "--yes", "--find-links", str(links)]
    assert front.run(*argv, "pinned==1.5").returncode == 0
    change(front, "install", "--find-links", links, "pinned==1.7")
    done = front.run(*argv, *option, "tool")
    if option == ["--force-reinstall"]:
        assert "pinned==1.5 was requested, but the request needs pinned 1.7" in done.stderr, done
    else:
        assert done.returncode == 0, done
    there = front.record()["distributions"]["pinned"]
    assert (there["version"], there["requirement"]) == ("1.5", "pinned==1.5")
