"""The original files of a copy: what is kept of them, and what is read of a damaged archive."""

from __future__ import annotations

import csv
import os
import struct
import zipfile
from pathlib import Path

import pytest

from conda_overlay.activation.files import LARGE
from conda_overlay.core.models import Distribution
from conda_overlay.distributions.record import owned_files, read_record
from conda_overlay.distributions.site import read_distribution
from conda_overlay.edits.originals import (
    LONGEST,
    ORIGINALS,
    added_files,
    belongs,
    editable_files,
    files_of,
    is_inside,
    is_temporary,
    keep_originals,
    load_originals,
    note_files,
    text_of,
)
from conda_overlay.filesystem.manifest import digest, take_manifest
from tests.edits.copies import FILES, copied, write
from tests.layer.test_state import SITE, lay


@pytest.fixture
def copy(tmp_path: Path) -> Distribution:
    return copied(
        tmp_path / "tree", binary={"tool/fast.so": b"\x7fELF\0", "tool/latin.txt": b"\xe9"}
    )


def archive(copy: Distribution) -> Path:
    return copy.path / ORIGINALS


def recorded(copy: Distribution) -> dict[str, str]:
    """The rows of RECORD: the hash of each file."""
    return {name: digest for name, digest, *_ in read_record(copy.path) or ()}


# -- kept


def test_text_files_are_kept_and_nothing_else(copy: Distribution) -> None:
    kept = {name: text.encode() for name, text in FILES.items()}
    assert load_originals(copy) == kept


def test_record_has_the_hash_of_each_file(copy: Distribution) -> None:
    owned = owned_files(copy, copy.site)
    assert owned is not None
    info = copy.path.name
    assert owned.keys() == {
        *(*FILES, "tool/fast.so", "tool/latin.txt"),
        *(f"{info}/{name}" for name in ("INSTALLER", "METADATA", "RECORD", ORIGINALS)),
    }
    assert {name for name, sha in owned.items() if sha is None} == {f"{info}/RECORD"}
    assert all(sha == digest(copy.site / name) for name, sha in owned.items() if sha)


def test_manifest_entries_are_those_of_the_files(tmp_path: Path) -> None:
    lay(tmp_path, "tool", files=FILES)
    copy = read_distribution(tmp_path / SITE / "tool-1.0.dist-info")
    assert copy is not None
    known = keep_originals(copy, files_of(copy) or ())
    manifest = take_manifest(copy.site)
    assert known == {name: entry for name, entry in manifest.items() if "RECORD" not in name}


def test_same_files_make_the_same_archive_at_any_time(tmp_path: Path) -> None:
    one, other = copied(tmp_path / "one"), copied(tmp_path / "other")
    os.utime(other.site / "top.py", (0, 0))
    keep_originals(other, files_of(other) or ())
    assert archive(one).read_bytes() == archive(other).read_bytes()


def test_scripts_are_in_record_but_are_no_originals(tmp_path: Path) -> None:
    copy = copied(tmp_path, {**FILES, "../../../bin/tool": "#!python\n"})
    assert "../../../bin/tool" in recorded(copy)
    assert (load_originals(copy) or {}).keys() == FILES.keys()


def test_file_longer_than_a_text_is_not_kept(tmp_path: Path) -> None:
    copy = copied(tmp_path, {**FILES, "tool/long.txt": "x" * (LONGEST + 1)})
    assert (load_originals(copy) or {}).keys() == FILES.keys()
    assert "tool/long.txt" in recorded(copy)


def test_modules_are_kept_before_data_if_there_is_too_much(tmp_path: Path) -> None:
    text = "x" * LONGEST
    data = {f"tool/a{number:02}.txt": text for number in range(34)}
    copy = copied(tmp_path, {**data, "tool/z.py": text})
    kept = load_originals(copy)
    assert kept is not None
    assert len(kept) == LARGE // 2 // LONGEST
    assert "tool/z.py" in kept


def test_name_that_cannot_be_printed_is_not_kept(tmp_path: Path) -> None:
    copy = copied(tmp_path, {**FILES, "tool/\x1b[1m.py": "", "tool/\u202e.py": ""})
    assert (load_originals(copy) or {}).keys() == FILES.keys()


# -- read


def test_distribution_that_is_no_copy_has_no_originals(tmp_path: Path) -> None:
    found = read_distribution(lay(tmp_path, "tool"))
    assert found is not None
    assert load_originals(found) is None
    assert editable_files(found) == []


def test_files_that_are_left_out_are_not_read(copy: Distribution) -> None:
    assert (load_originals(copy, {"top.py"}) or {}).keys() == FILES.keys() - {"top.py"}


def test_no_truncation_of_the_archive_is_a_crash(copy: Distribution) -> None:
    whole = archive(copy).read_bytes()
    for end in range(0, len(whole), 5):
        archive(copy).write_bytes(whole[:end])
        assert load_originals(copy) is None


@pytest.mark.parametrize("bits", [0x01, 0xFF])
def test_no_damaged_byte_of_the_archive_is_a_crash(copy: Distribution, bits: int) -> None:
    whole = archive(copy).read_bytes()
    for place in range(len(whole)):
        archive(copy).write_bytes(whole[:place] + bytes([whole[place] ^ bits]) + whole[place + 1 :])
        found = load_originals(copy)
        assert found is None or {*found.values()} <= {text.encode() for text in FILES.values()}


def test_archive_that_would_fill_the_memory_is_not_read(copy: Distribution) -> None:
    with zipfile.ZipFile(archive(copy), "w", zipfile.ZIP_DEFLATED) as bomb:
        for number in range(5):
            bomb.writestr(f"tool/{number}.py", b"\0" * (LARGE // 4))
    assert archive(copy).stat().st_size < LONGEST
    assert load_originals(copy) is None


def test_archive_that_is_too_long_itself_is_not_read(copy: Distribution) -> None:
    with archive(copy).open("r+b") as file:
        file.truncate(LARGE + 1)
    assert load_originals(copy) is None


@pytest.mark.parametrize("kind", ["link", "pipe", "directory"])
def test_archive_that_is_no_file_is_not_read(copy: Distribution, kind: str) -> None:
    moved = copy.site / "moved.zip"
    archive(copy).rename(moved)
    if kind == "link":
        archive(copy).symlink_to(moved)
    elif kind == "pipe":
        os.mkfifo(archive(copy))
    else:
        archive(copy).mkdir()
    assert load_originals(copy) is None


def test_name_in_the_archive_that_leads_outside_is_passed_over(copy: Distribution) -> None:
    with zipfile.ZipFile(archive(copy), "w") as made:
        for name in ("tool/a.py", "../../etc/x", "/etc/x", "tool/../../x"):
            made.writestr(name, "x")
    assert load_originals(copy) == {"tool/a.py": b"x"}


def test_archive_of_an_unknown_compression_is_not_read(copy: Distribution) -> None:
    with zipfile.ZipFile(archive(copy), "w") as made:
        made.writestr("a.py", "x")
    content = archive(copy).read_bytes()
    for sign, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        place = content.index(sign) + offset
        content = content[:place] + struct.pack("<H", 99) + content[place + 2 :]
    archive(copy).write_bytes(content)
    assert load_originals(copy) is None


# -- added and removed files


def test_added_file_is_in_record_without_a_hash(copy: Distribution) -> None:
    write(copy, "tool/new.py", "new\n")
    note_files(copy, {*recorded(copy), "tool/new.py"})
    assert recorded(copy)["tool/new.py"] == ""
    assert added_files(copy) == ["tool/new.py"]
    assert copy.site / "tool/new.py" in editable_files(copy)


def test_removed_file_leaves_record_and_has_its_first_hash_when_it_comes_back(
    copy: Distribution,
) -> None:
    before = recorded(copy)
    note_files(copy, before.keys() - {"tool/core.py"})
    assert recorded(copy).keys() == before.keys() - {"tool/core.py"}
    write(copy, "tool/core.py", "quite different\n")
    note_files(copy, before)
    assert recorded(copy) == before
    assert added_files(copy) == []


def test_record_can_be_read_by_others(copy: Distribution) -> None:
    write(copy, 'tool/a, "b".py', "")
    note_files(copy, {*recorded(copy), 'tool/a, "b".py'})
    with (copy.path / "RECORD").open(newline="") as file:
        assert ['tool/a, "b".py', "", ""] in [*csv.reader(file)]


def test_files_to_edit_are_the_texts_that_are_there(copy: Distribution) -> None:
    (copy.site / "top.py").unlink()
    (copy.site / "tool/core.py").unlink()
    (copy.site / "tool/core.py").symlink_to("__init__.py")
    assert {str(path.relative_to(copy.site)) for path in editable_files(copy)} == {
        *("tool/__init__.py", "tool/data/table.txt"),
    }


# -- what belongs to a copy

NAMES = ("tool/__init__.py", "tool/core.py", "tool/data/x.txt", "top.py", "share/doc.txt")


@pytest.mark.parametrize(
    ("path", "is_one"),
    [
        *[(name, True) for name in NAMES],
        *[("tool/new.py", True), ("tool/new/deep/er.py", True), ("tool/data/y.txt", True)],
        *[("other.py", False), ("share/new.txt", False), ("tools/new.py", False)],
        *[("tool/core.py~", False), ("tool/.core.py.swp", False), ("tool/core.py.orig", False)],
        *[("tool/__pycache__/new.cpython-311.pyc", False), ("tool/#core.py#", False)],
        *[("../tool/new.py", False), ("/tool/new.py", False), ("tool/../other.py", False)],
        *[("tool-1.0.dist-info/METADATA", False), ("tool.egg-info/PKG-INFO", False)],
        *[("tool/x.dist-info/METADATA", False), ("sitecustomize.py", False)],
    ],
)
def test_file_belongs_to_a_copy_if_it_is_one_of_its_files_or_beside_its_modules(
    path: str, is_one: bool
) -> None:
    assert belongs(path, NAMES) is is_one


def test_modules_at_the_top_make_no_neighbour_theirs() -> None:
    assert not belongs("new.py", ("top.py",))


@pytest.mark.parametrize(
    ("path", "is_one"),
    [
        *[(f"a/{name}", True) for name in ("b~", ".b", "#b#", "b.swp", "b.swo", "b.bak", "b.rej")],
        *[(f"a/{name}", False) for name in ("b.py", "b", "b.bakery", "b#", "orig")],
        *[("a/__pycache__/b.txt", True), (".hidden/b.py", False)],
        ("a/.ipynb_checkpoints/b-checkpoint.py", True),
    ],
)
def test_files_that_programs_leave_behind_are_temporary(path: str, is_one: bool) -> None:
    assert is_temporary(path) is is_one


@pytest.mark.parametrize(
    ("path", "inside"),
    [("a/b", True), ("a/..b/c", True), ("../a", False), ("a/../b", False), ("/a", False)],
)
def test_path_inside_has_no_way_out(path: str, inside: bool) -> None:
    assert is_inside(path) is inside


@pytest.mark.parametrize(
    ("content", "text"), [(b"a\r\n", b"a\r\n"), (b"", b""), (b"a\0", None), (b"\xe9", None)]
)
def test_text_is_what_is_utf_8_and_has_no_zero(
    tmp_path: Path, content: bytes, text: bytes | None
) -> None:
    (tmp_path / "file").write_bytes(content)
    assert text_of(tmp_path / "file") == text
    assert text_of(tmp_path / "absent") is None
    assert text_of(tmp_path) is None
    (tmp_path / "link").symlink_to("file")
    assert text_of(tmp_path / "link") is None
    assert text_of(tmp_path / "link", follow=True) == text


# -- the files of a distribution


def test_files_are_those_of_record_and_its_scripts_without_bytecode(tmp_path: Path) -> None:
    files = {
        **FILES,
        "tool/__pycache__/core.cpython-311.pyc": "",
        "../../../bin/tool": "#!python\n",
        "../../../share/man/tool.1": "",
    }
    found = read_distribution(lay(tmp_path, "tool", files=files))
    assert found is not None
    info = found.path.name
    assert files_of(found) == {
        *(*FILES, "../../../bin/tool"),
        *(f"{info}/{name}" for name in ("INSTALLER", "METADATA", "RECORD")),
    }


def test_script_of_an_entry_point_counts_though_record_lacks_it(tmp_path: Path) -> None:
    info = lay(tmp_path, "tool", files=FILES)
    (info / "entry_points.txt").write_text("[console_scripts]\ntool = tool:main\n../x = tool:x\n")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "tool").touch()
    found = read_distribution(info)
    assert found is not None
    assert "../../../bin/tool" in (files_of(found) or ())


def test_distribution_in_no_list_of_files_has_none(tmp_path: Path) -> None:
    info = lay(tmp_path, "tool", files=FILES)
    (info / "RECORD").unlink()
    found = read_distribution(info)
    assert found is not None
    assert files_of(found) is None
    (tmp_path / "conda-meta").mkdir()
    listed = [f"{SITE}/{info.name}/METADATA", f"{SITE}/tool/core.py", f"{SITE}/tool/gone.py"]
    text = '{"files": ' + str(listed).replace("'", '"') + "}"
    (tmp_path / "conda-meta" / "tool-1.0-0.json").write_text(text)
    assert files_of(found) == {f"{info.name}/METADATA", "tool/core.py"}


@pytest.mark.parametrize(
    ("path", "is_part"),
    [
        *[(f"tool/{name}/HEAD", False) for name in (".git", ".GIT", "git~1", ".git .", ".git:x")],
        *[("tool/.git", False), ("tool/.hg/store", False), ("tool/sub/.svn/wc.db", False)],
        *[("tool/git/a.py", True), ("tool/.gitignore", True), ("tool/a.git/b", True)],
    ],
)
def test_files_of_a_repository_are_no_part_of_a_copy(path: str, is_part: bool) -> None:
    assert belongs(path, ("tool/a.py", path), named=True) is is_part


@pytest.mark.parametrize("name", ["data.csv\r", "\rdata.csv", "a\nb", 'a"b'])
def test_names_with_any_line_end_are_in_record_as_they_are(copy: Distribution, name: str) -> None:
    note_files(copy, {*recorded(copy), f"tool/{name}"})
    assert added_files(copy) == [f"tool/{name}"]


def test_row_of_record_that_has_only_a_name_is_that_of_an_added_file(copy: Distribution) -> None:
    with (copy.path / "RECORD").open("a") as file:
        file.write("tool/short.py\n")
    assert added_files(copy) == ["tool/short.py"]
