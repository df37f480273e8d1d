"""Jupyter kernels start as activated, with the overlay; others are pointed out, and left alone."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conda_overlay.activation.wiring import DISABLE
from tests.activation.made import give
from tests.activation.test_switch import with_variables
from tests.bed import dists, environment
from tests.bench import Bench
from tests.long import LONG, few, first
from tests.report.test_status import in_user_site, user_site_of

SHOW = "import json, os, sys, alpha; print(json.dumps([alpha.__version__, os.getpid(), sys.argv]))"


@pytest.fixture
def ready(quick: Bench, links: Path) -> Bench:
    """The overlay has an ipykernel, of a kind."""
    dists.wheel(links, "ipykernel", "6.0", files={"ipykernel_launcher.py": SHOW})
    environ = {**quick.environ, "PIP_FIND_LINKS": f"{quick.environ['PIP_FIND_LINKS']} {links}"}
    made = replace(quick, environ=environ)
    made.install("ipykernel", "alpha==1.5")
    return made


def specs(bench: Bench) -> Path:
    return bench.user.home / ".local" / "share" / "jupyter" / "kernels"


def spec(bench: Bench, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((specs(bench) / name / "kernel.json").read_text())
    return found


def kernel(bench: Bench, *words: str, code: int = 0, env: dict[str, str] | None = None) -> str:
    done = bench.run("kernel", *words, env=env)
    assert done.returncode == code and "Traceback" not in done.stderr, done
    return done.stdout if code == 0 else done.stderr


def write(bench: Bench, name: str, content: dict[str, Any]) -> Path:
    place = specs(bench) / name
    place.mkdir(parents=True)
    (place / "kernel.json").write_text(json.dumps(content))
    give([bench.user.home / ".local"], bench.user)
    return place


def started(bench: Bench, name: str) -> str:
    """The alpha that a kernel has when it is started as Jupyter does."""
    argv = [word.replace("{connection_file}", "file") for word in spec(bench, name)["argv"]]
    done = bench.user.run(argv, env={"PATH": "/usr/bin:/bin"})
    assert done.returncode == 0, done.stderr
    version, _, rest = json.loads(done.stdout)
    assert rest[1:] == ["-f", "file"]
    return str(version)


def test_a_kernel_becomes_the_hosts_python_with_the_overlay(ready: Bench) -> None:
    kernel(ready, "install", "-n", "science")
    found = spec(ready, "overlay-science")
    assert (found["display_name"], found["language"]) == ("science (overlay)", "python")
    assert started(ready, "overlay-science") == "1.5"


def test_names_are_chosen_and_places_are_those_of_jupyter(ready: Bench) -> None:
    names = ["--kernel-name", "fix", "--display-name", "with the fix"]
    told = json.loads(kernel(ready, "install", "-n", "science", *names, "--json"))
    assert told == {"success": True, "kernel": "fix", "path": str(specs(ready) / "fix")}
    assert spec(ready, "fix")["display_name"] == "with the fix"
    for name, place in (("JUPYTER_DATA_DIR", "a/kernels"), ("XDG_DATA_HOME", "b/jupyter/kernels")):
        env = {name: str(ready.user.home / place[0])}
        kernel(ready, "install", "-n", "science", env=env)
        assert (ready.user.home / place / "overlay-science" / "kernel.json").exists()


def test_a_host_without_ipykernel_gets_the_command_that_installs_it(quick: Bench) -> None:
    quick.given("install", "new")
    said = kernel(quick, "install", "-n", "science", code=1)
    assert f"conda overlay install -p {quick.host} ipykernel" in said


BARE = ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
ODD = ["", "[", '{"argv": [{}]}', '{"argv": ["ipykernel_launcher", 1]}', "[" * 5000]


@pytest.mark.parametrize("text", few(ODD, *ODD[:3]))
def test_a_kernel_that_makes_no_sense_is_passed_over(ready: Bench, text: str) -> None:
    place = specs(ready) / "odd"
    ready.user.run(["mkdir", "-p", place])
    if text:
        ready.edit(place / "kernel.json", text)
    else:
        ready.user.run(["mkfifo", place / "kernel.json"])
    assert ready.json("status")["kernels"] == []


@pytest.mark.parametrize("options", ["-I -B -m", "-IB -m", "-B -Im", "-B -E -X importtime=0 -m"])
def test_a_kernel_that_is_isolated_sees_the_overlay_after_the_command_of_status(
    ready: Bench, options: str
) -> None:
    argv = [str(ready.host / "bin" / "python"), *options.split(), *BARE[2:]]
    write(ready, "mine", {"argv": argv, "display_name": "M", "env": {"A": "B"}})
    [command] = re.findall(r"^  conda overlay kernel (.+)$", ready.ask("status"), re.MULTILINE)
    kernel(ready, *shlex.split(command))
    found = spec(ready, "mine")
    assert started(ready, "mine") == "1.5" and "-B" in found["argv"]
    assert (found["display_name"], found["env"]) == ("M", {"A": "B"})
    assert ("importtime=0" in found["argv"]) == ("-X" in options)


@pytest.mark.parametrize("name", few(["a b", "../x", "..", "", "a/b"], "../x", ""))
def test_a_name_that_jupyter_does_not_take_is_refused(ready: Bench, name: str) -> None:
    kernel(ready, "install", "-n", "science", f"--kernel-name={name}", code=2 if name else 0)
    assert {path.name for path in specs(ready).glob("*")} <= {"overlay-science"}


def test_status_points_out_a_kernel_without_the_overlay_and_the_command_that_mends_it(
    ready: Bench,
) -> None:
    kernel(ready, "install", "-n", "science")
    python = str(ready.host / "bin" / "python")
    write(ready, "bare", {"argv": [python, *BARE[1:]], "display_name": "B"})
    write(ready, "other", {"argv": ["/usr/bin/python3", "-m", "ipykernel_launcher"]})
    write(ready, "julia", {"argv": [str(ready.host / "bin" / "julia")], "display_name": "J"})
    write(ready, "named", {"argv": ["python", "-m", "ipykernel_launcher"], "display_name": "N"})
    write(ready, "broken", {"argv": 3})
    write(ready, "empty", {"argv": []})
    for name, start in (("conda", ["conda", "run", "-n", "x", "python"]), ("wrapped", ["w.py"])):
        first = str(ready.host / "bin" / ("python" if name == "wrapped" else "conda"))
        write(ready, name, {"argv": [first, *start, "-m", "ipykernel_launcher"]})
    write(ready, "noise", {})
    (specs(ready) / "noise" / "kernel.json").write_text("no json")
    [found] = ready.json("status")["kernels"]
    assert found == {"name": "bare", "display_name": "B", "host": str(ready.host)}
    said = ready.ask("status")
    assert "The Jupyter kernel bare starts without the overlay." in said
    [command] = re.findall(r"^  conda overlay kernel (.+)$", said, re.MULTILINE)
    assert command == f"install -p {ready.host} --kernel-name bare --force"
    kernel(ready, *shlex.split(command))
    assert started(ready, "bare") == "1.5"
    assert ready.json("status")["kernels"] == []
    assert "Jupyter kernel" not in ready.ask("status")


def test_status_points_out_a_kernel_only_where_there_is_an_ipykernel(ready: Bench) -> None:
    """That of ~/.local is one, as the overlay hides no other package there."""
    write(ready, "bare", {"argv": [str(ready.host / "bin" / "python"), *BARE[1:]]})
    ready.given("remove", "ipykernel")
    assert ready.json("status")["kernels"] == []
    kernel(ready, "install", "-n", "science", code=1)
    in_user_site(ready, "ipykernel", "6.0")
    (user_site_of(ready) / "ipykernel_launcher.py").write_text(SHOW)
    give([ready.user.home / ".local"], ready.user)
    hidden = {"CONDA_PLUGINS_OVERLAY_HIDE_USER_SITE": "true"}
    assert ready.json("status", env=hidden)["kernels"] == []
    kernel(ready, "install", "-n", "science", code=1, env=hidden)
    [command] = re.findall(r"^  conda overlay kernel (.+)$", ready.ask("status"), re.MULTILINE)
    kernel(ready, *shlex.split(command))
    assert started(ready, "bare") == "1.5"


@LONG
def test_a_kernel_of_another_host_is_told_apart(ready: Bench) -> None:
    kernel(ready, "install", "-n", "science", "--kernel-name", "Fix")
    Bench(ready.conda, ready.user, ready.environ, "daq").install("ipykernel")
    said = kernel(ready, "install", "-n", "daq", "--kernel-name", "fix", code=1)
    assert f"is not that of {ready.conda.env('daq')}" in said


def test_only_what_is_ours_is_replaced_and_no_link_is_followed(ready: Bench) -> None:
    content = {"argv": ["/usr/bin/python3"]}
    theirs = write(ready, "theirs", content)
    (specs(ready) / "link").symlink_to(theirs)
    (specs(ready) / "file").write_text("mine")
    for name in ("theirs", "link", "file"):
        chosen = ["install", "-n", "science", "--kernel-name", name]
        assert f"The kernel {name} already exists" in kernel(ready, *chosen, code=1)
        assert spec(ready, "theirs") == content
    for name in ("link", "file", "theirs"):
        kernel(ready, "install", "-n", "science", "--kernel-name", name, "--force")
        assert started(ready, name) == "1.5"
        assert (spec(ready, "theirs") == content) == (name != "theirs")
    assert not (specs(ready) / "link").is_symlink()


def test_a_kernel_in_the_way_is_described_as_it_is(ready: Bench) -> None:
    python = str(ready.host / "bin" / "python")
    write(ready, "bare", {"argv": [python, *BARE[1:]]})
    write(ready, "wrapped", {"argv": ["/usr/bin/env", "A=1", python, *BARE[1:]]})
    install = ["install", "-n", "science", "--kernel-name"]
    said = kernel(ready, *install, "bare", code=1)
    assert f"already exists, and starts the Python of {ready.host} without the overlay." in said
    said = kernel(ready, *install, "wrapped", code=1)
    assert "already exists, and was not installed by conda overlay." in said


@pytest.mark.parametrize("name", ["JUPYTER_DATA_DIR", "XDG_DATA_HOME"])
def test_the_path_of_a_kernel_is_absolute(ready: Bench, name: str) -> None:
    argv = ["kernel", "install", *ready.where, "--json"]
    done = ready.run(*argv, env={name: "data"}, cwd=ready.user.home)
    assert json.loads(done.stdout)["path"].startswith(f"{ready.user.home}/data/")


def test_jupyter_lists_and_removes_kernels_and_not_this_command(ready: Bench) -> None:
    kernel(ready, "install", "-n", "science")
    for words in (["list"], ["remove", "overlay-science"], []):
        kernel(ready, *words, code=2)
    assert started(ready, "overlay-science") == "1.5"


def test_a_second_kernel_install_keeps_the_names_given(ready: Bench) -> None:
    kernel(ready, "install", "-n", "science", "--display-name", "mine")
    place = specs(ready) / "overlay-science/kernel.json"
    found = json.loads(place.read_text())
    first, second = found["argv"].index("--"), found["argv"].index("-f")
    argv = ["nice", "/gone/conda", *found["argv"][1:first], "--with", "new"]
    argv += [*found["argv"][first:second], "--debug", *found["argv"][second:]]
    ready.edit(place, json.dumps({**found, "env": {"A": "1"}, "argv": argv}))
    kernel(ready, "install", "-n", "science")
    again = spec(ready, "overlay-science")
    assert again["display_name"] == "mine"
    assert again.get("env") == {"A": "1"}
    assert again["argv"] == ["nice", str(ready.conda.executable), *argv[2:]]


RUN = ["overlay", "run"]
OWN = {
    "with in front": ["conda", *RUN, "--with", "new", "-p", "X", "--", *BARE],
    "by name": ["/usr/bin/env", "A=1", "conda", *RUN, "-n", "science", "--", *BARE, "--debug"],
    "by one word": ["conda", *RUN, "--prefix=X", "--with=new", "-nscience", *BARE],
}


@pytest.mark.parametrize("own", OWN.values(), ids=OWN)
def test_options_stay_wherever_they_are_in_the_command(ready: Bench, own: list[str]) -> None:
    kernel(ready, "install", "-n", "science")
    found = spec(ready, "overlay-science")
    place = specs(ready) / "overlay-science/kernel.json"
    ready.edit(place, json.dumps({**found, "argv": own}))
    kernel(ready, "install", "-n", "science")
    named = {"-p", "-n", "X", "science", "--prefix=X", "-nscience", "conda"}
    argv = spec(ready, "overlay-science")["argv"]
    start = [str(ready.conda.executable), *RUN, "-p", str(ready.host)]
    assert [word for word in argv if word not in start] == [
        word for word in own if word not in {*named, *start}
    ]
    first = argv.index("overlay") - 1
    assert argv[first : first + len(start)] == start


@pytest.mark.parametrize("front", [["conda", "-v"], ["python", "-E", "-m", "conda", "-v"]])
def test_conda_with_options_in_front_of_overlay_is_replaced_whole(
    ready: Bench, front: list[str]
) -> None:
    kernel(ready, "install", "-n", "science")
    found = spec(ready, "overlay-science")
    argv = ["/usr/bin/env", "A=1", *front, *found["argv"][1:]]
    ready.edit(specs(ready) / "overlay-science/kernel.json", json.dumps({**found, "argv": argv}))
    kernel(ready, "install", "-n", "science")
    assert spec(ready, "overlay-science")["argv"] == [*argv[:2], *found["argv"]]
    assert started(ready, "overlay-science") == "1.5"


def test_a_kernel_that_leaves_the_overlay_out_has_it_after_the_install(ready: Bench) -> None:
    kernel(ready, "install", "-n", "science")
    found = spec(ready, "overlay-science")
    argv = [*found["argv"][:3], "--no-overlay", *found["argv"][3:]]
    ready.edit(specs(ready) / "overlay-science/kernel.json", json.dumps({**found, "argv": argv}))
    kernel(ready, "install", "-n", "science")
    assert spec(ready, "overlay-science") == found


def test_a_command_of_the_users_own_is_replaced_by_force_alone(ready: Bench) -> None:
    kernel(ready, "install", "-n", "science")
    found = spec(ready, "overlay-science")
    mine = {**found, "argv": ["/home/me/start.sh", "{connection_file}"]}
    ready.edit(specs(ready) / "overlay-science/kernel.json", json.dumps(mine))
    said = kernel(ready, "install", "-n", "science", code=1)
    assert "starts /home/me/start.sh" in said and "--force" in said
    assert spec(ready, "overlay-science") == mine
    kernel(ready, "install", "-n", "science", "--force")
    assert spec(ready, "overlay-science") == found


@pytest.mark.parametrize("name", ["", "kernel.json"])
def test_a_link_is_replaced_by_force_alone_and_what_is_behind_it_stays(
    ready: Bench, name: str
) -> None:
    kernel(ready, "install", "-n", "science")
    linked, behind = specs(ready) / "overlay-science" / name, ready.user.home / "behind"
    ready.user.run(["mv", linked, behind])
    ready.user.run(["ln", "-s", behind, linked])
    kernel(ready, "install", "-n", "science")  # there is nothing to write
    again = ["install", "-n", "science", "--display-name", "mine"]
    said = kernel(ready, *again, code=1)
    assert f"{linked} is a link to {behind}" in said and linked.is_symlink()
    kernel(ready, *again, "--force")
    assert not linked.is_symlink() and spec(ready, "overlay-science")["display_name"] == "mine"
    old = behind if name else behind / "kernel.json"
    assert json.loads(old.read_text())["display_name"] == "science (overlay)"


def test_the_command_that_status_proposes_keeps_what_was_added_to_the_kernel(ready: Bench) -> None:
    python = str(ready.host / "bin" / "python")
    argv = [python, "-Xfrozen_modules=off", *BARE[1:], "--debug"]
    write(ready, "bare", {"argv": argv, "display_name": "B", "env": {"A": "1"}})
    [command] = re.findall(r"^  conda overlay kernel (.+)$", ready.ask("status"), re.MULTILINE)
    kernel(ready, *shlex.split(command))
    found = spec(ready, "bare")
    start = [str(ready.conda.executable), *RUN, "-p", str(ready.host)]
    assert found["argv"] == [*start, "--", "python", *argv[1:]]
    assert (found["env"], found["display_name"]) == ({"A": "1"}, "B")


@first(1)
@pytest.mark.parametrize("argv", [None, BARE, [1, {}]])
def test_a_kernel_that_no_longer_starts_through_the_overlay_does_so_again(
    ready: Bench, argv: Any
) -> None:
    kernel(ready, "install", "-n", "science")
    found = spec(ready, "overlay-science")
    ready.edit(specs(ready) / "overlay-science/kernel.json", json.dumps({**found, "argv": argv}))
    kernel(ready, "install", "-n", "science")
    assert spec(ready, "overlay-science") == found


def test_a_kernel_is_the_same_in_upper_and_lower_case(ready: Bench) -> None:
    """As Jupyter has it: of two such directories it would take either."""
    theirs = write(ready, "Overlay-Science", {"argv": ["/usr/bin/python3"]})
    said = kernel(ready, "install", "-n", "science", code=1)
    assert "The kernel overlay-science already exists" in said
    kernel(ready, "install", "-n", "science", "--force")
    assert [*specs(ready).iterdir()] == [theirs]
    assert started(ready, theirs.name) == "1.5"


def test_a_kernel_of_an_environment_that_switches_overlays_off_says_so(
    ready: Bench, scratch: Path
) -> None:
    assert "without the overlay" not in kernel(ready, "install", "-n", "science")
    host = with_variables(environment.clone(ready.host, scratch / "off"), {DISABLE: "1"})
    off = replace(ready, name=str(host))
    off.install("ipykernel")
    told = kernel(off, "install", "-p", str(host))
    assert told.endswith(f"It starts without the overlay: {DISABLE} is set for {host}.\n")
