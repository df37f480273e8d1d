"""What the files of a tree were, and what has been done to them since."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conda_overlay import manifest
from conda_overlay.manifest import Differences, Fact

NAMES = st.text(st.characters(exclude_categories=()), min_size=1)
FACTS = st.dictionaries(NAMES, st.tuples(st.integers(), st.integers(), NAMES))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    (tree / "pkg" / "sub").mkdir(parents=True)
    (tree / "pkg" / "a.py").write_text("a")
    (tree / "pkg" / "sub" / "b.py").write_text("b")
    (tree / "link").symlink_to("pkg")
    return tree


def test_untouched_tree_has_no_differences(tree: Path) -> None:
    facts = manifest.take(tree)
    assert facts.keys() == {"pkg/a.py", "pkg/sub/b.py", "link"}
    assert not manifest.compare(tree, facts)


def test_each_difference_is_named(tree: Path) -> None:
    facts = manifest.take(tree)
    (tree / "pkg" / "a.py").write_text("A!")
    (tree / "pkg" / "sub" / "b.py").unlink()
    (tree / "link").unlink()
    (tree / "link").symlink_to("pkg/sub")
    (tree / "new" / "deep").mkdir(parents=True)
    (tree / "new" / "deep" / "c.py").touch()
    assert manifest.compare(tree, facts) == Differences(
        added=("new/deep/c.py",), changed=("link", "pkg/a.py"), removed=("pkg/sub/b.py",)
    )


def test_same_size_and_another_content_is_a_change(tree: Path) -> None:
    facts = manifest.take(tree)
    (tree / "pkg" / "a.py").write_text("x")
    os.utime(tree / "pkg" / "a.py", ns=(0, 0))
    assert manifest.compare(tree, facts).changed == ("pkg/a.py",)


def test_touched_file_is_no_change(tree: Path) -> None:
    facts = manifest.take(tree)
    os.utime(tree / "pkg" / "a.py", ns=(0, 0))
    assert not manifest.compare(tree, facts)


def test_file_in_the_place_of_a_directory_or_link(tree: Path) -> None:
    facts = manifest.take(tree)
    (tree / "link").unlink()
    (tree / "link").write_text("no link")
    (tree / "pkg" / "sub" / "b.py").unlink()
    (tree / "pkg" / "sub").rmdir()
    (tree / "pkg" / "sub").write_text("")
    assert manifest.compare(tree, facts) == Differences(
        added=("pkg/sub",), changed=("link",), removed=("pkg/sub/b.py",)
    )


def test_bytecode_does_not_count(tree: Path) -> None:
    facts = manifest.take(tree)
    (tree / "pkg" / "__pycache__").mkdir()
    (tree / "pkg" / "__pycache__" / "a.cpython-311.pyc").touch()
    assert not manifest.compare(tree, facts)
    assert manifest.take(tree) == facts


def test_known_file_of_the_same_size_and_time_is_not_read_again(tree: Path) -> None:
    facts = manifest.take(tree)
    known = {path: (size, time, "known") for path, (size, time, _) in facts.items()}
    (tree / "pkg" / "a.py").write_text("changed")
    again = manifest.take(tree, known)
    assert again["pkg/sub/b.py"][2] == "known"
    assert again["pkg/a.py"][2] != "known"


def test_tree_that_is_not_there_has_no_files(tmp_path: Path) -> None:
    assert manifest.take(tmp_path / "absent") == {}
    assert manifest.compare(tmp_path / "absent", {"a": (0, 0, "")}).removed == ("a",)


def test_name_that_is_no_utf8(tree: Path) -> None:
    path = os.fsencode(tree) + b"/\xff.py"
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
    facts = manifest.load(manifest.dump(manifest.take(tree)))
    assert "\udcff.py" in facts
    assert not manifest.compare(tree, facts)


@given(FACTS)
def test_load_reverses_dump(facts: dict[str, Fact]) -> None:
    assert manifest.load(manifest.dump(facts)) == facts


@given(st.binary() | st.text().map(str.encode) | st.just(b"[" * 100_000))
def test_what_is_no_manifest_is_a_value_error(content: bytes) -> None:
    try:
        facts = manifest.load(content)
    except ValueError:
        return
    assert manifest.load(manifest.dump(facts)) == facts


@pytest.mark.parametrize(
    "text",
    ["[]", "1", '{"a": 1}', '{"a": [1, 2]}', '{"a": [Infinity, 1, ""]}', '{"a": [[], 1, 1]}'],
)
def test_json_of_another_shape_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        manifest.load(text.encode())


def test_every_truncation_is_a_value_error(tree: Path) -> None:
    content = manifest.dump(manifest.take(tree))
    for end in range(len(content)):
        with pytest.raises(ValueError, match=r".*"):
            manifest.load(content[:end])
