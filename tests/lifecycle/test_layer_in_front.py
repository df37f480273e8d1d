"""A layer for everybody in front of the user's own overlay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.bed import dists
from tests.bench import Bench
from tests.lifecycle.shared import SERVICE, by_owner, change, layer_of
from tests.lifecycle.test_run import run

OWN = "~/.conda/overlays"
ALPHA = "import alpha; print(alpha.__version__)"


@pytest.fixture
def ahead(shared: Bench) -> Bench:
    """With a layer in front, which is still empty."""
    condarc, layer = Path(shared.environ["CONDARC"]), layer_of(shared)
    text = condarc.read_text().replace(
        f"[~/.conda/overlays, beamline={layer}]", f"[beamline={layer}, ~/.conda/overlays]"
    )
    condarc.write_text(text)
    return shared


@pytest.fixture
def front(ahead: Bench) -> Bench:
    """Where that layer has alpha 1.5."""
    change(ahead, "install", "alpha==1.5")
    return ahead


@pytest.fixture
def needs(links: Path) -> Path:
    """A wheel that needs what the layer in front has."""
    return dists.wheel(links, "needs", "1.0", requires=["alpha>=1.5,<2"])


def by_path(bench: Bench, overlay: Path) -> str:
    """The version of alpha that an overlay's scripts use without activation."""
    python = overlay / "bin" / ".python"
    return bench.user.run(["env", "-i", python, "-c", ALPHA]).stdout.strip()


def findings(bench: Bench, overlay: Path) -> list[dict[str, Any]]:
    """What `status` finds wrong with an overlay."""
    found: list[dict[str, Any]] = next(
        one["findings"]
        for one in bench.json("status")["overlays"]
        if one["overlay"] == str(overlay)
    )
    return found


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


def test_an_update_behind_an_older_version_in_front_is_not_held_back(
    front: Bench, links: Path
) -> None:
    for version in ("1.5", "2.0"):
        dists.wheel(links, "pinned", version)
    change(front, "install", "--find-links", links, "pinned==1.5")
    argv = ["install", *front.where, "--yes", "--find-links", str(links)]
    assert front.run(*argv, "--no-deps", "--allow-conflicts", "delta==2.0").returncode == 0
    for _ in range(2):
        done = front.run(*argv, "-U", "pinned")
        assert done.returncode == 0 and "held back" not in done.stdout + done.stderr, done
    assert front.record()["distributions"]["pinned"]["version"] == "2.0"


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


@pytest.mark.parametrize("option", [[], ["--layer", "beamline"]])
def test_the_layer_is_resolved_as_everybody_else_has_it(ahead: Bench, option: list[str]) -> None:
    """Not over the own overlay of its owner, which nobody else has."""
    owner, layer = by_owner(ahead), layer_of(ahead) / "science"
    owner.change("install", "--layer", OWN, "alpha==2.0", "--no-deps", "--allow-conflicts")
    owner.change("install", *option, "beta==2.0")
    code = "import alpha, beta; print(alpha.__version__, beta.__version__)"
    assert run(ahead, "python", "-c", code).stdout == "2.0 2.0\n"
    assert str(owner.user.home) not in (layer / "bin" / ".python").read_text()
    owner.change("install", "--layer", OWN, "new")
    assert "There is no" in owner.run("why", *owner.where, "--layer", "beamline", "new").stderr
    ahead.change("install", "new")
    assert findings(ahead, layer) == findings(owner, layer) == []


@pytest.mark.parametrize("option", [[], ["--layer", OWN]])
def test_a_script_of_the_own_overlay_uses_the_layer_in_front(
    front: Bench, option: list[str]
) -> None:
    front.change("install", *option, "new")
    assert run(front, "python", "-c", ALPHA).stdout.strip() == "1.5"
    assert by_path(front, front.overlay) == "1.5"
    assert findings(front, front.overlay) == []


def test_repair_tells_scripts_of_a_new_layer_in_front(ahead: Bench) -> None:
    ahead.change("install", "new")
    change(ahead, "install", "alpha==1.5")
    [found] = findings(ahead, ahead.overlay)
    layer, where = layer_of(ahead) / "science", "where they run without activation"
    assert found["text"] == f"its programs lack the layer {layer} {where}, which the shell uses"
    assert "for the layers that are there now" in ahead.change("repair")
    assert findings(ahead, ahead.overlay) == [] and by_path(ahead, ahead.overlay) == "1.5"


def test_status_counts_what_is_in_front(front: Bench, needs: Path) -> None:
    front.change("install", needs)
    assert "alpha" not in front.distributions()
    [own] = [one for one in front.json("status")["overlays"] if not one["label"]]
    assert own["findings"] == [] and own["distributions"][0]["meaning"] == "not in host"
    change(front, "remove", "alpha")
    found = next(one for one in findings(front, front.overlay) if one["kind"] == "conflict")
    assert "requires alpha<2,>=1.5, but 1.0 (environment) is in effect" in found["text"]
    assert found["remedies"][0] == "conda overlay rebase -n science"


def test_status_of_one_layer_counts_what_is_in_front_of_it(front: Bench, needs: Path) -> None:
    front.change("install", needs)
    every = front.json("status")["overlays"]
    [own] = front.json("status", "--layer", str(front.overlay.parent))["overlays"]
    assert own in every and own["findings"] == []


def test_no_rebase_is_named_for_what_is_in_front(front: Bench) -> None:
    front.change("install", "beta==2.0", "--allow-conflicts")
    [found] = findings(front, front.overlay)
    assert "requires alpha>=2, but 1.5 (overlay) is in effect" in found["text"]
    assert found["remedies"] == ["conda overlay remove -n science beta"]


def test_commands_for_the_layer_are_those_of_its_owner(front: Bench, needs: Path) -> None:
    layer = layer_of(front) / "science"
    change(front, "install", "new", "--until", "2020-01-01")
    start = f"sudo -u {SERVICE} {front.conda.executable} overlay "
    where = f"-p {front.host} --layer {layer.parent}"
    [found] = findings(front, layer)
    assert found["remedies"][0] == f"{start}remove {where} new"
    [found] = findings(by_owner(front), layer)
    assert found["remedies"][0] == "conda overlay remove -n science new"
    python = layer / "bin" / ".python"
    by_owner(front).edit(python, python.read_text() + "# changed")
    done = front.run("repair", *front.where, "--yes", "--layer", "beamline")
    assert done.returncode != 0 and f"{start}repair {where}" in done.stderr


def test_status_says_that_scripts_use_a_layer_whose_owner_is_no_longer_trusted(
    front: Bench,
) -> None:
    front.change("install", "new")
    condarc, layer = Path(front.environ["CONDARC"]), layer_of(front) / "science"
    condarc.write_text(condarc.read_text().replace(f"[{SERVICE}]", "[]"))
    [found] = findings(front, front.overlay)
    text = f"its programs still use the layer {layer} where they run without activation, "
    assert found["text"] == f"{text}which the shell does not"
    assert by_path(front, front.overlay) == "1.5"
    front.change("repair")
    assert findings(front, front.overlay) == [] and by_path(front, front.overlay) == "1.0"
