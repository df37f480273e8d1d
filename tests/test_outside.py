"""The check that nothing outside is touched can fail, and only through the tests themselves."""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bed import outside, place
from tests.bed.outside import Outside
from tests.bed.users import User
from tests.conftest import USERS


@pytest.fixture
def machine(scratch: Path, alice: User) -> Outside:
    """Places like those of a machine, in which Alice is a user of the tests, if she is not you."""
    for name in ("tmp/open", "var/tmp"):
        (scratch / name).mkdir(parents=True)
        (scratch / name).chmod(0o1777)
    (scratch / "tmp").chmod(0o1777)
    for name in ("etc", "home", "root/.config/fish/conf.d", "root/.conda", "tmp/bed"):
        (scratch / name).mkdir(parents=True)
    (scratch / "root" / ".bashrc").write_text("umask 022\n")
    (scratch / "root" / ".conda" / "environments.txt").write_text("/opt/env\n")
    return Outside(
        shared=tuple(scratch / name for name in (".", "etc", "home", "tmp", "var/tmp")),
        homes=(scratch / "root",),
        system=scratch,
        users=frozenset({alice.uid} - {os.geteuid()}),
        bed=scratch / "tmp" / "bed",
    )


def in_(machine: Outside, name: str) -> Path:
    return machine.system / name


def append(file: Path, line: str) -> None:
    file.write_text(f"{file.read_text()}{line}\n")


Plant = Callable[[Outside], object]

WRITES: dict[str, tuple[str, Plant]] = {
    "a new mode of a shared place": ("tmp", lambda m: in_(m, "tmp").chmod(0o777)),
    "a first overlay of root's": (
        "root/.conda/overlays",
        lambda m: in_(m, "root/.conda/overlays/.science").mkdir(parents=True),
    ),
    "a line in a start-up file": ("root/.bashrc", lambda m: append(in_(m, "root/.bashrc"), "x")),
    "a start-up file of fish": (
        "root/.config/fish/conf.d/conda.fish",
        lambda m: in_(m, "root/.config/fish/conf.d/conda.fish").touch(),
    ),
    "a start-up file that is gone": ("root/.bashrc", lambda m: in_(m, "root/.bashrc").unlink()),
    "an environment of the bed in root's list": (
        "tmp/bed/env in .*/root/.conda/environments.txt",
        lambda m: append(in_(m, "root/.conda/environments.txt"), str(m.bed / "env")),
    ),
    "a kernel of root's": (
        "root/.local/share/jupyter/kernels/x",
        lambda m: in_(m, "root/.local/share/jupyter/kernels/x").mkdir(parents=True),
    ),
    "a draft in a directory for temporary files": (
        "tmp/conda-overlay-x",
        lambda m: in_(m, "tmp/conda-overlay-x").mkdir(),
    ),
}
"""What the tests could do by mistake: where it shows, and how it is done."""

USERS_WRITES = {
    "a file in /tmp": ("tmp/file", 'touch "$0/tmp/file"'),
    "a file in a directory that is open to all": ("tmp/open/file", 'touch "$0/tmp/open/file"'),
    "a directory in /var/tmp": ("var/tmp/directory", 'mkdir "$0/var/tmp/directory"'),
    "a link in /tmp": ("tmp/link", 'ln -s /nowhere "$0/tmp/link"'),
}
"""The same, as a user of the tests, by a script of sh."""


def check_that_it_is_said(machine: Outside, where: str, plant: Callable[[], object]) -> None:
    said = f"^The tests have changed what is not theirs: .*{re.escape(str(machine.system))}/{where}"
    with pytest.raises(AssertionError, match=said), outside.unchanged(machine, patience=0):
        plant()


@pytest.mark.parametrize("write", WRITES)
def test_write_is_said(machine: Outside, write: str) -> None:
    where, plant = WRITES[write]
    check_that_it_is_said(machine, where, lambda: plant(machine))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")
@pytest.mark.parametrize("write", USERS_WRITES)
def test_write_of_a_user_of_the_tests_is_said(machine: Outside, alice: User, write: str) -> None:
    where, script = USERS_WRITES[write]

    def plant() -> None:
        assert alice.run(["sh", "-euc", script, machine.system]).returncode == 0

    check_that_it_is_said(machine, where, plant)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give directories away")
@pytest.mark.parametrize("name", ["etc", "root"])
def test_new_owner_is_said(machine: Outside, mallory: User, name: str) -> None:
    where = in_(machine, name)
    check_that_it_is_said(machine, name, lambda: os.chown(where, mallory.uid, mallory.gid))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_older_file_of_a_user_that_is_written_again_is_said(machine: Outside, alice: User) -> None:
    file = in_(machine, "tmp/file")
    assert alice.run(["touch", file]).returncode == 0
    with outside.unchanged(machine, patience=0):
        pass
    check_that_it_is_said(machine, "tmp/file", lambda: file.write_text("again"))


def test_other_peoples_changes_are_not_said(machine: Outside, mallory: User) -> None:
    """An account, directories, files, and environments; those of the bed are the tests' own."""
    with outside.unchanged(machine, patience=0):
        for name in ("home/bob", "data", "tmp/bobs", "var/tmp/bobs", "root/src", "etc/bob.d"):
            in_(machine, name).mkdir()
            if os.geteuid() == 0 and name != "data":
                os.chown(in_(machine, name), mallory.uid, mallory.gid)
        in_(machine, "home/bob/.bashrc").touch()
        in_(machine, "etc/passwd").write_text("bob:x:1234:1234::/home/bob:/bin/bash\n")
        in_(machine, "root/.bash_history").write_text("useradd bob\n")
        append(in_(machine, "root/.conda/environments.txt"), "/home/bob/env")
        in_(machine, "root/.conda/bob").mkdir()
        in_(machine, "var/tmp/conda-overlay-bed-01234567").mkdir()
        (machine.bed / "homes").mkdir()
        for name in (".", "etc", "home", "root"):
            os.utime(in_(machine, name), (0, 0))


def test_file_that_is_there_for_a_moment_is_waited_for(machine: Outside) -> None:
    moment = in_(machine, "tmp/conda-overlay-x")
    looks = 0

    class Looking(Outside):
        def facts(self) -> outside.Facts:
            nonlocal looks
            looks += 1
            found = super().facts()
            if looks == 2:
                moment.rmdir()
            return found

    with outside.unchanged(Looking(**vars(machine))):
        moment.mkdir()
    assert looks == 3


@pytest.mark.skipif(os.geteuid() != 0, reason="without root the files are not the tests' alone")
def test_this_machine_is_looked_at(alice: User, mallory: User) -> None:
    looked = outside.of_this_machine(USERS)
    assert looked.users == {alice.uid, mallory.uid}
    assert {Path("/"), Path("/tmp"), Path("/home"), Path("/etc")} <= {*looked.shared}
    accounts = ["root", *USERS]
    assert {Path(pwd.getpwnam(name).pw_dir) for name in accounts} <= {*looked.homes}
    assert looked.bed == place.root()


def test_link_is_removed_and_not_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "file").touch()
    (tmp_path / "target").chmod(0o700)
    (tmp_path / "tree").mkdir()
    for link in (tmp_path / "link", tmp_path / "tree" / "link"):
        link.symlink_to(tmp_path / "target")
        before = (tmp_path / "target").stat()
        place.remove(link if link.parent == tmp_path else link.parent)
        after = (tmp_path / "target").stat()
        assert (after.st_mode, after.st_mtime_ns) == (before.st_mode, before.st_mtime_ns)
        assert not os.path.lexists(link)
    assert (tmp_path / "target" / "file").exists()
    (tmp_path / "dangling").symlink_to("nowhere")
    place.remove(tmp_path / "dangling")
    place.remove(tmp_path / "absent")
    assert [path.name for path in tmp_path.iterdir()] == ["target"]
