"""What an overlay's life costs: revisions, undo, and growth."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from tests.bed import place
from tests.bed.users import User
from tests.benchmarks.race import Contender, Race
from tests.benchmarks.scene import Scene, ran, wheels_for

FILES, MEGABYTES, REVISIONS = 10_000, 300, 50
SIZES = (10, 100, 1_000)


class Home:
    """A user's home with an overlay, which can be brought back to what it was."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.user: User = replace(scene.nobody, home=scene.nobody.fresh_home())
        self.overlays = self.user.home / ".conda" / "overlays"
        self._kept = self.user.home / "kept"

    @property
    def overlay(self) -> Path:
        return self.overlays / self.scene.host.name

    def conda(self, command: str, *words: str) -> str:
        """Run ``conda overlay``."""
        argv: list[str | Path] = [self.scene.plugin / "bin" / "conda", "overlay", command]
        argv += ["-p", self.scene.host, *([] if command == "status" else ["--yes"]), *words]
        keep = {"CONDA_PLUGINS_OVERLAY_KEEP_REVISIONS": str(REVISIONS)}
        return ran(self.user, argv, PIP_CONFIG_FILE=os.devnull, **keep)

    def install(self) -> str:
        """Install one wheel."""
        return self.conda("install", "--no-index", f"--find-links={wheels_for('cowsay')}", "cowsay")

    def keep(self) -> Home:
        """Remember what there is."""
        subprocess.run(["cp", "-a", self.overlays, self._kept], check=True)
        return self

    def restore(self) -> None:
        """Go back to what was kept."""
        place.remove(self.overlays)
        subprocess.run(["cp", "-a", self._kept, self.overlays], check=True)

    def lay(self, files: dict[str, bytes]) -> None:
        """Make an overlay by hand, of files by their path in site-packages; then adopt it."""
        site = self.overlay / self.scene.site.relative_to(self.scene.overlay)
        for name, content in files.items():
            path = site / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        subprocess.run(
            ["chown", "-hR", f"{self.user.uid}:{self.user.gid}", self.user.home / ".conda"]
        )
        self.install()
        self.conda("remove", "cowsay")


def races(scene: Scene) -> Iterator[Race]:
    """Yield the races, each with homes of its own."""
    yield _undo(scene)
    yield _revision(scene)
    yield _status(scene)
    yield _growth(scene)


def _undo(scene: Scene) -> Race:
    home = Home(scene)
    home.install()
    home.conda("remove", "cowsay")
    home.keep()
    again = Contender("conda overlay install, again", home.install, prepare=home.restore)
    undo: Callable[[], str] = lambda: home.conda("undo")  # noqa: E731
    return Race("undo", [again, Contender("conda overlay undo", undo, "< 1", home.restore)])


def _revision(scene: Scene) -> Race:
    home, block = Home(scene), os.urandom(1_000)
    size = MEGABYTES * 1_000 // FILES
    home.lay({f"big/{n // 100}/{n}.py": b"#%d " % n + block * size for n in range(FILES)})
    copy, tree = home.user.home / "copy", home.overlay.resolve()
    clone = "import sys, pathlib; from conda_overlay.filesystem import tree; "
    clone += "tree.clone(*map(pathlib.Path, sys.argv[1:]))"
    python = scene.plugin / "bin" / "python"

    newest = partial(home.conda, "undo", home.overlay.readlink().parent.name)

    def gone() -> None:
        place.remove(copy)

    return Race(
        f"a revision of {FILES} files, {MEGABYTES} MB",
        [
            Contender("cp -a", lambda: ran(home.user, ["cp", "-a", tree, copy]), "", gone),
            Contender(
                "the clone alone",
                lambda: ran(home.user, [python, "-c", clone, tree, copy]),
                "<= 0.5",
                gone,
            ),
            Contender("conda overlay undo, all of it", lambda: home.conda("undo"), "", newest),
        ],
    )


def _status(scene: Scene) -> Race:
    one, many = Home(scene), Home(scene)
    for home in (one, many):
        home.install()
    for _ in range(REVISIONS // 2):  # it ends as it began
        many.conda("undo")
        many.conda("redo")
    contenders = [
        Contender("1 revision", lambda: one.conda("status")),
        Contender(f"{REVISIONS} revisions", lambda: many.conda("status"), "<= 1.05"),
    ]
    return Race("conda overlay status", contenders)


def _growth(scene: Scene) -> Race:
    contenders = []
    for size in SIZES:
        home = Home(scene)
        home.lay({k: v for n in range(size) for k, v in _distribution(f"filling{n}").items()})
        home.keep()
        name = f"over {size} distributions"
        goal = "<= 1.5" if size == SIZES[-1] else ""
        contenders.append(Contender(name, home.install, goal, home.restore))
    return Race("install: one wheel", contenders)


def _distribution(name: str) -> dict[str, bytes]:
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}/__init__.py": b"",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{info}/INSTALLER": b"pip\n",
    }
    record = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    return {**files, f"{info}/RECORD": record.encode()}
