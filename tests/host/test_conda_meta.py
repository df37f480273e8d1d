"""What conda's records say of an environment, whatever else is among them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from conda_overlay.core.models import Distribution
from conda_overlay.distributions.site import read_distribution
from conda_overlay.host.conda_meta import files_of_package, moved, versions_of
from tests.layer.test_state import SITE, lay


@pytest.fixture
def tool(tmp_path: Path) -> Distribution:
    """A distribution in a prefix with an empty ``conda-meta``."""
    info = lay(tmp_path, "tool", files={"tool/__init__.py": "", "../../../bin/tool": ""})
    (tmp_path / "conda-meta").mkdir()
    found = read_distribution(info)
    assert found is not None
    return found


def record(tool: Distribution, name: str, content: Any) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    (tool.prefix / "conda-meta" / f"{name}.json").write_text(text)


FILES = [f"{SITE}/tool-1.0.dist-info/METADATA", f"{SITE}/tool/__init__.py", "bin/tool"]


def test_files_are_those_of_the_package_that_lists_the_distribution(tool: Distribution) -> None:
    record(tool, "a-1-0", {"files": [f"{SITE}/tool-1.0.dist-information/METADATA", "bin/tool"]})
    record(tool, "tool-1.0-0", {"files": FILES})
    assert files_of_package(tool) == FILES


def test_files_that_are_gone_are_left_out_and_broken_links_are_not(tool: Distribution) -> None:
    (tool.site / "tool" / "__init__.py").unlink()
    (tool.prefix / "bin" / "tool").unlink()
    (tool.prefix / "bin" / "tool").symlink_to("nowhere")
    record(tool, "tool-1.0-0", {"files": FILES})
    assert files_of_package(tool) == [FILES[0], "bin/tool"]


def test_metadata_that_is_one_file_is_found(tmp_path: Path) -> None:
    (tmp_path / SITE).mkdir(parents=True)
    (tmp_path / SITE / "old.egg-info").write_text("Metadata-Version: 1.0\nName: old\nVersion: 1\n")
    (tmp_path / "conda-meta").mkdir()
    found = read_distribution(tmp_path / SITE / "old.egg-info")
    assert found is not None
    record(found, "old-1-0", {"files": [f"{SITE}/old.egg-info"]})
    assert files_of_package(found) == [f"{SITE}/old.egg-info"]


def test_distribution_of_pip_is_in_no_package(tool: Distribution) -> None:
    assert files_of_package(tool) is None
    record(tool, "other-1-0", {"files": ["bin/other"]})
    assert files_of_package(tool) is None


@pytest.mark.parametrize(
    "damaged",
    [
        *("", "{", "[]", "null", "3", "{}", "\x00", '{"files": null}', '{"files": 3}'),
        *('{"files": [null]}', '{"files": [1, 2]}', '{"files": {"a": 1}}', '{"files": "text"}'),
        '{"files": [[]]}',
    ],
)
def test_record_that_is_damaged_hides_no_other(tool: Distribution, damaged: str) -> None:
    record(tool, "a-1-0", damaged)
    record(tool, "tool-1.0-0", {"files": FILES})
    assert files_of_package(tool) == FILES


def test_record_that_is_no_file_hides_no_other(tool: Distribution) -> None:
    os.mkfifo(tool.prefix / "conda-meta" / "a.json")
    (tool.prefix / "conda-meta" / "b.json").mkdir()
    record(tool, "tool-1.0-0", {"files": FILES})
    assert files_of_package(tool) == FILES


def test_versions_have_their_build() -> None:
    packages = ["python-3.11.7-h123_0_cpython", "ca-certificates-2024.1-0", "a-b-c-1-py_0"]
    assert versions_of({"packages": packages}) == {
        "python": "3.11.7-h123_0_cpython",
        "ca-certificates": "2024.1-0",
        "a-b-c": "1-py_0",
    }


@pytest.mark.parametrize("fingerprint", [{}, {"packages": []}])
def test_fingerprint_without_packages_has_no_versions(fingerprint: dict[str, Any]) -> None:
    assert versions_of(fingerprint) == {}


def test_odd_entries_of_a_fingerprint_are_no_crash() -> None:
    assert versions_of({"packages": ["plain", "", 3, None]}) == {
        **{"plain": "", "": "", "3": "", "None": ""},
    }


def test_each_difference_is_a_line_and_nothing_else() -> None:
    old, new = {"a": "1", "b": "1", "c": "1"}, {"b": "2", "c": "1", "d": "1"}
    assert moved(old, new) == ["a 1 -> absent", "b 1 -> 2", "d absent -> 1"]
    assert moved(new, new) == []
