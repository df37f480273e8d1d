"""A host with a distribution that is worth an edit, and patches for it."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

from tests.bed import dists, environment
from tests.bed.terminal import on_terminal
from tests.bench import Bench
from tests.sources import administrate, write

CORE = "".join(f"def step{n}():\n    return {n}\n\n\n" for n in range(1, 9))
"""The module `tool.core`."""
FIXED = CORE.replace("return 4", "return 44  # fixed")
"""The same with a fix."""
ELSEWHERE = CORE.replace("return 7", "return 77")
"""The same as another version has it, to which the fix applies."""
BROKEN = CORE.replace("return 4", "return 'four'")
"""The same as another version has it, to which the fix does not apply."""

FIX = """\
From: somebody <somebody@localhost>
Subject: Fix step4

diff --git a/docs/changes.md b/docs/changes.md
--- a/docs/changes.md
+++ b/docs/changes.md
@@ -1 +1,2 @@
 # Changes
+- step4 is fixed
diff --git a/src/tool/core.py b/src/tool/core.py
index 1111111..2222222 100644
--- a/src/tool/core.py
+++ b/src/tool/core.py
@@ -14,5 +14,5 @@ def step3():
{space}
 def step4():
-    return 4
+    return 44  # fixed
{space}
{space}
diff --git a/tests/test_core.py b/tests/test_core.py
new file mode 100644
--- /dev/null
+++ b/tests/test_core.py
@@ -0,0 +1 @@
+assert True
""".format(space=" ")  # which a linter would take away
"""As a pull request has it, whose project has its sources below `src`."""


def new_file(path: str, line: str = "X = 1") -> str:
    """A part of a patch that adds a file of one line."""
    head = f"diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n"
    return f"{head}@@ -0,0 +1 @@\n+{line}\n"


def wheel(links: Path, version: str = "1.0", core: str = CORE) -> Path:
    """A wheel of `tool`."""
    return dists.wheel(
        links,
        "tool",
        version,
        files={
            "tool/core.py": core,
            "tool/extra.py": CORE,
            "tool/run.sh": "#!/bin/sh\n",
            "tool/data/table.bin": bytes(range(256)) * 8,
            "tool/latin.py": "# -*- coding: latin-1 -*-\nNAME = 'M\xfcller'\n".encode("latin-1"),
        },
        executable=("tool/run.sh",),
        scripts={"tool": "tool:main", "tool-step": "tool.core:step4"},
        data={"data/share/tool/readme.txt": "outside of site-packages\n"},
    )


def host(science: Path, directory: Path, links: Path) -> Path:
    """A host that has `tool`, made as its administrator would."""
    prefix = environment.clone(science, directory / "own")
    administrate(prefix, wheel(links))
    return prefix


def edit(bench: Bench, path: Path, text: str) -> None:
    """Write into a file, as an editor does that does not make a new one."""
    done = bench.user.run(["sh", "-c", 'printf %s "$2" > "$1"', "sh", path, text])
    assert done.returncode == 0, done.stderr


def steps(bench: Bench) -> list[object]:
    """What steps 4 and 7 return."""
    code = "import tool.core as c; import json; print(json.dumps([c.step4(), c.step7()]))"
    done = bench.python("-c", code)
    assert done.returncode == 0, done.stderr
    found: list[object] = json.loads(done.stdout)
    return found


def editor(bench: Bench, script: str) -> Path:
    """An editor that does the same to every file: a script of sh, whose `$1` is the file."""
    program = write(bench.user, bench.user.home / "editor", f"#!/bin/sh\n{script}\n")
    assert bench.user.run(["chmod", "+x", program]).returncode == 0
    return program


def typed(bench: Bench, *words: str | Path, **environ: str) -> str:
    """Run a command of ``conda overlay`` on a terminal, and return what it shows."""
    command = shlex.join([str(bench.conda.executable), "overlay", *map(str, words)])
    variables = {**bench.environ_of(), "TERM": "dumb", **environ}
    return on_terminal(["sh", "-c", f"{command}; echo code=$?"], variables, bench.user)


def modes(tree: Path) -> dict[str, int]:
    """The permissions of the files of `tool` in a tree."""
    paths = [p for p in tree.rglob("*") if p.is_file() and "tool" in p.parts]
    return {os.path.relpath(p, tree): p.stat().st_mode & 0o777 for p in paths}
