"""The errors: a sentence, details and a hint, as text and for ``--json``."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from conda_overlay.core import errors
from conda_overlay.core.errors import OverlayError
from conda_overlay.core.models import Conflict


@pytest.mark.parametrize("text", ["a%20b", "100 %", "%s", "%(name)s %(absent)d", "%", "%%"])
def test_percent_sign_is_shown_as_it_is(text: str) -> None:
    """As it is in a URL; conda up to 26.5 formats messages with ``%``."""
    error = OverlayError(text, None, [text], name=text)
    assert str(error) == f"{text}\n  {text}"
    assert str(OverlayError("It fails.", text)) == f"It fails.\nHint: {text}"
    found = error.dump_map()
    assert (found["message"], found["name"]) == (str(error), text)


def test_details_follow_the_sentence_and_the_hint_comes_last() -> None:
    error = OverlayError("It fails.", "try again", ["one", 2])
    assert str(error) == "It fails.\n  one\n  2\nHint: try again"
    assert str(OverlayError("It fails.")) == "It fails."


def test_data_are_attributes_for_json() -> None:
    found = OverlayError("It fails.", "try", path="/x", numbers=[1]).dump_map()
    assert (found["path"], found["numbers"], found["hint"]) == ("/x", [1], "try")
    assert found["exception_name"] == "OverlayError"


def test_nothing_in_an_error_controls_the_terminal() -> None:
    error = OverlayError("a\x1b[1m", "b\x07", ["c\r"])
    assert str(error) == "a\\x1b[1m\n  c\\r\nHint: b\\x07"


def test_wrong_arguments_have_the_exit_code_of_wrong_arguments() -> None:
    assert (errors.UsageError("x").return_code, OverlayError("x").return_code) == (2, 1)


@pytest.mark.parametrize(
    ("number", "kind", "says"),
    [
        (errno.ENOSPC, OverlayError, "No space left at /d/science; the overlay is unchanged."),
        (errno.EDQUOT, OverlayError, "No space left at /d/science; the overlay is unchanged."),
        (errno.EROFS, errors.OverlayDirError, "The overlay directory /d cannot be written: why."),
    ],
)
def test_directory_that_cannot_be_written_is_told_from_a_full_disk(
    number: int, kind: type, says: str
) -> None:
    error = errors.while_changing(Path("/d/science"), Path("/d/.science/1"), OSError(number, "why"))
    assert error
    assert (type(error), error.message) == (kind, says)
    assert error.hint


def test_file_system_without_inodes_is_told_from_a_full_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    free = type("Free", (), {"f_files": 1000, "f_favail": 0})
    monkeypatch.setattr(os, "statvfs", lambda _: free)
    failure = OSError(errno.ENOSPC, "why", str(tmp_path / "new"))
    error = errors.while_changing(tmp_path / "o" / "science", tmp_path / "o" / ".science", failure)
    assert error
    assert str(error) == (
        f"No inode left at {tmp_path}/o/science; the overlay is unchanged.\nHint: df -i {tmp_path}"
    )
    assert errors.unusable(failure).hint == f"df -i {tmp_path}"


def test_edits_of_several_distributions_that_do_not_apply_are_one_error() -> None:
    each = [
        errors.CannotEditAgainError({name: "2.0"}, [f"{name}.py, which"], ["-p", "/envs/s"], keep)
        for name, keep in (("tool", []), ("other", ["record"]))
    ]
    assert str(errors.CannotEditAgainError.of_all(each)) == (
        "Your edits of tool, other do not apply to tool 2.0, other 2.0; nothing was "
        "changed.\n  tool.py, which\n  other.py, which\n"
        "Hint: conda overlay record -p /envs/s && conda overlay rebase --force "
        "-p /envs/s, and make them again: conda overlay edit NAME"
    )


def test_file_of_the_host_that_cannot_be_read_is_named_and_not_the_overlay_directory() -> None:
    failure = OSError(errno.EACCES, "Permission denied", "/opt/envs/science/lib/x.py")
    error = errors.while_changing(Path("/d/science"), Path("/d/.science/1"), failure)
    assert error
    assert error.message == "/opt/envs/science/lib/x.py: Permission denied."


def test_file_that_cannot_be_used_is_named_whatever_its_name(tmp_path: Path) -> None:
    """The hint shows it, or the directory above that it could not be made in."""
    file = tmp_path / "a b" / os.fsdecode(b"\xff")
    error = errors.unusable(OSError(errno.EACCES, "Permission denied", os.fsencode(file)))
    assert error.message == f"{tmp_path}/a b/\\udcff: Permission denied."
    assert error.hint == f"ls -ld {tmp_path}"
    file.parent.mkdir()
    file.touch()
    error = errors.unusable(OSError(errno.EACCES, "Permission denied", str(file)))
    assert error.hint == f"ls -ld '{tmp_path}/a b/\\udcff'"


@pytest.mark.parametrize(
    ("reason", "hint"),
    [
        ("/d is writable by others", "chmod go-w /d"),
        ("/a b is writable by group x", "chmod go-w '/a b'"),
        ("/d belongs to mallory", "ls -ld /d/science"),
    ],
)
def test_overlay_that_is_not_trusted_comes_with_the_command_to_type(reason: str, hint: str) -> None:
    error = errors.RefusedError("/d/science", reason)
    assert str(error) == f"/d/science is not used: {reason}.\nHint: {hint}"


@pytest.mark.parametrize(
    ("output", "what", "hint"),
    [
        (["OSError: No space left on device"], "pip failed", "free some space"),
        (["ERROR: No matching distribution found for x"], "pip failed", "check the name"),
        (["x and y have conflicting dependencies."], "pip failed", "relax the versions"),
        (["something else"], "pip failed", "run it again with -v"),
        ([], "Building x failed", "run it again with -v"),
    ],
)
def test_failure_of_pip_has_the_hint_for_its_cause(output: list[str], what: str, hint: str) -> None:
    error = errors.PipError(output, what)
    assert error.message.splitlines() == [
        f"{what}; the overlay is unchanged.",
        *(f"  {line}" for line in output),
    ]
    assert error.hint is not None and error.hint.startswith(hint)
    assert errors.PipError(output, what, "my own").hint == "my own"


def test_conflicts_are_told_and_are_data() -> None:
    conflict = Conflict("beta", "1.0", "host", "alpha<2", "2.0", "overlay")
    error = errors.ResolutionError("No set exists:", [conflict])
    assert error.message == (
        "No set exists:\n"
        "  beta 1.0 (environment) requires alpha<2, but 2.0 (overlay) would be in effect"
    )
    assert vars(error)["conflicts"] == [
        {
            **{"name": "beta", "version": "1.0", "origin": "host", "requirement": "alpha<2"},
            **{"found": "2.0", "found_origin": "overlay"},
        }
    ]


@pytest.mark.parametrize(
    ("where", "version", "says"),
    [
        ("host", None, "x belongs to the environment, which is never changed."),
        ("user site", None, "x is in ~/.local, not in the overlay."),
        ("/group/science", None, "x is in the layer /group/science, not in your overlay /o."),
        (None, None, "x is not in the overlay."),
        ("/o", "2.0", "x 2.0 is installed, not the version that you named."),
    ],
)
def test_distribution_that_is_elsewhere_is_said_to_be_there(
    where: str | None, version: str | None, says: str
) -> None:
    error = errors.NotInOverlayError("x", where=where, overlay="/o", version=version)
    assert error.message == says
    assert error.hint


def test_revision_that_cannot_be_restored_names_ten_reasons_at_most() -> None:
    error = errors.CannotRestoreError(3, [f" {number} " for number in range(12)])
    assert error.message.splitlines()[1:] == [*(f"  {n}" for n in range(10)), "  and 2 more"]
    assert vars(error)["why"] == [f" {number} " for number in range(12)]


def test_overlay_without_revisions_says_how_to_make_one() -> None:
    error = errors.NoSuchRevisionError("/o", None, [])
    assert str(error) == (
        "/o has no revision yet.\nHint: conda overlay install NAME, which creates the first"
    )
    assert errors.NoSuchRevisionError("/o", 7, [1, 2]).message == "/o has no revision 7."
