"""What the view over all overlays costs, in time; memory should not grow with their number."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.benchmarks.lifecycle import Home
from tests.benchmarks.race import Contender, Race
from tests.benchmarks.scene import Scene, ran

SIZES = (100, 1_000, 10_000)
"""Overlays."""
_USERS = 500


def races(scene: Scene) -> Iterator[Race]:
    """Yield one race: audit over more and more overlays."""
    home = Home(scene)
    home.install()
    root = home.user.fresh_home()
    places = {count: _lay(home.overlay, root / str(count), count) for count in SIZES}
    first, *others = (
        Contender(f"audit of {count:,} overlays", partial(_audit, home, there), goal)
        for (count, there), goal in zip(places.items(), ("", "", "under 10 s"), strict=True)
    )
    yield Race("audit", [first, *others])


def _lay(overlay: Path, root: Path, count: int) -> Path:
    """Copy the records of an overlay so often, to directories of many users."""
    name = overlay.name
    state = overlay.with_name(f".{name}")
    for number in range(count):
        directory = root / f"user{number % _USERS}"
        made = directory / f".env{number // _USERS}"
        (made / "revisions" / "1").mkdir(parents=True)
        for path in ("host", "revisions/1/record.json"):
            shutil.copyfile(state / path, made / path)
        (directory / made.name[1:]).symlink_to(f"{made.name}/revisions/1/tree")
    return root


def _audit(home: Home, root: Path) -> None:
    conda = home.scene.plugin / "bin" / "conda"
    ran(home.user, [conda, "overlay", "audit", *sorted(map(str, root.iterdir()))])
