"""`conda activate`, from the start of bash to the end of the activation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bed.users import User
from tests.benchmarks.race import Contender, Race
from tests.benchmarks.scene import Scene, ran


def races(scene: Scene) -> Iterator[Race]:
    """Yield the race: with an overlay, and with none, for each trigger that this conda has."""
    contenders = [
        Contender("conda alone", _activation(scene.bare, scene.host, scene.nobody)),
    ]
    triggers = {"start-up hook": scene.plugin, "post-command hook": scene.official}
    for trigger, prefix in triggers.items():
        if not _wires(scene, prefix):
            continue
        contenders += [
            Contender(
                f"{trigger}, no overlay",
                _activation(prefix, scene.host, scene.nobody),
                "<= 1.01",
            ),
            Contender(
                f"{trigger}, overlays of others only",
                _activation(prefix, scene.other, scene.overlaid),
            ),
            Contender(
                f"{trigger}, with an overlay",
                _activation(prefix, scene.host, scene.overlaid),
                "<= 1.06",
            ),
        ]
    yield Race("conda activate", contenders, repeat=2)


def _activation(conda: Path, host: Path, user: User, then: str = ":") -> Callable[[], str]:
    script = f"source {conda}/etc/profile.d/conda.sh && conda activate {host} && {then}"
    return lambda: ran(user, ["bash", "--norc", "--noprofile", "-c", script])


def _wires(scene: Scene, conda: Path) -> bool:
    """Whether this conda wires the overlay; not all call the post-command hook."""
    path = _activation(conda, scene.host, scene.overlaid, "echo $PATH")()
    return str(scene.overlay) in path
