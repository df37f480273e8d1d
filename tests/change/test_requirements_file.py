"""Requirements files are read as pip reads them."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from conda_overlay.change.requirements_file import read

HASH = "--hash=sha256:0"


def written(directory: Path, text: str | bytes) -> str:
    file = directory / "r.txt"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return str(file)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"a==1 {HASH}", ("a==1", [HASH])),
        (f"a==1 \\\n    {HASH}  # mine", ("a==1", [HASH])),
        (f"# was 0.9 \\\na==1 {HASH}", ("a==1", [HASH])),
        (f"\N{BYTE ORDER MARK}a==1 {HASH}", ("a==1", [HASH])),
        ("a==1\r\n".encode("utf-16"), ("a==1", [])),  # pip freeze > FILE in PowerShell
        (codecs.BOM_UTF16_BE + "a==1".encode("utf-16-be"), ("a==1", [])),
        ("a==1".encode("utf-32"), ("a==1", [])),
        ("# -*- coding: latin-1 -*-\n# M\xfcller\na==1".encode("latin-1"), ("a==1", [])),
        ("a>=0.5 -C editable_mode=strict", ("a>=0.5", ["--config-settings=editable_mode=strict"])),
        ("a==${OF_MINE}", ("a==7", [])),
        ("a==${OF_NOBODY}", ("a==${OF_NOBODY}", [])),
        ('a; python_version > "3"', ('a; python_version > "3"', [])),
    ],
)
def test_a_requirement_is_read_with_its_options(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str | bytes,
    expected: tuple[str, list[str]],
) -> None:
    monkeypatch.setenv("OF_MINE", "7")
    [(found, options)] = read([written(tmp_path, text)]).requirements
    assert (found, options.to_json()) == expected


def test_a_file_may_be_named_by_its_url_and_name_others(tmp_path: Path) -> None:
    (tmp_path / "in side").mkdir()
    inner = written(tmp_path / "in side", "-c c.txt\nb\n")
    (tmp_path / "in side" / "c.txt").touch()
    file = written(tmp_path, f"-r {Path(inner).as_uri()}\n-i https://localhost\na\n")
    asked = [Path(file).as_uri()]
    assert [text for text, _ in read(asked).requirements] == ["b", "a"]
    constraint = str(tmp_path / "in side" / "c.txt")
    assert read(asked).options.to_json() == [
        f"--constraint={constraint}",
        "--index-url=https://localhost",
    ]


def test_variables_in_paths_are_replaced_and_those_in_urls_are_not_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINKS", str(tmp_path))
    monkeypatch.setenv("TOKEN", "secret")
    line = "--index-url=https://localhost/${TOKEN}/simple"
    file = written(tmp_path, f"--find-links ${{LINKS}}\n{line}\na\n")
    assert read([file]).options.to_json() == [f"--find-links={tmp_path}"]
    assert [*read([file]).unrecorded] == [line]


def test_what_only_pip_can_read_is_named(tmp_path: Path) -> None:
    url = "https://localhost/r.txt"
    assert [*read([url]).unrecorded] == [f"the options and hashes in {url}"]
    assert [*read([written(tmp_path, "a\n")]).unrecorded] == []
