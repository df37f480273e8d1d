"""The one list of pip's options: each is in it once, and each use has the right ones."""

from __future__ import annotations

import pytest

from conda_overlay.core import pip_options
from conda_overlay.core.pip_options import (
    ELSEWHERE,
    FLAGS,
    OPTIONS,
    Options,
    before_command,
    is_build,
    is_elsewhere,
    joined,
    spelled_out,
    used,
)

USES = {
    "recorded": {
        *("--constraint", "--index-url", "--extra-index-url", "--find-links", "--no-binary"),
        *("--only-binary", "--config-settings", "--pre", "--no-index", "--no-build-isolation"),
        *("--ignore-requires-python", "--hash"),
    },
    "place": {"--index-url", "--extra-index-url", "--find-links", "--no-index"},
    "build": {"--no-binary", "--only-binary"},
}


def test_no_option_means_two_things() -> None:
    names = [name for option in OPTIONS for name in option.names]
    assert len(names) == len(set(names))
    assert not {*names} & {*ELSEWHERE}
    assert all(option.name in option.names for option in OPTIONS)


@pytest.mark.parametrize("use", USES)
def test_what_is_kept_and_written_is_pinned(use: str) -> None:
    """Files and records of others have these, and no others are safe in them."""
    assert used(use) == USES[use]


def test_every_use_is_known_and_has_options() -> None:
    known = {getattr(pip_options, name) for name in
             ("RECORDED", "PLACE", "BUILD", "INDEX", "HARMLESS", "ASKS", "GLOBAL")}  # fmt: skip
    assert {use for option in OPTIONS for use in option.uses} == known


def test_what_changes_what_is_installed_is_never_harmless() -> None:
    changing = {"--upgrade", "--upgrade-strategy", "--force-reinstall", "--ignore-installed",
                "--constraint", "--requirement", "--editable", "--group", "--no-deps",
                "--only-deps", "--require-hashes", "--no-require-hashes", "--platform",
                "--abi"}  # fmt: skip
    assert not changing & used("harmless")
    assert changing <= {option.name for option in OPTIONS}


def test_values_before_the_command_are_those_of_options_that_have_one() -> None:
    found = before_command()
    assert {"--timeout", "--default-timeout", "--proxy", "--log"} <= {*found}
    assert not {*found} & FLAGS and "--requirement" not in found
    assert {"--time", "--retr", "--py"} <= {*found}
    assert not {"--", "--re", "--no-c", "--lo"} & {*found}  # of which pip takes none


@pytest.mark.parametrize(
    ("word", "before", "behind"),
    [
        ("--time=5", "--timeout=5", "--timeout=5"),
        ("--pro", "--proxy", "--pro"),
        ("--py", "--python", "--py"),
        ("--targ=x", "--targ=x", "--target=x"),
        ("--re", "--re", "--re"),
        ("5", "5", "5"),
    ],
)
def test_shortened_options_mean_those_of_their_place(word: str, before: str, behind: str) -> None:
    assert spelled_out(word, before_command=True) == before
    assert spelled_out(word) == behind


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("-C --build-option=--x ./p", "--config-settings=--build-option=--x ./p"),
        ("--config-settings -v -U", "--config-settings=-v -U"),
        ("--global-option --x --build-opt --y", "--global-option=--x --build-option=--y"),
        *((same, same) for same in ("-r - -U", "-C a=b --pre", "-C=--x --y", "a -C", "-U --pre")),
        ("a -- -C --x", "a -- -C --x"),
    ],
)
def test_a_value_may_look_like_an_option(typed: str, words: str) -> None:
    assert [*joined(typed.split(), spelled_out)] == words.split()


@pytest.mark.parametrize(
    ("name", "value", "elsewhere"),
    [
        *(("user", "1", True), ("user", "No", False), ("dry-run", "on", True)),
        *(("prefix", "no", True), ("prefix", "", False), ("index-url", "/x", False)),
    ],
)
def test_options_in_the_configuration_count_by_their_value(
    name: str, value: str, elsewhere: bool
) -> None:
    assert is_elsewhere({name: value}) is elsewhere


@pytest.mark.parametrize(
    ("name", "value", "builds"),
    [
        *(("CONDA_BUILD", "0", False), ("CONDA_BUILD", "1", True)),
        *(("PIP_BUILD_TRACKER", "/x", True), ("VIRTUAL_ENV", "/x", False)),
    ],
)
def test_variables_of_builds_count_by_their_value(name: str, value: str, builds: bool) -> None:
    assert is_build({name: value}) is builds


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("-U", "--upgrade"),
        ("-i https://localhost/x", "--index-url https://localhost/x"),
        ("-ihttps://localhost/x?a=b", "--index-url https://localhost/x?a=b"),
        ("--pypi-url=https://localhost/x?a=b", "--index-url https://localhost/x?a=b"),
        ("--no-dependencies --pre", "--no-deps --pre"),
        ("-C --opt=x --pre", "--config-settings --opt=x --pre"),
    ],
)  # fmt: skip
def test_options_are_read_as_they_are_typed(typed: str, words: str) -> None:
    assert Options.parse(typed.split()).words == tuple(words.split())


@pytest.mark.parametrize("wrong", ["--target", "-t/x", "--pre=yes", "-Ux", "flask", "--", "-"])
def test_what_an_overlay_does_not_take_is_named(wrong: str) -> None:
    with pytest.raises(ValueError, match=f"^{wrong} is not an option of pip install"):
        Options.parse([wrong])


def test_options_are_asked_by_their_long_names() -> None:
    found = Options.parse(["-f", "/a", "--pre", "-f", "/b"])
    assert found.has("--pre") and found.has("--no-deps", "--find-links")
    assert not found.has("--no-deps") and not Options().has("--pre")
    assert found.values("--find-links") == ["/a", "/b"] and found.values("--pre") == []
    assert found.without("--find-links") == Options.parse(["--pre"])
    assert found.used("place").to_json() == ["--find-links=/a", "--find-links=/b"]
    assert Options.parse(["-f", "/a"]) + Options.parse(["--pre", "-f", "/b"]) == found
    assert bool(found) and not Options()


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("-f /a --pre -f /b -f /a --pre", "-f /a --pre -f /b"),
        ("--extra-index-url x --extra-index-url y --extra-index-url x -c z -c z",
         "--extra-index-url x --extra-index-url y -c z"),
        ("-i x -f /a -i y -i x", "-f /a -i x"),
        ("-C a=1 -C a=2 -C a=1", "-C a=1 -C a=2"),
        ("--no-binary a --only-binary a --no-binary a", "--only-binary a --no-binary a"),
    ],
)  # fmt: skip
def test_repetitions_can_be_left_out(typed: str, words: str) -> None:
    assert Options.parse(typed.split()).distinct() == Options.parse(words.split())


def test_recorded_options_of_a_later_version_stay() -> None:
    kept = ["--later=x=y", "--other", "--pre"]
    assert Options.from_json(kept).to_json() == kept


@pytest.mark.parametrize("wrong", [None, "--pre", {}, [1], [None], ["--pre", 1]])
def test_other_values_are_no_recorded_options(wrong: object) -> None:
    with pytest.raises(TypeError):
        Options.from_json(wrong)
