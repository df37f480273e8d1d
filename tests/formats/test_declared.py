"""Groups of a project and the metadata of a script are read as pip reads them."""

from __future__ import annotations

import pytest

from conda_overlay.formats.declared import in_group, in_script

GROUPS = """
[dependency-groups]
test = ["a==1", 'b; python_version > "3"']
Dev_Tools = ["c", {include-group = "test"}]
all = [{include-group = "dev-tools"}, "a"]
circle = [{include-group = "round"}]
round = [{include-group = "circle"}]
odd = [{include-group = "nope"}]
worse = [7]
"""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("test", ["a==1", 'b; python_version > "3"']),
        ("dev.tools", ["c", "a==1", 'b; python_version > "3"']),
        ("all", ["c", "a==1", 'b; python_version > "3"', "a"]),
        *((name, []) for name in ("circle", "odd", "worse", "nope")),
    ],
)
def test_a_group_is_read_with_those_that_it_includes(name: str, expected: list[str]) -> None:
    assert in_group(GROUPS, name) == expected


@pytest.mark.parametrize("text", ["", "a = ", "[dependency-groups]\n", "dependency-groups = 7"])
def test_a_file_without_the_group_has_nothing(text: str) -> None:
    assert in_group(text, "test") == []


BLOCK = '# /// script\n# dependencies = [\n#   "a==1",\n#\n#   "b",\n# ]\n# ///\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"#!/usr/bin/env python\n{BLOCK}\nimport a\n", ["a==1", "b"]),
        ("# /// other\n# dependencies = ['c']\n# ///\n" + BLOCK, ["a==1", "b"]),
        ('# /// script\n# requires-python = ">=3.8"\n# ///\n', []),
        ("import a\n", []),
        (BLOCK + "\n" + BLOCK, []),
        ("# /// script\n# dependencies = [\n# ///\n", []),
        ("# /// script\n# dependencies = 7\n# ///\n", []),
    ],
)
def test_the_metadata_of_a_script_is_read(text: str, expected: list[str]) -> None:
    assert in_script(text) == expected
