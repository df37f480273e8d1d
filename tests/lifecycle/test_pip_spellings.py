"""The overlay's pip, by the spellings that pip takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests import sources
from tests.bed import dists
from tests.bench import Bench
from tests.cli.test_pip import module, pip


@pytest.mark.parametrize(
    "words", [["-Un", "daq"], ["-Up", "{daq}"], ["-qn", "daq"], ["-qp", "{daq}"], ["-UIp{daq}"]]
)
def test_short_options_of_ours_behind_those_of_pip(quick: Bench, words: list[str]) -> None:
    quick.given("install", "new")
    daq = replace(quick, name="daq")
    given = [word.format(daq=daq.host) for word in words]
    done = pip(quick, "install", *given, "--no-deps", "alpha==1.5")
    assert not daq.overlay.exists(), done
    assert done.returncode == 2, done


@pytest.mark.parametrize("option", ["-Ut", "-qt", "--targ", "--targ="])
def test_short_and_shortened_options_that_say_where(quick: Bench, option: str) -> None:
    quick.given("install", "new")
    place = quick.user.home / "there"
    words = [f"{option}{place}"] if option[-1] == "=" else [option, place]
    done = pip(quick, "install", *words, "--no-deps", "alpha==1.5")
    assert quick.distributions() == ["new-1.0"], done
    assert (place / "alpha").exists(), done


@pytest.mark.parametrize(
    "words",
    [
        ["-qq", "install", "--no-deps", "alpha==1.5"],
        ["--no-color", "install", "alpha==1.5", "--no-deps"],
        ["install", "--no-dep", "alpha==1.5"],
        ["install", "--upgrade-strategy=eager", "--no-deps", "alpha==1.5"],
        ["install", "--disable-pip-version-check", "--no-deps", "alpha==1.5", "-v"],
        ["install", "--quiet", "--no-deps", "alpha==1.5"],
        ["install", "--no-deps", "--", "alpha==1.5"],
        ["install", "--debug", "--no-deps", "alpha==1.5"],
        ["install", "-vU", "--no-deps", "alpha==1.5"],
        ["install", "-vvUI", "--no-deps", "alpha==1.5"],
    ],
)
def test_other_spellings_of_an_install(quick: Bench, words: list[str]) -> None:
    quick.given("install", "new")
    done = pip(quick, *words)
    assert done.returncode == 0, done
    assert quick.see("alpha") == {"alpha": "1.5"}, done
    assert not (quick.user.home / ".local").exists(), done


BACKEND = """
import os, shutil
def build_wheel(directory, config_settings=None, metadata_directory=None):
    assert config_settings == {"--build-option": "--cpp_ext"}, config_settings
    shutil.copy(os.path.join(os.path.dirname(__file__), "two-1.0-py3-none-any.whl"), directory)
    return "two-1.0-py3-none-any.whl"
"""


@pytest.mark.parametrize("option", ["-C", "--config-settings", "--config-settin"])
def test_values_that_begin_as_options_do(quick: Bench, links: Path, option: str) -> None:
    quick.given("install", "new")
    wheel = dists.wheel(links, "two", "1.0")
    files = {wheel.name: wheel.read_bytes()}
    source = dists.sdist(links / "s", "two", "1.0", backend=BACKEND, files=files)
    done = pip(quick, "install", option, "--build-option=--cpp_ext", source)
    assert (done.returncode, quick.revision) == (0, 2), done
    settings = "--config-settings=--build-option=--cpp_ext"
    assert quick.record()["distributions"]["two"]["options"] == [settings]
    assert f"-> conda overlay install {settings} " in done.stderr
    if option != "--config-settin":
        again = quick.install(option, "--build-option=--cpp_ext", "--force-reinstall", source)
        assert "two" in again and quick.record()["distributions"]["two"]["options"] == [settings]


@pytest.mark.parametrize("run", [pip, module])
@pytest.mark.parametrize("option", [["--time", "5"], ["--retr", "1"], ["--time=5"]], ids=" ".join)
def test_shortened_options_before_the_command(
    quick: Bench, run: Callable[..., CompletedProcess[str]], option: list[str]
) -> None:
    quick.given("install", "new")
    done = run(quick, *option, "install", "--no-deps", "alpha==1.5")
    assert (done.returncode, quick.see("alpha")) == (0, {"alpha": "1.5"}), done
    done = run(quick, *option, "uninstall", "-y", "new")
    assert (done.returncode, quick.numbers) == (0, [1, 2, 3]), done
    assert quick.distributions() == ["alpha-1.5"]
    assert not (quick.user.home / ".local").exists(), done


@pytest.mark.parametrize("option", ["--re", "--py"])
def test_shortened_options_before_the_command_that_pip_alone_understands(
    quick: Bench, option: str
) -> None:
    """The first may be --retries or --require-virtualenv; the second is --python."""
    quick.given("install", "new")
    done = pip(quick, option, "5", "install", "alpha==1.5")
    assert done.returncode and "conda-overlay" not in done.stdout + done.stderr, done
    assert quick.revision == 1


@pytest.mark.parametrize(
    "words",
    [
        ["-y", "--root-user-action=ignore", "new"],
        ["--root-user", "ignore", "--y", "new"],
        ["-yqq", "--break", "--no-proxy-env", "--", "new"],
        ["new", "--yes", "--requirem", "r.txt"],
    ],
    ids=" ".join,
)
def test_all_spellings_of_an_uninstall(quick: Bench, words: list[str]) -> None:
    quick.given("install", "new", "alpha==1.5")
    sources.write(quick.user, quick.user.home / "r.txt", "alpha\n")
    done = pip(quick, "uninstall", *words)
    left = [] if "r.txt" in words else ["alpha-1.5"]
    assert (done.returncode, quick.distributions()) == (0, left), done


@pytest.mark.parametrize("words", [["new", "nosuch", "beta"], ["-r", "r.txt"]], ids=" ".join)
def test_an_uninstall_skips_what_is_not_there(quick: Bench, words: list[str]) -> None:
    quick.given("install", "new", "alpha==1.5")
    sources.write(quick.user, quick.user.home / "r.txt", "nosuch\nnew\nbeta>=1\n")
    done = pip(quick, "uninstall", "-y", *words)
    assert (done.returncode, quick.distributions()) == (0, ["alpha-1.5"]), done
    assert "skipped: nosuch is not in the overlay.\n" in done.stdout
    assert "skipped: beta belongs to the environment, which is never changed.\n" in done.stdout
    done = pip(quick, "uninstall", "-y", *words)
    assert done.returncode == 1 and "is not in the overlay." in done.stderr, done
    assert "nosuch is not in" in quick.refuse("remove", "--yes", "alpha", "nosuch")


@pytest.mark.parametrize("line", ["[uninstall]\nyes = on\n", "[global]\nyes = 1\n", None])
def test_the_configuration_may_answer_for_an_uninstall(quick: Bench, line: str | None) -> None:
    quick.given("install", "new")
    sources.write(quick.user, quick.user.home / ".config/pip/pip.conf", line or "")
    env = {"PIP_CONFIG_FILE": ""} if line else {"PIP_YES": "1"}
    assert pip(quick, "uninstall", "new", env={"PIP_YES": "0"}).returncode == 1
    done = pip(quick, "uninstall", "new", env=env)
    assert (done.returncode, quick.distributions()) == (0, []), done


def test_an_uninstall_takes_no_option_of_an_install(quick: Bench) -> None:
    quick.given("install", "new")
    done = pip(quick, "uninstall", "-y", "--force", "new")
    assert done.returncode == 2 and "no such option: --force" in done.stderr, done
    assert quick.distributions() == ["new-1.0"]


def typed_hint(bench: Bench, told: str) -> CompletedProcess[str]:
    """Type the command of a hint."""
    command = told.rpartition("Hint: ")[2].partition(": ")[2].strip()
    script = f'conda() {{ {bench.conda.executable} "$@"; }}\n{command}'
    return bench.user.run(["bash", "-c", script], env=bench.environ)


@pytest.mark.parametrize("words", [["install", "alpha==1.0"], ["uninstall", "-y", "alpha"]])
def test_the_hint_that_edits_would_be_lost_can_be_typed(quick: Bench, words: list[str]) -> None:
    quick.given("install", "alpha==1.5")
    quick.edit(quick.site / "alpha" / "__init__.py", '__version__ = "1.5"\n')
    done = pip(quick, *words)
    assert "Hint: --force proceeds anyway: conda overlay " in done.stderr, done
    done = typed_hint(quick, done.stderr)
    assert (done.returncode, quick.distributions()) == (0, []), done


def test_the_hints_on_conflicts_can_be_typed(quick: Bench) -> None:
    quick.given("install", "new")
    given = [pip(quick, "install", "delta==2.0"),
             quick.run("run", *quick.where, "--with", "delta==2.0", "--", "true"),
             quick.run("install", *quick.where, "--yes", "delta==2.0")]  # fmt: skip
    for done in given:
        assert "--allow-conflicts" in done.stderr and done.returncode == 1, done
        again = typed_hint(quick, done.stderr.replace("overlay install", "overlay install --yes"))
        assert (again.returncode, quick.version("delta")) == (0, "2.0"), (done, again)
        quick.change("undo")


@pytest.mark.parametrize("option", ["-vy", "-vvy", "-yv"])
def test_short_options_of_an_uninstall_behind_conda_s(quick: Bench, option: str) -> None:
    quick.given("install", "new")
    done = pip(quick, "uninstall", option, "new")
    assert (done.returncode, quick.distributions()) == (0, []), done
