"""No part of an ``overlay.toml`` of somebody else can be taken for an option of pip."""

from __future__ import annotations

import pytest

from conda_overlay.core.errors import OverlayError
from conda_overlay.core.pip_options import FLAGS, RECORDED, used
from conda_overlay.formats.overlay_toml import parse

LOCKED = {"name": "a", "version": "1.0"}
WANTED = {"requirement": "a>=1"}


def toml(table: str, values: dict[str, str]) -> str:
    """A file with one table."""
    lines = [f'{name} = "{value}"' for name, value in values.items()]
    return "\n".join(["format = 1", f"[[{table}]]", *lines, ""])


def with_option(option: str) -> str:
    return toml("wanted", WANTED) + f'options = ["{option}"]\n'


def refused(text: str) -> str:
    """The sentence with which a file is refused."""
    with pytest.raises(OverlayError) as caught:
        parse(text, "my.toml")
    assert caught.value.hint
    return str(caught.value.message)


@pytest.mark.parametrize(
    "option",
    [
        *("--target=/home/me", "--prefix=/", "--root=/", "--user", "--python=/bin/sh"),
        *("--config-file=/tmp/pip.conf", "--log=/home/me/.bashrc", "--cert=/x", "--cache-dir=/x"),
        *("--trusted-host=evil.invalid", "--proxy=http://evil.invalid", "--no-deps", "--upgrade"),
        *("--requirement=/etc/passwd", "--editable=/x", "--force-reinstall", "--report=/x"),
        *("-t/home/me", "-r", "evil", "", "--", "=", "--INDEX-URL=x", "--index", "--index-urls=x"),
        *(" --pre", "--pre ", "--global-option=x", "--index-url x"),
        *("--hash", "--hash=sha256:0 --global-option=x", "--hash=sha256:${HOME}", "--hash=sha256"),
    ],
)
def test_option_that_is_not_about_sources_and_builds_is_refused(option: str) -> None:
    said = refused(with_option(option))
    assert said.startswith("my.toml is not a valid overlay.toml: the option ")
    assert said.endswith("of a is not allowed in a file.")


@pytest.mark.parametrize("name", sorted(used(RECORDED)))
def test_option_that_is_about_sources_and_builds_is_read(name: str) -> None:
    option = name if name in FLAGS else f"{name}={'sha256:0' if name == '--hash' else 'value'}"
    assert parse(with_option(option), "my.toml").entries["a"].options.to_json() == [option]


@pytest.mark.parametrize("control", ["\\n", "\\r", "\\u0000", "\\t", "\\u007f"])
def test_control_character_in_the_value_of_an_option_is_refused(control: str) -> None:
    assert "is not allowed" in refused(with_option(f"--index-url=x{control}--target=/"))


@pytest.mark.parametrize("field", ["version", "sha256", "url"])
@pytest.mark.parametrize("blank", [" ", "\\t", "\\n", "\\u00a0", "\\u2028"])
def test_blank_in_a_version_hash_or_url_is_refused(field: str, blank: str) -> None:
    """An option could follow it in a file of requirements."""
    text = toml("locked", {**LOCKED, field: f"1{blank}--target=/"})
    assert "is not a version, hash or URL" in refused(text)


@pytest.mark.parametrize("text", ["--target=/", "-e", "a\\n--target=/", "a\\u0000"])
def test_requirement_path_or_url_that_looks_like_an_option_is_refused(text: str) -> None:
    said = "is not a requirement, a path or a URL"
    assert said in refused(toml("wanted", {"name": "a", "requirement": text}))
    assert said in refused(toml("locked", {**LOCKED, "editable": text}))
    if "\\n" not in text:
        assert said in refused(toml("locked", {**LOCKED, "url": text}))


@pytest.mark.parametrize("name", ["--target", "a b", "a/../b", "a\\n", "-a", "a-", "\u00fc"])
def test_name_that_is_not_one_is_refused(name: str) -> None:
    refused(toml("locked", {**LOCKED, "name": name}))
    refused(toml("wanted", {**WANTED, "name": name}))


def test_file_of_a_newer_format_says_how_to_read_it() -> None:
    with pytest.raises(OverlayError, match="written by a newer version") as caught:
        parse("format = 2\nfuture = true\n", "my.toml")
    assert caught.value.hint == "conda update -n base conda-overlay"
