"""The files in which two revisions, or a revision and a real host, differ."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from conda_overlay.activation.settings import Settings
from conda_overlay.core.errors import DroppedRevisionError, NoSuchRevisionError
from conda_overlay.core.models import FileChanges
from conda_overlay.filesystem.manifest import take_manifest
from conda_overlay.host.host import Host
from conda_overlay.layer import scaffolding
from conda_overlay.layer.index import Index
from conda_overlay.layer.stack import Stack
from conda_overlay.report import diff
from conda_overlay.report.diff import unified_files
from tests.layer.test_store import revision


@pytest.fixture(scope="module")
def host(science: Path) -> Host:
    return Host(science, "science")


@pytest.fixture
def stack(host: Host, tmp_path: Path) -> Stack:
    return Stack(host, Settings(overlay_dirs=(str(tmp_path / "overlays"),)))


def commit(stack: Stack, content: Mapping[str | Path, bytes]) -> int:
    """Commit a revision of these files, as a draft does, and return its number."""
    store = stack.store
    with store.new_draft(stack.host.real) as draft:
        tree = draft / "revision" / "tree"
        tree.mkdir(parents=True)
        for path, text in content.items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_bytes(text)
        number = store.next_number()
        record = revision(number, store.current())
        store.prepare(tree.parent, record, take_manifest(tree), "", Index(), {})
        with store.lock():
            store.commit(tree.parent, number)
    return number


@pytest.fixture
def alpha(stack: Stack) -> dict[str | Path, bytes]:
    """Alpha 2.0 over the host's, a script, and what is ours in a tree."""
    site = stack.host.site_below_prefix
    metadata = b"Metadata-Version: 2.1\nName: alpha\nVersion: 2.0\n"
    return {
        site / "alpha-2.0.dist-info" / "METADATA": metadata,
        site / "alpha" / "__init__.py": b'__version__ = "2.0"\n',
        site / scaffolding.GUARD: b"",
        Path("bin", scaffolding.INTERPRETER): b"",
    }


def test_tree_against_host_and_the_other_way_round(
    stack: Stack, alpha: dict[str | Path, bytes]
) -> None:
    site = stack.host.site_below_prefix
    number = commit(stack, alpha)
    new = diff.compare_files(stack, 0, number)
    assert new == FileChanges(
        added=(str(site / "alpha-2.0.dist-info" / "METADATA"),),
        changed=(str(site / "alpha" / "__init__.py"),),
    )
    assert diff.compare_files(stack, 0, None) == new
    back = diff.compare_files(stack, number, 0)
    assert back == FileChanges(removed=new.added, changed=new.changed)


def test_file_that_is_the_same_in_the_host_does_not_differ(
    stack: Stack, alpha: dict[str | Path, bytes]
) -> None:
    path = stack.host.site_below_prefix / "alpha" / "__init__.py"
    alpha[path] = (stack.host.prefix / path).read_bytes()
    assert diff.compare_files(stack, 0, commit(stack, alpha)).changed == ()


def test_nothing_differs_from_itself(stack: Stack, alpha: dict[str | Path, bytes]) -> None:
    number = commit(stack, alpha)
    for one, other in ((0, 0), (number, number), (number, None)):
        found = diff.compare_files(stack, one, other)
        assert not found
        assert list(unified_files(stack, one, other, found)) == []


def test_revision_without_a_tree_and_one_that_never_was_are_said(stack: Stack) -> None:
    commit(stack, {"f": b"1"})
    commit(stack, {"f": b"2"})
    assert diff.compare_files(stack, 1, 2) == FileChanges(changed=("f",))
    with stack.store.lock():
        stack.store.drop_trees([1])
    with pytest.raises(DroppedRevisionError):
        diff.compare_files(stack, 1, 2)
    with pytest.raises(NoSuchRevisionError):
        diff.compare_files(stack, 2, 3)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (b"a\n", b"b\n", ["@@ -1 +1 @@\n", "-a\n", "+b\n"]),
        (b"a", b"b\n", ["@@ -1 +1 @@\n", "-a\n\\ No newline at end of file\n", "+b\n"]),
        (b"a\x0cb\rc\n", b"a\n", ["@@ -1 +1 @@\n", "-a\x0cb\rc\n", "+a\n"]),
        ("\u2028\x85\n".encode(), b"a\n", ["@@ -1 +1 @@\n", "-\u2028\x85\n", "+a\n"]),
        (b"a\r\n", b"a\n", ["@@ -1 +1 @@\n", "-a\r\n", "+a\n"]),
        (None, b"a\n", ["@@ -0,0 +1 @@\n", "+a\n"]),
        (b"a\n", None, ["@@ -1 +0,0 @@\n", "-a\n"]),
        (b"a\n", b"\0", None),
        (b"\xff", b"a\n", None),
        (b"a\n", b"a\n" * (1 << 20), None),
        (None, b"\0", None),
    ],
)
def test_text_is_told_line_by_line_and_binary_is_said(
    stack: Stack, old: bytes | None, new: bytes | None, says: list[str] | None
) -> None:
    for content in (old, new):
        commit(stack, {} if content is None else {"f": content})
    lines = list(unified_files(stack, 1, 2, diff.compare_files(stack, 1, 2)))
    if says is None:
        assert lines == ["# Binary files a/f and b/f differ\n"]
    else:
        here = "--- a/f\trevision 1\n" if old is not None else "--- /dev/null\n"
        there = "+++ b/f\trevision 2\n" if new is not None else "+++ /dev/null\n"
        heads = [line for line in lines if line.startswith(("diff --git", "new", "deleted"))]
        assert lines == [*heads, here, there, *says]
        assert heads[0] == "diff --git a/f b/f\n"


def test_directory_in_the_place_of_a_file_is_told(stack: Stack) -> None:
    commit(stack, {"f": b"a\n"})
    commit(stack, {"f/g": b"a\n"})
    found = diff.compare_files(stack, 1, 2)
    assert found == FileChanges(added=("f/g",), removed=("f",))
    told = "".join(unified_files(stack, 1, 2, found))
    assert "deleted file mode 100644\n--- a/f\trevision 1\n+++ /dev/null\n" in told
    assert "--- /dev/null\n+++ b/f/g\trevision 2\n" in told


def test_file_that_cannot_be_read_is_said_and_not_passed_over(stack: Stack) -> None:
    commit(stack, {"f": b"a\n"})
    commit(stack, {})
    os.symlink("nowhere", stack.store.real / "f")
    found = diff.compare_files(stack, 1, None)
    assert found.changed == ("f",)
    assert list(unified_files(stack, 1, None, found))
