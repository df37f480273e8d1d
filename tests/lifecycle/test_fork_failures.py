"""What keeps a fork from being made is one sentence, and nothing half-made remains."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import sources
from tests.bed import channel, cpython, dists, packages
from tests.bed.users import User
from tests.lifecycle.forks import Forker, listed, python, url
from tests.long import LONG, first


@pytest.fixture
def server(scratch: Path) -> Iterator[tuple[Path, str]]:
    """A copy of the channel, without Python, and its address."""
    root = scratch / "channel"
    shutil.copytree(packages.channel(), root, ignore=shutil.ignore_patterns("python-*"))
    with sources.served(root) as address:
        yield root, f"http://{address}"


def served(address: str, name: str) -> str:
    """A line of a list, of a package on a server."""
    return address + url(name).removeprefix(packages.channel().as_uri())


def test_a_package_that_no_channel_has_is_named_with_its_url(
    forker: Forker, server: tuple[Path, str]
) -> None:
    gone = served(server[1], "gone-1.0").partition("#")[0]
    spec = forker.spec(served(server[1], "tool-1.0"), gone)
    told = forker.refused("--from", spec, "-n", "gone")
    assert f"{gone} are no longer in any channel; nothing has changed." in told
    assert "tool-1.0" not in told


@pytest.mark.parametrize("where", ["file", "http"])
def test_a_package_with_another_hash_is_named(
    forker: Forker, server: tuple[Path, str], where: str
) -> None:
    line = url("tool-2.0") if where == "file" else served(server[1], "tool-2.0")
    place = line.partition("#")[0]
    told = forker.refused("--from", forker.spec(f"{place}#{'0' * 32}"), "-n", "hash")
    assert (
        f"{place} cannot be used: the hash differs from the baseline's; nothing has changed."
        in told
    )


def test_a_link_beside_the_prefix_is_not_followed(forker: Forker) -> None:
    mine, place = forker.home / "mine", forker.env(".linked.fork")
    make = f"mkdir -p {mine}/work {place.parent}; touch {mine}/conda-overlay-fork.lock"
    forker.bench.user.run(["sh", "-c", f"{make} {mine}/work/file; ln -s {mine} {place}"])
    spec = forker.spec(url("tool-1.0"))
    assert f"{place} is not used: it is a link." in forker.refused("--from", spec, "-n", "linked")
    assert (mine / "work" / "file").exists() and place.is_symlink()


@pytest.mark.parametrize("words", [["--dry-run"], []])
def test_an_environment_that_another_user_has_put_in_its_place_is_not_run(
    forker: Forker, mallory: User, words: list[str]
) -> None:
    shared = forker.shared()
    killed = "mkdir .a.fork; touch .a.fork/conda-overlay-fork.lock"
    forker.bench.user.run(["sh", "-c", f"cd {shared}; {killed}"])
    script = f"""cd {shared}; mkdir -p a/bin a/conda-meta/overlay-fork
        touch a/conda-meta/history a/conda-meta/overlay-fork/unconfirmed
        printf '#!/bin/sh\\nid -un >> {shared}/sprung\\n' > a/bin/python; chmod 755 a/bin/python"""
    mallory.run(["sh", "-c", script])
    spec = forker.spec(url("tool-1.0"))
    told = forker.refused("--from", spec, "-p", str(shared / "a"), *words)
    assert f"There is already something at {shared / 'a'}" in told
    assert not (shared / "sprung").exists() and (shared / "a" / "bin" / "python").exists()


@pytest.mark.parametrize("spec", ["*", ""])
def test_a_conda_spec_that_names_no_package_is_a_sentence(forker: Forker, spec: str) -> None:
    baseline = forker.spec(url("tool-1.0"))
    done = forker.run("--from", baseline, "-n", "star", "--conda", spec, "--dry-run")
    assert done.returncode in (1, 2) and "Traceback" not in done.stderr, done.stderr
    assert "conda cannot add *" in done.stderr or "names no package" in done.stderr


def test_a_list_for_another_platform_is_refused(forker: Forker) -> None:
    line = url("lib-1.0").replace(channel.subdir(), "osx-arm64")
    told = forker.refused("--from", forker.spec(line), "-n", "platform")
    assert f"is for osx-arm64, but this machine is {channel.subdir()}." in told


def test_without_a_network_the_cache_serves_or_what_is_not_in_it_is_named(
    forker: Forker, server: tuple[Path, str]
) -> None:
    cached, other = (served(server[1], name) for name in ("lib-1.0", "extra-1.0"))
    forker.fork("--from", forker.spec(cached), "-n", "cached")
    shutil.rmtree(server[0])
    offline = {"CONDA_OFFLINE": "1"}
    forker.fork("--from", forker.spec(cached), "-n", "offline", env=offline)
    spec = forker.spec(cached, other)
    told = forker.refused("--from", spec, "-n", "missing", env=offline)
    place = other.partition("#")[0]
    assert f"{place} can be neither found in the package cache nor fetched" in told
    assert f"{cached.partition('#')[0]}" not in told


def test_credentials_are_neither_printed_nor_kept(forker: Forker, server: tuple[Path, str]) -> None:
    address = server[1].replace("http://", "http://me:secret@")
    line = served(address, "lib-2.0")
    spec = forker.spec(line)
    done = forker.run("--from", spec, "-n", "private", "--yes")
    assert done.returncode == 0, done.stderr
    told = done.stdout + done.stderr
    (server[0] / "list.txt").write_text(listed(line))
    file = forker.home / "remote.toml"
    made = forker.run("--from", f"{address}/list.txt", "-n", "remote", "--yes", file)
    assert made.returncode == 0, made.stderr
    told += made.stdout + made.stderr + file.read_text()
    told += forker.refused("--from", f"{address}/nowhere.txt", "-n", "other")
    told += forker.refused("--from", forker.spec(line, served(address, "no-1.0")), "-n", "other")
    assert "secret" not in told
    for made_of in ("private", "remote"):
        for path in (p for p in forker.env(made_of).rglob("*") if p.is_file()):
            assert b"secret" not in path.read_bytes(), path
    forker.spec(line)
    forker.fork("--recreate", "-n", "private")


@pytest.mark.parametrize("made", ["directory", "file", "link"])
def test_nothing_is_made_where_something_is(forker: Forker, made: str) -> None:
    spec, place = forker.spec(url("lib-1.0")), forker.home / f"taken-{made}"
    commands = {"directory": ["mkdir"], "file": ["touch"], "link": ["ln", "-s", "/nowhere"]}
    assert forker.bench.user.run([*commands[made], place]).returncode == 0
    told = forker.refused("--from", spec, "-p", place)
    assert f"There is already something at {place}.\nHint: choose another name\n" in told


def test_what_is_no_environment_is_no_baseline(forker: Forker) -> None:
    told = forker.refused("--from", forker.home / "nowhere", "-n", "no")
    assert "There is no environment at" in told
    forker.write("env.yml", "name: x\n")
    told = forker.refused("--from", "env.yml", "-n", "no")
    assert "env.yml is not an explicit list" in told and "conda overlay export --baseline" in told
    told = forker.refused("--from", forker.spec(url("lib-1.0")), "--drop", "qt", "-n", "no")
    assert "has no conda package qt." in told
    assert "No baseline is named" in forker.refused("-n", "no")
    assert "Give the new environment a name." in forker.refused(
        "--from", forker.home / "baseline.txt"
    )


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([], "it has no line @EXPLICIT"),
        (["@EXPLICIT", "--channel=x"], "'--channel=x' is not the URL of a package"),
        (["@EXPLICIT", "lib=1.0"], "'lib=1.0' is not the URL of a package"),
        (["@EXPLICIT", "http://h/linux-64/../../x-1-0.conda/"], "is not the URL of a package"),
        (["@EXPLICIT", "# pip --index-url=http://h"], "Expected"),
        (["@EXPLICIT", "# pip alpha"], "'alpha' is not an exact requirement"),
        (["@EXPLICIT", "# pip alpha>=1"], "'alpha>=1' is not an exact requirement"),
        (["@EXPLICIT", "# pip ./alpha"], "Expected"),
    ],
)
def test_a_list_has_nothing_but_exact_packages(forker: Forker, lines: list[str], why: str) -> None:
    spec = forker.write("odd.txt", "".join(f"{line}\n" for line in lines))
    told = forker.refused("--from", spec, "-n", "odd")
    assert f"{spec} is not an explicit list of packages: " in told
    assert why in told


def test_a_list_has_a_package_once(forker: Forker) -> None:
    spec = forker.write("twice.txt", listed(url("lib-1.0"), url("lib-2.0")))
    assert "it has lib twice" in forker.refused("--from", spec, "-n", "twice")


def test_a_file_without_a_baseline_is_refused(forker: Forker) -> None:
    file = forker.write("none.toml", "format = 1\n")
    told = forker.refused(file, "-n", "none")
    assert f"{file} has no table [baseline] with an 'env' or a 'spec'." in told
    assert "or name the file and its baseline: --from ENV" in told
    file = forker.write("both.toml", '[baseline]\nenv = "a"\nspec = "b"\n')
    assert "[baseline] has an 'env' and a 'spec'" in forker.refused(file, "-n", "none")


def test_a_file_to_make_a_fork_again_from_must_be_there(forker: Forker) -> None:
    forker.fork("--from", forker.spec(url("lib-1.0")), "-n", "mistyped")
    told = forker.refused("--recreate", "-n", "mistyped", "typo.toml")
    assert "typo.toml cannot be read: No such file or directory." in told


def test_hints_name_the_baseline_or_the_fork_that_exists(forker: Forker) -> None:
    """And never the one that was not made."""
    lab = str(packages.template([f"python={cpython.default().xy}", "tool=1.0"]))
    words = ["--from", lab, "-n", "hinted"]
    told = forker.refused(*words, "nosuch")
    assert f"conda overlay fork --from {lab} -n hinted --conda nosuch" in told
    told = forker.refused("--from", lab, "-p", forker.home / "there", "nosuch")
    assert f"conda overlay fork --from {lab} -p {forker.home}/there --conda nosuch" in told
    told = forker.refused(*words, "./directory")
    assert f"conda overlay export -p {lab} -f overlay.toml" in told
    file = forker.write("invalid.toml", "[")
    assert "conda overlay export -f overlay.toml, which" in forker.refused(file, "-n", "hinted")
    forker.fork(*words)
    assert "conda overlay fork -n hinted --recreate" in forker.refused(*words)
    told = forker.refused("--recreate", "-n", "hinted", "nosuch")
    assert "conda overlay fork --recreate -n hinted --conda nosuch" in told


def test_two_forks_of_one_name_are_not_made_at_once(forker: Forker) -> None:
    import fcntl

    place = forker.env(".busy.fork")
    assert forker.bench.user.run(["mkdir", "-p", place]).returncode == 0
    assert forker.bench.user.run(["touch", place / "conda-overlay-fork.lock"]).returncode == 0
    with (place / "conda-overlay-fork.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        told = forker.refused("--from", forker.spec(url("lib-1.0")), "-n", "busy")
    assert f"{forker.env('busy')} is being changed by" in told
    forker.fork("--from", forker.spec(url("lib-1.0")), "-n", "busy")


def test_nothing_is_made_in_a_directory_that_others_have_prepared(
    forker: Forker, mallory: User
) -> None:
    shared = forker.shared()
    mallory.run(["mkdir", "-m", "777", shared / ".mine.fork"])
    told = forker.refused("--from", forker.spec(url("lib-1.0")), "-p", shared / "mine")
    assert "Permission denied" in told or "is not used" in told
    assert not (shared / "mine").exists()
    assert [path.name for path in (shared / ".mine.fork").iterdir() if path.is_dir()] == []


def test_what_appears_while_a_fork_is_made_stays(forker: Forker) -> None:
    """Here the question is answered by whoever makes another environment of that name."""
    spec = forker.spec(url("lib-1.0"))
    theirs = forker.env("race") / "theirs"
    script = 'exec "$0" overlay fork --from "$1" -n race <"$2"'
    fifo = forker.home / "fifo"
    forker.bench.user.run(["mkfifo", fifo])
    answer = f"mkdir -p {theirs.parent} && touch {theirs} && echo y > {fifo}"
    words: list[str | Path] = [
        "sh",
        "-c",
        f"{{ {answer}; }} & {script}",
        forker.bench.conda.executable,
        spec,
        fifo,
    ]
    done = forker.bench.user.run(words, env=forker.bench.environ)
    assert done.returncode == 1 and "already something" in done.stderr, done.stdout + done.stderr
    assert theirs.exists()


def test_a_list_is_read_to_no_end(forker: Forker) -> None:
    for spec in ("file:///dev/zero", "/a\0b"):
        file = forker.write("endless.toml", f"[baseline]\nspec = {json.dumps(spec)}\n")
        assert "cannot be read" in forker.refused(file, "-n", "endless")


@LONG
def test_credentials_in_what_pip_adds_are_used_and_not_kept(forker: Forker, links: Path) -> None:
    wheel = dists.wheel(links, "secret", "1.0")
    with sources.served(links) as address:
        place = f"http://me:s3cret@{address}/{wheel.name}"
        lines = [*map(url, ("lib-1.0", f"python-{cpython.default().version}"))]
        spec = forker.spec(*lines, f"# pip secret @ {place}", name="secret.txt")
        told = [str(forker.fork("--from", spec, "-n", "secret"))]
        told.append(
            str(forker.fork("--from", forker.spec(*lines), "-n", "asked", f"secret @ {place}"))
        )
    for name in ("secret", "asked"):
        assert forker.python(name, "-c", "import secret; print(secret.__version__)") == "1.0"
        kept = [
            p for p in forker.env(name).rglob("*") if p.is_file() and b"s3cret" in p.read_bytes()
        ]
        assert kept == []
    assert "s3cret" not in "".join(told)


@first(1)
@pytest.mark.parametrize("size", ["4k", "16k", "32k", "48k"])
def test_no_space_leaves_nothing(forker: Forker, size: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    place, user = forker.home / "small", forker.bench.user
    user.run(["mkdir", "-p", place])
    options = f"size={size},mode=755,uid={user.uid},gid={user.gid}"
    argv = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    if subprocess.run(argv, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        spec = forker.spec(url("lib-1.0"), url("gui-1.0"), url("tool-1.0"), url("extra-1.0"))
        told = forker.refused("--from", spec, "-p", place / "mine")
        assert "No space left" in told
        assert [*place.iterdir()] == []
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_the_root_directory_is_no_place_for_a_fork(forker: Forker) -> None:
    told = forker.refused("--from", forker.spec(url("lib-1.0")), "-p", "/")
    assert "There is already something at /" in told


def test_a_prefix_whose_name_looks_like_a_pattern_keeps_the_old_one(
    forker: Forker, scratch: Path
) -> None:
    prefix = forker.home / "odd" / "x[1]"
    spec = forker.spec(url("lib-1.0"), name="odd.txt")
    done = forker.run("--yes", "--from", spec, "-p", prefix)
    assert done.returncode == 0, done.stderr
    forker.spec(url("lib-2.0"), python(scratch, "exit 3"), name="odd.txt")
    done = forker.run("--yes", "--recreate", "-p", prefix)
    assert done.returncode == 1 and [*prefix.glob("conda-meta/lib-1.0*")], done.stderr


def test_a_file_that_the_user_has_changed_outlives_a_failure(forker: Forker, scratch: Path) -> None:
    file = forker.home / "slow.toml"
    script = f"echo '# my notes' >> {file}; exit 3"
    spec = forker.spec(url("lib-1.0"), python(scratch, script), name="slow.txt")
    done = forker.run("--yes", "--from", spec, "-n", "slow", file)
    assert done.returncode == 1 and "# my notes" in file.read_text(), done.stderr


def test_an_error_that_conda_cannot_print_is_said_all_the_same(forker: Forker) -> None:
    """Its scripts of packages fail where the prefix has a space and a quote."""
    spec = forker.spec(url("cache-1.0"), name="quoted.txt")
    told = forker.refused("--from", spec, "-p", forker.home / "odd" / "a b'")
    assert "post-link script failed for package" in told and "AttributeError" not in told
