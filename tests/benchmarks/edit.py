"""`conda overlay edit` of a large distribution, against a plain copy of its files."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tests.bed import cpython, dists, environment, place, pypi
from tests.benchmarks.race import Contender, Race
from tests.benchmarks.scene import PINS, Scene, ran

BINARIES, MODULES = 24, 500
"""The files of the distribution: 2.4 MB each, and 5 kB each."""


def races(scene: Scene) -> Iterator[Race]:
    """Yield the race; the editor does nothing, as it is not what is timed."""
    user = replace(scene.nobody, home=scene.nobody.fresh_home())
    template = environment.template(wheels=pypi.wheels(PINS, cpython.default().xy))
    host = environment.clone(template, scene.root / "large")
    noise = random.Random(1)
    files: dict[str, str | bytes] = {
        f"large/part{n}.bin": noise.randbytes(2_400_000) for n in range(BINARIES)
    }
    files |= {f"large/module{n}.py": f"VALUE = {n}\n" * 400 for n in range(MODULES)}
    pypi.install(host, [dists.wheel(scene.root / "links", "large", "1.0", files=files)])
    environment.protect(host)
    conda, overlays, copy = scene.plugin / "bin" / "conda", user.home / ".conda", user.home / "copy"
    [source] = host.glob("lib/python3*/site-packages/large")

    def gone() -> None:
        for directory in (overlays, copy):
            place.remove(directory)

    def run(*argv: str | Path) -> str:
        return ran(user, argv)

    words: list[str | Path] = ["overlay", "edit", "-p", host, "--yes", "--no-editor", "large"]
    yield Race(
        "edit: a distribution of 60 MB",
        [
            Contender("conda overlay list", lambda: run(conda, "overlay", "list")),
            Contender("cp -r", lambda: run("cp", "-r", source, copy), prepare=gone),
            Contender("conda overlay edit", lambda: run(conda, *words), "< 1 s", prepare=gone),
        ],
    )
