"""`conda overlay install` against what people do by hand with pip."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tests.bed import dists, place
from tests.bed.command import checked
from tests.bed.users import User
from tests.benchmarks.race import Contender, Race
from tests.benchmarks.scene import Scene, ran, wheels_for


@dataclass(frozen=True)
class Task:
    """Something to install."""

    title: str
    """What it is an example of."""
    requirement: str
    """What the user of conda overlay asks for."""
    by_hand: tuple[str, ...]
    """The options and names that do it with pip."""
    goal: str
    """Of the ratio."""


TASKS = (
    Task("one wheel", "cowsay", ("cowsay",), "<= 1.2"),
    Task("an upgrade, with a dependency", "flask", ("-I", "--no-deps", "flask", "werkzeug"), ""),
    Task("sphinx, with all it needs", "sphinx", ("sphinx",), "<= 0.7"),
    Task("jupyterlab, with all it needs", "jupyterlab", ("jupyterlab",), "<= 0.55"),
)


def races(scene: Scene) -> Iterator[Race]:
    """Yield the race of each task; wheels are in a local directory, so the network is out of it."""
    user = replace(scene.nobody, home=scene.nobody.fresh_home())
    for task in TASKS:
        yield Race(f"install: {task.title}", list(_contenders(scene, user, task)))
    for task, goal in ((TASKS[0], "<= + 0.2 s"), (TASKS[-1], "<= 1.5")):
        yield Race(f"uv installs: {task.title}", list(_with_uv(scene, user, task, goal)))
    for requirement, goal in (("sphinx", "<= 1.6"), ("jupyterlab", "<= 2.0")):
        contenders = _over_what_is_there(scene, requirement, goal)
        yield Race(f"over {requirement} and all it needs", list(contenders))


def _over_what_is_there(scene: Scene, requirement: str, goal: str) -> Iterator[Contender]:
    """What commands cost over an overlay that has everything already."""
    user = replace(scene.nobody, home=scene.nobody.fresh_home())
    conda, links = scene.plugin / "bin" / "conda", wheels_for(requirement)
    install: list[str | Path] = [conda, "overlay", "install", "--yes", "-p", scene.host]
    ran(
        user,
        [*install, "--no-index", "--find-links", links, requirement],
        PIP_CONFIG_FILE=os.devnull,
    )

    def run(*argv: str | Path) -> Callable[[], str]:
        return lambda: ran(user, argv, PIP_CONFIG_FILE=os.devnull)

    yield Contender("conda overlay --help", run(conda, "overlay", "--help"))
    yield Contender("conda overlay install, nothing to do", run(*install, requirement), goal)
    status = run(conda, "overlay", "status", "-p", scene.host)
    yield Contender("conda overlay status", status, "<= 1.5")


def _contenders(scene: Scene, user: User, task: Task) -> Iterator[Contender]:
    links = wheels_for(task.requirement)
    offline = ["--no-index", "--find-links", str(links)]
    prefix, overlays = user.home / "prefix", user.home / ".conda" / "overlays"
    pip: list[str | Path] = [scene.host / "bin" / "python", "-m", "pip", "install"]
    pip += [f"--prefix={prefix}", *offline]
    upgrade = ["--upgrade"] if "-I" in task.by_hand else []
    overlay: list[str | Path] = [scene.plugin / "bin" / "conda", "overlay", "install", "--yes"]

    def gone(directory: Path) -> Callable[[], None]:
        return lambda: place.remove(directory)

    def run(*argv: str | Path) -> Callable[[], str]:
        return lambda: ran(user, argv, PIP_CONFIG_FILE=os.devnull)

    theirs, ours = _version_of(scene.host), _version_of(scene.host, scene.plugin)
    yield Contender(f"pip {theirs}, by hand", run(*pip, *task.by_hand), prepare=gone(prefix))
    no_bytecode = run(*pip, "--no-compile", *task.by_hand)
    yield Contender("pip --no-compile, by hand", no_bytecode, prepare=gone(prefix))
    yield Contender(
        f"conda overlay install, by pip {ours}",
        run(*overlay, "-p", scene.host, *offline, *upgrade, task.requirement),
        task.goal,
        prepare=gone(overlays),
    )


def _with_uv(scene: Scene, user: User, task: Task, goal: str) -> Iterator[Contender]:
    """uv by hand, which does not see the host, after a start of conda; and by the setting."""
    links, conda = scene.root / f"links-{task.requirement}", scene.plugin / "bin" / "conda"
    shutil.copytree(wheels_for(task.requirement), links)
    index = dists.index(links).as_uri()
    target, overlays = user.home / "target", user.home / ".conda" / "overlays"
    uv: list[str | Path] = [scene.plugin / "bin" / "uv", "pip", "install", "--link-mode", "copy"]
    uv += ["--python", scene.host / "bin" / "python", "--index-url", index]
    install: list[str | Path] = [conda, "overlay", "install", "--yes", "-p", scene.host]
    install.append(task.requirement)
    environ = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": index}

    def by_hand() -> str:
        return ran(user, [conda, "--version"]) + ran(
            user, [*uv, "--target", target, task.requirement]
        )

    def overlay(installer: str) -> Callable[[], str]:
        return lambda: ran(user, install, **environ, CONDA_PLUGINS_OVERLAY_INSTALLER=installer)

    def gone(directory: Path) -> Callable[[], None]:
        return lambda: place.remove(directory)

    yield Contender("conda --version; uv pip install --target", by_hand, prepare=gone(target))
    for installer, wanted in (("uv", goal), ("pip", "")):
        title = f"conda overlay install, by {installer}"
        yield Contender(title, overlay(installer), wanted, prepare=gone(overlays))


def _version_of(host: Path, conda: Path | None = None) -> str:
    """The version of a host's pip, or of the one that this conda takes for the host."""
    places = [*host.glob("lib/python*/site-packages")]
    if conda is not None:
        taken = (
            "import sys; from pathlib import Path; from conda_overlay.host.host import Host; "
            "from conda_overlay.resolve.pip import Pip; host = Host(Path(sys.argv[1]), 'host'); "
            "print(Pip(host).locations[0])"
        )
        argv: list[str | Path] = [conda / "bin" / "python", "-c", taken, host]
        places = [Path(checked(argv).strip())]
    [info] = places[0].glob("pip-*.dist-info")
    return info.name.removeprefix("pip-").removesuffix(".dist-info")
