"""Odd places: read-only directories, access control lists, what root has left, odd paths."""

from __future__ import annotations

import errno
import os
import struct
from pathlib import Path

import pytest

from tests.bed.users import User
from tests.bench import Bench
from tests.long import LONG, few, first

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")


def give_all(top: Path, uid: int) -> None:
    """Make a tree somebody's, links included."""
    for path in (top, *top.rglob("*")):
        os.lchown(path, uid, uid)


@pytest.mark.parametrize("command", few(["status", "history", "diff", "export", "list"], "status"))
def test_an_overlay_that_cannot_be_written_can_be_looked_at(bench: Bench, command: str) -> None:
    """A layer of the facility: root's, in a directory that is root's."""
    bench.given("install", "new")
    bench.user.run(["chmod", "-R", "a+rX", bench.overlays.parent])
    give_all(bench.overlays, 0)
    where = [] if command == "list" else list(bench.where)
    done = bench.run(command, *where)
    assert done.returncode == 0, done.stderr
    assert "science" in done.stdout or "new" in done.stdout
    told = bench.refuse("install", "--yes", "beta==2.0")
    assert "is not a directory of yours" in told and "CONDA_PLUGINS_OVERLAY_DIRS" in told
    assert "alpha" in bench.ask("install", "--dry-run", "-U", "alpha")


@LONG
def test_default_access_control_lists_give_nobody_a_part_of_an_overlay(
    bench: Bench, mallory: User
) -> None:
    bench.user.run(["mkdir", "-p", "-m", "755", bench.overlays.parent, bench.overlays])
    nobody = 0xFFFFFFFF
    entries = [
        (1, 7, nobody),
        (2, 7, mallory.uid),
        (4, 7, nobody),
        (16, 7, nobody),
        (32, 7, nobody),
    ]
    value = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    try:
        os.setxattr(bench.overlays, "system.posix_acl_default", value)
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        pytest.skip("the file system has no access control lists")
    bench.given("install", "new")
    bench.given("install", "beta==2.0")
    write = 'find "$1" \\( -type d -o -type f \\) -writable'
    found = mallory.run(["sh", "-c", write, "sh", bench.overlays])
    assert found.stdout == ""
    activate = f". '{bench.conda.prefix}/etc/profile.d/conda.sh'; conda activate {bench.name}; "
    done = bench.user.run(["sh", "-c", activate + "python -c 'import new; print(new.__file__)'"])
    assert done.stderr == "" and str(bench.site) in done.stdout


@first(1)
@pytest.mark.parametrize("place", ["revisions/1", "revisions", "drafts", "revisions/1/tree"])
def test_what_root_has_closed_in_the_state_is_said(bench: Bench, place: str) -> None:
    bench.given("install", "new")
    bench.given("install", "beta==2.0")
    closed = bench.state / place
    closed.mkdir(exist_ok=True)
    os.lchown(closed, 0, 0)
    closed.chmod(0o700)
    for command in ("status", "history", "diff", "export", "undo", "install"):
        words = (
            ["--yes"]
            if command == "undo"
            else ["--yes", "-I", "delta"][: 3 * (command == "install")]
        )
        done = bench.run(command, *bench.where, *words)
        assert done.returncode in (0, 1), done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == 0 or done.stderr.count("Hint: ") == 1, (command, done.stderr)


def test_bytecode_that_root_has_left_is_no_hindrance(bench: Bench) -> None:
    bench.given("install", "new")
    cache = bench.site / "__pycache__"
    cache.mkdir(exist_ok=True)
    (cache / "new.cpython-311.pyc").write_bytes(b"x")
    os.lchown(cache, 0, 0)
    cache.chmod(0o700)
    bench.given("install", "beta==2.0")
    bench.given("undo")
    assert "new" in bench.ask("status")
    done = bench.run("delete", *bench.where, "--yes")
    assert "is deleted, but some of its files cannot be removed" in done.stderr
    assert "science" not in bench.run("list").stdout


@pytest.mark.parametrize(
    "name", few(["$HOME", "a b", "a'b", "é☃", "%41", "!x", "[a]"], "$HOME", "a'b")
)
def test_an_overlay_directory_of_an_odd_name_works(bench: Bench, name: str) -> None:
    directory = bench.user.home / name
    escaped = str(directory).replace("$", "${D}")
    env = {"CONDA_PLUGINS_OVERLAY_DIRS": escaped, "D": "$"}
    bench.install("new", env=env)
    done = bench.user.run([directory / "science" / "bin" / "new"], env={"D": "$"})
    assert done.stdout.split() == ["new", "1.0"], done.stderr


@pytest.mark.parametrize("owners", ["²", "-1", "99999999999", "no such user", "", "0x0"])
def test_owners_that_are_none_are_passed_over(bench: Bench, owners: str) -> None:
    done = bench.run("status", *bench.where, env={"CONDA_PLUGINS_OVERLAY_TRUSTED_OWNERS": owners})
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
