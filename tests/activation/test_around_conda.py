"""Neither conda nor the scripts that it runs see the wiring, and shells keep their own habits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import xonsh

from tests.activation.made import Overlay, empty_environment, give
from tests.activation.run import Dump, Shell, Step, check, latin
from tests.activation.test_startup import wired_state
from tests.bed.condas import Conda
from tests.bed.users import User

SAVING = {
    "sh": ('export SAVED="${PYTHONPATH-unset}"\n', 'export PYTHONPATH="$SAVED"\n'),
    "fish": ('set -gx SAVED "$PYTHONPATH"\n', 'set -gx PYTHONPATH "$SAVED"\n'),
    "csh": ('setenv SAVED "$PYTHONPATH"\n', 'setenv PYTHONPATH "$SAVED"\n'),
}
"""Scripts of an environment that save a variable, and put it back, by their extension."""


@pytest.fixture
def saving(alice: User) -> Path:
    """An environment of alice's own that sets PYTHONPATH, and whose scripts save and restore it."""
    prefix = empty_environment(alice.home / "saving")
    (prefix / "conda-meta" / "state").write_text('{"env_vars": {"PYTHONPATH": "/x"}}')
    for extension, (save, restore) in SAVING.items():
        for when, text in (("activate", save), ("deactivate", restore)):
            directory = prefix / "etc" / "conda" / f"{when}.d"
            directory.mkdir(parents=True, exist_ok=True)
            (directory / f"saving.{extension}").write_text(text)
    give([prefix], alice)
    return prefix


def test_what_conda_and_scripts_save_and_restore_has_no_wiring(
    shell: Shell, over_science: Overlay, saving: Path
) -> None:
    steps: list[Step] = [
        *("conda activate science", Dump("active", [over_science])),
        *(f"conda activate {saving}", Dump("other")),
        *("conda deactivate", Dump("back", [over_science])),
        *("conda deactivate", Dump("after")),
    ]
    wired, bare = shell.with_and_without(steps, {"PYTHONPATH": "/mine"})
    check(steps, wired, bare)
    assert bare.environs["other"]["SAVED"] and bare.environs["after"]["PYTHONPATH"] == "/mine"


ALIASES = {
    "bash": ["shopt -s expand_aliases", "alias eval=false unset=false"],
    "zsh": ["setopt aliases", "alias eval=false unset=false"],
    "dash": ["alias eval=false unset=false"],
    "fish": ["function source; false; end"],
}


@pytest.mark.parametrize("shell", ALIASES, indirect=True)
def test_aliases_and_functions_in_the_place_of_builtins_do_not_matter(
    shell: Shell, over_science: Overlay
) -> None:
    steps: list[Step] = ["conda activate science", Dump("active", [over_science])]
    steps += ["conda deactivate", Dump("after")]
    steps = [*ALIASES[shell.name], *steps]
    wired, bare = shell.with_and_without(steps)
    check(steps, wired, bare)
    assert wired.dumps and not wired.stderr


def test_an_array_that_zsh_has_tied_to_a_variable_stays_tied(
    conda: Conda, alice: User, over_science: Overlay
) -> None:
    steps: list[Step] = [
        "typeset -T PYTHONPATH pythonpath",
        *("conda activate science", Dump("active", [over_science]), "conda deactivate"),
        *("pythonpath=(/a /b)", "export PYTHONPATH", Dump("tied")),
        *("manpath=(/c /d)", "export MANPATH", Dump("tied to man")),
    ]
    wired, bare = Shell("zsh", conda, alice).with_and_without(steps)
    check(steps, wired, bare)
    assert wired.environs["tied"]["PYTHONPATH"] == "/a:/b"
    assert wired.environs["tied to man"]["MANPATH"] == "/c:/d"


@pytest.mark.parametrize("shell", ["bash", "zsh", "dash"], indirect=True)
def test_a_read_only_variable_costs_the_overlay_and_not_the_shell(
    shell: Shell, over_science: Overlay
) -> None:
    steps: list[Step] = ["readonly PYTHONPATH", "conda activate science", Dump("active")]
    steps += ["conda deactivate", Dump("after")]
    wired, bare = shell.with_and_without(steps, {"PYTHONPATH": "/mine"})
    check(steps, wired, bare)
    assert wired.returncode == 0 and wired.environs["after"]["PYTHONPATH"] == "/mine"
    assert (
        "conda-overlay: nothing was changed because one of these variables is read-only"
        in wired.stderr
    )


def test_a_list_that_fish_joins_with_spaces_and_a_universal_variable_come_back(
    conda: Conda, alice: User, over_science: Overlay
) -> None:
    fish = Shell("fish", conda, alice)
    steps: list[Step] = [
        "set -gx --unpath PYTHONPATH /a:/b",
        *("conda activate science", Dump("active", [over_science]), "conda deactivate"),
        Dump("not a list"),
        *("set -eg PYTHONPATH", "set -Ux PYTHONPATH /u", Dump("universal")),
        *("conda activate science", Dump("again", [over_science]), "conda deactivate"),
        *("set -Ux PYTHONPATH /v", Dump("changed")),
    ]
    wired = fish.run(steps, {"XDG_CONFIG_HOME": str(alice.home / "wired")})
    without = {"XDG_CONFIG_HOME": str(alice.home / "wired"), "CONDA_OVERLAY_DISABLE": "1"}
    check(steps, wired, fish.run(steps, without))
    assert wired.environs["changed"]["PYTHONPATH"] == "/v"


# From beside the tests' own tools, in a Python that alice can run.
RUN = f"import sys; sys.path.append({str(Path(xonsh.__file__).parents[1])!r})\n"
RUN += "from xonsh.main import main; main()"
XONSH = """\
import json
def run_conda(args):  # as conda's own does, which the floor's wheel lacks
    __xonsh__.execer.exec($($CONDA shell.xonsh @(args)), glbs=__xonsh__.ctx, filename="conda")
aliases["conda"] = run_conda
noted = {}
def note(label):
    noted[label] = {name: __xonsh__.env.detype().get(name) for name in NAMES}
NAMES = ["PATH", "PYTHONPATH", "JUPYTER_PATH", "MANPATH", "_CONDA_OVERLAY"]
note("before")
conda activate science
note("science")
conda activate daq
note("daq")
conda deactivate
note("back")
conda deactivate
note("after")
print(json.dumps(noted))
"""


def test_xonsh_is_a_shell_like_the_others(
    conda: Conda, alice: User, over_science: Overlay, over_daq: Overlay
) -> None:
    script = alice.home / "script.xsh"
    script.write_text(XONSH)
    env = {"CONDA": str(conda.executable), "PYTHONPATH": "/mine"}
    done = alice.run([conda.prefix / "bin" / "python", "-c", RUN, "--no-rc", script], env=env)
    assert done.returncode == 0, done
    noted = json.loads(done.stdout.splitlines()[-1])
    assert noted["science"] == noted["back"]
    condabin = f"{conda.prefix}/condabin:"
    noted["after"]["PATH"] = noted["after"]["PATH"].removeprefix(condabin)
    assert noted["before"] == noted["after"]
    for name, made in (("science", over_science), ("daq", over_daq)):
        environ = noted[name]
        path = environ["PATH"].split(":")
        assert path.index(latin(made.bin)) == path.index(latin(made.prefix / "bin")) - 1
        assert environ["PYTHONPATH"] == f"{made.site}:/mine"
        assert environ["MANPATH"] == f"{made.path}/share/man:"
        assert environ["JUPYTER_PATH"] == f"{made.path}/share/jupyter"


def wired_environ(overlay: Overlay) -> dict[str, str | None]:
    return {
        "_CONDA_OVERLAY": f"PYTHONPATH:{wired_state(overlay)}",
        "PYTHONPATH": f"{overlay.site}:/mine",
        "PATH": f"{overlay.bin}:{overlay.prefix}/bin:/usr/bin:/bin",
        "CONDA_PREFIX": str(overlay.prefix),
        "CONDA_DEFAULT_ENV": "science",
        "CONDA_SHLVL": "1",
    }


def test_a_program_that_asks_for_json_is_told_to_unwire(
    conda: Conda, alice: User, over_science: Overlay
) -> None:
    argv = [str(conda.executable), "shell.posix+json", "activate", "daq"]
    done = alice.run(argv, env=wired_environ(over_science))
    answer = json.loads(done.stdout)
    assert answer["vars"]["export"]["PYTHONPATH"] == "/mine"
    assert "_CONDA_OVERLAY" in answer["vars"]["unset"]
    assert str(over_science.bin) not in str(answer["path"])
    assert answer["path"]["PATH"][0] == f"{conda.env('daq')}/bin"
    failed = alice.run([*argv[:-1], "nosuch"], env=wired_environ(over_science))
    assert failed.returncode == 1 and str(over_science.bin) not in failed.stdout


def test_powershell_is_told_to_unwire(conda: Conda, alice: User, over_science: Overlay) -> None:
    argv = [str(conda.executable), "shell.powershell", "activate", "daq"]
    lines = alice.run(argv, env=wired_environ(over_science)).stdout.splitlines()
    assert lines[:3] == [
        f"$Env:PATH = '{over_science.prefix}/bin:/usr/bin:/bin'",
        "$Env:PYTHONPATH = '/mine'",
        "Remove-Item Env:/_CONDA_OVERLAY",
    ]
    assert str(over_science.bin) not in "".join(lines)


def test_a_setting_hides_the_user_site_for_as_long_as_an_overlay_is_wired(
    bash: Shell, over_science: Overlay
) -> None:
    steps: list[Step] = ["conda activate science", Dump("active", [over_science])]
    steps += ["conda activate daq", Dump("other"), "conda deactivate", Dump("back", [over_science])]
    ran = bash.run(steps, {"CONDA_PLUGINS_OVERLAY_HIDE_USER_SITE": "true"})
    assert ran.environs["active"]["PYTHONNOUSERSITE"] == "1"
    assert "PYTHONNOUSERSITE" not in ran.environs["other"]
    back = ran.environs["back"]
    if not back.get("CONDA_PREFIX_1"):  # which conda 26 leaves empty
        back.pop("CONDA_PREFIX_1", None)
    assert back == ran.environs["active"]
