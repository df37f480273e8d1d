"""What a tree holds: what is installed, what is known of it, and what was done by hand."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from conda_overlay.core.models import HistoryEntry
from conda_overlay.filesystem.manifest import take_manifest
from conda_overlay.layer import scaffolding, state
from conda_overlay.layer.state import State, read_state

SITE = Path("lib", "python3.11", "site-packages")


def lay(
    tree: Path,
    name: str,
    version: str = "1.0",
    files: Mapping[str, str] | None = None,
    origin: Mapping[str, object] | None = None,
    requires: tuple[str, ...] = (),
) -> Path:
    """Put a distribution into a tree, as pip leaves it, and return its dist-info.

    Args:
        tree: an overlay's.
        name: its name.
        version: its version.
        files: relative to site-packages; a module of its name when left out.
        origin: what direct_url.json says.
        requires: its requirements.
    """
    site = tree / SITE
    info = f"{name}-{version}.dist-info"
    content = dict(files or {f"{name}.py": f"version = {version!r}\n"})
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    content[f"{info}/METADATA"] = "\n".join(lines) + "\n"
    content[f"{info}/INSTALLER"] = "pip\n"
    if origin is not None:
        content[f"{info}/direct_url.json"] = json.dumps(origin)
    rows = []
    for path, text in content.items():
        file = Path(os.path.normpath(site / path))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
        rows.append(f"{path},sha256={digest.decode().rstrip('=')},{len(text)}")
    (site / info / "RECORD").write_text("\n".join([*rows, f"{info}/RECORD,,"]) + "\n")
    return site / info


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The guard, the scripts' interpreter, and ``one`` with a package and a script."""
    tree = tmp_path / "tree"
    files = {"one/__init__.py": "", "one/data.txt": "data\n", "../../../bin/one": "#!python\n"}
    lay(tree, "one", files=files)
    (tree / SITE / scaffolding.GUARD).write_text("the guard")
    (tree / "bin" / scaffolding.INTERPRETER).write_text("the interpreter")
    return tree


@pytest.fixture
def entries() -> dict[str, HistoryEntry]:
    return {"one": HistoryEntry("1.0", "one", requested=True, requirement="one", sha256="0" * 64)}


def path(name: str) -> str:
    return str(SITE / name)


def test_what_is_installed_and_what_is_known_of_it(
    tree: Path, entries: dict[str, HistoryEntry]
) -> None:
    found = read_state(tree, SITE, entries, take_manifest(tree))
    assert [(key, d.version) for key, (d, *_) in found.site.items()] == [("one", "1.0")]
    assert found.entries == found.requested == entries
    assert [*map(str, found.requirements)] == ["one"]
    assert found.files == take_manifest(tree)
    assert found.edited == frozenset()
    assert found.edited_keys == set()


def test_absent_tree_is_as_the_host_with_nothing_over_it(tmp_path: Path) -> None:
    assert read_state(tmp_path / "absent", SITE, {"one": HistoryEntry("1.0")}) == State()


def test_owned_is_what_record_names_wherever_in_the_tree_it_is(tree: Path) -> None:
    found = read_state(tree, SITE, {})
    assert found.owned["one"] == {
        *("bin/one", path("one/__init__.py"), path("one/data.txt")),
        *(path(f"one-1.0.dist-info/{name}") for name in ("METADATA", "INSTALLER", "RECORD")),
    }
    assert found.content("one").keys() == {
        *("bin/one", path("one/__init__.py"), path("one/data.txt")),
        path("one-1.0.dist-info/METADATA"),
    }


def test_record_that_names_files_outside_owns_none_of_them(tree: Path) -> None:
    outside = tree.parent / "outside"
    lay(tree, "two", files={"two.py": "", "../../../../outside": "not mine"})
    assert outside.exists()
    assert read_state(tree, SITE, {}).content("two").keys() == {
        path("two.py"),
        path("two-1.0.dist-info/METADATA"),
    }


# -- what is known


def test_known_of_another_version_is_not_known_of_this_one(
    tree: Path, entries: dict[str, HistoryEntry]
) -> None:
    entries["one"] = replace(entries["one"], version="0.9")
    entry = read_state(tree, SITE, entries).entries["one"]
    assert (entry.version, entry.reason, entry.sha256) == ("1.0", "made by hand", None)


def test_what_was_installed_by_hand_is_held_and_can_be_repeated(tree: Path) -> None:
    lay(tree, "Two.X", origin={"url": "file:///src/two", "dir_info": {"editable": True}})
    lay(tree, "three", origin={"url": "https://me:secret@x/three.whl", "archive_info": {}})
    found = read_state(tree, SITE, {}).entries
    assert all(entry.requested and entry.reason == "made by hand" for entry in found.values())
    facts = {key: (e.name, e.requirement, e.intent, e.editable, e.url) for key, e in found.items()}
    assert facts == {
        "one": ("one", "one==1.0", "hold", None, None),
        "two-x": ("Two.X", "/src/two", "dev", "/src/two", "file:///src/two"),
        "three": ("three", "three==1.0", "hold", None, "https://x/three.whl"),
    }


def test_entry_of_what_is_not_there_does_not_count(
    tree: Path, entries: dict[str, HistoryEntry]
) -> None:
    found = read_state(tree, SITE, {**entries, "gone": HistoryEntry("1.0", "gone", requested=True)})
    assert found.entries.keys() == found.requested.keys() == {"one"}


# -- what was done by hand


def test_edit_is_known_by_the_manifest_of_the_commit(
    tree: Path, entries: dict[str, HistoryEntry]
) -> None:
    recorded = take_manifest(tree)
    (tree / SITE / "one" / "data.txt").write_text("mine!")
    (tree / SITE / "mine.py").touch()
    (tree / "bin" / "one").unlink()
    found = read_state(tree, SITE, entries, recorded)
    assert found.edited == {path("one/data.txt"), path("mine.py")}
    assert found.edited_keys == {"one"}
    assert found.missing("one") == ["bin/one"]


def test_edit_is_known_by_record_where_there_is_no_manifest(tree: Path) -> None:
    (tree / SITE / "one" / "data.txt").write_text("mine!")
    (tree / SITE / "mine.py").touch()
    assert read_state(tree, SITE, {}).edited == {path("one/data.txt")}


def test_edit_from_before_the_commit_is_one_still(
    tree: Path, entries: dict[str, HistoryEntry]
) -> None:
    """The hot-fix that a revision was made with is not in any index either."""
    (tree / SITE / "one" / "data.txt").write_text("mine!")
    assert read_state(tree, SITE, entries, take_manifest(tree)).edited_keys == {"one"}


def test_touched_file_is_not_edited(tree: Path, entries: dict[str, HistoryEntry]) -> None:
    recorded = take_manifest(tree)
    os.utime(tree / SITE / "one" / "data.txt", ns=(0, 0))
    assert read_state(tree, SITE, entries, recorded).edited == frozenset()


def test_what_is_ours_or_left_by_pip_is_no_edit(
    tree: Path, entries: dict[str, HistoryEntry]
) -> None:
    recorded = take_manifest(tree)
    (tree / SITE / scaffolding.GUARD).write_text("altered")
    (tree / "bin" / scaffolding.INTERPRETER).unlink()
    (tree / SITE / "~ne").mkdir()
    (tree / SITE / "~ne" / "data.txt").touch()
    (tree / SITE / "one" / "__pycache__").mkdir()
    (tree / SITE / "one" / "__pycache__" / "__init__.cpython-311.pyc").touch()
    assert read_state(tree, SITE, entries, recorded).edited == frozenset()
    programs = {f"bin/{name}" for name in (scaffolding.INTERPRETER, "pip", "pip3", "pip3.11")}
    assert scaffolding.paths(SITE) == {path(scaffolding.GUARD), *programs}


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("lib/python3.11/site-packages/~ne/x.py", True),
        ("lib/python3.11/site-packages/~ne-1.0.dist-info/RECORD", True),
        ("lib/python3.11/site-packages/one/~x.py", False),
        ("bin/~x", False),
        ("~x", False),
    ],
)
def test_what_pip_has_left(name: str, is_one: bool) -> None:
    assert state.is_leftover(name) is is_one


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        *[(f"site/one-1.0.dist-info/{name}", True) for name in state.BOOKKEEPING],
        ("site/one-1.0.dist-info/METADATA", False),
        ("site/one-1.0.dist-info/licenses/RECORD", False),
        ("site/one/RECORD", False),
    ],
)
def test_what_pip_notes(name: str, is_one: bool) -> None:
    assert state.is_bookkeeping(name) is is_one


def test_bytecode_that_record_names_is_not_missing(tree: Path) -> None:
    lay(tree, "two", files={"two.py": "", "__pycache__/two.cpython-311.pyc": ""})
    (tree / SITE / "__pycache__" / "two.cpython-311.pyc").unlink()
    assert read_state(tree, SITE, {}).missing("two") == []
    assert read_state(tree, SITE, {}).missing("absent") == []


def test_distribution_that_is_there_twice_owns_the_files_of_both(tree: Path) -> None:
    lay(tree, "one", "0.9", files={"old.py": ""})
    found = read_state(tree, SITE, {})
    assert len(found.site["one"]) == 2
    assert {path("old.py"), path("one/data.txt")} <= found.owned["one"]


def test_distribution_without_a_record_owns_nothing_and_is_there(tree: Path) -> None:
    (tree / SITE / "one-1.0.dist-info" / "RECORD").unlink()
    found = read_state(tree, SITE, {})
    assert {*found.site} == {"one"}
    assert found.owned["one"] == frozenset()


def test_a_record_that_has_changed_is_damage_and_no_edit(
    tree: Path, entries: dict[str, HistoryEntry]
) -> None:
    recorded = take_manifest(tree)
    [record] = (tree / SITE).glob("one-*.dist-info/RECORD")
    record.write_text("")
    assert read_state(tree, SITE, entries, recorded).edited == frozenset()
