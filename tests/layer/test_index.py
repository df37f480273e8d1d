"""The index of a tree: it says what a fresh reading says, and reads only what has changed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from zipfile import ZipFile

import pytest

from conda_overlay.filesystem.manifest import take_manifest
from conda_overlay.layer.index import Index, dump_index, load_index, read_index
from conda_overlay.layer.store import Store
from tests.bed import dists
from tests.bench import Bench

SITE = Path("lib/python3.11/site-packages")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """With one and two."""
    for name in ("one", "two"):
        unpack(dists.wheel(tmp_path / "links", name, "1.0"), tmp_path / "tree" / SITE)
    return tmp_path / "tree"


def unpack(wheel: Path, site: Path) -> None:
    with ZipFile(wheel) as archive:
        archive.extractall(site)


def index(tree: Path, known: Index | None = None) -> Index:
    return read_index(tree, SITE, take_manifest(tree), known or Index())


def names(found: Index) -> dict[str, str]:
    return {key: one.version for key, (one, *_) in found.site.items()}


def replaced(path: Path, old: str, new: str, *, same_time: bool = True) -> None:
    """Change a file, whose size stays; its time, too, as nobody but a test does it."""
    status = path.stat()
    text = path.read_text()
    assert old in text and len(old) == len(new)
    path.write_text(text.replace(old, new))
    if same_time:
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_unchanged_metadata_is_not_read_again(tree: Path) -> None:
    known = index(tree)
    metadata = tree / SITE / "one-1.0.dist-info" / "METADATA"
    replaced(metadata, "Version: 1.0", "Version: 9.0")
    assert names(index(tree, known)) == {"one": "1.0", "two": "1.0"}
    assert names(index(tree)) == {"one": "9.0", "two": "1.0"}
    os.utime(metadata, (0, 0))
    assert names(index(tree, known)) == {"one": "9.0", "two": "1.0"}


def test_unchanged_record_is_not_read_again(tree: Path) -> None:
    known = index(tree)
    record = tree / SITE / "one-1.0.dist-info" / "RECORD"
    record.write_text("one/other.py,,\n")
    files = index(tree, known).rows["one-1.0.dist-info"][1]
    assert files == {str(SITE / "one/other.py"): None}
    assert index(tree, known).rows["two-1.0.dist-info"] == known.rows["two-1.0.dist-info"]


def test_what_has_come_and_gone_is_known(tree: Path, tmp_path: Path) -> None:
    known = index(tree)
    unpack(dists.wheel(tmp_path / "links", "three", "3.0"), tree / SITE)
    for path in (tree / SITE / "two-1.0.dist-info").iterdir():
        path.unlink()
    assert names(index(tree, known)) == {"one": "1.0", "three": "3.0"}


def test_index_of_a_clone_has_the_paths_of_the_clone(tree: Path) -> None:
    known = index(tree)
    clone = tree.with_name("clone")
    tree.rename(clone)
    found = index(clone, known)
    assert found.metadata["one-1.0.dist-info"].distribution.path == (
        clone / SITE / "one-1.0.dist-info"
    )
    assert found == index(clone)


def test_index_is_read_back_as_it_was_written(tree: Path) -> None:
    (tree / SITE / "one-1.0.dist-info" / "direct_url.json").write_text(
        '{"url": "file:///src", "dir_info": {"editable": true}}'
    )
    (tree / SITE / "two-1.0.dist-info" / "RECORD").unlink()
    found = index(tree)
    again = load_index(json.loads(json.dumps(dump_index(found))), tree / SITE)
    assert again.metadata == found.metadata
    assert index(tree, again) == found
    assert "two-1.0.dist-info" not in again.rows  # it is looked for again


def test_the_index_of_each_revision_is_what_a_fresh_reading_finds(quick: Bench) -> None:
    """After every kind of change."""
    quick.given("install", "new")
    check(quick)
    quick.given("install", "alpha==2.0", "delta==1.0", "-I")
    check(quick)
    exported = quick.export()
    quick.given("remove", "new")
    check(quick)
    quick.given("undo")
    check(quick)
    quick.given("redo")
    check(quick)
    quick.given("edit", "gamma", "--no-editor")
    check(quick)
    quick.edit(quick.site / "gamma/__init__.py", "edited = 1\n")
    quick.edit(quick.site / "gamma/more.py", "more = 1\n")
    quick.edit(quick.site / "mine.py", "mine = 1\n")
    quick.change("record")
    check(quick)
    (quick.site / "alpha/__init__.py").unlink()
    (quick.site / "delta-1.0.dist-info/METADATA").unlink()
    quick.change("repair")
    check(quick)
    quick.change("apply", exported, "--force")
    check(quick)
    quick.change("undo", "0")
    check(quick)
    assert quick.revision == 10


def check(bench: Bench) -> None:
    assert bench.revision
    site = bench.site.relative_to(bench.overlay)
    tree = bench.tree(bench.revision)
    kept = Store(bench.overlay).index(None, tree / site)
    assert kept == read_index(tree, site, take_manifest(tree), Index())
    assert {one.distribution.name for one in kept.metadata.values()} == {
        name.partition("-")[0] for name in bench.distributions()
    }


def test_an_index_that_is_damaged_or_gone_is_made_anew(quick: Bench) -> None:
    quick.given("install", "new")
    paths = [quick.record_path(1).with_name(name) for name in ("index.json", "host.json")]
    for path in paths:
        path.chmod(0o644)
    for text in ("", "[]", '{"metadata": 1, "rows": {}}', '{"rows": {"x": [1, 2]}}', "[" * 100_000):
        for path in paths:
            path.write_text(text)
        assert [row["name"] for row in quick.json("status")["overlays"][0]["distributions"]] == [
            "new"
        ]
    for path in paths:
        path.unlink()
    quick.change("install", "alpha==1.5")
    check(quick)
