"""The start-up hook does what it must in conda's processes, and nothing anywhere else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from conda_overlay.activation import startup
from tests.activation.made import Overlay, overlay
from tests.activation.run import Dump, Export, Shell, Step, check
from tests.bed import base, environment, place
from tests.bed.condas import Conda
from tests.bed.users import User
from tests.long import LONG, few, first

LOADED = "import sys; print('conda_overlay.activation.startup' in sys.modules)"


@pytest.mark.parametrize(
    ("argv", "shell"),
    [
        ("conda shell.posix activate science", "posix"),
        ("conda shell.bash hook", "bash"),
        ("conda shell.tcsh deactivate", "tcsh"),
        ("conda shell.fish reactivate", "fish"),
        ("conda shell.posix+json activate science", "posix+json"),
        ("conda shell.cmd.exe activate science", "cmd.exe"),
        ("conda shell.powershell activate science", "powershell"),
        ("conda shell.xonsh activate science", "xonsh"),
        ("conda shell.posix commands", None),
        ("conda shell.posix", None),
        ("conda activate science", None),
        ("conda run -n science conda shell.posix activate", None),
        ("conda", None),
    ],
)
def test_only_activation_in_a_shell_is_a_request(argv: str, shell: str | None) -> None:
    assert startup.activation_request(argv.split()) == shell


@pytest.mark.parametrize(
    ("arguments", "environ", "loaded"),
    [
        ([], {}, "False"),
        (["run", "shell.posix"], {}, "False"),
        (["shell.posix", "activate"], {}, "True"),
        ([], {"_CONDA_OVERLAY": "0"}, "True"),
    ],
)
def test_a_python_of_the_base_loads_it_only_where_it_may_have_something_to_do(
    floor: Conda, alice: User, arguments: list[str], environ: dict[str, str], loaded: str
) -> None:
    argv = [str(floor.prefix / "bin" / "python"), "-c", LOADED, *arguments]
    assert alice.run(argv, env=environ).stdout.splitlines()[0] == loaded


def wired_state(overlay: Overlay) -> str:
    """What the state variable says where an overlay is wired."""
    site = overlay.site.relative_to(overlay.path)
    return f"{overlay.prefix}:{overlay.path}:PATH=bin:PYTHONPATH={site}"


@pytest.mark.parametrize("program", ["conda", "/usr/bin/python3", "{env}/bin/python"])
def test_a_module_of_an_overlay_that_another_start_up_file_has_loaded_is_forgotten_by_conda(
    floor: Conda, alice: User, over_science_of_floor: Overlay, program: str
) -> None:
    """``a.pth`` is a start-up file of the user's own."""
    python = floor.prefix / "bin" / "python"
    state = wired_state(over_science_of_floor)
    site = alice.home / ".local/lib" / over_science_of_floor.site.parent.name / "site-packages"
    site.mkdir(parents=True)
    (site / "a.pth").write_text("import of_science\n")
    script = alice.home / "conda"
    script.write_text("import sys; print('of_science' in sys.modules)")
    environ = {"PYTHONPATH": str(over_science_of_floor.site), "_CONDA_OVERLAY": state}
    assert alice.run([python, script], env=environ).stdout == "False\n"


OWN = [
    "{library}/site-packages",
    "{library}/site-packages/",
    "/nowhere:{library}/site-packages",
    "{library}",
]


@pytest.mark.parametrize("named", OWN)
def test_pythonpath_may_name_the_directories_of_condas_python(
    bash: Shell, over_science: Overlay, named: str
) -> None:
    value = named.format(library=library(bash.conda))
    steps: list[Step] = [Dump("before"), "conda activate science"]
    steps += [Dump("active", [over_science]), "conda deactivate", Dump("after")]
    wired, bare = bash.with_and_without(steps, {"PYTHONPATH": value})
    assert (wired.returncode, wired.stderr) == (0, "")
    check(steps, wired, bare)


def test_pythonpath_may_name_them_after_an_activation(bash: Shell, over_science: Overlay) -> None:
    value = f"{library(bash.conda)}/site-packages"
    steps: list[Step] = ["conda activate science", Export("PYTHONPATH", value), "conda deactivate"]
    ran = bash.run([*steps, "conda activate science", Dump("active")])
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.environs["active"]["PYTHONPATH"] == f"{over_science.site}:{value}"


def test_conda_run_dev_which_puts_conda_in_pythonpath(
    conda: Conda, alice: User, over_science: Overlay
) -> None:
    command = ["/bin/sh", "-c", "echo $_CONDA_OVERLAY"]
    done = alice.run([conda.executable, "run", "-n", "science", "--dev", *command])
    assert (done.returncode, done.stderr) == (0, "")
    assert str(over_science.path) in done.stdout


@pytest.mark.parametrize("argv", ["conda", "other"])
def test_nothing_in_pythonpath_passes_for_the_plugin_and_python_still_has_it(
    floor: Conda, alice: User, over_science_of_floor: Overlay, argv: str
) -> None:
    """Nor in an overlay, which conda itself must not see."""
    over, mine = over_science_of_floor, alice.home / "mine"
    for site in (mine, over.site):
        (site / "conda_overlay").mkdir(parents=True)
        (site / "conda_overlay" / "__init__.py").write_text("raise SystemExit('not the plugin')")
    script = alice.home / argv
    script.write_text("import sys, conda_overlay.activation.startup; print(*sys.path, sep=chr(10))")
    own = f"{library(floor)}/site-packages"
    environ = {"PYTHONPATH": f"{mine}/:{over.site}//:{own}", "_CONDA_OVERLAY": wired_state(over)}
    done = alice.run([floor.prefix / "bin" / "python", script], env=environ)
    assert (done.returncode, done.stderr) == (0, "")
    assert {str(mine), own} <= set(done.stdout.splitlines())
    assert str(over.site) not in done.stdout.splitlines()


def library(conda: Conda) -> Path:
    """The standard library of the base."""
    [site] = conda.prefix.glob("lib/python3*/site-packages/conda")
    return site.parent.parent


SPAWN = """
import os
from conda.base.context import context
context.plugin_manager.load_entrypoints("conda")
context.plugin_manager.invoke_pre_commands({command!r})
names = [name for name in ("PYTHONPATH", "_CONDA_OVERLAY") if name in os.environ]
print(*names, os.environ["PATH"])
"""


@pytest.mark.parametrize(
    ("command", "has_it"), [("spawn", False), ("shell", False), ("info", True)]
)
def test_conda_computes_no_activation_from_a_wired_environment(
    floor: Conda, alice: User, over_science_of_floor: Overlay, command: str, has_it: bool
) -> None:
    """As ``conda spawn`` does, in conda's own process."""
    over = over_science_of_floor
    environ = {
        "PYTHONPATH": str(over.site),
        "_CONDA_OVERLAY": wired_state(over),
        "PATH": f"{over.bin}:{over.prefix}/bin:/usr/bin",
    }
    argv = [str(floor.prefix / "bin" / "python"), "-c", SPAWN.format(command=command)]
    done = alice.run(argv, env=environ)
    assert done.returncode == 0, done.stderr
    words = f"PYTHONPATH _CONDA_OVERLAY {over.bin}:" if has_it else ""
    assert done.stdout == f"{words}{over.prefix}/bin:/usr/bin\n"


@pytest.fixture
def over_science_of_floor(floor: Conda, alice: User) -> Overlay:
    return overlay(alice.home / ".conda" / "overlays", floor.env("science"), alice)


COMMANDS = [
    ["--version"],
    ["info", "--json"],
    ["list", "-n", "science"],
    ["config", "--show"],
    ["env", "list"],
    ["no-such-command"],
    ["shell.posix", "deactivate"],
    ["shell.posix", "activate", "science"],
    ["shell.posix", "activate", "nosuch"],
    ["shell.posix", "activate", "--help"],
    ["shell.posix", "commands"],
    ["shell.posix", "hook"],
    ["shell.fish", "hook"],
    ["shell.csh", "hook"],
    ["shell.posix+json", "activate", "science"],
    ["shell.powershell", "activate", "science"],
    ["shell.nosuch", "activate"],
]
LINE_FOLLOWS = [
    ["shell.posix", "deactivate"],
    ["shell.posix", "activate", "science"],
    ["shell.posix", "activate", "nosuch"],
    ["shell.posix", "activate", "--help"],
    ["shell.posix", "hook"],
    ["shell.fish", "hook"],
    ["shell.csh", "hook"],
]


DATES = re.compile('"(created|last_modified)": ')


def output(conda: Conda, user: User, argv: list[str]) -> tuple[int, str, str]:
    """What a command of conda says, wherever that conda is, but for our command and settings."""
    done = user.run([conda.executable, *argv])

    def said(text: str) -> str:
        if argv == ["info", "--json"] and text:  # other tests have more environments there
            facts = json.loads(text)
            text = json.dumps({k: v for k, v in facts.items() if k[:4] != "envs"}, indent=2)
        text = text.replace(", 'overlay'", "").replace(", overlay", "")
        # The last two are of `config --show`, which has the settings of plugins since 26.
        ours = ("overlay\n", "plugins:\n", "  overlay_")
        lines = [line for line in text.splitlines(keepends=True) if not line.startswith(ours)]
        if argv[0] == "info":  # in which some lists have no order, and environments have dates
            lines = [line.strip(",\n") for line in lines if not DATES.search(line)]
            lines.sort()
        return "".join(lines).replace(str(conda.prefix), "BASE")

    return done.returncode, said(done.stdout), said(done.stderr)


@pytest.mark.parametrize("argv", few(COMMANDS, ["info", "--json"]), ids=" ".join)
def test_every_command_says_the_same_with_and_without_the_plugin(
    conda: Conda, bare: Conda, alice: User, argv: list[str]
) -> None:
    with_it, without = output(conda, alice, argv), output(bare, alice, argv)
    assert with_it == without
    (alice.home / ".conda" / "overlays").mkdir(parents=True)
    code, stdout, stderr = output(conda, alice, argv)
    assert (code, stderr) == (without[0], without[2])
    if argv in LINE_FOLLOWS:
        line = stdout.removeprefix(without[1])
        assert line.startswith(";") or not without[1] or without[1].endswith("\n")
        assert line.count("\n") == 1 and "conda_overlay/activation" in line
    else:
        assert stdout == without[1]


def test_json_stays_json(conda: Conda, alice: User, over_science: Overlay) -> None:
    for argv in (["info", "--json"], ["shell.posix+json", "activate", "science"]):
        assert json.loads(alice.run([conda.executable, *argv]).stdout)


@first(2)
@pytest.mark.parametrize("state", ["garbage", ":::", "PATH:!", "/a:/b", "\udcff:\n", "2:/:/:/"])
def test_a_broken_state_variable_stops_nothing(
    bash: Shell, over_science: Overlay, state: str
) -> None:
    steps: list[Step] = ["conda activate science", Dump("active")]
    steps += ["conda deactivate", Dump("after")]
    ran = bash.run(steps, {"_CONDA_OVERLAY": state})
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.environs["active"]["PYTHONPATH"] == str(over_science.site)
    assert not {"_CONDA_OVERLAY", "PYTHONPATH"} & set(ran.environs["after"])


@LONG
def test_broken_files_of_an_overlay_stop_nothing(bash: Shell, over_science: Overlay) -> None:
    recorded = over_science.path.with_name(f".{over_science.path.name}") / "host"
    for damage in ("host is not text", "host is a directory", "unreadable"):
        if damage == "host is not text":
            recorded.write_bytes(b"\xff\0")
        elif damage == "host is a directory":
            recorded.unlink()
            recorded.mkdir()
        else:
            over_science.path.parent.chmod(0)
        ran = bash.run(["conda activate science", "conda deactivate", Dump("after")])
        assert ran.returncode == 0
        assert "Traceback" not in ran.stderr
        assert not {"_CONDA_OVERLAY", "PYTHONPATH"} & set(ran.environs["after"])


@pytest.fixture
def damaged(conda: Conda) -> Iterator[Conda]:
    """A copy of the conda, to damage."""
    with place.scratch() as directory:
        prefix = base.clone(conda.prefix, directory / "base")
        environment.clone(conda.env("science"), prefix / "envs" / "science")
        yield Conda(prefix, conda.version)


def test_a_broken_installation_of_the_plugin_stops_nothing(
    damaged: Conda, alice: User, over_science: Overlay
) -> None:
    bash = Shell("bash", damaged, alice)
    [package] = damaged.prefix.glob("lib/python*/site-packages/conda_overlay")
    damages: dict[str, tuple[Path, str]] = {
        "settings": (package / "settings.py", "raise RuntimeError('broken')"),
        "engine": (package / "activation" / "engine.py", "raise RuntimeError('broken')"),
        "hook": (package / "activation" / "startup.py", "raise RuntimeError('broken')"),
    }
    for name, (file, text) in damages.items():
        file.write_text(text)
        ran = bash.run(["conda activate science", Dump(name), "conda deactivate", Dump("after")])
        assert ran.returncode == 0, ran
        assert name != "hook" or not ran.stderr
        assert ran.environs[name]["CONDA_SHLVL"] == "1"
        assert ran.environs["after"]["CONDA_SHLVL"] == "0"
