"""Overlays are found by the host's name, and by the host's path that each overlay records."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from conda_overlay.activation import locate


def host(directory: Path, name: str = "science", python: str = "python3.11") -> Path:
    """A prefix as far as it matters here: a directory with a Python."""
    prefix = directory / name
    (prefix / "bin").mkdir(parents=True)
    (prefix / "bin" / python).touch()
    return prefix


def overlay(directory: Path, name: str, of: Path | None = None) -> Path:
    """An overlay: a managed one records its host, one made by hand does not."""
    path = directory / name
    (path / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
    if of is not None:
        state = Path(locate.state_dir(str(path)))
        state.mkdir()
        (state / "host").write_text(f"{of}\n")
    return path


def found(prefix: Path, *directories: Path, name: str | None = None) -> list[str]:
    owners = {0, os.geteuid()}
    overlays = locate.find_layers(str(prefix), [str(d) for d in directories], owners, name)
    return [overlay for overlay, reason in overlays if not reason]


def test_the_default_directory_is_in_the_users_home() -> None:
    assert locate.expand([], {"HOME": "/home/alice"}) == ["/home/alice/.conda/overlays"]


def test_without_home_the_account_says_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    assert locate.expand([], {}) == [os.path.expanduser("~/.conda/overlays")]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("~", ["/home/a$USER"]),
        ("~/o", ["/home/a$USER/o"]),
        ("~root/o", [os.path.expanduser("~root/o")]),
        ("$SITE_DIR/o", ["/site/o"]),
        ("${SITE_DIR}/o/", ["/site/o"]),
        ("/a//b/../c/.", ["/a/c"]),
        ("/with space/$unset", ["/with space/$unset"]),
        (locate.with_first("/a$SITE_DIR/$$", ["/b"])[0], ["/a$SITE_DIR/$$"]),
        ("relative", []),
        ("", []),
    ],
)
def test_directories_are_expanded_as_conda_expands_its_own(
    monkeypatch: pytest.MonkeyPatch, written: str, meant: list[str]
) -> None:
    monkeypatch.setenv("SITE_DIR", "/site")
    assert locate.expand(["/first", written], {"HOME": "/home/a$USER"}) == ["/first", *meant]


def test_each_directory_counts_once_in_the_order_written() -> None:
    assert locate.expand(["/b", "/a", "/b/"], {}) == ["/b", "/a"]


def test_an_overlay_belongs_to_the_host_that_it_records(tmp_path: Path) -> None:
    mine, other = host(tmp_path / "mine"), host(tmp_path / "other")
    path = overlay(tmp_path / "overlays", "science", of=mine)
    assert found(mine, tmp_path / "overlays") == [str(path)]
    assert found(other, tmp_path / "overlays") == []


def test_another_host_of_the_same_name_has_an_overlay_of_another_name(tmp_path: Path) -> None:
    mine, other = host(tmp_path / "mine"), host(tmp_path / "other")
    overlay(tmp_path / "overlays", "science", of=mine)
    name = locate.hashed_name("science", str(other))
    path = overlay(tmp_path / "overlays", name, of=other)
    assert name.startswith("science-")
    assert found(other, tmp_path / "overlays") == [str(path)]


def test_an_overlay_made_by_hand_goes_by_its_name(tmp_path: Path) -> None:
    path = overlay(tmp_path / "overlays", "science")
    assert found(host(tmp_path / "one"), tmp_path / "overlays") == [str(path)]
    assert found(host(tmp_path / "two"), tmp_path / "overlays") == [str(path)]
    assert found(host(tmp_path, "daq"), tmp_path / "overlays") == []


def test_a_link_that_records_no_host_is_no_overlay(tmp_path: Path) -> None:
    """What is left of a managed overlay must not pass for one made by hand."""
    overlay(tmp_path / "overlays", "tree")
    (tmp_path / "overlays" / "science").symlink_to("tree")
    assert found(host(tmp_path), tmp_path / "overlays") == []


def test_the_name_is_the_one_that_conda_prints_before_that_of_the_directory(
    tmp_path: Path,
) -> None:
    prefix = host(tmp_path, "miniforge3")
    by_directory = overlay(tmp_path / "overlays", "miniforge3")
    assert found(prefix, tmp_path / "overlays", name="base") == [str(by_directory)]
    by_name = overlay(tmp_path / "overlays", "base")
    assert found(prefix, tmp_path / "overlays", name="base") == [str(by_name)]


def test_a_host_behind_a_link_is_the_same_host(tmp_path: Path) -> None:
    prefix = host(tmp_path / "real")
    (tmp_path / "link").symlink_to(prefix)
    path = overlay(tmp_path / "overlays", "science", of=prefix)
    assert found(tmp_path / "link", tmp_path / "overlays") == [str(path)]


def test_all_directories_are_searched_in_order(tmp_path: Path) -> None:
    prefix = host(tmp_path)
    first, second = tmp_path / "first", tmp_path / "second"
    expected = [str(overlay(second, "science")), str(overlay(first, "science", of=prefix))]
    assert found(prefix, second, tmp_path / "missing", first) == expected


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "a:b", "a\nb"])
def test_some_names_cannot_be_an_overlays(name: str) -> None:
    assert not locate.is_name(name)
    assert locate.is_name(locate.hashed_name(os.path.basename(name), "/host"))


def test_site_packages_are_those_for_the_hosts_python(tmp_path: Path) -> None:
    prefix = host(tmp_path)
    path = overlay(tmp_path / "overlays", "science")
    site = path / "lib" / "python3.11" / "site-packages"
    (path / "lib" / "python3.10" / "site-packages").mkdir(parents=True)
    assert locate.site_packages(str(path), str(prefix)) == str(site)


@pytest.mark.parametrize("python", ["python3.12", "perl"])
def test_an_overlay_for_another_python_has_none_for_this_host(tmp_path: Path, python: str) -> None:
    path = overlay(tmp_path / "overlays", "science")
    assert locate.site_packages(str(path), str(host(tmp_path, python=python))) is None


def test_an_overlay_without_lib_has_none(tmp_path: Path) -> None:
    (tmp_path / "overlays" / "science").mkdir(parents=True)
    path = tmp_path / "overlays" / "science"
    assert locate.site_packages(str(path), str(host(tmp_path))) is None
