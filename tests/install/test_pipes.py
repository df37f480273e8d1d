"""Requirements and constraints that come from a pipe, which can be read only once."""

from __future__ import annotations

import shlex
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests import sources
from tests.bed import dists
from tests.bench import Bench
from tests.lifecycle.running import running
from tests.lifecycle.test_meanwhile import install_meanwhile
from tests.long import LONG


def shell(bench: Bench, script: str, **env: str) -> CompletedProcess[str]:
    """Run a script of bash in which `overlay` is ``conda overlay``, and `pip` the overlay's."""
    conda, own = bench.conda.executable, bench.overlay / "bin" / "pip"
    head = f'overlay() {{ {conda} overlay "$@"; }}\npip() {{ {own} "$@"; }}\n'
    environ = {**bench.environ, "host": str(bench.host), **env}
    return bench.user.run(["bash", "-c", head + script], env=environ, timeout=120)


@pytest.mark.parametrize(
    "script",
    [
        "echo new | overlay install -p $host -y -r /dev/stdin",
        "overlay install -p $host -y -r <(echo new)",
        "overlay install -p $host -y -r /dev/fd/7 7< <(echo new)",
        "echo new > r.txt; overlay install -p $host -y -r /dev/fd/7 7< r.txt",
        "mkfifo f; echo new > f & overlay install -p $host -y -r f",
        "echo new | overlay install -p $host -y -r file:///dev/stdin",
    ],
)
def test_requirements_of_a_pipe_are_installed(quick: Bench, script: str) -> None:
    done = shell(quick, script)
    assert quick.distributions() == ["new-1.0"], done
    assert done.returncode == 0, done


@pytest.mark.parametrize("script", ["echo alpha==1.5 | pip install -r /dev/stdin",
                                    "pip install -r <(echo alpha==1.5)"])  # fmt: skip
def test_the_overlays_pip_takes_them_too(quick: Bench, script: str) -> None:
    quick.given("install", "new")
    done = shell(quick, script)
    assert quick.see("alpha") == {"alpha": "1.5"}, done


def test_constraints_of_a_pipe_hold_in_every_round_and_are_not_recorded(
    quick: Bench, links: Path
) -> None:
    """The first round of pip fails because of the host's beta, the second one may not forget."""
    for version in ("5.0", "6.1"):
        dists.wheel(links, "cowsay", version, requires=["alpha>=2"])
    done = shell(quick, "echo cowsay==5 | overlay install -p $host -y -c /dev/stdin cowsay "
                        f"--allow-conflicts -f {shlex.quote(str(links))}")  # fmt: skip
    assert done.returncode == 0, done
    assert quick.see("cowsay", "alpha")["cowsay"] == "5.0", done
    assert "-c /dev/stdin: not recorded; give it each time." in done.stdout + done.stderr
    assert "Resolving again" in done.stdout
    assert quick.record()["distributions"]["cowsay"]["options"] == [f"--find-links={links}"]


def test_a_pipe_without_an_answer_changes_nothing(quick: Bench) -> None:
    done = shell(quick, "echo new | overlay install -p $host -r /dev/stdin")
    assert "--yes" in done.stderr and done.returncode == 1, done
    assert not quick.overlay.exists()


@LONG
def test_a_pipe_is_read_once_though_the_change_starts_over(quick: Bench) -> None:
    file = quick.user.home / "f"
    quick.user.run(["mkfifo", file])
    with running(quick, "install", "-r", str(file)) as first:
        quick.user.run(["sh", "-c", f"echo alpha==1.5 > {file}"], timeout=60)
        first.wait_for("Proceed")
        install_meanwhile(first, quick, "new")
        first.answer("y")
        assert first.end() == 0, first.err
    assert quick.see("alpha", "new") == {"alpha": "1.5", "new": "1.0"}


@pytest.mark.parametrize("script", ["echo new | overlay remove -p $host -y -r /dev/stdin",
                                    "overlay remove -p $host -y -r <(echo new)",
                                    "pip uninstall -y -r <(echo new)"])  # fmt: skip
def test_what_a_pipe_names_is_removed(quick: Bench, script: str) -> None:
    quick.given("install", "new")
    done = shell(quick, script)
    assert (done.returncode, quick.distributions()) == (0, []), done


@pytest.mark.parametrize("option", ["-r", "-c"])
def test_a_pipe_that_only_a_file_names_is_refused(quick: Bench, option: str) -> None:
    sources.write(quick.user, quick.user.home / "r.txt", f"new\n{option} /dev/stdin\n")
    done = shell(quick, "echo alpha==1.5 | overlay install -p $host -y -r r.txt")
    assert "r.txt names /dev/stdin, which can be read only once.\n" in done.stderr, done
    hint = f"give it by itself: conda overlay install -n science {option} /dev/stdin"
    assert f"Hint: {hint}" in done.stderr
    assert done.returncode == 2 and not quick.overlay.exists()


@pytest.mark.parametrize("option", ["-r", "-c"])
def test_a_file_that_a_pipe_names_beside_itself_is_refused(quick: Bench, option: str) -> None:
    home = quick.user.home
    sources.write(quick.user, home / "c.txt", "new==1.0\n")
    script = f"(echo new; echo {option} $PLACE'c.txt') | overlay install -p $host -y -r /dev/stdin"
    done = shell(quick, script, PLACE="")
    assert "/dev/stdin names c.txt, which pip looks for in /dev.\n" in done.stderr, done
    said = f"or give it by itself: conda overlay install -n science {option} c.txt\n"
    assert said in done.stderr and done.returncode == 2
    done = shell(quick, script, PLACE=f"{home}/")
    assert (done.returncode, quick.distributions()) == (0, ["new-1.0"]), done


def test_a_pipe_that_only_the_configuration_names_is_refused(quick: Bench) -> None:
    script = "echo alpha==1.5 | overlay install -p $host -y alpha"
    done = shell(quick, script, PIP_CONSTRAINT="/dev/stdin")
    said = "pip's configuration names /dev/stdin, which can be read only once.\n"
    assert said in done.stderr and done.returncode == 2, done
    hint = "give it by itself: conda overlay install -n science --constraint /dev/stdin"
    assert f"Hint: {hint}" in done.stderr
