"""The one list of pip's options: each is in it once, and each use has the right ones."""

from __future__ import annotations

import pytest

from conda_overlay.core import pip_options
from conda_overlay.core.pip_options import ELSEWHERE, FLAGS, OPTIONS, before_command, used

USES = {
    "recorded": {
        *("--constraint", "--index-url", "--extra-index-url", "--find-links", "--no-binary"),
        *("--only-binary", "--config-settings", "--pre", "--no-index", "--no-build-isolation"),
        "--ignore-requires-python",
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
             ("RECORDED", "PLACE", "BUILD", "INDEX", "HARMLESS", "GLOBAL")}  # fmt: skip
    assert {use for option in OPTIONS for use in option.uses} == known


def test_what_changes_what_is_installed_is_never_harmless() -> None:
    changing = {"--upgrade", "--upgrade-strategy", "--force-reinstall", "--ignore-installed",
                "--constraint", "--requirement", "--editable", "--group", "--no-deps",
                "--require-hashes", "--platform", "--abi"}  # fmt: skip
    assert not changing & used("harmless")
    assert changing <= {option.name for option in OPTIONS}


def test_values_before_the_command_are_those_of_options_that_have_one() -> None:
    found = before_command()
    assert {"--timeout", "--default-timeout", "--proxy", "--log"} <= {*found}
    assert not {*found} & FLAGS and "--requirement" not in found
