"""A fork, and a thin overlay, against conda's clone of an environment: time and bytes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from tests.bed import cpython, packages, place, pypi
from tests.bed.users import User
from tests.benchmarks.race import Contender, Race
from tests.benchmarks.scene import Scene, ran, wheels_for


def races(scene: Scene) -> Iterator[Race]:
    """Yield the races: of an environment of conda packages alone, and of one with pip's."""
    python = f"python={cpython.default().xy}"
    user = replace(scene.nobody, home=scene.nobody.fresh_home())
    bare = packages.template([python, "app", "many"])
    wheels = pypi.wheels(["pip", "flask", "requests"], cpython.default().xy)
    for title, env in (
        ("conda packages alone", bare),
        ("and pip's", packages.template([python, "app", "many"], wheels)),
    ):
        yield Race(f"an environment of one's own: {title}", list(_contenders(scene, user, env)))


def _contenders(scene: Scene, user: User, env: Path) -> Iterator[Contender]:
    conda, new = scene.plugin / "bin" / "conda", user.home / "new"
    overlays = user.home / ".conda" / "overlays"

    def run(*argv: str | Path) -> Callable[[], str]:
        return lambda: ran(user, [conda, *argv], PIP_CONFIG_FILE=os.devnull)

    def gone() -> None:
        for directory in (new, overlays):
            place.remove(directory)

    clone = run("create", "--quiet", "--yes", "--clone", env, "-p", new)
    fork = run("overlay", "fork", "--yes", "--from", env, "-p", new)
    links = wheels_for("cowsay")
    offline = ("--no-index", f"--find-links={links}")
    overlay = run("overlay", "install", "--yes", "-p", env, *offline, "cowsay")
    for name, make, goal, made in (
        ("conda create --clone", clone, "", new),
        ("conda overlay fork", fork, "<= 1", new),
        ("conda overlay install cowsay", overlay, "", overlays),
    ):
        gone()
        make()
        yield Contender(f"{name}, {_size(made)}", make, goal, gone)


def _size(tree: Path) -> str:
    """The bytes of a tree that are not shared with a package cache, and all of them."""
    files = [path.lstat() for path in tree.rglob("*") if path.is_file() or path.is_symlink()]
    alone = sum(status.st_blocks * 512 for status in files if status.st_nlink == 1)
    return f"{alone / 1e6:.1f} of {sum(status.st_blocks * 512 for status in files) / 1e6:.1f} MB"
