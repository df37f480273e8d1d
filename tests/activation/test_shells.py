"""Each shell's own quoting, checked by the shell itself."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conda_overlay.activation import shells
from conda_overlay.activation.wiring import EnvironDiff
from tests.bed.shells import ACTIVATING, started
from tests.bed.users import PATH

VALUES = [
    "",
    "/plain:/path",
    "with space and\ttab",
    "'single' \"double\"",
    "$HOME ${HOME} $(date) `date`",
    "!history !! wow!",
    "back\\slash \\! \\' \\\\ end\\",
    ";#~[]{}&()|<>*?=%@^-",
    "-e",
    "~",
    "::",
    "é ñ \N{SNOWMAN}",
    "\udcff not unicode",
]


@pytest.mark.parametrize("shell", ACTIVATING)
def test_a_shell_reads_back_what_is_rendered_for_it(shell: str, tmp_path: Path) -> None:
    values = {f"TEST_VALUE_{index}": value for index, value in enumerate(VALUES)}
    if shell != "tcsh":  # whose backquotes cannot hold a newline: test_in_shells has that case
        values["TEST_NEWLINE"] = "new\nline\n"
    diff = EnvironDiff({**values, "TEST_PATH": "/a b::/c$", "TEST_GONE": None})
    assert evaluated(shell, shells.SHELLS[shell].render(diff), tmp_path) == {
        **values,
        "TEST_PATH": "/a b::/c$",
    }


def evaluated(shell: str, text: str, directory: Path) -> dict[str, str]:
    """The variables that are there once the shell has evaluated a text as conda's functions do."""
    argv = started(shell)
    (directory / "text").write_bytes(os.fsencode(text))
    command = ["/bin/cat", str(directory / "text")]
    (directory / "script").write_text(f"{shells.SHELLS[shell].line(command)}\nenv -0\n")
    done = subprocess.run(
        [*argv, str(directory / "script")],
        env={
            "PATH": PATH,
            "LANG": "C.UTF-8",
            "HOME": str(directory),  # fish writes there
            "TEST_GONE": "1",
        },
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    lines = os.fsdecode(done.stdout).split("\0")
    return {
        name: value
        for name, _, value in (line.partition("=") for line in lines)
        if name.startswith("TEST_")
    }


def test_every_name_that_conda_has_for_these_shells_is_known() -> None:
    assert {"posix", "bash", "zsh", "dash", "ash", "fish", "csh", "tcsh"} <= set(shells.SHELLS)


@given(st.text() | st.binary().map(os.fsdecode))
def test_encoding_is_plain_and_reversible(text: str) -> None:
    encoded = shells.percent_encode(text)
    assert shells.percent_decode(encoded) == text
    assert encoded.isascii() and not set(encoded) & set(" '\"\\$`!;&|<>()[]{}*?#\n\t")


@pytest.mark.skipif(not shutil.which("sh"), reason="there is no sh")
@given(st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=20))
def test_posix_quoting_makes_one_word(text: str) -> None:
    script = f"printf %s {shells.SHELLS['sh'].quote(text)}"
    done = subprocess.run(["sh", "-c", script], capture_output=True, check=True)
    assert done.stdout == text.encode()
