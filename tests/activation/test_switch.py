"""Overlays are off where CONDA_OVERLAY_DISABLE is set, by the user or for an environment alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conda_overlay.activation import switch
from tests.activation.made import Overlay, empty_environment, overlay
from tests.activation.run import Dump, Export, Shell, Step
from tests.bed import environment
from tests.bed.condas import Conda
from tests.bed.users import User

DISABLE = "CONDA_OVERLAY_DISABLE"


def with_variables(prefix: Path, variables: object) -> Path:
    """Let conda export variables for an environment."""
    text = json.dumps({"version": 1, "env_vars": variables})
    (prefix / "conda-meta" / "state").write_text(text)
    return prefix


@pytest.fixture
def operations(conda: Conda, scratch: Path, alice: User) -> Path:
    """With an overlay that is never to be used."""
    prefix = with_variables(
        environment.clone(conda.env("science"), scratch / "operations"), {DISABLE: "1"}
    )
    overlay(alice.home / ".conda" / "overlays", prefix, alice)
    return prefix


def wired(shell: Shell, steps: list[Step]) -> dict[str, str | None]:
    """The site-packages in PYTHONPATH at each dump."""
    ran = shell.run(steps)
    said = ran.stderr.splitlines()
    # A newer conda warns of any variable that it replaces.
    told = [line for line in said if not line.startswith(("WARNING: overwriting", "overwriting "))]
    assert (ran.returncode, told) == (0, []), ran
    return {label: environ.get("PYTHONPATH") for label, environ in ran.dumps}


def test_an_environment_switches_overlays_off_while_it_is_active(
    shell: Shell, over_science: Overlay, operations: Path
) -> None:
    steps: list[Step] = [
        *("conda activate science", Dump("first")),
        *(f"conda activate {operations}", Dump("operations")),
        *("conda deactivate", Dump("back")),
        *(f"conda activate {operations}", "conda activate science", Dump("on top")),
        *("conda activate science", Dump("again"), "conda deactivate", Dump("off again")),
        *("conda deactivate", Dump("back again"), "conda deactivate", "conda activate science"),
        *(f"conda activate --stack {operations}", Dump("stacked")),
        *("conda deactivate", Dump("unstacked"), "conda deactivate", Dump("after")),
    ]
    off = {"operations", "off again", "stacked", "after"}
    expected = {
        step.label: None if step.label in off else str(over_science.site)
        for step in steps
        if isinstance(step, Dump)
    }
    assert wired(shell, steps) == expected


def test_runs_out_of_such_an_environment_have_the_overlay(
    bash: Shell, over_science: Overlay, operations: Path
) -> None:
    steps: list[Step] = [
        f"conda activate {operations}",
        Dump("conda run", within="conda run -n science"),
        Dump("ours", within="conda overlay run -n science"),
        Dump("bare", within="conda overlay run --no-overlay -n science"),
        Dump("inner", within="conda overlay run --no-overlay -n science conda run -n science"),
        Dump("its own", within=f"conda overlay run -p {operations}"),
    ]
    site = str(over_science.site)
    off = dict.fromkeys(["bare", "inner", "its own"])
    assert wired(bash, steps) == {"conda run": site, "ours": site, **off}


def test_the_users_own_wish_outlasts_such_an_environment(
    bash: Shell, over_science: Overlay, operations: Path
) -> None:
    steps: list[Step] = [
        *(Export(DISABLE, "1"), f"conda activate {operations}", "conda activate science"),
        *(Dump("on top"), "conda deactivate", "conda deactivate", "conda activate science"),
        *(Dump("later"), Export(DISABLE, "0"), "conda activate science", Dump("no longer")),
    ]
    assert wired(bash, steps) == {
        **dict.fromkeys(["on top", "later"]),
        "no longer": str(over_science.site),
    }


def test_an_environment_can_switch_overlays_on(bash: Shell, operations: Path, alice: User) -> None:
    with_variables(operations, {DISABLE: "0"})
    ran = bash.run([Export(DISABLE, "1"), f"conda activate {operations}", Dump("on")])
    site = ran.environs["on"].get("PYTHONPATH") or ""
    assert site.startswith(str(alice.home / ".conda" / "overlays" / "operations"))


@pytest.mark.parametrize(
    "text", ["", "{", "[" * 100_000, "[]", '{"env_vars": 1}', f'{{"env_vars": ["{DISABLE}"]}}']
)
def test_a_damaged_file_of_variables_sets_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "conda-meta").mkdir()
    (tmp_path / "conda-meta" / "state").write_text(text)
    assert switch.of_environment(str(tmp_path)) is None


def test_variables_are_read_as_conda_does(tmp_path: Path) -> None:
    prefix = str(with_variables(empty_environment(tmp_path / "env"), {}))
    of_package = tmp_path / "env" / "etc" / "conda" / "env_vars.d" / "package.json"
    of_package.parent.mkdir(parents=True)
    of_package.write_text(json.dumps({DISABLE: "1"}))
    state = tmp_path / "env" / "conda-meta" / "state"
    assert switch.is_off_by(prefix) and switch.is_off_in(prefix, {})
    state.write_text(json.dumps({"env_vars": {DISABLE: "0"}}))
    assert not switch.is_off_by(prefix) and not switch.is_off_in(prefix, {DISABLE: "1"})
    state.write_text(json.dumps({"env_vars": {DISABLE: "***unset***"}}))
    assert switch.of_environment(prefix) is None and switch.is_off_in(prefix, {DISABLE: "1"})
