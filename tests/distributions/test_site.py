"""What is read from a site-packages directory."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from conda_overlay.distributions.record import differing, owned_files
from conda_overlay.distributions.site import read_distribution, read_site, sha256_of

METADATA = "Metadata-Version: 2.1\nName: {}\nVersion: {}\n"


def info(site: Path, name: str, version: str = "1.0", text: str | None = None) -> Path:
    path = site / f"{name}-{version}.dist-info"
    path.mkdir(parents=True)
    (path / "METADATA").write_text(METADATA.format(name, version) if text is None else text)
    return path


@pytest.mark.parametrize("place", ["absent", "file"])
def test_no_directory_holds_nothing(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    assert read_site(tmp_path / place) == {}


def test_names_are_compared_normalized(tmp_path: Path) -> None:
    info(tmp_path, "Foo.Bar_baz")
    [(key, [found])] = read_site(tmp_path).items()
    assert (key, found.name, found.version) == ("foo-bar-baz", "Foo.Bar_baz", "1.0")


def test_two_of_a_name_are_both_seen(tmp_path: Path) -> None:
    info(tmp_path, "foo", "1.0")
    info(tmp_path, "foo", "2.0")
    assert [found.version for found in read_site(tmp_path)["foo"]] == ["1.0", "2.0"]


@pytest.mark.parametrize(
    "text",
    ["", "garbage", "Name: foo\n", "Version: 1\n", "\n\nName: foo\nVersion: 1\n"],
)
def test_metadata_without_a_name_and_a_version_is_no_distribution(
    tmp_path: Path, text: str
) -> None:
    assert read_distribution(info(tmp_path, "foo", text=text)) is None


def test_description_is_not_taken_for_headers(tmp_path: Path) -> None:
    text = METADATA.format("foo", "1.0") + "Requires-Dist: a\n\nRequires-Dist: b\nName: other\n"
    for end in ("\n", "\r\n"):
        path = info(tmp_path / repr(end), "foo", text=text.replace("\n", end))
        found = read_distribution(path)
        assert found is not None
        assert (found.name, found.requires) == ("foo", ("a",))


def test_metadata_that_is_not_utf_8_is_read(tmp_path: Path) -> None:
    path = info(tmp_path, "foo")
    raw = METADATA.format("foo", "1.0").encode() + b"Author: M\xfcller\nRequires-Dist: a\n"
    (path / "METADATA").write_bytes(raw)
    found = read_distribution(path)
    assert found is not None
    assert found.requires == ("a",)


def test_dist_info_without_metadata_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "ghost-1.0.dist-info").mkdir()
    assert read_site(tmp_path) == {}


def test_egg_info_file_of_distutils(tmp_path: Path) -> None:
    (tmp_path / "foo-1.0-py3.11.egg-info").write_text(METADATA.format("foo", "1.0"))
    [found] = read_site(tmp_path)["foo"]
    assert (found.version, owned_files(found, tmp_path)) == ("1.0", None)


def test_egg_info_directory_of_setuptools(tmp_path: Path) -> None:
    egg = tmp_path / "foo-1.0-py3.11.egg-info"
    egg.mkdir()
    (egg / "PKG-INFO").write_text(METADATA.format("foo", "1.0"))
    (egg / "requires.txt").write_text("a>=1\n\n[x]\nb\n\n[:python_version < '3']\nc\n")
    [found] = read_site(tmp_path)["foo"]
    assert [text.partition(";")[0].strip() for text in found.requires] == ["a>=1", "b", "c"]
    assert owned_files(found, tmp_path) is None


def test_egg_link_leads_to_the_source(tmp_path: Path) -> None:
    egg = tmp_path / "source" / "Foo_x.egg-info"
    egg.mkdir(parents=True)
    (egg / "PKG-INFO").write_text(METADATA.format("Foo-x", "1.0"))
    site = tmp_path / "site"
    site.mkdir()
    (site / "Foo-x.egg-link").write_text(f"{tmp_path}/source\n.")
    (site / "gone.egg-link").write_text("/nowhere\n.")
    (site / "empty.egg-link").write_text("")
    [(key, [found])] = read_site(site).items()
    assert (key, found.editable) == ("foo-x", f"{tmp_path}/source")
    assert owned_files(found, tmp_path) == {"site/Foo-x.egg-link": None}


@pytest.mark.parametrize(
    ("record", "editable", "url"),
    [
        ('{"url": "file:///a%20b", "dir_info": {"editable": true}}', "/a b", "file:///a%20b"),
        ('{"url": "file:///a", "dir_info": {}}', None, "file:///a"),
        ('{"url": "https://u:p@x/y.whl", "archive_info": {}}', None, "https://x/y.whl"),
        (
            '{"url": "https://u:p@x/r.git", "vcs_info": {"vcs": "git", "commit_id": "ab12"}}',
            *(None, "git+https://x/r.git@ab12"),
        ),
        (
            '{"url": "file:///r", "vcs_info": {"vcs": "hg", "commit_id": "1"},"subdirectory": "s"}',
            *(None, "hg+file:///r@1#subdirectory=s"),
        ),
        ('{"url": "file:///r", "vcs_info": {"vcs": "git"}}', None, None),
        ("{}", None, None),
        ("[]", None, None),
        ("{", None, None),
    ],
)
def test_direct_url(tmp_path: Path, record: str, editable: str | None, url: str | None) -> None:
    path = info(tmp_path, "foo")
    (path / "direct_url.json").write_text(record)
    found = read_distribution(path)
    assert found is not None
    assert (found.editable, found.direct_url) == (editable, url)


def test_record_that_leads_out_of_the_root_is_not_followed(tmp_path: Path) -> None:
    site = tmp_path / "root" / "lib" / "site"
    path = info(site, "foo")
    rows = ["foo.py,,", "../../bin/foo,,", "../../../out,,", "/etc/passwd,,", '"a,b.py",,', ""]
    rows += [f"{site}/within.py,,", "../../../rooted/x,,", "../../../../root/x,,"]
    (path / "RECORD").write_text("\n".join(rows))
    assert owned(path, tmp_path / "root").keys() == {
        *("lib/site/foo.py", "bin/foo", "lib/site/a,b.py", "lib/site/within.py")
    }


def owned(path: Path, root: Path) -> dict[str, str | None]:
    found = read_distribution(path)
    assert found is not None
    files = owned_files(found, root)
    assert files is not None
    return files


def test_record_tells_hashes_in_hex(tmp_path: Path) -> None:
    path = info(tmp_path, "foo")
    content = b"print()"
    digest = hashlib.sha256(content)
    text = base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()
    rows = [f"foo.py,sha256={text},7", "old.py,md5=AAAA,1", "bad.py,sha256=A,1", "bare.py"]
    (path / "RECORD").write_text("\n".join(rows))
    assert owned(path, tmp_path) == {
        "foo.py": digest.hexdigest(),
        **dict.fromkeys(["old.py", "bad.py", "bare.py"]),
    }


def test_differing_rows_are_changed_missing_or_without_a_hash_but_not_bytecode() -> None:
    rows = {"same.py": "a", "changed.py": "a", "gone.py": "a", "added.py": None, "x.pyc": "a"}
    files = {name: (1, 1, sha) for name, sha in [("same.py", "a"), ("changed.py", "b")]}
    files["added.py"] = (1, 1, "c")
    assert differing(rows, files) == {"changed.py": "a", "gone.py": "a", "added.py": None}


def test_no_record_means_that_nobody_can_tell_the_files(tmp_path: Path) -> None:
    found = read_distribution(info(tmp_path, "foo"))
    assert found is not None
    assert owned_files(found, tmp_path) is None


@pytest.mark.parametrize("name", ["..evil", "-evil", "evil-", "a b", "a/b", "é", "a\tb"])
def test_distribution_of_a_name_that_pip_does_not_take_is_none(tmp_path: Path, name: str) -> None:
    info(tmp_path, "evil", text=METADATA.format(name, "1.0"))
    assert read_site(tmp_path) == {}


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({"hashes": {"sha256": "a" * 64}}, "a" * 64),
        ({"hash": "sha256=" + "a" * 64}, "a" * 64),
        ({"hashes": {"md5": "a" * 32}}, None),
        ({"hashes": {"sha256": "a b"}}, None),
        ({"hash": "none"}, None),
        ({}, None),
    ],
)
def test_the_hash_of_a_file_is_read_in_both_forms(
    info: dict[str, object], expected: str | None
) -> None:
    assert sha256_of(info) == expected
