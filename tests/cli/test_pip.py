"""``pip install`` and ``python -m pip install`` in an activated environment go to the overlay."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests import sources
from tests.bed import cpython, dists, environment
from tests.bed.terminal import on_terminal
from tests.bench import Bench
from tests.long import LONG, first
from tests.report.test_status import in_user_site

NAMES = ["pip", "pip3", f"pip{cpython.default().xy}"]


@pytest.fixture
def made(quick: Bench) -> Bench:
    quick.given("install", "new")
    return quick


def pip(
    bench: Bench, *words: str | Path, name: str = "pip", env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    argv = [bench.overlay / "bin" / name, *words]
    return bench.user.run(argv, env={**bench.environ, **(env or {})})


def module(
    bench: Bench,
    *words: str | Path,
    start: Sequence[str | Path] = ("-m", "pip"),
    python: Path | None = None,
    env: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run ``python -m pip`` of a wired shell, or Python with other words at the start."""
    environ = {**bench.environ, "PYTHONPATH": str(bench.site), **(env or {})}
    argv = [python or bench.host / "bin" / "python", *start, *words]
    return bench.user.run(argv, env=environ)


def sources_of(tree: Path) -> dict[str, bytes]:
    """The files of a tree, without bytecode, which each start of Python may add."""
    files = (path for path in tree.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {str(path): path.read_bytes() for path in files}


def without_conda(
    bench: Bench, *words: str | Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the overlay's pip as if the conda that has written it were gone."""
    script = (bench.overlay / "bin" / "pip").read_text()
    copy = bench.user.home / "pip"
    copy.write_text(script.replace(str(bench.conda.executable), "/nowhere/conda"))
    argv = [bench.overlay / "bin" / ".python", copy, *words]
    return bench.user.run(argv, env={**bench.environ, **(env or {})})


@LONG
def test_each_name_of_pip_installs_into_the_overlay_and_removes_from_it(made: Bench) -> None:
    for name, version in zip(NAMES, ("1.5", "1.0", "1.5"), strict=True):
        done = pip(made, "install", "--no-deps", f"alpha=={version}", name=name)
        assert done.returncode == 0, done
        words = f"install --no-deps alpha=={version}"
        assert f"conda-overlay: pip install -> conda overlay {words} (into " in done.stderr
    assert made.see("alpha") == {"alpha": "1.5"}
    done = pip(made, "uninstall", "-y", "alpha")
    assert done.returncode == 0, done
    assert made.see("alpha") == {"alpha": "1.0"}
    assert made.record()["command"][:3] == ["conda", "overlay", "remove"]
    assert not (made.user.home / ".local").exists()


@first(1)
@pytest.mark.parametrize("option", ["-p", "-n", "--name", "--reason"])
def test_options_of_our_own_mean_nothing_in_the_name_of_pip(made: Bench, option: str) -> None:
    done = pip(made, "install", option, "daq", "--no-deps", "alpha==1.5")
    assert done.returncode == 2 and "no such option" in done.stderr, done
    assert made.numbers == [1]


def test_options_before_the_command_keep_their_values(made: Bench) -> None:
    options = ["--timeout", "5", "--no-input", "--retries=1"]
    done = pip(made, *options, "install", "--no-deps", "alpha==1.5")
    assert done.returncode == 0, done
    assert made.see("alpha") == {"alpha": "1.5"}
    assert not (made.user.home / ".local").exists()
    assert "overlay install" not in pip(made, "--log", "install", "list").stderr


@LONG
def test_a_requirements_file_and_the_users_own_site_are_no_dead_ends(made: Bench) -> None:
    made.install("alpha==1.5")
    sources.write(made.user, made.user.home / "reqs/r.txt", "# mine\n-i x\n-r more.txt\n")
    more = "\ufeffnew  # as Windows writes it\n--requirement ../reqs/r.txt\nalpha==1.5\n"
    sources.write(made.user, made.user.home / "reqs/more.txt", more)
    done = pip(made, "uninstall", "-y", "-r", "reqs/r.txt")
    assert (done.returncode, made.distributions()) == (0, []), done
    done = made.run("remove", *made.where, "-r", "nowhere.txt")
    assert done.returncode == 2 and "nowhere.txt cannot be read, or does not name" in done.stderr
    for name in ("gamma", "mine"):  # which the host has, too, or nobody else
        in_user_site(made, name, "9.0")
        told = made.run("remove", *made.where, "--yes", name).stderr
        assert f"{name} is in ~/.local, not in the overlay.\n" in told
        assert f"Hint: python -E -m pip uninstall {name}\n" in told


def test_everything_else_is_the_hosts_pip(made: Bench, tmp_path: Path) -> None:
    hosts: list[str | Path] = [made.host / "bin" / "python", "-m", "pip"]
    for words in (["--version"], ["list", "--format=freeze"], ["show", "alpha"]):
        done = pip(made, *words)
        env = {**made.environ, "PYTHONPATH": str(made.site)}
        assert done.stdout == made.user.run([*hosts, *words], env=env).stdout != ""
    assert pip(made, "nosuch").returncode == 1


@first(1)
@pytest.mark.parametrize("option", ["--prefix", "-t"])
def test_another_directory_is_left_to_pip(made: Bench, links: Path, option: str) -> None:
    dists.wheel(links, "plain", "1.0")
    place = made.user.home / "there"
    done = pip(made, "install", "-q", "--find-links", links, "plain", option, place)
    assert done.returncode == 0 and "conda-overlay" not in done.stderr, done
    assert list(place.rglob("plain/__init__.py"))
    assert made.revision == 1


@first(1)
@pytest.mark.parametrize("name", ["PIP_BUILD_TRACKER", "CONDA_PLUGINS_OVERLAY_PIP"])
def test_in_builds_or_where_a_setting_says_so_it_is_pip(made: Bench, name: str) -> None:
    value = "false" if "PLUGINS" in name else str(made.user.home)
    done = pip(made, "install", "--dry-run", "--no-deps", "beta==2.0", env={name: value})
    assert "conda-overlay" not in done.stderr and "Would install beta-2.0" in done.stdout
    assert made.revision == 1


@first(2)
@pytest.mark.parametrize("line", ["[install]\nuser = yes", "[global]\ndry-run = on"])
def test_a_place_in_the_users_pip_conf_counts_as_in_a_variable(
    made: Bench, links: Path, line: str
) -> None:
    dists.wheel(links, "plain", "1.0")
    sources.write(made.user, made.user.home / ".config/pip/pip.conf", f"{line}\n")
    made = replace(made, environ={**made.environ, "PIP_CONFIG_FILE": ""})  # it keeps pip from it
    words: list[str | Path] = ["install", "-q", "--find-links", links, "plain"]
    done = pip(made, *words)
    assert done.returncode == 0 and "conda-overlay" not in done.stderr, done
    inside = [*made.user.home.glob(".local/lib/*/site-packages/plain")]
    assert (bool(inside), made.revision) == ("user" in line, 1)
    done = module(made, *words, env={"PIP_USER": "no", "PIP_DRY_RUN": "0"})
    assert "-> conda overlay install" in done.stderr and made.revision == 2, done


@pytest.mark.parametrize("line", ["user = yes", "target = /nowhere", "dry-run = on"])
def test_options_of_pip_install_alone_do_not_keep_uninstall_from_the_overlay(
    made: Bench, line: str
) -> None:
    sources.write(made.user, made.user.home / ".config/pip/pip.conf", f"[install]\n{line}\n")
    name, _, value = line.partition(" = ")
    env = {"PIP_CONFIG_FILE": "", f"PIP_{name.upper().replace('-', '_')}": value}
    done = pip(made, "uninstall", "-y", "new", env=env)
    assert "-> conda overlay remove" in done.stderr and made.distributions() == [], done


CASES = [
    *(("pip", "--prefix"), ("module", "uninstall"), ("module", "PIP_ROOT")),
    *(("pip", "--python"), ("gone", "--prefix"), ("gone", "uninstall")),
]


@first(2)
@pytest.mark.parametrize(("start", "how"), CASES)
def test_the_environments_pip_takes_nothing_from_the_overlay(
    made: Bench, links: Path, start: str, how: str
) -> None:
    dists.wheel(links, "new", "2.0")
    before = sources_of(made.tree(1))
    there = made.user.home / "there"
    env = {
        "CONDA_PLUGINS_OVERLAY_PIP": "false",
        "PIP_ROOT": str(there) if how == "PIP_ROOT" else "",
    }
    words: list[str | Path] = ["install", "--find-links", links, "new==2.0"]
    words += ["--prefix", there] if how[:3] == "--p" else []
    if how == "--python":
        words = ["--python", made.host / "bin" / "python", *words]
    if how == "uninstall":
        words = ["uninstall", "-y", "new"]
    if start == "gone":
        done = without_conda(made, *words, env=env)
    else:
        done = (pip if start == "pip" else module)(made, *words, env=env)
    expected = "not installed" if how == "uninstall" else "Successfully installed"
    assert expected in done.stdout + done.stderr, done
    assert sources_of(made.tree(1)) == before and made.see("new") == {"new": "1.0"}


def test_variables_that_say_no_change_nothing(made: Bench) -> None:
    """Neither does VIRTUAL_ENV, which pip does not read, and which may be of an earlier shell."""
    env = {"VIRTUAL_ENV": "/nowhere", "CONDA_BUILD": "0", "PIP_DRY_RUN": "off", "PIP_USER": "False"}
    done = pip(made, "install", "alpha==1.5", env=env)
    assert done.returncode == 0 and made.see("alpha") == {"alpha": "1.5"}, done
    done = module(made, "uninstall", "-y", "alpha", env=env)
    assert done.returncode == 0 and made.see("alpha") == {"alpha": "1.0"}, done
    assert not (made.user.home / ".local").exists()


def test_arguments_arrive_as_they_were_typed(made: Bench) -> None:
    odd = "no such; $(touch x) 'a\"b"
    done = pip(made, "install", odd)
    assert done.returncode == 1 and "no such; $(touch x)" in done.stderr
    assert not (made.user.home / "x").exists()


def test_a_pip_in_the_overlay_is_run_by_the_same_names(made: Bench, links: Path) -> None:
    files = {
        "pip/__init__.py": "__version__ = '99.0'\n",
        "pip/_internal/__init__.py": "",
        "pip/_internal/cli/__init__.py": "",
        "pip/_internal/cli/main.py": "def main():\n    print('this is 99')\n",
    }
    scripts = {"pip": "pip._internal.cli.main:main"}
    dists.wheel(links, "pip", "99.0", files=files, scripts=scripts)
    made.install("--find-links", links, "--no-deps", "pip==99.0")
    assert pip(made, "list").stdout == "this is 99\n"
    assert "missing" not in made.ask("status") and "by-hand" not in made.ask("status")
    made.change("remove", "pip")
    assert pip(made, "--version").stdout.startswith("pip ")


def test_python_m_pip_installs_into_the_overlay_and_removes_from_it(made: Bench) -> None:
    done = module(made, "install", "--no-deps", "alpha==1.5")
    words = "install --no-deps alpha==1.5"
    assert done.returncode == 0, done
    assert f"-> conda overlay {words} (" in done.stderr
    assert (made.see("alpha"), made.revision) == ({"alpha": "1.5"}, 2)
    before = sources_of(made.tree(2))
    code = "import subprocess as s, sys; sys.exit(s.call([sys.executable, *sys.argv[1:]]))"
    done = module(made, "-m", "pip", "uninstall", "-y", "alpha", start=("-c", code))  # of a tool
    assert done.returncode == 0, done
    assert (made.see("alpha"), made.revision) == ({"alpha": "1.0"}, 3)
    assert sources_of(made.tree(2)) == before
    made.change("undo")
    assert made.see("alpha") == {"alpha": "1.5"}
    assert not (made.user.home / ".local").exists()
    assert module(made, "install", "no such; 'thing").returncode == 1


def test_python_m_pip_is_pip_where_the_settings_or_its_words_say_so(
    made: Bench, links: Path
) -> None:
    dists.wheel(links, "plain", "1.0")
    install: list[str | Path] = ["install", "-qI", "--find-links", links, "plain"]
    left = {"CONDA_PLUGINS_OVERLAY_PIP": "false"}  # as conda overlay pip decides
    done = module(made, *install, env=left)
    assert done.returncode == 0 and "conda-overlay" not in done.stderr, done
    assert [*made.user.home.glob(".local/lib/*/site-packages/plain")]
    there = made.user.home / "there"
    done = module(made, *install, "--prefix", there)
    assert done.returncode == 0 and [*there.rglob("plain/__init__.py")], done
    # A virtual environment that sees the host's packages sees the overlay.
    venv = made.user.home / "venv"
    done = module(made, start=("-m", "venv", "--system-site-packages", "--without-pip", venv))
    assert done.returncode == 0, done
    done = module(made, *install, python=venv / "bin" / "python")
    assert done.returncode == 0 and [*venv.rglob("plain/__init__.py")], done
    assert made.revision == 1


@LONG
def test_in_an_environment_of_ones_own_pip_installs_there(quick: Bench, scratch: Path) -> None:
    own = replace(quick, name=str(environment.clone(quick.host, scratch / "own")))
    for directory, _, _ in os.walk(own.host):
        os.lchown(directory, own.user.uid, own.user.gid)
    own.install("--force", "new")
    done = module(own, "install", "--no-deps", "beta==2.0", "-I")
    assert done.returncode == 0 and "conda-overlay" not in done.stderr, done
    assert own.revision == 1 and [*own.host.rglob("beta-2.0.dist-info")]


def test_in_a_notebook_nothing_is_asked_because_nobody_can_answer(made: Bench) -> None:
    kernel = {"TERM": "xterm-color", "PAGER": "cat", "PYTHONPATH": str(made.site)}
    argv: list[str | Path] = [made.host / "bin" / "python", "-m", "pip"]
    argv += ["install", "--no-deps", "alpha==1.5"]
    shown = on_terminal(argv, made.environ_of(kernel), made.user)
    assert "Proceed" not in shown and made.revision == 2, shown
    assert made.see("alpha") == {"alpha": "1.5"}


@first(1)
@pytest.mark.parametrize("redirected", ["2>/dev/null", "2>/dev/full", "2>&-"])
def test_where_the_overlays_pip_cannot_run_it_is_the_environments_and_sees_no_overlay(
    made: Bench, redirected: str
) -> None:
    before = sources_of(made.site)
    made.user.run(["chmod", "u+w", made.overlay / "bin"])
    made.user.run(["rm", made.overlay / "bin" / "pip"])
    env = {**made.environ, "PYTHONPATH": str(made.site)}
    code = f"exec {made.host}/bin/python -m pip uninstall -y new"
    done = made.user.run(["sh", "-c", f"{code} {redirected}"], env=env)
    assert "Uninstalling" not in done.stdout, done
    assert sources_of(made.site) == before
    said = f"this pip does not use the overlay: {made.overlay}/bin/pip: No such file or directory"
    assert said in made.user.run(["sh", "-c", code], env=env).stderr


def test_credentials_are_not_repeated_and_options_may_come_first(made: Bench) -> None:
    done = pip(
        made, "-q", "install", "--no-deps", "--index-url", "https://u:s3cret@127.0.0.1:9/", "x"
    )
    assert done.returncode == 1 and "s3cret" not in done.stderr
    assert "-> conda overlay install -q --no-deps" in done.stderr


def test_where_the_conda_is_gone_it_says_so_and_is_the_hosts_pip(made: Bench) -> None:
    done = without_conda(made, "install", "--dry-run", "--no-index", "x")
    assert done.stderr.startswith("pip: the conda of this overlay is gone")


def test_where_overlays_are_off_it_says_that_pip_does_not_use_the_overlay(made: Bench) -> None:
    """Be it typed, or the overlay's pip."""
    words, env = ["uninstall", "-y", "nosuch"], {"CONDA_OVERLAY_DISABLE": "1"}
    for done in (made.run("pip", *made.where, *words, env=env), pip(made, *words, env=env)):
        assert done.returncode == 0 and "Skipping nosuch" in done.stderr, done
        said = "conda-overlay: CONDA_OVERLAY_DISABLE is set, so pip does not use the overlay\n"
        assert done.stderr.startswith(said)
    assert "conda-overlay: " not in made.run("pip", *made.where, "list", env=env).stderr
