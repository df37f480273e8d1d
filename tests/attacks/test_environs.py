"""In whatever environ a shell is, activation does what plain conda does, and adds the overlay."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from tests.activation.made import overlay
from tests.activation.run import Dump, Shell, Step, check, latin
from tests.bed import shells
from tests.bed.condas import Conda
from tests.bed.users import User
from tests.bench import FACTOR
from tests.long import few

ENVIRONS = 4 * FACTOR
"""How many for each test of a shell."""
ROUNDS = 2
"""How many tests for a shell, which run side by side."""

SYSTEM = "/usr/local/bin:/usr/bin:/bin"
VALUES = ["", ":", "::", "/", "/nowhere", "relative", "/a b", "/é☃", "~", "0", "1", "-1", "1e3",
          "2", "\t", "{site}", "{bin}", "{prefix}", "{prefix}/bin", "*", "[a]", "a;b", "a&b",
          "$HOME", "x" * 5000]  # fmt: skip
"""What is in variables; none of it breaks the code of plain conda in the shells at hand."""
NAMES = ["PYTHONPATH", "CONDA_SHLVL", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "CONDA_PREFIX_1",
         "CONDA_PREFIX_2", "CONDA_STACKED_2", "CONDA_PROMPT_MODIFIER", "IFS",
         "CDPATH", "LANG", "LC_ALL", "PYTHONHASHSEED", "TMPDIR", "MANPATH"]  # fmt: skip


def environ(source: random.Random, places: dict[str, str], shell: str) -> dict[str, str | None]:
    """Variables by chance."""

    def value() -> str:
        text = source.choice(VALUES).format(**places)
        return text.replace("$", "") if shell in ("tcsh", "fish") else text

    found: dict[str, str | None] = {
        name: value() for name in source.sample(NAMES, source.randrange(1, 6))
    }
    if source.random() < 0.5:
        entries = [*SYSTEM.split(":"), *(value() for _ in range(source.randrange(4)))]
        entries = [entry for entry in entries if not set(entry) & set("*[]&;~$\t ")]
        source.shuffle(entries)
        found["PATH"] = ":".join(entries)
    if source.random() < 0.3 and "CONDA_SHLVL" not in found:  # where conda fails, it stays
        parts = [
            "PATH",
            places["prefix"],
            places["path"],
            "PATH=bin",
            "MANPATH=/x",
            "/usr",
            "",
        ]
        found["_CONDA_OVERLAY"] = ":".join(source.choice(parts) for _ in range(source.randrange(6)))
    if "CONDA_SHLVL" in found and source.random() < 0.8:  # else conda refuses to do anything
        found["CONDA_SHLVL"] = source.choice(["", "0", "1", "2", "3"])
    if "PYTHONHASHSEED" in found:
        found["PYTHONHASHSEED"] = "0"  # with others no Python starts
    if "TMPDIR" in found:
        found["TMPDIR"] = "/tmp"
    return found


@pytest.mark.parametrize("number", few(range(ROUNDS), 0))
@pytest.mark.parametrize("name", few(shells.ACTIVATING, "bash"))
def test_the_environ_is_that_of_plain_conda_and_the_overlay(
    conda: Conda, alice: User, name: str, number: int, tried: Callable[[int], None]
) -> None:
    shell = Shell(name, conda, alice)
    tried(ENVIRONS)
    made = overlay(alice.home / ".conda" / "overlays", conda.env("science"), alice)
    places = {"site": str(made.site), "bin": str(made.bin), "prefix": str(made.prefix)}
    places["path"] = str(made.path)
    source = random.Random(f"{name} {number}")
    steps: list[Step] = [
        *("conda activate science", Dump("active", [made], unless_conda_fails=True)),
        *("conda deactivate", Dump("after")),
    ]
    for _ in range(ENVIRONS):
        env = environ(source, places, name)
        wired, bare = shell.with_and_without(steps, env)
        assert "conda_overlay" not in wired.stderr, (env, wired.stderr)  # conda itself may fail
        # Where conda fails to deactivate, the environment is active still.
        still = bare.environs.get("after", {}).get("CONDA_PREFIX") == latin(made.prefix)
        steps[-1] = Dump("after", [made] if still else [], unless_conda_fails=True)
        check(steps, wired, bare)
