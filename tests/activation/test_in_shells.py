"""What a user's shell is like after each conda command, in real shells, by every conda.

Each journey is made twice, with the wiring and with the wiring switched off: but for the overlays
the whole environ has to be the same at each step.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.activation.run import (
    FLAGS,
    Dump,
    Export,
    Nested,
    Overlay,
    Shell,
    Step,
    check,
    needs,
)
from tests.bed import cpython, place
from tests.bed.users import User
from tests.conftest import Conda


@pytest.fixture(params=FLAGS)
def shell(request: pytest.FixtureRequest, conda: Conda, alice: User) -> Shell:
    needs(request.param)
    return Shell(request.param, conda, alice)


def overlay(directory: Path, prefix: Path, user: User, *, by_hand: bool = False) -> Overlay:
    """Make an overlay of a user's, as quickly as possible."""
    path = directory / prefix.name
    site = path / "lib" / f"python{cpython.default().xy}" / "site-packages"
    script = path / "bin" / f"tool-of-{prefix.name}"
    state = directory / f".{prefix.name}"
    missing = [p for p in (directory, *directory.parents) if not p.exists()]
    for part in (site, script.parent, *([] if by_hand else [state])):
        part.mkdir(parents=True)
    (site / f"of_{prefix.name}.py").touch()
    script.write_text(f"#!/bin/sh\necho {prefix.name}\n")
    script.chmod(0o755)
    if not by_hand:
        (state / "host").write_text(f"{prefix.resolve()}\n")
    give([*missing, path, state], user)
    return Overlay(path, prefix)


def give(paths: list[Path], user: User) -> None:
    """Make trees a user's."""
    if os.geteuid() == 0:
        for top in filter(Path.exists, paths):
            for path in (top, *top.rglob("*")):
                os.chown(path, user.uid, user.gid, follow_symlinks=False)


@pytest.fixture
def over_science(conda: Conda, alice: User) -> Overlay:
    return overlay(alice.home / ".conda" / "overlays", conda.env("science"), alice)


@pytest.fixture
def over_daq(conda: Conda, alice: User) -> Overlay:
    return overlay(alice.home / ".conda" / "overlays", conda.env("daq"), alice)


@pytest.fixture
def scratch() -> Iterator[Path]:
    with place.scratch() as directory:
        yield directory


def empty_environment(prefix: Path) -> Path:
    """What ``conda create`` without packages leaves."""
    (prefix / "bin").mkdir(parents=True)
    (prefix / "conda-meta").mkdir()
    (prefix / "conda-meta" / "history").touch()
    return prefix


def test_switches_and_returns_leave_no_trace(
    shell: Shell, over_science: Overlay, over_daq: Overlay, scratch: Path, alice: User
) -> None:
    plain, own = empty_environment(scratch / "plain"), empty_environment(alice.home / "own")
    give([own], alice)
    steps: list[Step] = [
        *(Dump("before"), "conda deactivate", Dump("nothing to deactivate")),
        *("conda activate science", Dump("science", [over_science])),
        *("conda activate science", Dump("again", [over_science])),
        *("conda install --help", Dump("after an installation", [over_science])),
        *("conda activate daq", Dump("to daq", [over_daq])),
        *("conda activate science", Dump("back to science", [over_science])),
        *(f"conda activate {plain}", Dump("to one without an overlay")),
        *(f"conda activate {own}", Dump("to one that the user owns")),
        *("conda deactivate", Dump("back by 1")),
        *("conda deactivate", Dump("back by 2", [over_science])),
        *("conda deactivate", Dump("back by 3", [over_daq])),
        *("conda deactivate", Dump("back by 4", [over_science])),
        *("conda deactivate", Dump("after")),
        *("conda deactivate", Dump("twice")),
    ]
    wired, bare = shell.with_and_without(steps)
    assert (bare.returncode, bare.stderr, wired.stderr) == (0, "", "")
    check(steps, wired, bare)
    for variable in ("PATH", "PYTHONPATH"):
        before, after = wired.environs["before"], wired.environs["after"]
        assert before.get(variable) == after.get(variable)


def test_stacks_nested_shells_and_the_users_own_entries_are_kept(
    shell: Shell, over_science: Overlay, over_daq: Overlay
) -> None:
    child: list[Step] = [
        *(Dump("in a shell started inside", [over_science]), "conda activate daq"),
        *(Dump("daq in it", [over_daq]), "conda deactivate", Dump("science in it", [over_science])),
    ]
    failing: list[Step] = ["conda activate nosuch", Dump("failed to activate", [over_science])]
    steps: list[Step] = [
        *("conda activate base", Dump("base"), "conda activate science"),
        *(Dump("from base", [over_science]), "conda activate --stack daq"),
        *(
            Dump("stacked", [over_daq, over_science]),
            "conda deactivate",
            Dump("unstacked", [over_science]),
        ),
        *(Nested(child), Dump("the parent is as before", [over_science])),
        Nested(failing, lenient=True),
        Export("PATH", "/first:$PATH:/last" if shell.name == "fish" else "/first:${PATH}:/last"),
        Export("PYTHONPATH", "/new:$PYTHONPATH" if shell.name == "fish" else "/new:${PYTHONPATH}"),
        *("conda activate science", Dump("edited", [over_science])),
        *("conda deactivate", Dump("base again"), "conda deactivate", Dump("kept")),
    ]
    wired, bare = shell.with_and_without(steps, {"PYTHONPATH": "/start"})
    check(steps, wired, bare)
    assert bare.returncode == 0
    assert wired.stderr == bare.stderr, "conda's own words about nosuch alone"
    assert "nosuch" in wired.stderr
    kept = wired.environs["kept"]
    assert kept["PYTHONPATH"] == "/new:/start"
    assert kept["PATH"].startswith("/first:") and kept["PATH"].endswith(":/last")
