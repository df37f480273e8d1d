"""A layer for everybody in front of the user's own overlay."""

from __future__ import annotations

from pathlib import Path

import pytest

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
