"""The overlays of one host: their order, which of them is written, and what is in effect."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conda_overlay import manifest, planner
from conda_overlay.activation import locate
from conda_overlay.distributions import Site, read_site
from conda_overlay.exceptions import OverlayDirError
from conda_overlay.host import Host
from conda_overlay.models import Entry
from conda_overlay.settings import Settings, observe
from conda_overlay.store import Store
from conda_overlay.transaction import Transaction, begin

if TYPE_CHECKING:
    from typing_extensions import Self


class Stack:
    """The overlays of one host, of which one is written.

    Attributes:
        host: the environment below.
        settings: where overlays are, and whom to trust.
    """

    def __init__(self, host: Host, settings: Settings) -> None:
        self.host = host
        self.settings = settings

    @classmethod
    def open(cls, prefix: str | Path, settings: Settings | None = None) -> Self:
        """Find a host and its overlays.

        Args:
            prefix: of the host.
            settings: conda's configuration when None.

        Raises:
            HostError: the prefix is no environment with a Python.
        """
        from conda.base.context import env_name

        path = Path(os.path.abspath(prefix))
        name = os.path.basename(str(env_name(str(path))))
        return cls(Host(path, name), settings or observe())

    @cached_property
    def directories(self) -> list[Path]:
        """The overlay directories, in order."""
        return [Path(d) for d in locate.expand(self.settings.overlay_dirs, os.environ)]

    @property
    def layers(self) -> list[Path]:
        """The overlays of this host that exist, in order; earlier ones win."""
        found = locate.find(
            str(self.host.prefix), [str(d) for d in self.directories], self.host.name
        )
        return [Path(overlay) for overlay in found]

    @cached_property
    def store(self) -> Store:
        """The overlay that is written: in the first directory that the user can write.

        Raises:
            OverlayDirError: there is none, or it is inside the host.
        """
        directory = next((d for d in self.directories if _can_write(d)), None)
        if directory is None:
            names = ", ".join(map(str, self.directories))
            raise OverlayDirError(
                f"No overlay directory can be written: {names}.",
                "export CONDA_PLUGINS_OVERLAY_DIRS=/a/directory/of/yours",
                directories=[str(d) for d in self.directories],
            )
        real = Path(os.path.realpath(directory))
        if real == self.host.real or self.host.real in real.parents:
            raise OverlayDirError(
                f"The overlay directory {directory} is inside the environment {self.host.prefix}.",
                "export CONDA_PLUGINS_OVERLAY_DIRS=/a/directory/outside",
                directories=[str(directory)],
            )
        if set(str(directory)) & set(":\n"):
            raise OverlayDirError(
                f"The path {str(directory)!r} holds a colon or a newline, which PATH cannot carry.",
                "export CONDA_PLUGINS_OVERLAY_DIRS=/another/directory",
                directories=[str(directory)],
            )
        return Store(self._place_in(directory))

    def _place_in(self, directory: Path) -> Path:
        names = locate.names(str(self.host.prefix), self.host.name)
        found = locate.find_in(str(directory), str(self.host.real), names)
        if found is not None:
            return Path(found)
        plain = directory / names[0]
        recorded = locate.recorded_host(str(plain))  # by a first command that is still at work
        free = recorded == str(self.host.real) or (recorded is None and not os.path.lexists(plain))
        if locate.is_name(names[0]) and free:
            return plain
        return directory / locate.hashed_name(names[0], str(self.host.real))

    @property
    def site(self) -> Path:
        """The site-packages of the overlay that is written."""
        return self.store.overlay / self.host.site_below_prefix

    @property
    def tree(self) -> Path:
        """The real directory of the current revision."""
        return self.store.real

    @property
    def layer_sites(self) -> list[Path]:
        """The site-packages of all layers, first wins."""
        return [layer / self.host.site_below_prefix for layer in self.layers]

    def layer_sites_with(self, site: Path) -> list[Path]:
        """The same, with another directory in the place of the overlay that is written."""
        layers = self._with_mine()
        return [
            site if layer == self.store.overlay else layer / self.host.site_below_prefix
            for layer in layers
        ]

    @property
    def below(self) -> list[Path]:
        """The site-packages of the layers behind the one that is written."""
        layers = self._with_mine()
        behind = layers[layers.index(self.store.overlay) + 1 :]
        return [layer / self.host.site_below_prefix for layer in behind]

    @cached_property
    def below_sites(self) -> list[Site]:
        """What is installed behind the overlay, the host last."""
        return [*map(read_site, self.below), self.host.distributions]

    @property
    def below_view(self) -> planner.View:
        """What is in effect behind the overlay."""
        return planner.effective(*self.below_sites)

    def entries(self) -> Mapping[str, Entry]:
        """What the history knows of the overlay's distributions."""
        number = self.store.current()
        return self.store.revision(number).distributions if number is not None else {}

    def edits(self) -> manifest.Differences:
        """The files that somebody added, changed or removed by hand in the current revision."""
        return self.store.edits() or manifest.Differences()

    def has_moved_on(self) -> bool:
        """Whether the host has changed since the current revision was made."""
        number = self.store.current()
        return number is not None and self.host.has_changed(self.store.revision(number).host)

    def is_stale(self) -> bool:
        """Whether the current revision was made for another Python or ABI than the host has."""
        number = self.store.current()
        if number is None:
            return False
        then, now = self.store.revision(number).host, self.host.fingerprint()
        return build(then) != build(now)

    def _with_mine(self) -> list[Path]:
        """All layers, and the overlay that is written, whether it exists or not."""
        order = {directory: index for index, directory in enumerate(self.directories)}
        layers = {*self.layers, self.store.overlay}
        return sorted(layers, key=lambda path: order[path.parent])

    def change(self) -> AbstractContextManager[Transaction]:
        """Be the only writer, until the change is committed or given up."""
        return begin(self.host, self.store, self.below, self.settings)


def build(fingerprint: Mapping[str, Any]) -> tuple[Any, Any]:
    """What compiled modules are built for: Python X.Y, and its ABI."""
    return ".".join(str(fingerprint["python"]).split(".")[:2]), fingerprint["abi"]


def _can_write(directory: Path) -> bool:
    """Whether a directory can be written, or made."""
    while not directory.exists() and directory != directory.parent:
        directory = directory.parent
    return directory.is_dir() and os.access(directory, os.W_OK | os.X_OK)
