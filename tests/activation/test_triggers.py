"""Whatever way a user comes to an environment, its overlay is wired, and no other is."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from conda_overlay.activation import locate
from conda_overlay.report.shell import asked_trigger
from tests.activation.made import Overlay, overlay
from tests.activation.run import Dump, Export, Nested, Shell, Step, check
from tests.bed import base, environment, place, plugin, users
from tests.bed.command import checked
from tests.bed.condas import Conda
from tests.bed.users import User
from tests.long import LONG, first


def in_order(shell: Shell, steps: list[Step]) -> None:
    """Make a journey on which nothing goes wrong."""
    wired, bare = shell.with_and_without(steps)
    assert (bare.returncode, wired.stderr) == (0, "")
    check(steps, wired, bare)


def test_conda_run(bash: Shell, over_science: Overlay, over_daq: Overlay) -> None:
    in_order(
        bash,
        [
            Dump("run", [over_science], within="conda run -n science"),
            "conda activate science",
            Dump("from a shell that is wired for another", [over_daq], within="conda run -n daq"),
            Dump("the shell itself", [over_science]),
            "conda deactivate",
            Dump("after"),
        ],
    )


@LONG
def test_a_script_that_loads_condas_hook_within_a_wired_shell(
    bash: Shell, over_science: Overlay, over_daq: Overlay
) -> None:
    hook = f'eval "$({bash.conda.executable} shell.bash hook)"'
    inside: list[Step] = [hook, Dump("inherited", [over_science]), "conda activate daq"]
    in_order(
        bash,
        [
            "conda activate science",
            Nested([*inside, Dump("daq", [over_daq])]),
            *(bash.load(), "conda activate daq", Dump("loaded again", [over_daq])),
            *("conda deactivate", "conda deactivate", Dump("after")),
        ],
    )


def test_a_shell_that_inherits_the_wiring_but_not_path_loses_it_with_condas_hook(
    bash: Shell, over_science: Overlay
) -> None:
    """As a login shell, or one in tmux, which sets PATH anew."""
    hook = f'eval "$({bash.conda.executable} shell.bash hook)"'
    ran = bash.run(
        [
            *("conda activate science", Export("PATH", "/usr/bin:/bin"), Dump("stale"), hook),
            *(Dump("put right"), "conda deactivate", Dump("after")),
        ]
    )
    assert ran.stderr == ""
    assert "PYTHONPATH" in ran.environs["stale"]
    assert not {"PYTHONPATH", "_CONDA_OVERLAY"} & set(ran.environs["put right"])


def test_conda_run_as_a_module(bash: Shell, over_science: Overlay) -> None:
    python = bash.conda.prefix / "bin" / "python"
    in_order(
        bash,
        [
            f'eval "$({python} -m conda shell.posix activate science)"',
            Dump("active", [over_science]),
            f'eval "$({python} -mconda shell.posix deactivate)"',
            Dump("after"),
        ],
    )


CONDAS = "import sys, conda.cli.main, conda.cli.conda_argparse, conda_overlay.plugin"
SAY = "import sys; print(*{name.partition('.')[0] for name in sys.modules})"
"""What Python has imported before it comes to any start-up file, it has got from elsewhere."""


def break_conda(overlay: Overlay, conda: Conda) -> None:
    """Put a module that no program survives in place of each that conda imports, and the guard."""
    python = [str(conda.prefix / "bin" / "python"), "-I", "-c"]
    first, all_of_it = ({*checked([*python, code]).split()} for code in (SAY, f"{CONDAS}\n{SAY}"))
    # With one of these, an overlay is not wired at all.
    names = all_of_it - first - {*locate.BEFORE_GUARD} | {"sitecustomize"}
    assert names >= {"conda", "conda_overlay", "pluggy", "requests", "typing"}
    for name in names:
        (overlay.site / f"{name}.py").write_text("raise SystemExit('broken')\n")


@first(1)
@pytest.mark.parametrize("command", ["-m conda", "-mconda", "{}"])
def test_conda_survives_a_broken_overlay_without_a_guard(
    bash: Shell, over_science: Overlay, command: str
) -> None:
    break_conda(over_science, bash.conda)
    conda = f"{bash.conda.prefix}/bin/python {command.format(bash.conda.executable)}"
    ran = bash.run(
        [
            *("conda activate science", f"{conda} --version", "conda list -n daq --json"),
            *("conda deactivate", Dump("after")),
        ]
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert f"conda {bash.conda.version}\n" in ran.stdout
    assert "PYTHONPATH" not in ran.environs["after"]


def test_disable_switches_off_now_and_later_even_when_the_overlay_is_broken(
    shell: Shell, over_science: Overlay
) -> None:
    break_conda(over_science, shell.conda)
    ran = shell.run(
        [
            *("conda activate science", Dump("on"), Export("CONDA_OVERLAY_DISABLE", "1")),
            *("conda activate science", Dump("off"), "conda deactivate", Dump("after")),
            *("conda activate science", Dump("still off"), Export("CONDA_OVERLAY_DISABLE", "0")),
            *("conda activate science", Dump("on again"), "conda deactivate"),
        ]
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    has_it = {
        label: [n for n in ("PYTHONPATH", "_CONDA_OVERLAY") if n in environ]
        + [str(over_science.bin)] * (str(over_science.bin) in environ["PATH"])
        for label, environ in ran.dumps
    }
    everything = ["PYTHONPATH", "_CONDA_OVERLAY", str(over_science.bin)]
    assert has_it == {
        "on": everything,
        "off": [],
        "after": [],
        "still off": [],
        "on again": everything,
    }


def test_an_overlay_that_is_not_trusted_is_refused_once_with_the_reason(
    shell: Shell, over_science: Overlay, over_daq: Overlay
) -> None:
    over_science.site.chmod(0o777)
    steps: list[Step] = [
        *("conda activate science", Dump("refused"), "conda activate science"),
        *("conda activate daq", Dump("trusted"), "conda activate science", Dump("again")),
        *("conda deactivate", "conda deactivate", "conda deactivate", Dump("after")),
    ]
    ran = shell.run(steps)
    assert ran.stderr == (
        f"conda-overlay: {over_science.path} is not used: "
        f"{over_science.site} is writable by everybody.\n"
    )
    assert "PYTHONPATH" not in ran.environs["refused"]
    assert ran.environs["trusted"]["PYTHONPATH"] == str(over_daq.site)
    assert "PYTHONPATH" not in ran.environs["again"]
    assert "_CONDA_OVERLAY" not in ran.environs["after"]


def test_an_overlay_that_was_trusted_in_between_is_refused_again_with_the_reason(
    shell: Shell, over_science: Overlay
) -> None:
    modes = [f"chmod {mode} {over_science.site}" for mode in ("777", "755", "777")]
    ran = shell.run([step for mode in modes for step in (mode, "conda activate science")])
    told = f"{over_science.path} is not used: {over_science.site} is writable by everybody."
    assert ran.stderr == f"conda-overlay: {told}\n" * 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_an_overlay_of_an_owner_whom_the_configuration_names_is_wired(
    bash: Shell, alice: User, scratch: Path
) -> None:
    group = users.user("overlay-mallory")
    overlay(scratch / "group", bash.conda.env("science"), group)
    where = {"CONDA_PLUGINS_OVERLAY_DIRS": str(scratch / "group")}
    ran = bash.run(["conda activate science"], where)
    assert f"{scratch}/group belongs to {group.name}" in ran.stderr
    (alice.home / ".condarc").write_text(f"plugins:\n  overlay_trusted_owners: [{group.name}]\n")
    assert layers(bash, {**where}) == ["group"]


def layers(shell: Shell, env: dict[str, str | None]) -> list[str]:
    """The directories that hold the overlays that are wired for science, in order."""
    ran = shell.run(["conda activate science", Dump("active"), "conda deactivate"], env)
    assert (ran.returncode, ran.stderr) == (0, "")
    sites = ran.environs["active"].get("PYTHONPATH", "")
    return [Path(site).parents[3].name for site in filter(None, sites.split(":"))]


def test_overlay_dirs_come_from_condarc_and_the_environment_in_order(
    bash: Shell, alice: User
) -> None:
    for name in ("own", "group", "site", ".conda/overlays"):
        overlay(alice.home / name, bash.conda.env("science"), alice)
    assert layers(bash, {}) == ["overlays"]
    (alice.home / ".condarc").write_text(
        f"plugins:\n  overlay_dirs:\n    - ~/own\n    - /nowhere\n    - {alice.home}/group\n"
    )
    assert layers(bash, {}) == ["own", "group"]
    variable = {"CONDA_PLUGINS_OVERLAY_DIRS": f"$HOME/site:~/own:{alice.home}/missing"}
    # As in all of conda's lists, what the variable names comes before what condarc names.
    assert layers(bash, {**variable}) == ["site", "own", "group"]


def test_an_overlay_that_is_removed_while_it_is_wired_is_unwired(
    shell: Shell, over_science: Overlay
) -> None:
    steps: list[Step] = [
        *(Dump("before"), "conda activate science", Dump("wired", [over_science])),
        f"/bin/rm -r {over_science.path}",
        *("conda deactivate", Dump("after"), "conda activate science", Dump("gone")),
    ]
    ran = shell.run(steps)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert not {"PYTHONPATH", "_CONDA_OVERLAY"} & set(ran.environs["after"])
    assert not {"PYTHONPATH", "_CONDA_OVERLAY"} & set(ran.environs["gone"])
    assert str(over_science.bin) not in ran.environs["after"]["PATH"]


def test_from_installation_to_deactivation(
    bash: Shell, alice: User, hermetic: dict[str, str], hosts_unchanged: None
) -> None:
    argv = [str(bash.conda.executable), "overlay", "install", "-n", "science", "-y"]
    installed = alice.run([*argv, "new", "alpha==2.0"], env=hermetic)
    assert installed.returncode == 0, installed
    ran = bash.run(
        [
            *(Dump("before"), "conda activate science", "new", "alpha"),
            "python -c 'import alpha, delta; print(alpha.__version__, delta.__version__)'",
            *("conda deactivate", Dump("after")),
        ]
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.splitlines() == ["new 1.0", "alpha 2.0", "2.0 1.0"]
    for variable in ("PATH", "PYTHONPATH", "_CONDA_OVERLAY"):
        assert ran.environs["after"].get(variable) == ran.environs["before"].get(variable)


@pytest.fixture(scope="module")
def without_hook(conda: Conda) -> Iterator[Conda]:
    """A copy of the conda with the plugin, but not its start-up file."""
    with place.scratch() as directory:
        prefix = base.clone(conda.prefix, directory / "base")
        environment.clone(conda.env("science"), prefix / "envs" / "science")
        [file] = prefix.glob("lib/python*/site-packages/__conda_overlay.pth")
        file.unlink()
        environment.protect(prefix)
        yield Conda(prefix, conda.version)


def calls_plugins_at_activation(conda: Conda) -> bool:
    year, month = map(int, conda.version.split(".")[:2])
    return (24, 9) <= (year, month) < (26, 7)


def test_condas_own_hook_wires_alone_where_conda_calls_it(without_hook: Conda, alice: User) -> None:
    bash = Shell("bash", without_hook, alice)
    hostile = alice.home / "it's $`\"!"
    science = overlay(hostile, without_hook.env("science"), alice)
    wired = [science] if calls_plugins_at_activation(without_hook) else []
    steps: list[Step] = [
        *(Dump("before"), "conda activate science", Dump("active", wired)),
        *("conda activate science", Dump("again", wired), "conda deactivate", Dump("after")),
    ]
    where = {"CONDA_PLUGINS_OVERLAY_DIRS": str(hostile)}
    with_it, without = bash.with_and_without(steps, where)
    assert with_it.stderr == ""
    check(steps, with_it, without)


def trigger(conda: Conda, user: User, **environ: str) -> dict[str, str | None]:
    """What the status says will wire the overlay."""
    told: dict[str, str | None]
    told = json.loads(status(conda, user, "--json", **environ))["wiring"]["trigger"]
    return told


def status(conda: Conda, user: User, *options: str, **environ: str) -> str:
    argv: list[str | Path] = [conda.executable, "overlay", "status", "-n", "science", *options]
    done = user.run(argv, env={"SHELL": "/bin/bash", **environ})
    assert done.returncode == 0, done
    return done.stdout


@LONG
def test_status_finds_the_start_up_hook(conda: Conda, alice: User, over_science: Overlay) -> None:
    assert "trigger" not in status(conda, alice) and "will not use" not in status(conda, alice)
    assert trigger(conda, alice)["name"] == "start-up hook"
    assert trigger(conda, alice, CONDA_OVERLAY_DISABLE="1")["name"] == "start-up hook"


def test_the_process_that_is_asked_is_gone_when_the_operation_fails() -> None:
    before = children()
    with pytest.raises(RuntimeError), asked_trigger():
        assert children() > before
        raise RuntimeError
    assert children() == before


def children() -> set[str]:
    """The children of this process, finished ones included."""
    me = Path("/proc/self/task")
    return {pid for task in me.iterdir() for pid in (task / "children").read_text().split()}


@LONG
def test_where_nothing_wires_status_says_what_to_type_and_that_wires(
    without_hook: Conda, alice: User
) -> None:
    told = trigger(without_hook, alice)
    words = "conda activate will not use the overlay: "
    if calls_plugins_at_activation(without_hook):
        assert told["name"] == "conda_post_commands"
        assert words not in status(without_hook, alice)
        return
    assert told["name"] is None
    bash = Shell("bash", without_hook, alice)
    science = overlay(alice.home / ".conda" / "overlays", without_hook.env("science"), alice)
    assert f"{words}{told['reason']}.\nHint: {told['remedy']}\n" in status(without_hook, alice)
    in_order(
        bash,
        ["conda activate science", str(told["remedy"]), Dump("by hand", [science])],
    )


@LONG
def test_a_user_can_install_the_plugin_over_a_base_of_roots(bare: Conda, alice: User) -> None:
    science = overlay(alice.home / ".conda" / "overlays", bare.env("science"), alice)
    python = str(bare.prefix / "bin" / "python")
    pip: list[str | Path] = [python, "-m", "pip", "install", "--user", "--no-deps", "--no-index"]
    installed = alice.run([*pip, plugin.wheel()], env={"PIP_CONFIG_FILE": "/dev/null"})
    assert installed.returncode == 0, installed
    bash = Shell("bash", bare, alice)
    steps: list[Step] = [Dump("before"), "conda activate science", Dump("active", [science])]
    steps += ["conda overlay --help", "conda deactivate", Dump("after")]
    with_it, without = bash.with_and_without(steps)
    assert (with_it.returncode, with_it.stderr) == (0, "")
    check(steps, with_it, without)
    [user_site] = alice.home.glob(".local/lib/python3*/site-packages")
    with_it, without = bash.with_and_without(steps, {"PYTHONPATH": str(user_site)})
    assert (with_it.returncode, with_it.stderr) == (0, "")
    check(steps, with_it, without)
    ran = bash.run(["conda activate science", Dump("active")], {"PYTHONNOUSERSITE": "1"})
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "_CONDA_OVERLAY" not in ran.environs["active"]
