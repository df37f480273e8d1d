"""Scripts of an overlay run its code in the host's interpreter, from wherever they are started."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from conda_overlay.layer import scaffolding, scripts
from tests.bed import cpython, dists, place, shells
from tests.bed.command import checked
from tests.bed.users import User
from tests.long import first

DEFAULT = cpython.default()
NAMES = {
    "plain": "plain",
    "space": "with  space",
    "quote": "it's 'so'",
    "double quote": 'say "so"',
    "variable": "$HOME ${PATH} $(id)",
    "backslash": "a\\b\\n\\",
    "backtick": "`id`",
    "signs": "!#;&|*?<>~%{}[]()",
    "unicode": "ünï€ 漢",
    "long": "/".join(["long" * 50] * 3),
}
TOOL = """
import json, os, sys, alpha

def main():
    print(json.dumps({
        "alpha": alpha.__version__,
        "argv": sys.argv[1:],
        "input": sys.stdin.read(),
        "prefix": sys.prefix,
        "executable": sys.executable,
        "PYTHONPATH": os.environ["PYTHONPATH"],
    }))
    return int(os.environ.get("EXIT", 0))
"""
SHELL = b"#!/bin/sh\n# python would not like this\necho 'a shell'\n"
OTHERS = {
    "of a shell": SHELL,
    "of env": b"#!/usr/bin/env python3\nprint(1)\n",
    "of another Python": b"#!/elsewhere/bin/python\nprint(1)\n",
    "of a Python that ends alike": b"#!/before{python}\nprint(1)\n",
    "of a program beside it": b"#!{python}-config\nprint(1)\n",
    "of another Python, long": b"#!/bin/sh\n'''exec' /before{python} \"$0\" \"$@\"\n' '''\n",
    "of a shell that names it": b"#!/bin/sh\nexec {python} -V\n",
    "without an interpreter": b"print(1)\n",
    "a binary": b"\x7fELF\0\xff#!{python}\n",
    "empty": b"",
}
HEADS = {
    "plain": "#!{python}\n",
    "space behind the sign": "#! {python}\n",
    "an option": "#!{python} -u\n",
    "an option that would hide the overlay": "#!{python} -sE\n",
    "its name of X.Y": "#!{python}" + DEFAULT.xy + "\n",
    "quoted": '#!"{python}"\n',
    "long": "#!/bin/sh\n'''exec' {python} \"$0\" \"$@\"\n' '''\n",
    "long with an option": "#!/bin/sh\n'''exec' {python} -u \"$0\" \"$@\"\n' '''\n",
    "long and quoted": "#!/bin/sh\n'''exec' \"{python}\" \"$0\" \"$@\"\n' '''\n",
    "long, of uv": "#!/bin/sh\n'''exec' '{python}' \"$0\" \"$@\"\n' '''\n",
}
SHOW = """
import sys

class Unknown:
    def method(self) -> "Unknown":
        return self

print(repr(__doc__), Unknown.method.__annotations__, "ü", ascii("ü"))
"""
FUTURE = "from __future__ import annotations\nfrom __future__ import (\n    division,\n)\n"
BODIES = {
    "a docstring": '"""What it does."""\n',
    "a long docstring": '# A comment.\n\n"""What\n  it\'s "does".\n"""\n',
    "a docstring in parts": '("What"\n " it does")\n',
    "an import from the future": FUTURE,
    "both": '"""What\nit does."""\n\n' + FUTURE,
    "a comment behind": '"""What it does."""  # short\n' + FUTURE,
    "an encoding": '# -*- coding: latin-1 -*-\n"""Grüße"""\n' + FUTURE,
    "the usual encoding": '# -*- coding: utf-8 -*-\n"""Grüße"""\n',
}


class Overlay(NamedTuple):
    """An overlay that pip has installed into, and its host's interpreter."""

    root: Path
    site: Path
    python: Path

    @classmethod
    def at(cls, directory: Path, science: Path) -> Overlay:
        """In a directory that also has a link to the host."""
        directory.mkdir(parents=True)
        (directory / "host").symlink_to(science)
        root = directory / "overlay"
        site = root / "lib" / f"python{DEFAULT.xy}" / "site-packages"
        return cls(root, site, directory / "host" / "bin" / "python")

    @property
    def interpreter(self) -> Path:
        return self.root / "bin" / scaffolding.INTERPRETER

    def is_run_by_it(self, script: Path) -> bool:
        """Whether a script names the overlay's interpreter in one of the two ways."""
        content, path = script.read_bytes(), os.fsencode(self.interpreter)
        if len(path) > 120 or b" " in path:
            return content.startswith(b"#!/bin/sh\n") and b"\n'''exec' '" in content
        return content.startswith(b"#!" + path + b"\n")

    def install(self, *wheels: Path) -> Overlay:
        argv: list[str | Path] = [self.python, "-m", "pip", "install", "-q", "--no-index", "-I"]
        checked([*argv, "--no-deps", "--no-compile", "--prefix", self.root, *wheels])
        scaffolding.write_guard(
            self.site, self.python.parents[1] / self.site.relative_to(self.root)
        )
        return self

    def write(self, content: bytes) -> Path:
        """Put a script into it, as pip would."""
        script = self.root / "bin" / "script"
        script.parent.mkdir(parents=True, exist_ok=True)
        self.site.mkdir(parents=True, exist_ok=True)
        script.write_bytes(content)
        script.chmod(0o755)
        return script

    def rewrite(self, *below: Path) -> Overlay:
        scripts.rewrite(self.root, self.site, [self.python], self.interpreter)
        self.interpreter.write_bytes(scaffolding.interpreter(self.python, self.site, ((), below)))
        self.interpreter.chmod(0o755)
        return self


@pytest.fixture
def overlay(scratch: Path, science: Path) -> Overlay:
    return Overlay.at(scratch / "place", science)


@pytest.fixture(scope="session")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel with a console script, and others of all kinds."""
    data: dict[str, dists.Content] = {
        "scripts/documented": "#!python\n" + BODIES["both"] + SHOW,
        "scripts/shell": SHELL,
        "scripts/other": OTHERS["of env"],
    }
    files = {"tool.py": TOOL}
    entry = {"tool": "tool:main"}
    directory = tmp_path_factory.mktemp("tool")
    return dists.wheel(
        directory, "tool", "1.0", files=files, scripts=entry, data=data, top_level=""
    )


@pytest.fixture(scope="session", params=list(NAMES.values()), ids=list(NAMES))
def named(
    request: pytest.FixtureRequest, science: Path, tool: Path, wheels: Path
) -> Iterator[Overlay]:
    """An overlay in a directory of this name, with alpha 2.0, where the host has 1.0."""
    with place.scratch() as directory:
        overlay = Overlay.at(directory / request.param, science)
        yield overlay.install(tool, wheels / "alpha-2.0-py3-none-any.whl").rewrite()


@pytest.fixture
def installed(overlay: Overlay, tool: Path, wheels: Path) -> Overlay:
    """An overlay with alpha 2.0, where the host has 1.0."""
    return overlay.install(tool, wheels / "alpha-2.0-py3-none-any.whl").rewrite()


def told(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """What the tool says."""
    assert (done.returncode, done.stderr) == (0, ""), done
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def test_script_runs_the_overlays_code_from_anywhere(named: Overlay, alice: User) -> None:
    script = named.root / "bin" / "tool"
    link = alice.home / "a link"
    link.symlink_to(script)
    ways: list[tuple[list[str | Path], dict[str, Any]]] = [
        (["env", "-i", script], {}),
        ([script], {"cwd": Path("/")}),
        (["./tool"], {"cwd": script.parent}),
        ([link], {}),
        (["env", "tool"], {"env": {"PATH": f"{script.parent}:/usr/bin:/bin"}}),
        ([script], {"env": {"PYTHONPATH": str(named.site)}}),
        ([script], {"env": {"PYTHONWARNINGS": "error", "PYTHONDEVMODE": "1"}}),
    ]
    for argv, options in ways:
        said = told(alice.run(argv, **options))
        assert said["alpha"] == "2.0"
        assert said["prefix"] == str(named.python.parents[1])
        assert said["executable"] == str(named.python)
        assert said["PYTHONPATH"].split(":")[0] == str(named.site)


def test_script_passes_on_arguments_input_and_exit_code(named: Overlay, alice: User) -> None:
    script = named.root / "bin" / "tool"
    argv = ["", "a b", "it's", '"$HOME"', "`id`", "\\n", "*", "--", "-c", "ü", "two\nlines"]
    said = told(alice.run([script, *argv], input="one\ntwo\n"))
    assert (said["argv"], said["input"]) == (argv, "one\ntwo\n")
    assert alice.run([script], env={"EXIT": "7"}).returncode == 7


def test_script_keeps_the_callers_pythonpath_behind_the_overlay(
    installed: Overlay, alice: User
) -> None:
    script = installed.root / "bin" / "tool"
    for before, after in (("/a b:/c'", ":/a b:/c'"), ("", ""), (None, "")):
        said = told(alice.run([script], env={"PYTHONPATH": before}))
        assert said["PYTHONPATH"] == f"{installed.site}{after}"


def test_script_of_several_layers_names_them_in_order(installed: Overlay, alice: User) -> None:
    script = installed.write(f"#!{installed.python}\n".encode() + SHOW.encode())
    script.write_bytes(f"#!{installed.python}\nimport sys; print(*sys.path[-3:])\n".encode())
    below = installed.root.parent / "below"
    site = installed.site.relative_to(installed.root)
    scaffolding.write_guard(below / site, installed.python.parents[1] / site)
    installed.rewrite(below)
    found = alice.run([script]).stdout.split()
    assert found[:2] == [str(installed.site), str(below / site)]


@pytest.mark.parametrize("shell", shells.POSIX)
def test_interpreter_is_valid_in_every_shell(shell: str, named: Overlay, alice: User) -> None:
    started = shells.started(shell, lenient=True)
    script = named.root / "bin" / "tool"
    argv: list[str | Path] = [*started, named.interpreter, script, "a b"]
    said = told(alice.run(argv))
    assert (said["alpha"], said["argv"]) == ("2.0", ["a b"])
    if script.read_bytes().startswith(b"#!/bin/sh"):
        assert told(alice.run([*started, script, "a b"])) == said


@pytest.mark.parametrize(
    "python",
    [python for python in cpython.interpreters() if python.number >= (3, 8)],
    ids=lambda python: str(python.xy),
)
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_head_is_nothing_to_python(
    name: str, python: cpython.Interpreter, overlay: Overlay, scratch: Path
) -> None:
    script = overlay.write(f"#!{overlay.python}\n{BODIES['both']}{SHOW}".encode())
    scripts.rewrite(overlay.root, overlay.site, [overlay.python], Path("/somewhere", name, "x"))
    argv: list[str | Path] = [python.executable, "-I", "-W", "error", script]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("place", ["place", "with  space", "lo/ng" * 30])
@pytest.mark.parametrize("kind", BODIES)
def test_script_keeps_its_docstring_its_futures_and_its_encoding(
    kind: str, place: str, scratch: Path, science: Path, alice: User
) -> None:
    """The docstring in the plain form only."""
    overlay = Overlay.at(scratch / place, science)
    body = BODIES[kind] + SHOW
    encoding = "latin-1" if "latin-1" in body else "utf-8"
    script = overlay.write(f"#!{overlay.python}\n{body}".encode(encoding))
    before = alice.run([overlay.python, script])
    assert before.returncode == 0
    overlay.rewrite()
    assert overlay.is_run_by_it(script)
    after = alice.run([script], env={"PYTHONWARNINGS": "error"})
    assert (after.returncode, after.stderr) == (0, "")
    if place == "place":
        assert after.stdout == before.stdout
    else:
        behind_the_docstring = before.stdout[before.stdout.index(" {'return'") :]
        assert after.stdout.endswith(behind_the_docstring)


def test_script_that_is_not_valid_in_this_python_gets_the_head_all_the_same(
    scratch: Path, science: Path
) -> None:
    overlay = Overlay.at(scratch / "with space", science)
    body = b"'''Doc.'''\nprint 'of Python 2'\n"
    script = overlay.write(f"#!{overlay.python}\n".encode() + body)
    overlay.rewrite()
    assert overlay.is_run_by_it(script)
    assert script.read_bytes().endswith(body)


@pytest.mark.parametrize("place", ["place", "with  space", "lo/ng" * 30])
@pytest.mark.parametrize("kind", HEADS)
def test_every_form_of_head_that_names_the_interpreter_is_replaced(
    kind: str, place: str, scratch: Path, science: Path, alice: User
) -> None:
    overlay = Overlay.at(scratch / place, science)
    body = (
        b"# -*- coding: utf-8 -*-\nimport sys\nprint(sys.argv[1:], sys.flags.ignore_environment)\n"
    )
    head = HEADS[kind].replace("{python}", str(overlay.python))
    script = overlay.write(head.encode() + body)
    overlay.rewrite()
    found = script.read_bytes()
    assert b"/host/" not in found
    assert (b" -u" in found) == (" -u" in head)
    assert b"coding" in b"".join(found.splitlines()[:2])
    assert script.stat().st_mode & 0o777 == 0o755
    assert alice.run([script, "a b"]).stdout == "['a b'] 0\n"


def test_scripts_follow_an_interpreter_that_moves(overlay: Overlay) -> None:
    script = overlay.write(f"#!{overlay.python}\n# coding: latin-1\nprint(1)\n".encode())
    seen = [script.read_bytes()]
    for name in ("with space/bin/.python", "short/bin/.python", "with space/bin/.python"):
        old = [overlay.python, overlay.interpreter, Path("/with space/bin/x"), Path("/short/bin/x")]
        scripts.rewrite(overlay.root, overlay.site, old, Path("/", name))
        seen.append(script.read_bytes())
    assert seen[2] == b"#!/short/bin/.python\n# coding: latin-1\nprint(1)\n"
    assert seen[1] == seen[3]
    assert seen[1].splitlines()[1] == b"# coding: latin-1"


@pytest.mark.parametrize("kind", OTHERS)
def test_every_other_file_is_left_alone(kind: str, overlay: Overlay) -> None:
    content = OTHERS[kind].replace(b"{python}", os.fsencode(overlay.python))
    script = overlay.write(content)
    before = script.stat()
    overlay.rewrite()
    after = script.stat()
    assert script.read_bytes() == content
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_links_and_directories_among_the_scripts_are_left_alone(overlay: Overlay) -> None:
    content = f"#!{overlay.python}\nprint(1)\n".encode()
    outside = overlay.root.parent / "outside"
    outside.write_bytes(content)
    script = overlay.write(content)
    (script.parent / "link").symlink_to(outside)
    (script.parent / "dangling").symlink_to("nowhere")
    (script.parent / "directory").mkdir()
    overlay.rewrite()
    assert outside.read_bytes() == content
    assert script.read_bytes() != content
    assert (script.parent / "link").readlink() == outside


def test_scripts_of_a_wheel_get_the_head_if_python_runs_them(named: Overlay, alice: User) -> None:
    scripts = named.root / "bin"
    for name in ("tool", "alpha", "documented"):
        assert named.is_run_by_it(scripts / name)
    done = alice.run(["env", "-i", "LANG=C.UTF-8", scripts / "documented"])
    assert "{'return': " in done.stdout and done.stderr == ""
    assert (scripts / "shell").read_bytes() == SHELL
    assert (scripts / "other").read_bytes() == OTHERS["of env"]


def test_rewriting_again_changes_nothing(installed: Overlay) -> None:
    def state() -> Mapping[Path, tuple[int, bytes]]:
        files = [path for path in installed.root.rglob("*") if path.is_file()]
        return {path: (path.stat().st_ino, path.read_bytes()) for path in files}

    before = state()
    installed.rewrite()
    assert state() == before


def test_record_has_the_hash_and_the_size_of_every_file(named: Overlay) -> None:
    recorded = set()
    for record in named.site.glob("*.dist-info/RECORD"):
        with record.open(newline="", encoding="utf-8") as file:
            for path, digest, size in csv.reader(file):
                if path == f"{record.parent.name}/RECORD":
                    continue
                content = (named.site / path).read_bytes()
                expected = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode()
                assert (digest, size) == ("sha256=" + expected.rstrip("="), str(len(content)))
                recorded.add(Path(os.path.normpath(named.site / path)))
    assert set((named.root / "bin").iterdir()) <= recorded | {named.interpreter}


def test_hard_linked_older_copies_do_not_change(
    overlay: Overlay, tool: Path, scratch: Path
) -> None:
    overlay.install(tool)
    older = scratch / "older"
    shutil.copytree(overlay.root, older, copy_function=os.link)
    before = {path: path.read_bytes() for path in older.rglob("*") if path.is_file()}
    overlay.rewrite()
    assert overlay.is_run_by_it(overlay.root / "bin" / "tool")
    assert {path: path.read_bytes() for path in before} == before


GENERATED = {
    "pip 22": b"""# -*- coding: utf-8 -*-
import re
import sys
from tool.cli import main
if __name__ == '__main__':
    sys.argv[0] = re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])
    sys.exit(main.run())
""",
    "pip 26": b"""import sys
from tool.cli import main
if __name__ == '__main__':
    sys.argv[0] = sys.argv[0].removesuffix('.exe')
    sys.exit(main.run())
""",
    "uv": b"""# -*- coding: utf-8 -*-
import sys
from tool.cli import main
if __name__ == "__main__":
    if sys.argv[0].endswith("-script.pyw"):
        sys.argv[0] = sys.argv[0][:-11]
    elif sys.argv[0].endswith(".exe"):
        sys.argv[0] = sys.argv[0][:-4]
    sys.exit(main.run())
""",
}
"""The program of an entry point, from several installers."""


@pytest.mark.parametrize("kind", GENERATED)
def test_programs_of_entry_points_have_one_form(kind: str) -> None:
    form = b"""import sys
from tool.cli import main
if __name__ == '__main__':
    sys.exit(main.run())
"""
    assert scripts.in_one_form(GENERATED[kind]) == scripts.in_one_form(form) == form


@pytest.mark.parametrize("change", [(b"run()", b"run(1)"), (b"import sys\n", b"import sys, os\n")])
def test_programs_of_another_kind_are_left_alone(change: tuple[bytes, bytes]) -> None:
    body = GENERATED["pip 26"].replace(*change)
    assert scripts.in_one_form(body) == body


@first(4)
def test_pip_writes_no_head_that_is_not_known(named: Overlay, tool: Path, scratch: Path) -> None:
    fresh = Overlay(scratch, scratch / named.site.relative_to(named.root), named.python)
    script = fresh.install(tool).root / "bin" / "tool"
    assert not fresh.is_run_by_it(script)
    fresh.rewrite()
    assert fresh.is_run_by_it(script)


def test_a_script_finds_data_in_the_overlays_that_have_some(tmp_path: Path) -> None:
    top, below = tmp_path / "it's on top", tmp_path / "below"
    for directory in (top / "share/jupyter", below / "share/jupyter", below / "share/man"):
        directory.mkdir(parents=True)
    sites = [overlay / "lib/python3.12/site-packages" for overlay in (top, below)]
    sites[1].mkdir(parents=True)
    python, interpreter = tmp_path / "host/bin/python", tmp_path / scaffolding.INTERPRETER
    python.parent.mkdir(parents=True)
    python.symlink_to("/usr/bin/env")
    python.with_name("python3.12").touch()
    interpreter.write_bytes(scaffolding.interpreter(python, sites[0], ([], [below])))
    interpreter.chmod(0o755)
    for before, man, jupyter in (
        ({}, ":", ""),
        ({"MANPATH": "/m", "JUPYTER_PATH": "/j"}, "/m", "/j"),
    ):
        done = subprocess.run([interpreter], env=before, capture_output=True, text=True, check=True)
        found = dict(line.split("=", 1) for line in done.stdout.splitlines())
        assert found["PYTHONPATH"] == f"{sites[0]}:{sites[1]}"
        places = [f"{overlay}/share/jupyter" for overlay in (top, below)]
        assert found["JUPYTER_PATH"] == ":".join([*places, *([jupyter] if jupyter else [])])
        assert found["MANPATH"] == f"{below}/share/man:{man.strip(':')}"
        assert "JUPYTER_CONFIG_PATH" not in found
