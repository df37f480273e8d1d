"""What a terminal shows of long work, and where nothing is shown."""

from __future__ import annotations

import os
import random
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from conda_overlay.activation.settings import Settings
from conda_overlay.change.draft import Draft
from conda_overlay.change.overlay import Overlay
from conda_overlay.core.progress import Progress, Step
from conda_overlay.host.host import Host
from conda_overlay.layer.stack import Stack
from tests.bed import dists
from tests.bed.condas import Conda
from tests.bed.terminal import on_terminal
from tests.bench import Bench
from tests.lifecycle import patches

TERMINAL = {"TERM": "xterm", "PATH": os.environ["PATH"], "HOME": "/nonexistent"}
WATCH = """
import sys
from conda_overlay.cli.render import progress
progress._PATIENCE = float(sys.argv[1])
with progress.Watched("Copying") as step:
    step(1, 2)
    step(2, 2)
"""


@pytest.fixture
def argv(conda: Conda) -> list[str]:
    """What shows a bar at once."""
    return [str(conda.prefix / "bin" / "python"), "-c", WATCH, "-1"]


def test_a_bar_is_shown_on_every_conda(argv: list[str]) -> None:
    shown = on_terminal(argv, TERMINAL)
    assert "Copying" in shown
    assert "100%" in shown


@pytest.mark.parametrize("environ", [{"TERM": "dumb"}, {"CONDA_QUIET": "1"}, {"CONDA_JSON": "1"}])
def test_no_bar_where_none_is_wanted(argv: list[str], environ: dict[str, str]) -> None:
    assert on_terminal(argv, {**TERMINAL, **environ}) == ""


def test_no_bar_without_a_terminal_nor_for_what_is_quick(argv: list[str]) -> None:
    assert subprocess.run(argv, env=TERMINAL, capture_output=True, check=True).stdout == b""
    assert on_terminal([*argv[:-1], "60"], TERMINAL) == ""


def test_copying_hashing_and_compiling_are_watched(science: Path, scratch: Path) -> None:
    told: dict[str, list[tuple[int, int]]] = {}

    class Heard(Progress):
        @contextmanager
        def watch(self, title: str) -> Iterator[Step]:
            yield lambda done, total: told.setdefault(title, []).append((done, total))

    settings = Settings(overlay_dirs=(str(scratch / "overlays"),))
    overlay = Overlay(Stack(Host(science, "science"), settings, Heard()))
    for name in ("one.py", "two.py"):

        def step(draft: Draft, name: str = name) -> None:
            (draft.site / name).write_text("x = 1\n")

        overlay.change(step)
    assert told.keys() == {"Copying", "Hashing", "Compiling"}
    assert all(
        steps[-1][0] == steps[-1][1] for title, steps in told.items() if title != "Compiling"
    )
    assert told["Compiling"]


@contextmanager
def served(directory: Path) -> Iterator[str]:
    """The URL of a server of the files in a directory."""
    quiet = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(quiet, directory=str(directory)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_terminal_shows_the_bars_of_pip_and_colours(quick: Bench, links: Path) -> None:
    files = {"large/x": random.Random(0).randbytes(600_000)}
    dists.wheel(links, "large", "1.0", files=files)
    dists.index(links)
    with served(links) as url:
        index = {"PIP_NO_INDEX": None, "PIP_FIND_LINKS": None, "PIP_INDEX_URL": f"{url}/simple"}
        words = ["install", *quick.where, "--dry-run", "--yes", "--no-cache-dir", "large"]
        environ = quick.environ_of({**index, "TERM": "xterm", "LANG": "C.UTF-8"})
        argv = [str(quick.conda.executable), "overlay", *words]
        shown = on_terminal(argv, environ, quick.user)
        plain = quick.run(*words, env=index).stdout
        json = on_terminal([*argv, "--json"], environ, quick.user)
    assert "━" in shown
    assert "\x1b[1madded:\x1b[0m\n" in shown
    assert "Downloading " in plain
    assert not {"━", "\x1b"} & {*plain, *json}


def test_the_cursor_that_pip_hides_comes_back_when_it_is_interrupted(quick: Bench) -> None:
    source = patches.source(quick.user, "mine", "1.0", "A", slow=True)
    argv: list[str | Path] = [quick.conda.executable, "overlay", "install", "-y", *quick.where]
    environ = quick.environ_of({"TERM": "xterm", "LANG": "C.UTF-8"})
    shown = on_terminal([*argv, source], environ, quick.user, source / "building")
    assert "Interrupted. Nothing was changed." in shown
    assert -1 < shown.rfind("\x1b[?25l") < shown.rfind("\x1b[?25h")
