"""The user's and the facility's pip configuration count, but for what would redirect."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests import sources
from tests.bed import dists, environment
from tests.bench import Bench
from tests.long import LONG, few, first


@pytest.fixture
def plain(quick: Bench) -> Bench:
    """No variable speaks to pip."""
    return replace(quick, environ={})


def configure(bench: Bench, text: str) -> None:
    file = bench.user.home / ".config" / "pip" / "pip.conf"
    file.parent.mkdir(parents=True)
    file.write_text(text)


REDIRECTING = {
    **dict.fromkeys(("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_SRC"), "elsewhere"),
    **dict.fromkeys(("PIP_REPORT", "PIP_LOG", "PYTHONUSERBASE"), "elsewhere"),
    **dict.fromkeys(("PIP_USER", "PIP_REQUIRE_VIRTUALENV", "PIP_DRY_RUN"), "1"),
    "PIP_PYTHON": "/usr/bin/python3",
    "PIP_QUIET": "3",
    "PYTHONPATH": "/nowhere",
    "PYTHONSAFEPATH": "1",
    "VIRTUAL_ENV": "/nowhere",
}


def test_variables_that_redirect_pip_do_not_count(quick: Bench) -> None:
    """Each alone would make pip fail, or install to another place, or not at all."""
    printed = quick.install("alpha==1.5", env=REDIRECTING)
    assert "Processing" in printed
    assert quick.version("alpha") == "1.5"
    assert {path.name for path in quick.user.home.iterdir()} <= {".conda", ".cache"}


@first(1)
@pytest.mark.parametrize("section", ["global", "install"])
def test_files_that_redirect_pip_do_not_count(plain: Bench, wheels: Path, section: str) -> None:
    lines = ["user = true", "target = elsewhere", "require-virtualenv = yes", "dry-run = on"]
    settings = "\n".join([f"[{section}]", f"find-links = {wheels}", "no-index = true", *lines])
    configure(plain, settings + "\n")
    plain.install("alpha==1.5")
    assert plain.version("alpha") == "1.5"
    assert not (plain.user.home / "elsewhere").exists()


def test_index_of_the_user_counts(plain: Bench, links: Path) -> None:
    dists.wheel(links, "tool", "1.0")
    configure(plain, f"[global]\nindex-url = {dists.index(links).as_uri()}\n")
    plain.install("tool")
    assert plain.version("tool") == "1.0"


def test_lists_and_constraints_of_the_user_count(plain: Bench, links: Path, wheels: Path) -> None:
    dists.wheel(links, "tool", "1.0")
    dists.wheel(links, "tool", "2.0")
    (plain.user.home / "limits.txt").write_text("tool<2\n")
    configure(
        plain,
        f"[global]\nno-index = true\nfind-links =\n    {wheels}\n    {links}\n"
        f"[install]\nconstraint = {plain.user.home}/limits.txt\n",
    )
    plain.install("tool", "alpha==1.5")
    assert plain.see("tool", "alpha") == {"tool": "1.0", "alpha": "1.5"}


def test_variables_win_over_files_and_options_over_both(
    plain: Bench, links: Path, wheels: Path
) -> None:
    configure(plain, "[install]\nfind-links = /nowhere\nno-index = true\n")
    plain.install("alpha==1.5", env={"PIP_FIND_LINKS": str(wheels)})
    dists.wheel(links, "tool", "1.0")
    plain.install("tool", "--find-links", links)


def test_file_named_by_a_variable_counts(plain: Bench, wheels: Path) -> None:
    file = plain.user.home / "my.conf"
    file.write_text(f"[global]\nno-index = true\nfind-links = {wheels}\nuser = true\n")
    plain.install("alpha==1.5", env={"PIP_CONFIG_FILE": str(file)})
    assert plain.version("alpha") == "1.5"


def test_file_of_the_host_counts(plain: Bench, scratch: Path, wheels: Path) -> None:
    """Facilities put a pip.conf into an environment."""
    host = environment.clone(plain.host, scratch / "copy")
    (host / "pip.conf").write_text(f"[global]\nno-index = true\nfind-links = {wheels}\n")
    bench = replace(plain, name=str(host))
    bench.given("install", "alpha==1.5")
    assert bench.version("alpha") == "1.5"


@pytest.mark.parametrize(
    "text",
    [
        "no section\n",
        "[install]\nupgrade = 1\n[install]\n",
        "[install]\nupgrade = 1\nupgrade = 0\n",
    ],
)
def test_broken_file_is_an_error_of_pips(plain: Bench, text: str) -> None:
    configure(plain, text)
    done = plain.run("run", *plain.where, "--with", "new", "true")
    assert done.returncode == 1, done
    for said in (plain.refused("new"), done.stderr):
        assert "PipError" in said and "pip.conf" in said and "Traceback" not in said
    assert plain.ask("status")


AGAIN = ["upgrade", "force-reinstall", "ignore-installed"]


@pytest.mark.parametrize("option", few(AGAIN, "ignore-installed"))
def test_options_that_install_again_count_in_variables_and_files(
    plain: Bench, wheels: Path, option: str
) -> None:
    words, name = ("--dry-run", "beta", "gamma"), f"PIP_{option.upper().replace('-', '_')}"
    typed = plain.plan(f"--{option}", "--no-index", f"-f{wheels}", *words)
    lines = f"[global]\nno-index = 1\nfind-links = {wheels}\n"
    configure(plain, lines)
    by_variable = json.loads(plain.install("--json", *words, env={name: "yes"}))
    assert "Nothing to do" in plain.install(*words, env={name: "no"})
    (plain.user.home / ".config/pip/pip.conf").write_text(f"{lines}{option} = true\n")
    by_file = plain.plan(*words)
    assert typed["changes"] and typed["changes"] == by_variable["changes"] == by_file["changes"]


def test_requirements_in_variables_and_files_count_as_if_typed(quick: Bench, links: Path) -> None:
    dists.wheel(links, "zeta", "1.0")
    dists.wheel(links, "zeta", "2.0")
    file = sources.write(quick.user, quick.user.home / "z.txt", "zeta==1.0\n")
    places = f"{links} {quick.environ['PIP_FIND_LINKS']}"
    env = {"PIP_REQUIREMENT": str(file), "PIP_FIND_LINKS": places}
    quick.install(env=env)
    assert quick.see("zeta") == {"zeta": "1.0"}
    quick.install("new", env=env)
    assert quick.record()["distributions"]["zeta"]["intent"] == "hold"
    quick.install(env={"PIP_EDITABLE": str(sources.project(quick.user, "mine"))})
    assert quick.record()["distributions"]["mine"]["intent"] == "dev"
    quick.change("update", "new", env={"PIP_REQUIREMENT": "gone.txt"})  # which names what is meant


def test_isolated_means_that_nothing_counts(quick: Bench, links: Path) -> None:
    dists.wheel(links, "tool", "1.0")
    env = {"PIP_CONSTRAINT": "/no/such/file"}
    quick.install("--isolated", "--no-index", "--find-links", links, "tool", env=env)
    assert quick.version("tool") == "1.0"


def test_options_that_say_where_are_refused(quick: Bench) -> None:
    told = quick.refused("new", "--target=x", code=2)
    assert "--target would install outside" in told
    assert "Hint: choose the environment with -n or -p" in told


def test_nothing_to_install_is_a_usage_error(quick: Bench) -> None:
    assert "at least one package" in quick.refused(code=2)


@LONG
def test_a_setting_that_breaks_everything_is_named(quick: Bench) -> None:
    told = quick.refused("alpha==2.0", env={"PIP_NO_DEPS": "1"})
    assert "PIP_NO_DEPS" in told and "pip config list" in told
