"""The check that nothing outside is touched can fail."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bed import outside, place
from tests.bed.users import User


@pytest.mark.parametrize(
    ("fact", "change"),
    [
        ("mode", lambda path: path.chmod(0o700)),
        ("time", lambda path: (path / "file").touch()),
        ("time", lambda path: os.utime(path, (0, 0))),
    ],
    ids=["mode", "a file", "time"],
)
def test_change_of_a_directory_is_said(
    tmp_path: Path, fact: str, change: Callable[[Path], object]
) -> None:
    tmp_path.chmod(0o755)
    with (
        pytest.raises(AssertionError, match=f"{tmp_path}: {fact} was"),
        outside.unchanged([(tmp_path, True)]),
    ):
        change(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give directories away")
def test_new_owner_behind_a_link_is_said(tmp_path: Path, alice: User) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "link").symlink_to("target")
    with outside.unchanged([(tmp_path / "target", False)]):
        os.lchown(tmp_path / "link", alice.uid, alice.gid)
    with (
        pytest.raises(AssertionError, match=f"owner was 0 and is {alice.uid}"),
        outside.unchanged([(tmp_path / "target", False)]),
    ):
        os.chown(tmp_path / "link", alice.uid, alice.gid)


def test_what_anybody_may_write_has_no_time(tmp_path: Path) -> None:
    with outside.unchanged([(tmp_path, False)]):
        (tmp_path / "file").touch()


def test_link_is_removed_and_not_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "file").touch()
    (tmp_path / "target").chmod(0o700)
    (tmp_path / "tree").mkdir()
    for link in (tmp_path / "link", tmp_path / "tree" / "link"):
        link.symlink_to(tmp_path / "target")
        with outside.unchanged([(tmp_path / "target", True)]):
            place.remove(link if link.parent == tmp_path else link.parent)
        assert not os.path.lexists(link)
    assert (tmp_path / "target" / "file").exists()
    (tmp_path / "dangling").symlink_to("nowhere")
    place.remove(tmp_path / "dangling")
    place.remove(tmp_path / "absent")
    assert [path.name for path in tmp_path.iterdir()] == ["target"]
