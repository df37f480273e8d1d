"""The start of a Python with the guard, of a conda with the plugin, and of a command in a host."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.benchmarks.race import Contender, Race
from tests.benchmarks.scene import Scene, ran


def guard(scene: Scene) -> Iterator[Race]:
    """Yield the race of the host's interpreter with an overlay on PYTHONPATH."""
    unguarded = scene.root / "unguarded"
    shutil.copytree(scene.site, unguarded)
    (unguarded / "sitecustomize.py").unlink()
    python = scene.host / "bin" / "python"

    def start(*paths: Path) -> Callable[[], str]:
        environ = {"PYTHONPATH": ":".join(map(str, paths))} if paths else {}
        return lambda: ran(scene.overlaid, [python, "-c", "pass"], **environ)

    contenders = [
        Contender("without the guard", start(unguarded)),
        Contender("with the guard", start(scene.site), "<= +1 ms"),
        Contender("no PYTHONPATH", start()),
    ]
    yield Race("python -c pass, overlay on PYTHONPATH", contenders, repeat=20)


def run(scene: Scene) -> Iterator[Race]:
    """Yield the race of a command in a host, without any shell set up for it."""
    conda, where = scene.plugin / "bin" / "conda", ["-p", str(scene.host)]

    def start(*words: str) -> Callable[[], str]:
        command: list[str | Path] = [conda, *words, *where, "python", "-c", "pass"]
        return lambda: ran(scene.overlaid, command)

    contenders = [
        Contender("conda run", start("run")),
        Contender("conda overlay run", start("overlay", "run"), "<= 1"),
    ]
    yield Race("a command in a host with an overlay", contenders)


def plugin(scene: Scene) -> Iterator[Race]:
    """Yield the races of quick commands of conda."""
    for arguments in (["--version"], ["info"], ["list", "-p", str(scene.host)]):

        def start(conda: Path, words: list[str] = arguments) -> Callable[[], str]:
            return lambda: ran(scene.nobody, [conda / "bin" / "conda", *words])

        contenders = [
            Contender("conda alone", start(scene.bare)),
            Contender("with the plugin", start(scene.plugin), "<= 1.02"),
        ]
        yield Race(f"conda {arguments[0]}", contenders, repeat=2)
