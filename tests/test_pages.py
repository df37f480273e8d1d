"""What README and pages say to type works: every console block is typed, in order.

Lines after ``$`` are typed by a user without privileges, those after ``#`` by root; a block by one
bash, in which the environment is active. Distributions, a repository and an editor of the names
that the pages use are made here, so that nothing of this needs a network.
"""

from __future__ import annotations

import argparse
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from conda_overlay.cli import ALIASES, COMMANDS, configure_parser
from tests.bed import cpython, dists, environment, place, pypi, users
from tests.bed.condas import Conda, copy
from tests.bed.users import User

DOCS = {path.name for path in (place.CHECKOUT / "docs").glob("*.md")}
PAGES = ["README.md", *(f"docs/{name}" for name in sorted(DOCS - {"commands.md"}))]
"""All but the page of commands, which is made from the parsers."""

NOT_TYPED = {
    "conda install -n base conda-overlay": "a channel that has the package",
    "$(conda info --base)/bin/python -m pip install .": "PyPI; tests/bed does the like",
    "python3 -m tests.demo": "it is the demo, which tests/test_bed.py or a user runs",
    "python3 -m tests": "these are the tests",
    "conda overlay patch requests https://": "GitHub; tests/lifecycle/test_patch.py has a server",
    "conda overlay fork --from science": "channels; tests/lifecycle/test_fork.py has one",
    "useradd --system": "an account; so has tests/lifecycle/shared.py",
    "install -d -o blshift": "the account",
    "echo '%beamline": "a file in /etc; tests/lifecycle/shared.py mounts one",
    "$EDITOR /etc/conda/.condarc": "a file in /etc; tests/lifecycle/shared.py mounts one",
    "sudo -u blshift": "the account; tests/lifecycle/shared.py types this",
}
"""The beginnings of lines that are not typed here, and what they would need."""

AUDIT = r"\1 || test $? = 1 "
REPOSITORY = """
set -e
cp -r "$1" ~/upstream; cd ~/upstream
git init -q; git add -A; git -c user.name=a -c user.email=a@example.org commit -qm first
git config --global url."$PWD".insteadOf https://github.com/pallets/flask
"""
EDITOR = """\
#!/bin/sh
echo '# edited' >>"$1"
"""


def lines_of(page: str) -> list[list[tuple[str, str]]]:
    """The blocks of a page: lists of prompts and lines, with the lines that continue them."""
    text = (place.CHECKOUT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.M | re.S)
    found = [re.findall(r"^([$#]) (.*(?:\n(?![$#] ).*)*)", block, re.M) for block in blocks]
    assert all(block[:1] in "$#" for block in blocks), "a console block begins with a prompt"
    return found


@dataclass(frozen=True)
class World:
    """A conda with an environment ``science``, and a user."""

    conda: Conda
    user: User
    environ: dict[str, str]
    scratch: Path

    def type(self, prompt: str, lines: list[str]) -> str:
        """Type lines at a prompt, and return what they print; the first that fails ends it."""
        source = "source /opt/conda/etc/profile.d/conda.sh\nconda activate science\nset -eE"
        # audit exits with 1 if an overlay of somebody on this machine needs attention.
        script = "\n".join(
            [source, *(re.sub("^(conda overlay audit[^#]*)", AUDIT, x) for x in lines)]
        )
        for name, real in {
            "/opt/conda": self.conda.prefix,
            "/opt/envs/science": self.conda.env("science"),
            "python3.12": f"python{cpython.default().xy}",
            "/tmp/": f"{self.user.home}/",
        }.items():
            script = script.replace(name, str(real))
        argv: list[str | Path] = ["bash", "--norc", "-c", script]
        if prompt == "$":
            done = self.user.run(argv, env=self.environ, timeout=120)
        else:
            env = {**self.environ, "HOME": str(self.scratch), "PATH": "/usr/sbin:/usr/bin:/bin"}
            done = subprocess.run(
                argv, env=env, cwd=self.scratch, capture_output=True, text=True, check=False
            )
        assert done.returncode == 0, script + done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def world(floor: Conda, hermetic: dict[str, str]) -> Iterator[World]:
    with place.scratch() as directory:
        links = directory / "links"
        core = {"requests/sessions.py": "OPEN = True\n"}
        host = [
            dists.wheel(links, "flask", "2.3.0"),
            dists.wheel(links, "requests", "2.31.0", files=core),
        ]
        dists.wheel(links, "flask", "3.1.3", requires=["humanize"])
        dists.wheel(links, "humanize", "4.17.0")
        pips = pypi.wheels(["pip"], cpython.default().xy, dependencies=False)
        template = environment.template(wheels=[*pips, *host])
        prefix = copy(floor, directory)
        for name in ("science", "science-2027", "operations"):
            place.remove(prefix / "envs" / name)
            environment.protect(environment.clone(template, prefix / "envs" / name))
        environment.protect(prefix)
        user = users.user("overlay-alice")
        editor = user.home / "editor"
        editor.write_text(EDITOR)
        editor.chmod(0o755)
        shutil.unpack_archive(dists.sdist(directory / "source", "flask", "2.3.0"), directory)
        clone: list[str | Path] = ["bash", "-c", REPOSITORY, "bash", directory / "flask-2.3.0"]
        assert user.run(clone).returncode == 0
        environ = {**hermetic, "PIP_FIND_LINKS": str(links), "CONDA_ALWAYS_YES": "true"}
        environ |= {"EDITOR": str(editor), "TERM": "dumb"}
        (directory / "root").mkdir()
        yield World(Conda(prefix, floor.version), user, environ, directory / "root")


def is_typed(line: str) -> bool:
    return not line.startswith(tuple(NOT_TYPED))


def test_each_console_block_works_as_it_stands(world: World) -> None:
    for block in (block for page in PAGES for block in lines_of(page)):
        for prompt in "$#":
            lines = [line for mark, line in block if mark == prompt and is_typed(line)]
            if lines:
                world.type(prompt, lines)


def test_at_most_a_third_is_not_typed() -> None:
    lines = [line for page in PAGES for block in lines_of(page) for _, line in block]
    assert sum(not is_typed(line) for line in lines) * 3 <= len(lines)
    for beginning in NOT_TYPED:
        assert any(line.startswith(beginning) for line in lines), f"no page has {beginning}"


def commands() -> Iterator[tuple[str, str]]:
    """The commands of ours in the text of the pages, each with its page."""
    for page in PAGES:
        text = (place.CHECKOUT / page).read_text(encoding="utf-8")
        for found in re.findall(r"`conda overlay ([a-z][^`\n]*)`", text):
            words = re.split(r" (?:[|>&]|&&) ", found)[0]
            if not re.search(r"\[|\.\.\.|;", words):
                yield page, words


@pytest.mark.parametrize(("page", "words"), sorted({*commands()}))
def test_each_command_of_ours_in_the_text_can_be_parsed(page: str, words: str) -> None:
    parser = argparse.ArgumentParser(exit_on_error=False)
    configure_parser(parser)
    typed = shlex.split(words)
    assert typed[0] in COMMANDS | ALIASES
    if typed[1:] and "COMMAND" not in typed:
        parser.parse_args(typed)
