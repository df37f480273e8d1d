"""What a user's shell is like after each conda command, in real shells, by every conda.

Each journey is made twice, with the wiring and with the wiring switched off: but for the overlays
the whole environ has to be the same at each step.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.activation.made import Overlay, empty_environment, give, overlay
from tests.activation.run import Dump, Export, Nested, Shell, Step, check, latin
from tests.bed.users import User
from tests.long import LONG, first

SYSTEM = "/usr/local/bin:/usr/bin:/bin"
SPECIAL = "!\"$`'\\ \n #~*?[b]{c};&|<>()"
# In an entry of PATH conda itself makes these break its own code for the shell.
MANGLED_BY_CONDA = {"bash": "'", "zsh": "'", "dash": "'", "fish": '"$\n', "tcsh": '!"$`\n'}


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
    before, after = wired.environs["before"], wired.environs["after"]
    assert after.get("PYTHONPATH") == before.get("PYTHONPATH")
    # conda itself adds this one where its file for the shell, tcsh, does not.
    condabin = f"{latin(shell.conda.prefix / 'condabin')}:"
    assert after["PATH"].removeprefix(condabin) == before["PATH"].removeprefix(condabin)


def test_stacks_nested_shells_and_the_users_own_entries_are_kept(
    shell: Shell, over_science: Overlay, over_daq: Overlay
) -> None:
    child: list[Step] = [
        *(Dump("in a shell started inside", [over_science]), shell.load()),
        *("conda activate daq", Dump("daq in it", [over_daq]), "conda deactivate"),
        # conda itself may lose science here: its file for tcsh forgets, when it is sourced again,
        # that anything is active, and conda 26 takes this level for a stacked one still.
        Dump("science in it", [over_science], unless_conda_fails=True),
    ]
    failing: list[Step] = [
        shell.load(),
        "conda activate nosuch",
        Dump("failed to activate", [over_science]),
    ]
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


@first(1)
@pytest.mark.parametrize(
    ("path", "pythonpath"),
    [
        (f":{SYSTEM}::/usr/bin:/with space:/é☃:", None),
        (SYSTEM, ""),
        (SYSTEM, "/a:/a::/b:"),
        (f"{SYSTEM}:/{{}}:/", f":/{SPECIAL}:/é☃"),
    ],
    ids=["odd PATH", "empty PYTHONPATH", "odd PYTHONPATH", "special characters"],
)
def test_odd_values_come_back_exactly(
    shell: Shell, over_science: Overlay, path: str, pythonpath: str | None
) -> None:
    path = path.format("".join(c for c in SPECIAL if c not in MANGLED_BY_CONDA[shell.name]))
    steps = here_and_back(over_science)
    wired, bare = shell.with_and_without(steps, {"PATH": path, "PYTHONPATH": pythonpath})
    assert (bare.returncode, bare.stderr, wired.stderr) == (0, "", "")
    check(steps, wired, bare)
    after = wired.environs["after"]
    assert after.get("PYTHONPATH") == (None if pythonpath is None else latin(pythonpath))
    # conda itself writes the current directory out, in most shells.
    before = [entry or "." for entry in latin(path).split(":")]
    assert [entry or "." for entry in after["PATH"].split(":")][1:] == before


def test_where_conda_itself_mangles_path_the_outcome_is_condas(
    shell: Shell, over_science: Overlay
) -> None:
    steps = here_and_back(over_science, unless_conda_fails=True)
    for character in MANGLED_BY_CONDA[shell.name]:
        path = {"PATH": f"{SYSTEM}:/a{character}b:/last"}
        wired, bare = shell.with_and_without(steps, path)
        check(steps, wired, bare)
        after = bare.environs.get("after", {"PATH": None})["PATH"]
        mangled = bare.returncode or bare.stderr or not str(after).endswith(latin(path["PATH"]))
        # The newline is lost by conda's own file for fish, which the floor's is not.
        assert mangled or (shell.name, character) == ("fish", "\n")


def here_and_back(overlay: Overlay, unless_conda_fails: bool = False) -> list[Step]:
    return [
        *(Dump("before"), "conda activate science"),
        *(Dump("active", [overlay], unless_conda_fails), "conda deactivate", Dump("after")),
    ]


@LONG
def test_an_overlay_directory_may_have_any_name(shell: Shell, alice: User) -> None:
    directories = [alice.home / "-e é!", alice.home / SPECIAL.replace("\n", "")]
    science = [overlay(d, shell.conda.env("science"), alice) for d in directories]
    daq = [overlay(directories[1], shell.conda.env("daq"), alice)]
    steps: list[Step] = [
        *("conda activate science", Dump("science", science), "conda activate daq"),
        *(Dump("daq", daq), "conda deactivate", Dump("back", science), "conda install --help"),
        *(Dump("again", science), "conda deactivate", Dump("after")),
    ]
    where = {"CONDA_PLUGINS_OVERLAY_DIRS": ":".join(map(str, directories))}
    wired, bare = shell.with_and_without(steps, where)
    assert (bare.returncode, bare.stderr, wired.stderr) == (0, "", "")
    check(steps, wired, bare)


@LONG
def test_the_overlays_own_entries_that_the_user_had_before_stay(
    shell: Shell, over_science: Overlay
) -> None:
    """As whoever used overlays by hand has them in a start-up file."""
    steps: list[Step] = [
        *here_and_back(over_science),
        *("conda activate science", "conda activate daq", "conda activate science"),
        *("conda deactivate", "conda deactivate", "conda deactivate", Dump("after all")),
    ]
    by_hand = {"PATH": f"{over_science.bin}:{SYSTEM}", "PYTHONPATH": f"/x:{over_science.site}"}
    wired, bare = shell.with_and_without(steps, by_hand)
    assert (bare.returncode, wired.stderr) == (0, "")
    check(steps, wired, bare)
    assert over_science.bin in map(Path, wired.environs["after all"]["PATH"].split(":"))
