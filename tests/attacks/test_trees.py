"""Whatever is in an overlay, no command follows it out, hangs on it, or takes what is elsewhere."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.long import few, first
from tests.observed import save
from tests.server import Server

Commands = tuple[tuple[str, ...], ...]
HALVES: tuple[Commands, Commands] = (
    (
        ("install", "--yes", "-I", "gamma==1.0"),
        ("remove", "--yes", "--force", "alpha"),
        ("undo", "--yes", "--force"),
        ("clean",),
        ("status",),
        ("diff", "--text"),
    ),
    (
        ("install", "--yes", "--force", "-U", "alpha"),
        ("install", "--dry-run", "beta==2.0"),
        ("undo", "--yes", "--force", "0"),
        ("rebase", "--yes", "--force"),
        ("history",),
        ("export",),
        ("delete", "--dry-run"),
    ),
)
"""Each installs, takes away, goes back and looks; a tree meets one of them, some trees both."""

TREES = {
    "a package is a link": 'rm -r "$site/alpha"; ln -s "$project" "$site/alpha"',
    "a module is a link": 'rm -f "$site/alpha.py"; ln -s "$project/precious" "$site/alpha.py"',
    "a dist-info is a link": """
        rm -rf "$HOME/info"
        mv "$site"/alpha-1.5.dist-info "$HOME/info"; ln -s "$HOME/info" "$site"/alpha-1.5.dist-info
        printf '%s,,\\n' ../../../../project/precious "$project/precious" >> "$HOME/info/RECORD"
    """,
    "RECORD leads out": """
        rm -f "$site"/alpha-1.5.dist-info/RECORD
        for up in .. ../.. ../../.. ../../../.. ../../../../.. ../../../../../..; do
            printf '%s/project/precious,,\\n%s/../project,,\\n' $up $up
        done > "$site"/alpha-1.5.dist-info/RECORD
        printf '%s,,\\n' "$project/precious" "$project" / >> "$site"/alpha-1.5.dist-info/RECORD
    """,
    "RECORD is a pipe": 'f="$site"/alpha-1.5.dist-info/RECORD; rm -f "$f"; mkfifo "$f"',
    "METADATA is a pipe": 'f="$site"/alpha-1.5.dist-info/METADATA; rm -f "$f"; mkfifo "$f"',
    "METADATA has no end": """
        f="$site"/alpha-1.5.dist-info/METADATA; rm -f "$f"; ln -s /dev/zero "$f"
    """,
    "METADATA is huge": """
        f="$site"/alpha-1.5.dist-info/METADATA; rm -f "$f"; truncate -s 200M "$f"
    """,
    "METADATA is noise": """
        f="$site"/alpha-1.5.dist-info/METADATA; rm -f "$f"; head -c 100000 /dev/urandom > "$f"
    """,
    "METADATA has escapes": """
        f="$site"/alpha-1.5.dist-info/METADATA; rm -f "$f"
        printf 'Name: alpha\\nVersion: 1.5\\033[2J\\033]0;x\\007\\n' > "$f"
    """,
    "direct_url.json is noise": """
        printf '{"url": [[[[[' > "$site"/alpha-1.5.dist-info/direct_url.json
    """,
    "a script is a link": 'rm -f "$bin/alpha"; ln -s "$project/precious" "$bin/alpha"',
    "bin is a link": 'rm -rf "$bin"; ln -s "$project" "$bin"',
    "site-packages is a link": 'rm -rf "$site"; ln -s "$project" "$site"',
    "lib is a link": 'rm -rf "$top/lib"; ln -s "$project" "$top/lib"',
    "bytecode is a link": """
        rm -rf "$site/__pycache__"; ln -s "$project" "$site/__pycache__"
        touch "$project/alpha.cpython-311.pyc"
    """,
    "links go round": 'ln -s . "$site/self"; ln -s .. "$bin/up"; ln -s loop "$site/loop"',
    "a link to everything": 'ln -s / "$site/root"; ln -s / "$site/alpha-9.9.dist-info"',
    "a directory is closed": 'mkdir "$site/closed"; touch "$site/closed/x"; chmod 0 "$site/closed"',
    "a file is closed": 'echo x > "$site/closed.py"; chmod 0 "$site/closed.py"',
    "names are odd": """
        cd "$site"; touch "$(printf 'a\\nb.py')" "$(printf '\\033[31m.py')" "$(printf '\\377.py')"
        mkdir -- '-rf ~' ' '
    """,
    "pipes and sockets": """
        mkfifo "$site/pipe.py" "$bin/pipe"
        cd "$bin"; python3 -c "import socket; socket.socket(socket.AF_UNIX).bind('socket')"
    """,
    "the guard is a pipe": 'rm -f "$site/sitecustomize.py"; mkfifo "$site/sitecustomize.py"',
    "it is deep": 'cd "$site"; for i in $(seq 200); do mkdir d; cd d; done; touch x.py',
}
"""What the user, or a program that ran as the user, has made of the tree."""


class Life:
    """An overlay of two revisions, and a project beside it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.bench = server.bench
        self.project = self.bench.user.home / "project"
        self.kept = self.bench.user.home / "kept"
        for words in (["new"], ["alpha==1.5", "beta==1.0", "-I"]):
            server.done("install", *words)
        self.run('mkdir "$project"; echo precious > "$project/precious"; mkdir "$project/sub"')
        save(self.bench.overlays, self.kept)

    def run(self, script: str) -> None:
        """What is typed, as the user."""
        names = {
            "top": self.bench.overlay,
            "site": self.bench.site,
            "bin": self.bench.overlay / "bin",
        }
        where = "".join(f"{name}='{path}'\n" for name, path in names.items())
        where += f"project='{self.project}'\nchmod -R u+w '{self.bench.overlays}'\n"
        done = self.bench.user.run(["sh", "-euc", where + script])
        assert done.returncode == 0, done.stderr

    def beside(self) -> dict[str, object]:
        """The project and what else is in the home, with content, modes and times."""
        found: dict[str, object] = {}
        for path in sorted(self.bench.user.home.rglob("*")):
            if not path.is_relative_to(self.bench.overlays) and not path.is_relative_to(self.kept):
                status = path.lstat()
                content = path.read_bytes() if path.is_file() else None
                found[str(path)] = (status.st_mode, status.st_mtime_ns, content)
        return found


@pytest.fixture(scope="module")
def life(lasting: Server) -> Life:
    return Life(lasting)


SHORT = ("RECORD leads out", "bin is a link")
BOTH = (*SHORT, "a package is a link", "a dist-info is a link", "site-packages is a link")


def commands(tree: str) -> Commands:
    """Those that a tree meets: all where one may follow it out, else halves in turn."""
    return sum(HALVES, ()) if tree in BOTH else HALVES[[*TREES].index(tree) % 2]


@first(1)
@pytest.mark.parametrize("tree", few(TREES, *SHORT))
def test_no_command_leaves_the_tree(life: Life, tree: str, tried: Callable[[int], None]) -> None:
    tried(len(commands(tree)))
    where = list(life.bench.where)
    changed = True
    for command, *words in commands(tree):
        if changed:
            save(life.kept, life.bench.overlays)
            life.run(TREES[tree])
            before = life.beside()
        changed = "--yes" in words
        [ended] = life.server.at_once([[command, *where, *words]])
        assert ended.code in (0, 1), (command, ended)
        assert "Traceback" not in ended.told and "unexpected error" not in ended.told.lower(), ended
        assert ended.code == 0 or ended.told.count("Hint: ") == 1, (command, ended)
        assert "\033" not in ended.told, (command, ended)
        assert life.beside() == before, (command, ended)
        assert os.listdir(life.project / "sub") == []
    save(life.kept, life.bench.overlays)


def test_the_kept_state_is_what_the_attacks_start_from(life: Life) -> None:
    save(life.kept, life.bench.overlays)
    assert {"alpha-1.5", "beta-1.0", "new-1.0"} <= {*life.bench.distributions()}
    assert (
        isinstance(life.project, Path) and (life.project / "precious").read_text() == "precious\n"
    )
