"""What ``conda overlay export`` writes: enough to repeat an overlay elsewhere, and no secret."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import sources
from tests.bed import dists, environment
from tests.bed.users import User
from tests.bench import Bench
from tests.long import LONG

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FORMATS = ("overlay.toml", "pylock.toml", "requirements.txt", "environment.yml")


def exported(bench: Bench, name: str = "overlay.toml") -> str:
    return bench.ask("export", "--format", name)


def wanted(bench: Bench) -> dict[str, dict[str, Any]]:
    items = tomllib.loads(exported(bench))["wanted"]
    return {item["name"]: item for item in items}


def test_what_was_asked_and_every_file_are_in_it(bench: Bench, wheels: Path) -> None:
    bench.given(
        "install", "alpha>=1.6", "--reason", "ticket 7", "--intent", "hold", "--until", "2030-01-31"
    )
    document = tomllib.loads(exported(bench))
    assert document["format"] == 1
    assert document["host"]["name"] == "science"
    assert document["wanted"] == [
        {
            "requirement": "alpha>=2.0",
            "name": "alpha",
            "reason": "ticket 7",
            "intent": "hold",
            "until": "2030-01-31",
        }
    ]
    locked = {item["name"]: item for item in document["locked"]}
    assert {n: i["version"] for n, i in locked.items()} == {"alpha": "2.0", "beta": "2.0"}
    for name, item in locked.items():
        wheel = wheels / f"{name}-2.0-py3-none-any.whl"
        assert item["url"] == wheel.as_uri()
        assert len(item["sha256"]) == 64


def test_requirements_are_kept_with_extras_and_markers(quick: Bench, links: Path) -> None:
    dists.wheel(links, "rich", "1.0", extras={"all": ["new"]})
    typed = 'rich[all]>=0.5; python_version >= "3"'
    quick.install(typed, "--find-links", links)
    assert wanted(quick)["rich"]["requirement"] == typed
    assert wanted(quick)["rich"]["options"] == [f"--find-links={links}"]
    assert set(wanted(quick)) == {"rich"}


def test_requirements_of_a_file_are_kept(quick: Bench) -> None:
    text = "# mine\nnew >= 0.5  # for the plots\nalpha<2 \\\n  ,>1.2\n"
    file = sources.write(quick.user, quick.user.home / "r.txt", text)
    quick.install("-r", file)
    assert wanted(quick)["new"]["requirement"] == "new>=0.5"
    assert wanted(quick)["alpha"]["requirement"] == "alpha<2,>1.2"


def test_relative_places_are_written_such_that_they_hold_elsewhere(
    quick: Bench, wheels: Path
) -> None:
    quick.user.run(["ln", "-s", wheels, quick.user.home / "links"])
    quick.install("new", "--find-links", "links", cwd=quick.user.home)
    assert wanted(quick)["new"]["options"] == [f"--find-links={quick.user.home}/links"]


@LONG
def test_an_editable_is_its_directory(quick: Bench) -> None:
    source = sources.project(quick.user, "mine")
    quick.install("-e", "./mine", cwd=quick.user.home)
    assert wanted(quick)["mine"]["requirement"] == str(source)
    assert wanted(quick)["mine"]["editable"] is True
    assert "intent" not in wanted(quick)["mine"]  # as that of an editable is dev unless it says
    assert quick.record()["distributions"]["mine"]["intent"] == "dev"
    package = tomllib.loads(exported(quick, "pylock.toml"))["packages"][0]
    assert package["directory"] == {"path": str(source), "editable": True}
    assert exported(quick, "requirements.txt").splitlines()[1:] == [f"-e {source}"]
    assert f"# mine is an editable install of {source}" in exported(quick, "environment.yml")


def test_what_came_from_a_file_or_a_repository_is_required_by_its_url(
    quick: Bench, links: Path
) -> None:
    wheel = dists.wheel(links, "direct", "1.0")
    repository = quick.user.home / "repo"
    sources.project(quick.user, "repo")
    sources.write(quick.user, repository / "setup.py", "")
    backend = (repository / "backend.py").read_text().replace("build_editable", "build_wheel")
    sources.write(quick.user, repository / "backend.py", backend)
    script = (
        "git init -q . && git add . && "
        "git -c user.name=a -c user.email=a@b commit -q -m x && git rev-parse HEAD"
    )
    commit = quick.user.run(["sh", "-c", script], cwd=repository).stdout.strip()
    quick.install(wheel, f"git+file://{repository}")
    assert wanted(quick)["direct"]["requirement"] == f"direct @ {wheel.as_uri()}"
    assert wanted(quick)["repo"]["requirement"] == f"repo @ git+file://{repository}@{commit}"
    packages = tomllib.loads(exported(quick, "pylock.toml"))["packages"]
    assert packages[1]["vcs"] == {
        "type": "git",
        "url": f"file://{repository}",
        "commit-id": commit,
    }


def test_the_name_of_the_file_chooses_the_format_and_json_tells_it(quick: Bench) -> None:
    quick.given("install", "new")
    for name in FORMATS:
        file = quick.user.home / name
        told = quick.json("export", "--file", file)
        assert told == {
            "success": True,
            "format": name,
            "file": str(file),
            "text": file.read_text(),
            "notes": [],
        }
        assert file.read_text() == exported(quick, name)
    quick.ask("export", "-f", quick.user.home / "other.toml", "--format", "requirements.txt")
    assert "--hash" in (quick.user.home / "other.toml").read_text()


@LONG
def test_pip_installs_from_the_requirements_and_accepts_no_other_file(
    quick: Bench, links: Path
) -> None:
    quick.given("install", "new", "alpha==2.0")
    text = exported(quick, "requirements.txt")
    file = sources.write(quick.user, quick.user.home / "r.txt", text)
    command: list[str | Path] = [
        quick.host / "bin" / "python",
        "-m",
        "pip",
        "install",
        "--require-hashes",
    ]
    command += ["--target", quick.user.home / "there", "-r", file]
    done = quick.user.run(command, env=quick.environ)
    assert done.returncode == 0, done.stderr
    found = {path.name for path in (quick.user.home / "there").glob("*.dist-info")}
    assert found == {"alpha-2.0.dist-info", "beta-2.0.dist-info", "new-1.0.dist-info"}
    dists.wheel(links, "new", "1.0", files={"forged.py": ""})
    dists.wheel(links, "alpha", "2.0")
    dists.wheel(links, "beta", "2.0")
    environ = {**quick.environ, "PIP_FIND_LINKS": str(links)}
    assert "DO NOT MATCH THE HASHES" in quick.user.run(command, env=environ).stderr


def needs_a_pip_that_reads_pylocks(bench: Bench, python: Path) -> None:
    version = bench.user.run([python, "-m", "pip", "--version"]).stdout.split()[1]
    if tuple(map(int, version.split(".")[:2])) < (26, 1):
        pytest.skip(f"pip {version} does not read pylock.toml")


def test_a_new_pip_installs_from_the_pylock(quick: Bench) -> None:
    quick.given("install", "new", "alpha==2.0")
    file = quick.user.home / "pylock.toml"
    quick.ask("export", "-f", file)
    python = quick.conda.prefix / "bin" / "python"
    needs_a_pip_that_reads_pylocks(quick, python)
    there = quick.user.home / "there"
    command: list[str | Path] = [python, "-m", "pip", "install", "--target", there, "-r", file]
    done = quick.user.run(command, env=quick.environ)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in there.glob("*.dist-info")} == {
        "alpha-2.0.dist-info",
        "beta-2.0.dist-info",
        "new-1.0.dist-info",
    }


@LONG
def test_install_takes_the_pylock_with_a_new_pip(quick: Bench, daq: Bench) -> None:
    needs_a_pip_that_reads_pylocks(quick, daq.host / "bin" / "python")
    quick.given("install", "new", "alpha==2.0")
    file = quick.export("pylock.toml")
    daq.install("-r", file)
    assert daq.distributions() == quick.distributions() == ["alpha-2.0", "beta-2.0", "new-1.0"]
    mine, theirs = (bench.record()["distributions"] for bench in (quick, daq))
    for key, entry in mine.items():
        assert (theirs[key]["url"], theirs[key]["sha256"]) == (entry["url"], entry["sha256"])
    assert daq.script("new") == "new 1.0"
    assert "Nothing to do" in daq.install("-r", file)
    forged = file.read_text().replace(mine["new"]["sha256"], "0" * 64)
    file = sources.write(quick.user, quick.user.home / "pylock.forged.toml", forged)
    daq.given("remove", "new")
    assert "HASH" in daq.refused("-r", file).upper()


def test_pylock_is_valid_by_the_reference_implementation(quick: Bench) -> None:
    standard = pytest.importorskip("packaging.pylock")
    quick.install("new", "alpha==2.0", "-e", sources.project(quick.user, "mine"))
    lock = standard.Pylock.from_dict(tomllib.loads(exported(quick, "pylock.toml")))
    assert [package.name for package in lock.packages] == ["alpha", "beta", "mine", "new"]
    assert list(lock.packages[0].wheels[0].hashes) == ["sha256"]


def test_environment_yml_is_what_the_host_would_need(quick: Bench, science: Path) -> None:
    host = environment.clone(science, quick.conda.env("with-conda-alpha"))
    (host / "conda-meta" / "alpha-1.0-0.json").write_text(
        json.dumps({"name": "alpha", "version": "1.0", "build": "0", "files": []})
    )
    own = Bench(quick.conda, quick.user, quick.environ, str(host))
    own.given("install", "alpha==2.0", "new")
    assert exported(own, "environment.yml") == (
        "name: with-conda-alpha\ndependencies:\n  - alpha=2.0\n  - pip\n  - pip:\n"
        "      - beta==2.0\n      - new==1.0\n"
    )


SECRET = "s3cret"


def test_credentials_never_leave(quick: Bench, links: Path) -> None:
    for name in ("one", "two", "three", "four"):
        dists.wheel(links, name, "1.0")
    dists.index(links)
    with sources.served(links) as address:
        anybody = {"PIP_NO_INDEX": "0", "PIP_FIND_LINKS": "", "PIP_TRUSTED_HOST": address}
        login = f"http://user:{SECRET}@{address}"
        quick.install("one", "--index-url", f"{login}/simple/", env=anybody)
        quick.install("two", "--no-index", "-f", f"{login}/simple/two/?token={SECRET}", env=anybody)
        quick.install(f"three @ {login}/three-1.0-py3-none-any.whl", env=anybody)
        quick.install(
            f"{login}/four-1.0-py3-none-any.whl?sig={SECRET}",
            f"--extra-index-url={login}/simple/",
            env=anybody,
        )
        assert quick.json("status")["overlays"][0]["revision"] == 4
        for name in FORMATS:
            text = exported(quick, name)
            assert "four" in text
            assert SECRET not in text, name
            assert "user:" not in text, name
        assert SECRET not in quick.ask("history")
        for record in quick.records:
            assert SECRET not in record.read_text()
        assert wanted(quick)["three"]["requirement"] == (
            f"three @ http://{address}/three-1.0-py3-none-any.whl"
        )
        assert wanted(quick)["one"]["options"] == [f"--index-url=http://{address}/simple/"]


def test_what_was_done_by_hand_is_exported_too(quick: Bench, wheels: Path) -> None:
    quick.make_by_hand(wheels / "new-1.0-py3-none-any.whl")
    assert wanted(quick)["new"]["requirement"] == "new==1.0"
    head, *lines = exported(quick, "requirements.txt").splitlines()
    assert head.startswith("# The overlay of science (Python 3.")
    assert lines == ["# No hashes: hashes unknown for new.", "new==1.0"]
    done = quick.refuse("export", "--format", "pylock.toml")
    assert "source file unknown for new 1.0" in done


def test_without_an_overlay_it_says_so(quick: Bench) -> None:
    assert "has no revision yet" in quick.refuse("export")


def test_a_file_that_cannot_be_written_is_one_sentence(quick: Bench) -> None:
    quick.given("install", "new")
    told = quick.refuse("export", "-f", "/nowhere/overlay.toml")
    assert "/nowhere/overlay.toml cannot be written: No such file or directory." in told


def test_an_existing_file_stays_if_there_is_no_room_for_the_new_one(quick: Bench) -> None:
    quick.given("edit", "--no-editor", "alpha")
    quick.edit(quick.site / "alpha" / "__init__.py", "TEXT = 1\n" * 1000)
    old, new = (quick.user.home / name for name in ("old.toml", "new.toml"))
    quick.user.run(["sh", "-c", f"echo precious > {old}; chmod 600 {old}"])
    command = shlex.join([str(quick.conda.executable), "overlay", "export", *quick.where, "-f"])
    for place in (old, new):
        script = f"ulimit -f 4; exec {command} {place}"
        done = quick.user.run(["sh", "-c", script], env=quick.environ_of())
        assert done.returncode == 1 and f"{place} cannot be written: File too large." in done.stderr
    assert old.read_text() == "precious\n" and not new.exists()
    quick.ask("export", "-f", str(old))
    assert "TEXT" in old.read_text() and old.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("there", [True, False])
def test_a_link_of_another_user_is_not_followed(
    quick: Bench, mallory: User, scratch: Path, there: bool
) -> None:
    """In a directory that others can write."""
    quick.given("install", "new")
    shared, target = scratch / f"all-{there}", quick.user.home / "target"
    shared.mkdir()
    shared.chmod(0o777)
    quick.user.run(["sh", "-c", f"echo precious > {target}" if there else f"rm -f {target}"])
    link = shared / "layer.toml"
    assert mallory.run(["ln", "-s", target, link]).returncode == 0
    told = quick.refuse("export", "-f", str(link))
    sentence = f"{link} is a link of overlay-mallory, which is not followed."
    assert f"{sentence}\nHint: ls -l {link}\n" in told
    assert target.exists() == there and (not there or target.read_text() == "precious\n")
    link.unlink()
    quick.user.run(["ln", "-s", target, link])
    quick.ask("export", "-f", str(link))
    assert "precious" not in target.read_text()


@pytest.mark.parametrize("place", ["/dev/stdout", "/dev/fd/3", "/dev/stderr"])
@pytest.mark.parametrize("to", [">> log", "| cat > log"])
def test_what_is_open_already_is_written_to_and_not_replaced(
    quick: Bench, place: str, to: str
) -> None:
    quick.given("install", "new")
    command = shlex.join([str(quick.conda.executable), "overlay", "export", *quick.where, "-f"])
    script = f"{{ echo a; {command} {place} 3>&1 2>&1; echo b; }} {to}"
    done = quick.user.run(["bash", "-c", script], env=quick.environ_of(), cwd=quick.user.home)
    assert done.returncode == 0, done
    text = (quick.user.home / "log").read_text()
    assert "[[wanted]]\n" in text and text.endswith("b\n"), text


@pytest.mark.parametrize("recorded", [False, True], ids=["by hand", "recorded"])
def test_own_files_that_no_package_has_are_named_as_left_out(quick: Bench, recorded: bool) -> None:
    quick.given("install", "new")
    for name in ("new/extra.py", "mine.py"):
        quick.edit(quick.site / name, "MINE = 1\n")
    if recorded:
        quick.change("record")
    told = "No package has mine.py, new/extra.py: an exported file cannot contain that.\n"
    assert quick.run("export", *quick.where).stderr == told
    assert quick.run("export", *quick.where, "new").stderr == ""


def test_own_files_are_named_by_the_path_of_the_overlay_too(quick: Bench, daq: Bench) -> None:
    quick.given("install", "new")
    quick.edit(quick.site / "own.py", "MINE = 1\n")
    exported = quick.run("export", "-p", quick.overlay)
    assert exported.returncode == 0 and "No package has own.py:" in exported.stderr
    assert "own.py" in daq.ask("rebase", "--from", str(quick.overlay), "--dry-run")
