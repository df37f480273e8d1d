"""``conda spawn``, with the real conda-spawn from PyPI."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from conda_overlay.activation import notice
from tests.activation.made import Overlay, overlay
from tests.activation.test_around_conda import RUN as RUN_XONSH
from tests.bed import environment, place, pypi
from tests.bed.condas import Conda, copy
from tests.bed.users import User

HOOKS = {
    "bash": ["bash", "--norc", "-c", 'eval "$({} spawn --hook --shell bash {})"; {}'],
    "zsh": ["zsh", "-f", "-c", 'eval "$({} spawn --hook --shell zsh {})"; {}'],
    "fish": ["fish", "--no-config", "-c", "{} spawn --hook --shell fish {} | source; {}"],
    "tcsh": ["tcsh", "-f", "-c", "{} spawn --hook --shell tcsh {} > hook.csh; source hook.csh; {}"],
}

XONSH = """\
import json
text = $({conda} spawn --hook --shell xonsh science)
__xonsh__.execer.exec(text, glbs=__xonsh__.ctx, filename="conda")
seen = __xonsh__.env.detype()
print(json.dumps([seen["PATH"], seen.get("PYTHONPATH")]))
"""

DRIVE = """
import json, os, sys, pexpect
conda, shell, probe, *more = sys.argv[1:]
env = {**os.environ, "PS1": "$ "}
child = pexpect.spawn(conda, ["spawn", "--shell", shell, *more, "science"], env=env, timeout=60,
                      encoding="utf-8", dimensions=(24, 200))
child.expect("science")
child.sendline(probe)
child.expect("seen:([^\\r\\n]*):seen")
seen = child.match.group(1)
child.sendline("exit")
child.expect(pexpect.EOF)
child.close()
print(seen)
"""
PROBE = """python -c 'print("se" + "en:" + __import__("of_science").__file__ + ":seen")'"""


@pytest.fixture(scope="module")
def spawning(conda: Conda) -> Iterator[Conda]:
    """A copy of the conda, with conda-spawn."""
    with place.scratch() as directory:
        prefix = copy(conda, directory)
        python = environment_python(prefix)
        pypi.install(prefix, pypi.wheels(["conda-spawn", "pexpect", "shellingham"], python))
        environment.protect(prefix)
        yield Conda(prefix, conda.version)


def environment_python(prefix: Path) -> str:
    """X.Y of the Python of a base."""
    [site] = (prefix / "lib").glob("python3.*/site-packages/conda")
    return site.parents[1].name.removeprefix("python")


@pytest.fixture
def over(spawning: Conda, alice: User) -> Overlay:
    return overlay(alice.home / ".conda" / "overlays", spawning.env("science"), alice)


def hooked(
    spawning: Conda, alice: User, shell: str, name: str, env: dict[str, str] | None = None
) -> dict[str, str]:
    """The variables after a shell has run the hook for an environment."""
    if shutil.which(HOOKS[shell][0]) is None:
        pytest.skip(f"there is no {shell}")
    *argv, script = HOOKS[shell]
    dump = "/usr/bin/env -0"
    done = alice.run([*argv, script.format(spawning.executable, name, dump)], env=env)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return dict(line.split("=", 1) for line in done.stdout.split("\0") if line)


@pytest.mark.parametrize("shell", sorted(HOOKS))
def test_hook_wires(spawning: Conda, alice: User, over: Overlay, shell: str) -> None:
    environ = hooked(spawning, alice, shell, "science")
    assert environ["PYTHONPATH"] == str(over.site)
    entries = environ["PATH"].split(os.pathsep)
    assert entries.index(str(over.bin)) + 1 == entries.index(f"{over.prefix}/bin")
    assert entries[0] == f"{spawning.prefix}/condabin"


def test_news_of_a_fork_is_looked_for_without_an_overlay_directory(
    spawning: Conda, alice: User, science: Path
) -> None:
    user, lines = replace(alice, home=alice.fresh_home()), []
    for name in ("plain", "forked"):
        prefix = environment.clone(science, spawning.env(name))
        if name == "forked":
            (prefix / notice.FORK).mkdir()
        done = user.run([spawning.executable, "spawn", "--hook", "--shell", "bash", name])
        lines.append([line for line in done.stdout.splitlines() if "conda_overlay" in line])
    assert (len(lines[0]), len(lines[1])) == (0, 1)


@pytest.mark.parametrize("shell", sorted(HOOKS))
def test_from_a_wired_shell_nothing_of_the_old_one_goes_along(
    spawning: Conda, alice: User, over: Overlay, shell: str
) -> None:
    wired = hooked(spawning, alice, "bash", "science")
    environ = hooked(spawning, alice, shell, "daq", wired)
    assert "PYTHONPATH" not in environ and "_CONDA_OVERLAY" not in environ
    assert str(over.path) not in environ["PATH"]


def test_xonsh_is_wired_by_the_hook_too(spawning: Conda, alice: User, over: Overlay) -> None:
    script = alice.home / "script.xsh"
    script.write_text(XONSH.format(conda=spawning.executable))
    argv: list[str | Path] = [
        spawning.prefix / "bin" / "python",
        "-c",
        RUN_XONSH,
        "--no-rc",
        script,
    ]
    done = alice.run(argv)
    assert done.returncode == 0, done
    path, pythonpath = json.loads(done.stdout.splitlines()[-1])
    entries = path.split(os.pathsep)
    assert entries.index(str(over.bin)) + 1 == entries.index(f"{over.prefix}/bin")
    assert pythonpath == str(over.site)


@pytest.mark.parametrize(
    ("shell", "more"),
    [
        *(("bash", more) for more in ([], ["--replace"], ["--stack"], ["hooked"])),
        *(("fish", more) for more in ([], ["--replace"])),
        *(("tcsh", more) for more in ([], ["hooked"])),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_an_interactive_shell_is_wired_and_exit_leaves_it(
    spawning: Conda, alice: User, over: Overlay, shell: str, more: list[str]
) -> None:
    """Also where the code of a hook has activated, without an option."""
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell}")
    env = hooked(spawning, alice, "bash", "science") if more else {}
    env |= {"CONDA_SPAWN": "1"} if more[:1] != ["hooked"] and more else {}
    more = [word for word in more if word != "hooked"]
    python = spawning.prefix / "bin" / "python"
    argv: list[str | Path] = [python, "-c", DRIVE, str(spawning.executable), shell, PROBE, *more]
    done = alice.run(argv, env=env, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip() == f"{over.site}/of_science.py"


def test_disabled_and_a_conda_spawn_of_another_make_do_no_harm(
    spawning: Conda, alice: User, over: Overlay
) -> None:
    environ = hooked(spawning, alice, "bash", "science", {"CONDA_OVERLAY_DISABLE": "1"})
    assert "PYTHONPATH" not in environ
    code = (
        "import sys, types; sys.modules['conda_spawn'] = types.ModuleType('conda_spawn'); "
        "sys.modules['conda_spawn.shell'] = types.ModuleType('conda_spawn.shell'); "
        "from conda_overlay import plugin; plugin._wire('spawn')"
    )
    done = alice.run([spawning.prefix / "bin" / "python", "-c", code])
    assert (done.returncode, done.stderr) == (0, (
        "conda-overlay: this version of conda-spawn is not supported, "
        "so no overlay is used\n"))  # fmt: skip


@pytest.mark.parametrize("name", ["science", "daq"])
def test_disabled_in_a_wired_shell_takes_the_old_wiring_out(
    spawning: Conda, alice: User, over: Overlay, name: str
) -> None:
    wired = hooked(spawning, alice, "bash", "science")
    environ = hooked(spawning, alice, "bash", name, {**wired, "CONDA_OVERLAY_DISABLE": "1"})
    assert "PYTHONPATH" not in environ and "_CONDA_OVERLAY" not in environ
    assert str(over.path) not in environ["PATH"]


def test_what_to_type_in_such_a_shell_is_what_works_there(
    spawning: Conda, alice: User, over: Overlay
) -> None:
    environ = hooked(spawning, alice, "bash", "science")
    overlay(alice.home / ".conda" / "overlays", spawning.env("daq"), alice)
    argv: list[str | Path] = [spawning.executable, "overlay", "status", "-n", "daq"]
    said = alice.run(argv, env={**environ, "_CONDA_SPAWN": "1"}).stdout
    assert "active here:  no; to activate it: conda spawn --replace daq\n" in said
    assert "to activate it: conda spawn daq\n" in alice.run(argv, env=environ).stdout
    by_conda = {**environ, "CONDA_EXE": str(spawning.executable)}
    assert "to activate it: conda activate daq\n" in alice.run(argv, env=by_conda).stdout


def test_status_in_such_a_shell_says_what_is_true(
    spawning: Conda, alice: User, over: Overlay
) -> None:
    environ = hooked(spawning, alice, "bash", "science")
    argv: list[str | Path] = [spawning.executable, "overlay", "status", "--json"]
    done = alice.run(argv, env=environ)
    assert json.loads(done.stdout)["wiring"]["state"] == "on", done.stderr
