"""``export NAME`` and ``apply --layer``: a personal fix becomes that of a layer for everybody."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.bench import Bench
from tests.lifecycle import shared as layers
from tests.lifecycle.shared import by_owner, change

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")


@pytest.fixture
def patched(fixed: Bench, scratch: Path) -> Bench:
    """Whose user has patched `tool` in their own overlay, with a layer for everybody behind it."""
    return layers.lay(fixed, scratch)


def handed_over(bench: Bench, *names: str) -> Path:
    """Export a part to a file that everybody can read."""
    file = Path(bench.environ["CONDARC"]).with_name("fix.toml")
    file.write_text(bench.ask("export", *names))
    return file


def test_reason_patch_and_author_of_a_fix_are_kept(patched: Bench) -> None:
    change(patched, "install", "new")
    file = handed_over(patched, "tool")
    plan = by_owner(patched).json("apply", "--layer", "beamline", file)
    assert [one["name"] for one in plan["changes"]] == ["tool"]
    [layer] = by_owner(patched).json("status", "--layer", "beamline")["overlays"]
    rows = {row["name"]: row for row in layer["distributions"]}
    assert rows.keys() == {"new", "tool"}
    assert rows["tool"]["reason"] == "ticket 1234" and rows["tool"]["edited"]
    assert rows["tool"]["by"] == patched.user.name and rows["new"]["by"] == layers.SERVICE
    [core] = Path(layer["overlay"]).resolve().rglob("tool/core.py")
    assert "return 44  # fixed" in core.read_text()


def test_a_named_dependency_becomes_a_request(shared: Bench) -> None:
    shared.change("install", "alpha==2.0")  # and beta
    change(shared, "install", "new")
    plan = by_owner(shared).json(
        "apply", "--layer", "beamline", "--locked", handed_over(shared, "alpha", "Beta")
    )
    found = {one["name"]: (one["after"], one["requested"]) for one in plan["changes"]}
    assert found == {"alpha": ("2.0", True), "beta": ("2.0", True)}


def test_a_name_that_is_not_there_is_refused(shared: Bench) -> None:
    shared.change("install", "new")
    assert "newer is not in the overlay." in shared.refuse("export", "newer")
    shared.refuse("export", "new", "--baseline", code=2)


@pytest.mark.parametrize("by", ["x\\u001b[1m", "x" * 101])
def test_an_author_that_is_none_is_refused(shared: Bench, by: str) -> None:
    file = shared.user.home / "fix.toml"
    wanted = f'[[wanted]]\nrequirement = "new"\nname = "new"\nby = "{by}"\n'
    file.write_text(f"format = 1\npart = true\n{wanted}")
    assert "is not an author" in shared.refuse("apply", file, "--yes")
