"""The files beside the modules of a distribution that no RECORD and no conda package lists."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conda_overlay.core.models import Distribution
from conda_overlay.distributions.site import read_distribution
from conda_overlay.edits.originals import files_of
from conda_overlay.edits.unlisted import unlisted_files
from tests.edits.copies import FILES
from tests.layer.test_state import SITE, lay


def put(tree: Path, *names: str) -> None:
    for name in names:
        (tree / SITE / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / SITE / name).write_text("P = 1\n")


def read(info: Path) -> Distribution:
    found = read_distribution(info)
    assert found is not None
    return found


def extra(found: Distribution) -> set[str]:
    return unlisted_files(found, files_of(found) or ())


@pytest.fixture
def tool(tmp_path: Path) -> Distribution:
    """A distribution with files beside it that are not listed anywhere."""
    found = read(lay(tmp_path, "tool", files=FILES))
    put(tmp_path, "tool/plug.py", "tool/data/more.bin", "tool/plugs/one.py")
    return found


MORE = {"tool/plug.py", "tool/data/more.bin", "tool/plugs/one.py"}


def test_what_no_distribution_lists_is_found_in_its_directories(tool: Distribution) -> None:
    put(tool.prefix, "other/plug.py", "plug.py")
    assert extra(tool) == MORE


def test_without_such_files_no_other_record_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, names = read(lay(tmp_path, "tool", files=FILES)), {*FILES}
    monkeypatch.setattr("conda_overlay.edits.unlisted.read_record", None)
    assert unlisted_files(found, names) == set()


def test_bytecode_temporary_files_and_repositories_are_left_out(tool: Distribution) -> None:
    left = ("plug.pyc", "__pycache__/plug.cpython-311.pyc", "core.py~", ".core.py.swp")
    put(tool.prefix, *(f"tool/{name}" for name in (*left, ".git/config", "core.py.orig")))
    assert extra(tool) == MORE


def test_links_count_unless_they_lead_out(tool: Distribution, tmp_path: Path) -> None:
    put(tmp_path, "shared/part.py")
    (tmp_path / "secret").write_text("secret\n")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "plug.py").touch()
    for name, target in (
        ("part.py", "../shared/part.py"),
        ("secret.txt", tmp_path / "secret"),
        ("outside", tmp_path / "outside"),
        ("broken.py", "nowhere"),
    ):
        (tool.site / "tool" / name).symlink_to(target)
    assert extra(tool) == {*MORE, "tool/part.py"}


def test_a_file_of_another_distribution_is_none_of_this(tool: Distribution) -> None:
    lay(tool.prefix, "plugs", files={"tool/plug.py": "P = 1\n", "tool/plugs/__init__.py": ""})
    assert extra(tool) == {"tool/data/more.bin"}  # that of plugs is nearer to the third one


def test_of_a_namespace_each_has_the_files_beside_its_own(tmp_path: Path) -> None:
    one = read(lay(tmp_path, "one", files={"space/one/__init__.py": ""}))
    two = read(lay(tmp_path, "two", files={"space/two/__init__.py": "", "space/two.py": ""}))
    put(tmp_path, "space/one/plug.py", "space/two/plug.py", "space/plug.py")
    assert extra(one) == {"space/one/plug.py"}
    assert extra(two) == {"space/two/plug.py", "space/plug.py"}


def record(prefix: Path, name: str, *files: str) -> None:
    (prefix / "conda-meta").mkdir(exist_ok=True)
    content = {"name": name, "files": [f"{SITE}/{file}" for file in files]}
    (prefix / "conda-meta" / f"{name}-1-0.json").write_text(json.dumps(content))


def test_what_another_conda_package_lists_is_none_of_this(tool: Distribution) -> None:
    record(tool.prefix, "data", "tool/data/more.bin")
    assert extra(tool) == MORE - {"tool/data/more.bin"}


@pytest.mark.parametrize("name", ["tool", "py-tool"])
def test_what_its_own_conda_package_lists_goes_along(tool: Distribution, name: str) -> None:
    """Such as what its recipe adds, of which its RECORD does not know."""
    record(tool.prefix, name, "tool/plug.py", f"{tool.path.name}/METADATA")
    assert extra(tool) == MORE


def test_files_of_a_conda_package_without_record(tool: Distribution) -> None:
    (tool.path / "RECORD").unlink()
    record(tool.prefix, "tool", *FILES, f"{tool.path.name}/METADATA")
    assert extra(tool) == MORE
