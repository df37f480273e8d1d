"""Requests as users type them: what has a name, what has none, and what pip gets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement

from conda_overlay.core.pip_options import Options
from conda_overlay.core.request import (
    Request,
    Source,
    for_pip,
    is_direct,
    key_of,
    names_of,
    parse,
    text_of,
)


@pytest.mark.parametrize(
    ("text", "key", "direct"),
    [
        ("Foo.Bar>=1", "foo-bar", False),
        ("baz[x]; python_version > '3'", "baz", False),
        ("q @ https://localhost/q.whl", "q", True),
        ("q@https://localhost/q.whl", "q", True),
        ("./dir", None, True),
        ("x/y", None, True),
        ("https://localhost/z-1.0-py3-none-any.whl", None, True),
        ("git+https://localhost/z#egg=z", None, True),
        ("foo>=x", None, True),
    ],
)
def test_requirement_has_a_name_or_is_a_source(text: str, key: str | None, direct: bool) -> None:
    wanted = parse(text)
    assert key_of(wanted) == key
    assert isinstance(wanted, Source) is (key is None)
    assert is_direct(text) is direct


def test_nothing_is_not_direct() -> None:
    assert not is_direct(None) and not is_direct("")


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("Flask", "Flask"),
        ("flask >= 3", "flask>=3"),
        ("flask[b, a]<3,>=2", "flask[a,b]<3,>=2"),
        ("q@ https://localhost/q.whl", "q @ https://localhost/q.whl"),
        ("q[x] @ file:///a%20b/q.whl ; os_name == 'nt'",
         'q[x] @ file:///a%20b/q.whl ; os_name == "nt"'),
        ("./dir[x]", "./dir[x]"),
    ],
)  # fmt: skip
def test_text_is_the_same_with_any_packaging_and_reads_back(typed: str, text: str) -> None:
    assert text_of(parse(typed)) == text
    assert parse(text) == parse(typed)


def test_pip_gets_options_then_editables_then_requirements() -> None:
    options = Options.parse(["-U", "-e", "./mine", "--no-index", "-egit+https://x/y#egg=y_z"])
    request = Request.parse(["flask", "./other"], options)
    assert request.words == (
        *("--upgrade", "--no-index", "--editable", "./mine"),
        *("--editable", "git+https://x/y#egg=y_z", "--", "flask", "./other"),
    )
    assert names_of(request.requirements) == {"flask", "y-z"}
    assert Request.parse([]).words == ()


def test_path_that_looks_like_an_option_is_none_for_pip() -> None:
    assert Request.parse(["-x"]).words == ("--", "-x")


@pytest.mark.parametrize(
    ("text", "pips"),
    [
        ("q @ git+file:///src/q@v1", "git+file:///src/q@v1#egg=q"),
        ("q @ git+file:///src#subdirectory=q", "git+file:///src#subdirectory=q&egg=q"),
        ("q @ git+https://localhost/q", "q @ git+https://localhost/q"),
        ("q>=1", "q>=1"),
    ],
)
def test_repository_in_a_directory_is_named_so_that_any_pip_sees_it(text: str, pips: str) -> None:
    assert for_pip(parse(text)) == pips


@given(st.text(max_size=20))
def test_any_text_is_a_requirement_or_a_source(text: str) -> None:
    wanted = parse(text)
    assert isinstance(wanted, Requirement) or text_of(wanted) == text
