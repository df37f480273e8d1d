"""Writes that nobody sees half done, and who can read the directories that are made."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from conda_overlay.filesystem.atomic import make_directories, put_file, replace_file, sync


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    previous = os.umask(request.param)
    yield request.param
    os.umask(previous)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory that everybody can look into."""
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o755)
    monkeypatch.setenv("HOME", str(home))
    return home


def test_directories_below_the_home_directory_are_the_owner_s_alone(home: Path) -> None:
    previous = os.umask(0)
    try:
        make_directories(home / ".conda" / "overlays" / "science")
    finally:
        os.umask(previous)
    for place in (".conda", ".conda/overlays", ".conda/overlays/science"):
        assert mode(home / place) == 0o700, place


def test_directory_that_is_there_stays_as_it_is(home: Path) -> None:
    (home / ".conda").mkdir()
    (home / ".conda").chmod(0o750)
    make_directories(home / ".conda")
    assert mode(home / ".conda") == 0o750


@pytest.mark.parametrize("above", [0o700, 0o750, 0o755, 0o775, 0o777, 0o1777, 0o2775])
def test_directory_can_be_read_as_the_one_above_and_written_by_its_owner_alone(
    tmp_path: Path, above: int
) -> None:
    (tmp_path / "above").mkdir()
    (tmp_path / "above").chmod(above)
    previous = os.umask(0)
    try:
        make_directories(tmp_path / "above" / "a" / "b")
    finally:
        os.umask(previous)
    assert mode(tmp_path / "above" / "a") & 0o777 == above & 0o755
    assert mode(tmp_path / "above" / "a" / "b") & 0o777 == above & 0o755


def test_no_mask_shuts_its_owner_out(tmp_path: Path) -> None:
    (tmp_path / "above").mkdir(mode=0o055)
    make_directories(tmp_path / "above" / "a")
    assert mode(tmp_path / "above" / "a") & 0o700 == 0o700


def test_file_in_the_place_of_a_directory_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(NotADirectoryError):
        make_directories(tmp_path / "file" / "a")
    assert (tmp_path / "file").read_text() == "mine"


def test_replaced_file_has_the_mode_that_is_asked_for(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    older = tmp_path / "older"
    older.hardlink_to(path)
    replace_file(path, b"new", 0o755)
    assert (path.read_text(), older.read_text(), mode(path)) == ("new", "old", 0o755)
    assert {entry.name for entry in tmp_path.iterdir()} == {"file", "older"}


def test_reader_of_a_replaced_file_sees_it_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with path.open() as reader:
        replace_file(path, b"new")
        assert reader.read() == "old"
    assert path.read_text() == "new"


def test_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("mine")
    for name, write in (("one", replace_file), ("two", put_file)):
        (tmp_path / name).symlink_to("target")
        write(tmp_path / name, b"new")
        assert not (tmp_path / name).is_symlink()
    assert (tmp_path / "target").read_text() == "mine"


def test_file_that_is_put_does_not_reach_into_a_tree_that_shares_it(tmp_path: Path) -> None:
    path, older = tmp_path / "a" / "file", tmp_path / "older"
    put_file(path, b"old")
    older.hardlink_to(path)
    put_file(path, b"new")
    assert (path.read_text(), older.read_text()) == ("new", "old")
    put_file(path, None)
    put_file(path, None)
    assert not path.exists()


def test_synced_directory_may_be_read_only(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    sync(tmp_path)
    sync(tmp_path, below=True)
    with pytest.raises(FileNotFoundError):
        sync(tmp_path / "absent")


def test_replacement_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(OSError):
        replace_file(tmp_path / "there", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


@pytest.mark.parametrize("mode", [0o755, 0o555, 0o644, 0o444])
def test_new_file_in_the_place_of_an_executable_one_is_executable(
    tmp_path: Path, mode: int
) -> None:
    (tmp_path / "file").write_text("old")
    (tmp_path / "file").chmod(mode)
    put_file(tmp_path / "file", b"new")
    assert (tmp_path / "file").stat().st_mode & 0o111 == mode & 0o111
    assert os.access(tmp_path / "file", os.W_OK)
