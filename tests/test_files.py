"""What two trees, or a tree and a real host, differ in."""

from __future__ import annotations

from pathlib import Path

import pytest

from conda_overlay import guard, planner
from conda_overlay.comparison import Comparison, Side, compare, unified
from conda_overlay.host import Host
from conda_overlay.manifest import Differences

NOWHERE = Side("host", None)


@pytest.fixture(scope="module")
def host(science: Path) -> Host:
    return Host(science, "science")


@pytest.fixture
def tree(host: Host, tmp_path: Path) -> Path:
    """An overlay's tree: the guard, alpha 2.0 over the host's, and a script."""
    tree = tmp_path / "tree"
    site = tree / host.site_below_prefix
    info = site / "alpha-2.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: alpha\nVersion: 2.0\n")
    (site / "alpha").mkdir()
    (site / "alpha" / "__init__.py").write_text('__version__ = "2.0"\n')
    (site / guard.NAME).write_text("")
    return tree


def versus(host: Host, old: Side, new: Side) -> Comparison:
    return compare(host, planner.effective(host.distributions), old, new)


def test_tree_against_host_and_the_other_way_round(host: Host, tree: Path) -> None:
    site = host.site_below_prefix
    new = versus(host, NOWHERE, Side("mine", tree))
    assert [(c.name, c.kind, c.host_version, c.after) for c in new.changes] == [
        ("alpha", "upgrade", "1.0", "2.0")
    ]
    assert new.files == Differences(
        added=(str(site / "alpha-2.0.dist-info" / "METADATA"),),
        changed=(str(site / "alpha" / "__init__.py"),),
    )
    back = versus(host, Side("mine", tree), NOWHERE)
    assert [(c.name, c.kind, c.before, c.visible) for c in back.changes] == [
        ("alpha", "remove", "2.0", "1.0")
    ]
    assert (back.files.removed, back.files.changed) == (new.files.added, new.files.changed)


def test_file_that_is_the_same_in_the_host_does_not_differ(host: Host, tree: Path) -> None:
    path = host.site_below_prefix / "alpha" / "__init__.py"
    (tree / path).write_bytes((host.prefix / path).read_bytes())
    assert versus(host, NOWHERE, Side("mine", tree)).files.changed == ()


def test_nothing_differs_from_itself(host: Host, tree: Path) -> None:
    for side in (NOWHERE, Side("mine", tree)):
        found = versus(host, side, side)
        assert (found.changes, bool(found.files), list(unified(host, found))) == ((), False, [])


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
    host: Host, tmp_path: Path, old: bytes | None, new: bytes | None, says: list[str] | None
) -> None:
    sides = []
    for name, content in (("old", old), ("new", new)):
        sides.append(Side(name, tmp_path / name))
        (tmp_path / name).mkdir()
        if content is not None:
            (tmp_path / name / "f").write_bytes(content)
    lines = list(unified(host, versus(host, *sides)))
    if says is None:
        assert lines == ["Binary files old/f and new/f differ\n"]
    else:
        assert lines == ["--- old/f\n", "+++ new/f\n", *says]
