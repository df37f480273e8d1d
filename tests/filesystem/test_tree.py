"""Trees of files: cloned, changed and removed; what is in them, and what has become of that."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conda_overlay.core.models import FileChanges
from conda_overlay.filesystem.atomic import exchange, replace_file
from conda_overlay.filesystem.manifest import (
    FileInfo,
    Manifest,
    differences,
    digest,
    dump_manifest,
    has_digest,
    load_manifest,
    take_manifest,
)
from conda_overlay.filesystem.tree import (
    clone,
    discard,
    is_own,
    make_own,
    move_in,
    protect,
    remove_files,
    weight,
    without_links,
)

NAMES = st.text(st.characters(exclude_categories=()), min_size=1)
MANIFESTS = st.dictionaries(NAMES, st.tuples(st.integers(), st.integers(), NAMES))


def since(tree: Path, manifest: Manifest) -> FileChanges:
    """What has been done to a tree since a manifest was taken."""
    return differences(manifest, take_manifest(tree, manifest))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    (tree / "pkg" / "sub").mkdir(parents=True)
    (tree / "pkg" / "a.py").write_text("a")
    (tree / "pkg" / "sub" / "b.py").write_text("b")
    (tree / "link").symlink_to("pkg")
    return tree


def test_untouched_tree_has_no_differences(tree: Path) -> None:
    manifest = take_manifest(tree)
    assert manifest.keys() == {"pkg/a.py", "pkg/sub/b.py", "link"}
    assert not since(tree, manifest)


def test_each_difference_is_named(tree: Path) -> None:
    manifest = take_manifest(tree)
    (tree / "pkg" / "a.py").write_text("A!")
    (tree / "pkg" / "sub" / "b.py").unlink()
    (tree / "link").unlink()
    (tree / "link").symlink_to("pkg/sub")
    (tree / "new" / "deep").mkdir(parents=True)
    (tree / "new" / "deep" / "c.py").touch()
    assert since(tree, manifest) == FileChanges(
        added=("new/deep/c.py",), changed=("link", "pkg/a.py"), removed=("pkg/sub/b.py",)
    )


def test_same_size_and_another_content_is_a_change(tree: Path) -> None:
    manifest = take_manifest(tree)
    (tree / "pkg" / "a.py").write_text("x")
    os.utime(tree / "pkg" / "a.py", ns=(0, 0))
    assert since(tree, manifest).changed == ("pkg/a.py",)


def test_touched_file_is_no_change(tree: Path) -> None:
    manifest = take_manifest(tree)
    os.utime(tree / "pkg" / "a.py", ns=(0, 0))
    assert not since(tree, manifest)


def test_file_in_the_place_of_a_directory_or_link(tree: Path) -> None:
    manifest = take_manifest(tree)
    (tree / "link").unlink()
    (tree / "link").write_text("no link")
    (tree / "pkg" / "sub" / "b.py").unlink()
    (tree / "pkg" / "sub").rmdir()
    (tree / "pkg" / "sub").write_text("")
    assert since(tree, manifest) == FileChanges(
        added=("pkg/sub",), changed=("link",), removed=("pkg/sub/b.py",)
    )


def test_bytecode_does_not_count(tree: Path) -> None:
    manifest = take_manifest(tree)
    (tree / "pkg" / "__pycache__").mkdir()
    (tree / "pkg" / "__pycache__" / "a.cpython-311.pyc").touch()
    assert not since(tree, manifest)
    assert take_manifest(tree) == manifest


def test_known_file_of_the_same_size_and_time_is_not_read_again(tree: Path) -> None:
    manifest = take_manifest(tree)
    known = {path: (size, time, "known") for path, (size, time, _) in manifest.items()}
    (tree / "pkg" / "a.py").write_text("changed")
    again = take_manifest(tree, known)
    assert again["pkg/sub/b.py"][2] == "known"
    assert again["pkg/a.py"][2] != "known"


def test_tree_that_is_not_there_has_no_files(tmp_path: Path) -> None:
    assert take_manifest(tmp_path / "absent") == {}
    assert since(tmp_path / "absent", {"a": (0, 0, "")}).removed == ("a",)


def test_name_that_is_no_utf8(tree: Path) -> None:
    path = os.fsencode(tree) + b"/\xff.py"
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
    manifest = load_manifest(dump_manifest(take_manifest(tree)))
    assert "\udcff.py" in manifest
    assert not since(tree, manifest)


@given(MANIFESTS)
def test_load_reverses_dump(manifest: dict[str, FileInfo]) -> None:
    assert load_manifest(dump_manifest(manifest)) == manifest


@given(st.binary() | st.text().map(str.encode) | st.just(b"[" * 100_000))
def test_what_is_no_manifest_is_a_value_error(content: bytes) -> None:
    try:
        manifest = load_manifest(content)
    except ValueError:
        return
    assert load_manifest(dump_manifest(manifest)) == manifest


@pytest.mark.parametrize(
    "text",
    ["[]", "1", '{"a": 1}', '{"a": [1, 2]}', '{"a": [Infinity, 1, ""]}', '{"a": [[], 1, 1]}'],
)
def test_json_of_another_shape_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        load_manifest(text.encode())


def test_every_truncation_is_a_value_error(tree: Path) -> None:
    content = dump_manifest(take_manifest(tree))
    for end in range(len(content)):
        with pytest.raises(ValueError, match=r".*"):
            load_manifest(content[:end])


@given(MANIFESTS, MANIFESTS)
def test_differences_are_of_content_and_have_a_way_back(
    one: dict[str, FileInfo], other: dict[str, FileInfo]
) -> None:
    there, back = differences(one, other), differences(other, one)
    assert (there.added, there.changed, there.removed) == (back.removed, back.changed, back.added)
    contents = [{path: info[2] for path, info in m.items()} for m in (one, other)]
    assert bool(there) == (contents[0] != contents[1])


# -- cloned and moved


def listing(tree: Path) -> list[str]:
    return sorted(str(path.relative_to(tree)) for path in tree.rglob("*"))


def test_clone_leaves_the_original_untouched(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    (old / "a" / "b").mkdir(parents=True)
    (old / "a" / "file").write_text("text")
    (old / "a" / "file").chmod(0o755)
    (old / "link").symlink_to("a/file")
    (old / "directory").symlink_to("a")
    (old / "dangling").symlink_to("/nowhere")
    clone(old, new)
    assert listing(new) == listing(old)
    assert take_manifest(new) == take_manifest(old)
    assert (new / "directory").is_symlink()
    assert (new / "a" / "file").stat().st_mode == (old / "a" / "file").stat().st_mode
    (tmp_path / "fresh" / "a").mkdir(parents=True)
    (tmp_path / "fresh" / "a" / "file").write_text("new")
    move_in(new, tmp_path / "fresh")
    remove_files(new, [new / "link"])
    assert ((old / "a" / "file").read_text(), (new / "a" / "file").read_text()) == ("text", "new")
    assert (old / "link").is_symlink()


def test_clone_shares_no_file_that_its_owner_may_write(tmp_path: Path) -> None:
    """A program that writes in place would reach into the older tree."""
    old, new = tmp_path / "old", tmp_path / "new"
    (old / "a").mkdir(parents=True)
    modes = {"a/1": 0o444, "a/2": 0o644, "a/3": 0o200, "a/4": 0o755, "a/5": 0o555, "6": 0o664}
    for name, mode in modes.items():
        (old / name).write_text("old")
        (old / name).chmod(mode)
    clone(old, new)
    for name, mode in modes.items():
        assert (new / name).stat().st_mode & 0o7777 == mode
        if mode & stat.S_IWUSR:
            assert (new / name).stat().st_ino != (old / name).stat().st_ino, name
            (new / name).write_text("new")
        assert (old / name).read_text() == "old"


def test_clone_copies_where_nothing_can_be_shared(tmp_path: Path) -> None:
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system")
    old, new = tmp_path / "old", other / f"clone-{os.getpid()}"
    old.mkdir()
    (old / "file").write_text("text")
    try:
        clone(old, new)
        assert (new / "file").read_text() == "text"
    finally:
        shutil.rmtree(new)


def test_clone_of_what_is_closed_to_its_owner_can_be_changed(tmp_path: Path) -> None:
    (tmp_path / "old" / "a").mkdir(parents=True)
    (tmp_path / "old" / "a").chmod(0o555)
    clone(tmp_path / "old", tmp_path / "new")
    assert (tmp_path / "new" / "a").stat().st_mode & 0o777 == 0o755


def test_clone_of_what_is_gone_is_said(tmp_path: Path) -> None:
    """Another command may drop a tree at that moment; half a clone would be taken for a whole."""
    with pytest.raises(FileNotFoundError):
        clone(tmp_path / "absent", tmp_path / "new")


def test_what_moves_in_replaces_what_is_there_and_never_goes_through_a_link(
    tree: Path, tmp_path: Path
) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.mkdir()
    (tree / "away").symlink_to(outside)
    for path in ("pkg/a.py", "away/x.py", "fresh/y.py"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("new")
    move_in(tree, root)
    assert list(outside.iterdir()) == []
    assert [(tree / path).read_text() for path in ("pkg/a.py", "away/x.py", "fresh/y.py")] == [
        "new"
    ] * 3
    assert (tree / "pkg" / "sub" / "b.py").read_text() == "b"


# -- removed


def test_remove_takes_bytecode_and_empty_directories_along(tmp_path: Path) -> None:
    cache = tmp_path / "tree" / "pkg" / "__pycache__"
    cache.mkdir(parents=True)
    for name in ("a.cpython-311.pyc", "a.cpython-311.opt-1.pyc", "b.cpython-311.pyc"):
        (cache / name).touch()
    for name in ("a.py", "b.py"):
        (tmp_path / "tree" / "pkg" / name).touch()
    tree = tmp_path / "tree"
    remove_files(tree, [tree / "pkg" / "a.py", tree / "pkg" / "absent.py"])
    assert sorted(path.name for path in tree.rglob("*.py*")) == ["b.cpython-311.pyc", "b.py"]
    remove_files(tree, [tree / "pkg" / "b.py"])
    assert list(tree.iterdir()) == []


def test_remove_passes_over_a_directory_that_is_named_as_a_file(tree: Path) -> None:
    """As ``./`` is in the installed-files.txt of an old pip."""
    remove_files(tree, [tree / "pkg" / "sub", tree / "pkg" / "a.py"])
    assert listing(tree) == ["link", "pkg", "pkg/sub", "pkg/sub/b.py"]


PLACES = ("file.py", "one/file.py", "one/two/file.py", "one/__pycache__/file.cpython-311.pyc")


@pytest.mark.parametrize("path", PLACES)
@given(data=st.data())
def test_remove_never_reaches_through_a_link(path: str, data: st.DataObject) -> None:
    """Whatever part of the way is a link that leads out of the tree, or to another place in it."""
    with TemporaryDirectory() as place:
        tree, outside = Path(place, "tree"), Path(place, "outside")
        for root in (tree, outside, tree / "elsewhere"):
            for file in PLACES:
                (root / file).parent.mkdir(parents=True, exist_ok=True)
                (root / file).touch()
        part = data.draw(
            st.sampled_from([tree / path, *(tree / path).parents][: path.count("/") + 1])
        )
        below = part.relative_to(tree)
        target = data.draw(st.sampled_from((outside, tree / "elsewhere"))) / below
        shutil.rmtree(part) if part.is_dir() else part.unlink()
        part.symlink_to(target)
        kept = [listing(outside), listing(tree / "elsewhere")]
        source = path.replace("__pycache__/", "").replace(".cpython-311.pyc", ".py")
        remove_files(tree, [tree / path, tree / source])
        assert [listing(outside), listing(tree / "elsewhere")] == kept
        assert not os.path.lexists(tree / path)


def test_discard_removes_what_its_owner_has_closed_and_no_link_s_target(tree: Path) -> None:
    (tree / "out").symlink_to(tree.parent)
    (tree / "pkg" / "sub").chmod(0o000)
    (tree.parent / "neighbour").touch()
    discard(tree)
    assert [path.name for path in tree.parent.iterdir()] == ["neighbour"]
    link = tree.parent / "link"
    link.symlink_to("neighbour")
    for path in (link, tree.parent / "neighbour", tree.parent / "absent"):
        discard(path)
    assert list(tree.parent.iterdir()) == []


# -- what its files are like


def test_protected_file_cannot_be_written_in_place_and_stays_what_it_is(tree: Path) -> None:
    (tree / "pkg" / "a.py").chmod(0o6775)
    (tree / "dangling").symlink_to("/nowhere")
    manifest = take_manifest(tree)
    protect(tree)
    assert (tree / "pkg" / "a.py").stat().st_mode & 0o7777 == 0o555
    assert (tree / "pkg" / "sub").stat().st_mode & 0o200
    assert not since(tree, manifest)


def test_what_is_protected_can_be_written_by_nobody_else(tree: Path) -> None:
    (tree / "empty").mkdir()
    (tree / "away").symlink_to(tree.parent)
    for path in (tree, tree / "pkg", tree / "pkg" / "a.py", tree / "empty", tree.parent):
        path.chmod(0o777)
    protect(tree)
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            assert path.stat().st_mode & (0o022 if path.is_dir() else 0o222) == 0, path
    assert (tree / "pkg").stat().st_mode & 0o777 == 0o755
    assert tree.parent.stat().st_mode & 0o777 == 0o777


@pytest.mark.parametrize("place", ["lib", "lib/python3", "lib/python3/site-packages"])
@pytest.mark.parametrize("kind", ["link", "file", "directory", "nothing"])
def test_own_directory_takes_the_place_of_a_link_or_a_file(
    tmp_path: Path, place: str, kind: str
) -> None:
    tree, outside = tmp_path / "tree", tmp_path / "outside"
    outside.mkdir()
    (tree / place).parent.mkdir(parents=True)
    if kind == "link":
        (tree / place).symlink_to(outside)
    elif kind == "file":
        (tree / place).touch()
    elif kind == "directory":
        (tree / place / "kept").mkdir(parents=True)
    make_own(tree, Path("lib/python3/site-packages"))
    made = tree / "lib/python3/site-packages"
    assert made.resolve() == made and made.is_dir()
    assert list(outside.iterdir()) == []
    assert (tree / place / "kept").is_dir() == (kind == "directory")


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_pipes_and_sockets_are_no_part_of_a_tree(tree: Path, kind: str) -> None:
    before = take_manifest(tree)
    if kind == "pipe":
        os.mkfifo(tree / "special")
    else:
        os.mknod(tree / "special", stat.S_IFSOCK | 0o600)
    assert take_manifest(tree) == before
    clone(tree, tree.with_name("copy"))
    assert not (tree.with_name("copy") / "special").exists()


def test_bytecode_behind_a_link_is_not_cloned(tree: Path) -> None:
    outside = tree.with_name("outside")
    outside.mkdir()
    (tree / "pkg" / "__pycache__").symlink_to(outside)
    clone(tree, tree.with_name("copy"))
    assert not os.path.lexists(tree.with_name("copy") / "pkg" / "__pycache__")


def test_file_that_is_replaced_stays_in_older_trees(tree: Path) -> None:
    older = tree.with_name("older")
    os.link(tree / "pkg" / "a.py", older)
    protect(tree)
    replace_file(tree / "pkg" / "a.py", b"new", 0o755)
    assert (older.read_text(), (tree / "pkg" / "a.py").read_text()) == ("a", "new")
    assert (tree / "pkg" / "a.py").stat().st_mode & 0o777 == 0o755
    assert sorted(path.name for path in (tree / "pkg").iterdir()) == ["a.py", "sub"]


def test_weight_is_what_no_other_tree_shares(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    (one / "shared").write_bytes(b"x" * 100_000)
    os.link(one / "shared", two / "shared")
    (two / "own").write_bytes(b"y" * 50_000)
    assert weight([]) == 0
    assert weight([one]) < 50_000  # a directory may take a block
    assert 50_000 <= weight([two]) < 100_000
    assert weight([one, two]) >= 150_000


def test_digest_of_a_link_is_that_of_its_target_path(tree: Path) -> None:
    assert digest(tree / "link") == hashlib.sha256(b"pkg").hexdigest()
    assert digest(tree / "pkg" / "a.py") == hashlib.sha256(b"a").hexdigest()
    assert has_digest(tree / "link", digest(tree / "link"))
    assert not any(has_digest(tree / name, "0") for name in ("link", "pkg", "nothing"))


def test_directories_exchange_their_names_or_stay(tree: Path) -> None:
    other = tree.with_name("other")
    other.mkdir()
    if exchange(tree, other):
        assert [*tree.iterdir()] == [] and (other / "pkg" / "a.py").exists()
    assert not exchange(tree, other / "nowhere")
    assert tree.is_dir() and other.is_dir()


def test_what_is_behind_a_link_to_a_directory_is_no_part_of_a_tree(tmp_path: Path) -> None:
    tree, elsewhere = tmp_path / "tree", tmp_path / "elsewhere"
    for place in (tree / "own", elsewhere / "deep"):
        place.mkdir(parents=True)
        (place / "file").touch()
    (tree / "link").symlink_to(elsewhere)
    (tree / "own" / "linked").symlink_to(elsewhere / "deep" / "file")
    paths = ["top", "own/file", "own/linked", "own/absent/file", "link/deep/file", "link"]
    own = {"top", "own/file", "own/linked", "own/absent/file", "link"}
    assert without_links(tree, paths) == own
    assert {path for path in paths if is_own(tree, tree / path)} == own


def test_protecting_a_file_leaves_its_other_hard_link_writable(tmp_path: Path) -> None:
    tree, mine = tmp_path / "tree", tmp_path / "mine.py"
    tree.mkdir()
    mine.write_text("mine")
    (tree / "module.py").hardlink_to(mine)
    protect(tree)
    assert stat.S_IMODE(mine.stat().st_mode) & stat.S_IWUSR
    assert not (tree / "module.py").stat().st_mode & stat.S_IWUSR
    mine.write_text("changed")
    assert (tree / "module.py").read_text() == "mine"
