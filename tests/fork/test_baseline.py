"""What an environment consists of, as a text and back, and what differs between two."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conda_overlay.core.errors import OverlayError
from conda_overlay.fork import baseline
from conda_overlay.fork.baseline import Baseline
from tests.bed import channel

HERE = f"https://host.invalid/channel/{channel.subdir()}"
NAME = st.from_regex(r"[a-z][a-z0-9-]{0,8}[a-z0-9]", fullmatch=True)
VERSION = st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){0,2}", fullmatch=True)
HASH = st.from_regex(r"[0-9a-f]{32}", fullmatch=True)


def urls(*packages: str, place: str = HERE, md5: str = "0" * 32) -> dict[str, str]:
    return {p.rsplit("-", 1)[0]: f"{place}/{p}-h1_0.conda#{md5}" for p in packages}


def distribution(site: Path, name: str, origin: object = None) -> None:
    info = site / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    if origin is not None:
        (info / "direct_url.json").write_text(json.dumps(origin))


@given(st.dictionaries(NAME, st.tuples(VERSION, HASH)), st.dictionaries(NAME, VERSION))
@settings(deadline=None, database=None, max_examples=40)
def test_a_text_reads_back_as_what_was_written(
    packages: dict[str, tuple[str, str]], pip: dict[str, str]
) -> None:
    found = {name: f"{HERE}/{name}-{v}-0.tar.bz2#{md5}" for name, (v, md5) in packages.items()}
    exact = tuple(f"{name}=={version}" for name, version in pip.items())
    original = Baseline(found, exact, ("mine 0.1 from file:///mine",))
    again = baseline.parse_list(original.text, "list")
    assert again == original
    assert again.fingerprint == original.fingerprint
    assert original.changes(again) == []


def test_a_change_of_a_version_and_of_the_rest_is_named() -> None:
    old = Baseline(urls("lib-1.0", "gui-1"), ("alpha==1.0", "beta @ https://h/b.whl"))
    new = Baseline(urls("lib-2.0"), ("alpha==2.0",), ("mine 0.1 from file:///mine",))
    assert old.changes(new) == [
        "alpha (pip) 1.0 -> 2.0",
        "beta (pip) https://h/b.whl -> absent",
        "gui 1-h1_0 -> absent",
        "lib 1.0-h1_0 -> 2.0-h1_0",
        "mine (pip) absent -> 0.1 from file:///mine",
    ]


def test_what_is_from_a_local_directory_is_not_the_conda_package_of_its_name() -> None:
    old, new = (
        Baseline(urls(name), (), ("lib 9 from file:///lib",)) for name in ("lib-1", "lib-2")
    )
    assert old.changes(new) == ["lib 1-h1_0 -> 2-h1_0"]


def test_distributions_of_pip_count_before_conda_packages_of_their_names() -> None:
    exact = (
        "tool==5.0",
        "W_1 @ https://h/w_1-2.0%2Bcpu-py3-none-any.whl#sha256=0",
        "s @ https://h/s-3.0.tar.gz",
        "v @ https://h/v1.0-2.tar.gz",
        "g @ git+https://h/g-1.git@abc",
    )
    found = Baseline(urls("tool-1.0", "lib-1.0"), exact, ("Mine 0.1 from file:///my-own",))
    assert found.distributions == {
        "tool": "5.0",
        "lib": "1.0",
        "w-1": "2.0+cpu",
        "s": "3.0",
        "v": "https://h/v1.0-2.tar.gz",
        "g": "git+https://h/g-1.git@abc",
        "mine": "0.1",
    }


def test_credentials_are_not_in_the_text_and_make_no_difference() -> None:
    open_, private = (
        Baseline(urls("lib-1.0", place=f"https://{user}host.invalid/channel/{channel.subdir()}"))
        for user in ("", "me:secret@")
    )
    assert "secret" not in private.text
    assert open_.changes(private) == []


@pytest.mark.parametrize("hashed", ["", "#" + "0" * 32, "#sha256:" + "0" * 64, "#" + "0" * 64])
def test_hashes_are_those_that_conda_takes(hashed: str) -> None:
    text = f"@EXPLICIT\n{HERE}/lib-1.0-0.conda{hashed}\n"
    assert [*baseline.parse_list(text, "list").urls.values()] == [f"{HERE}/lib-1.0-0.conda{hashed}"]


def test_what_conda_lock_writes_is_read() -> None:
    sha = "0" * 64
    line = f"# pip alpha @ https://host.invalid/a.whl --hash=sha256:{sha}"
    found = baseline.parse_list(f"@EXPLICIT\n{line}\n", "list")
    assert found.pip == (f"alpha @ https://host.invalid/a.whl#sha256={sha}",)


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        (None, "alpha==1.0"),
        ({"url": "https://h/a.whl", "archive_info": {}}, "alpha @ https://h/a.whl"),
        (
            {"url": "https://me:secret@h/a.whl", "archive_info": {"hash": "sha256=" + "a" * 64}},
            f"alpha @ https://h/a.whl#sha256={'a' * 64}",
        ),
        (
            {
                "url": "https://h/a.zip",
                "archive_info": {"hashes": {"sha256": "a" * 64}},
                "subdirectory": "python",
            },
            f"alpha @ https://h/a.zip#subdirectory=python&sha256={'a' * 64}",
        ),
        (
            {"url": "https://h/a.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            "alpha @ git+https://h/a.git@abc",
        ),
    ],
)
def test_what_pip_has_installed_is_got_again_from_where_it_came(
    tmp_path: Path, origin: object, expected: str
) -> None:
    (tmp_path / "conda-meta").mkdir()
    distribution(tmp_path / "lib/python3.11/site-packages", "alpha", origin)
    found = baseline.of_environment(tmp_path)
    assert (found.pip, found.local) == ((expected,), ())


def test_a_local_directory_is_not_repeatable(tmp_path: Path) -> None:
    (tmp_path / "conda-meta").mkdir()
    origin = {"url": "file:///src", "dir_info": {"editable": True}}
    distribution(tmp_path / "lib/python3.11/site-packages", "alpha", origin)
    found = baseline.of_environment(tmp_path)
    assert (found.pip, found.local) == ((), ("alpha 1.0 from file:///src",))


def test_a_package_without_a_url_is_named(tmp_path: Path) -> None:
    meta = tmp_path / "conda-meta"
    meta.mkdir()
    facts = {"name": "lib", "version": "1", "build": "0", "build_number": 0, "depends": []}
    facts |= {"fn": "lib-1-0.conda", "channel": "local", "subdir": "noarch", "files": []}
    (meta / "lib-1-0.json").write_text(json.dumps({**facts, "url": ""}))
    with pytest.raises(OverlayError, match=r"The package lib of .* has no URL"):
        baseline.of_environment(tmp_path)


def test_packages_come_behind_what_they_need_even_in_a_circle(tmp_path: Path) -> None:
    meta = tmp_path / "conda-meta"
    meta.mkdir()
    needs = {"a": ["python >=3"], "pip": ["python"], "python": ["z[build=1]", "pip"], "z": []}
    for name, depends in needs.items():
        facts = {"name": name, "url": f"{HERE}/{name}-1-0.conda", "depends": depends}
        (meta / f"{name}-1-0.json").write_text(json.dumps(facts))
    order = [*baseline.of_environment(tmp_path).urls]
    assert sorted(order) == sorted(needs)
    assert order.index("z") < order.index("python") < order.index("a")


def test_metadata_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "conda-meta").mkdir()
    (tmp_path / "conda-meta" / "lib-1-0.json").write_text("[]")
    with pytest.raises(OverlayError, match=r"lib-1-0\.json cannot be read"):
        baseline.of_environment(tmp_path)
