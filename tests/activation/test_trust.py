"""Only directories that nobody else can change are wired: real owners, modes, links and lists."""

from __future__ import annotations

import errno
import os
import struct
from pathlib import Path

import pytest

from conda_overlay.activation import trust
from tests.bed.users import User

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")

SHARED_GROUP = 100
"""The gid of a group that is nobody's own: ``users`` on Debian."""


class Overlay:
    """The directories of an overlay of Alice's, and the question whether they are trusted."""

    def __init__(self, path: Path, owner: User) -> None:
        self.path = path
        self.owner = owner
        self.bin = path / "bin"
        self.site = path / "lib" / "python3.11" / "site-packages"
        self.make(self.bin)
        self.make(self.site)

    def make(self, directory: Path) -> None:
        """Make a directory and what it needs above, all the owner's."""
        missing = [p for p in (directory, *directory.parents) if not p.exists()]
        for part in reversed(missing):
            part.mkdir(mode=0o755)
            os.lchown(part, self.owner.uid, self.owner.gid)

    def distrust(self, *owners: str) -> str | None:
        """Ask as the owner of the overlay."""
        trusted = trust.trusted_owners(owners) | {self.owner.uid}
        return trust.distrust(str(self.path), [str(self.bin), str(self.site)], trusted)


@pytest.fixture
def overlay(scratch: Path, alice: User) -> Overlay:
    return Overlay(scratch / "home" / "overlays" / "science", alice)


def give(path: Path, user: User) -> None:
    os.lchown(path, user.uid, user.gid)


def test_directories_of_the_user_and_of_root_are_trusted(overlay: Overlay) -> None:
    assert overlay.distrust() is None
    os.lchown(overlay.path, 0, 0)
    assert overlay.distrust() is None


@pytest.mark.parametrize("part", ["", "bin", "lib", "lib/python3.11/site-packages", "..", "../.."])
def test_a_directory_of_somebody_else_is_not(overlay: Overlay, mallory: User, part: str) -> None:
    strange = Path(os.path.normpath(overlay.path / part))
    give(strange, mallory)
    assert overlay.distrust() == f"{strange} belongs to {mallory.name}"


def test_an_owner_without_a_name_is_told_by_number(overlay: Overlay) -> None:
    os.lchown(overlay.bin, 987654, 0)
    assert overlay.distrust() == f"{overlay.bin} belongs to user 987654"


def test_an_owner_that_the_configuration_names_is_trusted_by_users(
    overlay: Overlay, mallory: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(overlay.bin, mallory)
    assert overlay.distrust(mallory.name) == f"{overlay.bin} belongs to {mallory.name}"  # root
    monkeypatch.setattr(os, "geteuid", lambda: overlay.owner.uid)
    assert overlay.distrust(mallory.name) is None
    assert overlay.distrust(str(mallory.uid)) is None
    assert overlay.distrust("nobody-of-this-name") == f"{overlay.bin} belongs to {mallory.name}"


@pytest.mark.parametrize("part", ["", "bin", "lib", "lib/python3.11/site-packages", "..", "../.."])
def test_a_directory_that_everybody_may_write_is_not_trusted(overlay: Overlay, part: str) -> None:
    open_to_all = Path(os.path.normpath(overlay.path / part))
    open_to_all.chmod(0o757)
    assert overlay.distrust() == f"{open_to_all} is writable by everybody"


def test_a_sticky_directory_above_is_trusted(overlay: Overlay) -> None:
    overlay.path.parent.chmod(0o1777)
    assert overlay.distrust() is None


@pytest.mark.parametrize("part", ["", "bin", "lib", "lib/python3.11/site-packages"])
def test_a_sticky_directory_within_is_not(overlay: Overlay, part: str) -> None:
    """There others can add a file, though they cannot replace one."""
    (overlay.path / part).chmod(0o1777)
    assert overlay.distrust() == f"{overlay.path / part} is writable by everybody"


def test_a_private_group_may_write(overlay: Overlay) -> None:
    overlay.site.chmod(0o775)
    assert overlay.distrust() is None


@pytest.mark.parametrize("part", ["bin", ".."])
def test_a_shared_group_may_not(overlay: Overlay, part: str) -> None:
    shared = Path(os.path.normpath(overlay.path / part))
    os.lchown(shared, overlay.owner.uid, SHARED_GROUP)
    shared.chmod(0o775)
    assert overlay.distrust() == f"{shared} is writable by its group"
    shared.chmod(0o755)
    assert overlay.distrust() is None


def test_the_private_group_of_somebody_else_may_not(overlay: Overlay, mallory: User) -> None:
    os.lchown(overlay.bin, overlay.owner.uid, mallory.gid)
    overlay.bin.chmod(0o775)
    assert overlay.distrust() == f"{overlay.bin} is writable by its group"


@pytest.mark.parametrize("group", ["private", "root"])
def test_an_access_list_that_lets_somebody_else_write_is_not_trusted(
    overlay: Overlay, mallory: User, group: str
) -> None:
    if group == "root":
        os.lchown(overlay.site, overlay.owner.uid, 0)
    let_write(overlay.site, mallory)
    assert overlay.distrust() == f"{overlay.site} is writable by its group"


def let_write(directory: Path, user: User) -> None:
    """Do what ``setfacl -m u:USER:rwx`` does: the format of acl(5) in the kernel."""
    nobody = 0xFFFFFFFF
    entries = [
        (0x01, 7, nobody),  # the owner
        (0x02, 7, user.uid),
        (0x04, 5, nobody),  # the group
        (0x10, 7, nobody),  # the mask
        (0x20, 5, nobody),  # others
    ]
    value = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    try:
        os.setxattr(directory, "system.posix_acl_access", value)
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        pytest.skip(f"the file system of {directory} has no access control lists")


def test_an_overlay_behind_a_link_of_the_users_own_is_trusted(overlay: Overlay) -> None:
    """As every managed one is: a link to the current revision."""
    tree = overlay.path.rename(overlay.path.with_name("tree"))
    overlay.path.symlink_to("tree")
    give(overlay.path, overlay.owner)
    assert overlay.distrust() is None
    tree.chmod(0o777)
    assert overlay.distrust() == f"{tree} is writable by everybody"


def test_a_link_of_somebody_else_in_a_sticky_directory_is_not_trusted(
    overlay: Overlay, mallory: User
) -> None:
    tree = overlay.path.rename(overlay.path.parent.parent / "tree")
    overlay.path.parent.chmod(0o1777)
    overlay.path.symlink_to(tree)
    give(overlay.path, mallory)
    assert overlay.distrust() == f"{overlay.path} belongs to {mallory.name}"


def test_the_way_to_where_a_link_leads_counts(overlay: Overlay, scratch: Path) -> None:
    """Else who can write there puts another directory in the place of the one that was checked."""
    elsewhere = scratch / "elsewhere"
    overlay.make(elsewhere / "bin")
    overlay.bin.rmdir()
    overlay.bin.symlink_to(elsewhere / "bin")
    assert overlay.distrust() is None
    elsewhere.chmod(0o777)
    assert overlay.distrust() == f"{elsewhere} is writable by everybody"


def test_a_link_to_nothing_is_not_trusted(overlay: Overlay) -> None:
    overlay.bin.rmdir()
    overlay.bin.symlink_to("/nowhere/bin")
    assert overlay.distrust() == "/nowhere/bin: No such file or directory"


def test_a_link_to_itself_is_not_trusted(overlay: Overlay) -> None:
    overlay.bin.rmdir()
    overlay.bin.symlink_to("bin")
    assert overlay.distrust() == f"{overlay.bin}: too many levels of symbolic links"


def test_a_link_may_lead_up_and_down(overlay: Overlay) -> None:
    overlay.path.rename(overlay.path.with_name("tree"))
    overlay.path.symlink_to("./../overlays/tree")
    assert overlay.distrust() is None


def test_what_an_overlay_lacks_does_not_matter(overlay: Overlay) -> None:
    """Nobody but the owner can make it."""
    overlay.bin.rmdir()
    assert overlay.distrust() is None


def test_an_overlay_that_is_gone_is_not_trusted(overlay: Overlay) -> None:
    gone = overlay.path.with_name("gone")
    overlay.path.rename(gone)
    assert overlay.distrust() == f"{overlay.path}: No such file or directory"


def test_trusted_owners_are_the_user_root_and_the_named_ones(
    mallory: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    assert trust.trusted_owners() == {0, 4242}
    names = [mallory.name, "4711", "nobody-of-this-name", "\u00b2"]
    assert trust.trusted_owners(names) == {0, 4242, mallory.uid, 4711}


def test_root_trusts_root_alone(mallory: User) -> None:
    assert trust.trusted_owners([mallory.name, "4711"]) == {0}
