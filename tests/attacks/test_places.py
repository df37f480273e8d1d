"""Odd places: read-only directories, access control lists, what root has left, odd paths."""

from __future__ import annotations

import errno
import os
import struct
from pathlib import Path

import pytest

from tests.bed.users import User
from tests.bench import Bench

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")


def give_all(top: Path, uid: int) -> None:
    """Make a tree somebody's, links included."""
    for path in (top, *top.rglob("*")):
        os.lchown(path, uid, uid)


@pytest.mark.parametrize("command", ["status", "history", "diff", "export", "list"])
def test_an_overlay_that_cannot_be_written_can_be_looked_at(quick: Bench, command: str) -> None:
    """A layer of the facility: root's, in a directory that is root's."""
    quick.install("new")
    quick.user.run(["chmod", "-R", "a+rX", quick.overlays.parent])
    give_all(quick.overlays, 0)
    where = [] if command == "list" else list(quick.where)
    done = quick.run(command, *where)
    assert done.returncode == 0, done.stderr
    assert "science" in done.stdout or "new" in done.stdout
    told = quick.refuse("install", "--yes", "beta==2.0")
    assert "is not a directory of yours" in told and "CONDA_PLUGINS_OVERLAY_DIRS" in told
    assert "alpha" in quick.ask("install", "--dry-run", "-U", "alpha")


def test_default_access_control_lists_give_nobody_a_part_of_an_overlay(
    quick: Bench, mallory: User
) -> None:
    quick.user.run(["mkdir", "-p", "-m", "755", quick.overlays.parent, quick.overlays])
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
        os.setxattr(quick.overlays, "system.posix_acl_default", value)
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        pytest.skip("the file system has no access control lists")
    quick.install("new")
    quick.install("beta==2.0")
    write = 'find "$1" \\( -type d -o -type f \\) -writable'
    found = mallory.run(["sh", "-c", write, "sh", quick.overlays])
    assert found.stdout == ""
    activate = f". '{quick.conda.prefix}/etc/profile.d/conda.sh'; conda activate {quick.name}; "
    done = quick.user.run(["sh", "-c", activate + "python -c 'import new; print(new.__file__)'"])
    assert done.stderr == "" and str(quick.site) in done.stdout


@pytest.mark.parametrize("place", ["revisions/1", "revisions", "drafts", "revisions/1/tree"])
def test_what_root_has_closed_in_the_state_is_said(quick: Bench, place: str) -> None:
    quick.install("new")
    quick.install("beta==2.0")
    closed = quick.state / place
    closed.mkdir(exist_ok=True)
    os.lchown(closed, 0, 0)
    closed.chmod(0o700)
    for command in ("status", "history", "diff", "export", "undo", "install"):
        words = (
            ["--yes"]
            if command == "undo"
            else ["--yes", "-I", "delta"][: 3 * (command == "install")]
        )
        done = quick.run(command, *quick.where, *words)
        assert done.returncode in (0, 1), done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == 0 or done.stderr.count("Hint: ") == 1, (command, done.stderr)


def test_bytecode_that_root_has_left_is_no_hindrance(quick: Bench) -> None:
    quick.install("new")
    cache = quick.site / "__pycache__"
    cache.mkdir(exist_ok=True)
    (cache / "new.cpython-311.pyc").write_bytes(b"x")
    os.lchown(cache, 0, 0)
    cache.chmod(0o700)
    quick.install("beta==2.0")
    quick.change("undo")
    assert "new" in quick.ask("status")
    quick.change("delete")
    assert "science" not in quick.run("list").stdout


@pytest.mark.parametrize("name", ["$HOME", "a b", "a'b", "é☃", "%41", "!x", "[a]"])
def test_an_overlay_directory_of_an_odd_name_works(quick: Bench, name: str) -> None:
    directory = quick.user.home / name
    escaped = str(directory).replace("$", "${D}")
    env = {"CONDA_PLUGINS_OVERLAY_DIRS": escaped, "D": "$"}
    quick.install("new", env=env)
    done = quick.user.run([directory / "science" / "bin" / "new"], env={"D": "$"})
    assert done.stdout.split() == ["new", "1.0"], done.stderr


@pytest.mark.parametrize("owners", ["²", "-1", "99999999999", "no such user", "", "0x0"])
def test_owners_that_are_none_are_passed_over(quick: Bench, owners: str) -> None:
    done = quick.run("status", *quick.where, env={"CONDA_PLUGINS_OVERLAY_TRUSTED_OWNERS": owners})
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
