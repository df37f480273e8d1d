"""The shells of the tests: how each is started, and whether this machine has it.

Tests run scripts of their own in `sh` and `bash`, which each Debian machine has.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.bed.users import PATH


@dataclass(frozen=True)
class Kind:
    """A kind of shell; its start-up files are never read."""

    argv: tuple[str, ...]
    """The command that starts it."""
    strict: tuple[str, ...] = ()
    """Its options to end at the first error, as far as it has them."""
    source: str | None = ". '{}/etc/profile.d/conda.sh'"
    """The command that loads conda's functions, `{}` being a base; None if it has none."""
    export: str = 'export {}="{}"'
    """The command that sets a variable of the environ, by name and value."""


KINDS = {
    "bash": Kind(("bash", "--norc"), ("-eu", "-o", "pipefail")),
    "zsh": Kind(("zsh", "--no-rcs"), ("-eu",)),
    "dash": Kind(("dash",), ("-eu",)),
    "fish": Kind(
        ("fish", "--no-config"),
        source="source '{}/etc/fish/conf.d/conda.fish'",
        export='set -gx {} "{}"',
    ),
    "tcsh": Kind(
        ("tcsh", "-f"),
        ("-e",),
        source="source '{}/etc/profile.d/conda.csh'",
        export='setenv {} "{}"',
    ),
    "bash --posix": Kind(("bash", "--posix"), ("-eu",), source=None),
    "busybox sh": Kind(("busybox", "sh"), ("-eu",), source=None),
    "ksh": Kind(("ksh",), ("-eu",), source=None),
}
"""All shells that tests name. `.ci/run` installs the programs."""
ACTIVATING = [name for name, kind in KINDS.items() if kind.source is not None]
"""The shells in which `conda activate` works."""
POSIX = [name for name in KINDS if name not in ("fish", "tcsh")]
"""The shells that run scripts of sh."""


def started(name: str, *, lenient: bool = False) -> list[str]:
    """Return the command that starts a shell, strictly if nothing else is said; see `needs`."""
    needs(name)
    kind = KINDS[name]
    return [*kind.argv, *(() if lenient else kind.strict)]


def needs(name: str) -> None:
    """Skip the test on a developer's machine that lacks the shell; CI has them all."""
    needs_program(KINDS[name].argv[0])


def needs_program(program: str) -> None:
    """The same for any program that `.ci/run` installs."""
    if not shutil.which(program, path=PATH):
        if os.environ.get("CI"):
            pytest.fail(f"{program} is not installed")
        pytest.skip(f"{program} is not installed")


def loading(name: str, base: Path) -> str:
    """Return the command by which a shell loads the functions of a conda."""
    source = KINDS[name].source
    assert source is not None, name
    return source.format(base)
