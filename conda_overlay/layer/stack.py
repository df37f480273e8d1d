"""The layers over one host: which of them exist, in which order, and which one is writable."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from conda_overlay.activation import locate, trust
from conda_overlay.activation.moved import Relative, relatives
from conda_overlay.activation.settings import Settings
from conda_overlay.core.errors import (
    ELSEWHERE,
    DroppedRevisionError,
    NoSuchRevisionError,
    OverlayDirError,
    OverlayError,
    RefusedError,
    way_to_trust,
)
from conda_overlay.core.models import Distribution
from conda_overlay.core.progress import SILENT, Progress
from conda_overlay.distributions import dependencies
from conda_overlay.distributions.dependencies import View
from conda_overlay.distributions.site import Site, read_site
from conda_overlay.edits.originals import ORIGINALS
from conda_overlay.host.host import Host, build, owner_of
from conda_overlay.layer import behind, state
from conda_overlay.layer.index import read_index
from conda_overlay.layer.shared import FOR_GROUPS, check_shared
from conda_overlay.layer.state import State
from conda_overlay.layer.store import Store


class Stack:
    """The layers over one host; earlier ones win.

    Attributes:
        host: the environment below them.
        settings: the overlay directories, the trusted owners, and so on.
        progress: shows the progress of long steps.
        layer: the directory of the layer that is read and written, if it was chosen.
        whole: the same with the layers in front of that.
    """

    layer: Path | None = None

    def __init__(self, host: Host, settings: Settings, progress: Progress = SILENT) -> None:
        host.recall = self._host_facts
        self.host = host
        self.settings = settings
        self.progress = progress
        self.whole = self

    def _host_facts(self) -> Mapping[str, Any]:
        """What the writable layer knows of the host, if there is one."""
        with suppress(OverlayError):
            return self.store.host_facts()
        return {}

    # -- the existing layers

    @cached_property
    def directories(self) -> list[Path]:
        """The overlay directories, in order."""
        return [Path(d) for d in locate.expand(self.settings.overlay_dirs, os.environ)]

    @cached_property
    def owners(self) -> set[int]:
        """The user ids whose overlays are trusted."""
        return trust.trusted_owners(self.settings.overlay_trusted_owners)

    def found(self) -> list[tuple[Path, str | None]]:
        """The existing overlays of this host, each with the reason if it is refused."""
        directories = [str(directory) for directory in self.directories]
        found = locate.find_layers(str(self.host.prefix), directories, self.owners, self.host.name)
        return [(Path(overlay), reason) for overlay, reason in found]

    @property
    def layers(self) -> list[Path]:
        """The existing overlays of this host that are trusted, in order of precedence."""
        return [overlay for overlay, reason in self.found() if not reason]

    @cached_property
    def store(self) -> Store:
        """The writable layer, in the first directory that the user can write; else the first.

        Raises:
            OverlayDirError: no directory is writable, or the first one is unsuitable.
            RefusedError: the overlay in that directory is not trusted.
        """
        directory = self.layer or next(filter(_can_write, self.directories), None)
        if directory is None and self.layers:
            return Store(self.layers[0])  # read-only
        if directory is None:
            paths = [str(path) for path in self.directories]
            sentence = f"No overlay directory can be written: {', '.join(paths)}."
            raise OverlayDirError(sentence, ELSEWHERE, directories=paths)
        sentence, path, prefix = "", str(directory), self.host.prefix
        if Path(os.path.realpath(directory)).is_relative_to(self.host.real):
            sentence = f"The overlay directory {path} is inside the environment {prefix}."
        elif locate.UNFIT & set(path):
            sentence = f"The path {path!r} contains a colon or a newline, which PATH cannot hold."
        if sentence:
            raise OverlayDirError(sentence, ELSEWHERE, directories=[path])
        return Store(self._place_in(directory), self.progress)

    def _place_in(self, directory: Path) -> Path:
        names = locate.host_names(str(self.host.prefix), self.host.name)
        hashed = directory / locate.hashed_name(names[0], str(self.host.real))
        found = locate.find_in(str(directory), str(self.host.real), names, self.owners)
        refused = set()
        for overlay, reason in found:
            if not reason:
                return Path(overlay)
            if overlay == str(hashed) or not _belongs_to_others(overlay):
                raise RefusedError(overlay, reason)
            refused.add(overlay)
        plain = directory / names[0]
        if str(plain) in refused or not locate.is_name(names[0]):
            return hashed
        if Store(plain).is_of(self.host.real):
            return plain  # its file ``host`` is damaged; the next change repairs it
        # While a first command is running, there may be only a state directory. It may have
        # started, or ended, since the search above.
        there, recorded = os.path.lexists(plain), locate.recorded_host(str(plain))
        mine = locate.leads_to(recorded, str(self.host.real)) or not (there or recorded)
        return plain if mine else hashed

    def check_trust(self) -> None:
        """Refuse to write an overlay that would never be used.

        Raises:
            OverlayDirError: the writable layer would not be trusted.
        """
        if reason := locate.refusal(str(self.store.overlay), self.owners):
            directory = str(self.store.overlay.parent)
            sentence = f"An overlay in {directory} would never be used: {reason}."
            hint = way_to_trust(reason, ELSEWHERE)
            ways = FOR_GROUPS if reason.endswith("by its group") else ()
            raise OverlayDirError(sentence, hint, ways, directories=[directory])
        if self.is_shared:
            check_shared(self.store.overlay.parent)

    @property
    def is_shared(self) -> bool:
        """Whether the writable layer is for everybody: its directory has a label."""
        return self.label_of(self.store.overlay) is not None

    def label_of(self, overlay: Path) -> str | None:
        """The label of the directory of an overlay."""
        labels = locate.labels(self.settings.overlay_dirs, os.environ)
        return next((name for name, path in labels.items() if path == str(overlay.parent)), None)

    def from_layer(self, layer: str) -> Stack:
        """The same layers without those in front of one, which is the one to read and write.

        Behind a layer for everybody stay only those that everybody has.

        Args:
            layer: the label or the path of one of the overlay directories.

        Raises:
            OverlayDirError: it is not one of them.
        """
        labels = locate.labels(self.settings.overlay_dirs, os.environ)
        wanted = os.path.realpath(labels.get(layer) or os.path.expanduser(layer))
        for number, directory in enumerate(self.directories):
            if os.path.realpath(directory) == wanted:
                rest = {*map(str, self.directories[number:])}
                if str(directory) in labels.values():  # as in `around`
                    rest.intersection_update(labels.values())
                texts = self.settings.overlay_dirs
                kept = (t for t in texts if rest.issuperset(locate.expand([t], os.environ)))
                settings: Settings = self.settings._replace(overlay_dirs=tuple(kept))
                stack = Stack(self.host, settings, self.progress)
                stack.layer, stack.whole = directory, self.whole
                return stack
        names = [*labels, *map(str, self.directories)]
        sentence = f"{layer} is not one of overlay_dirs: {', '.join(names)}."
        raise OverlayDirError(sentence, "--layer, with one of these", directories=names)

    def owner_of_layer(self) -> str | None:
        """Who owns the chosen layer, if the user cannot write to it."""
        return None if self.layer is None or _can_write(self.layer) else owner_of(self.layer)

    def relatives(self) -> list[Relative]:
        """The user's overlays that may be meant for this host, if it has none."""
        if self.store.exists or self.found():
            return []
        directories = [str(directory) for directory in self.directories]
        return relatives(str(self.host.prefix), directories, self.owners)

    def take_over(self, overlay: Path) -> None:
        """Let the next commit make the overlay of an environment that is gone this host's."""
        self.store = Store(overlay, self.progress)
        self.store.moves = True

    # -- the distributions in effect

    def sites(self, layers: list[Path]) -> list[Path]:
        """The site-packages directories of some layers."""
        return [layer / self.host.site_below_prefix for layer in layers]

    def around(self, overlay: Path) -> tuple[list[Path], list[Path]]:
        """The layers in front of an overlay, which need not exist yet, and those behind it.

        For a layer for everybody, only those that everybody has: not its owner's own overlay.
        """
        order = {directory: index for index, directory in enumerate(self.directories)}
        layers = sorted({*self.layers, overlay}, key=lambda path: order[path.parent])
        if self.label_of(overlay) is not None:
            layers = [layer for layer in layers if self.label_of(layer) is not None]
        place = layers.index(overlay)
        return layers[:place], layers[place + 1 :]

    @cached_property
    def above(self) -> list[Path]:
        """The site-packages directories of the layers above the writable one."""
        return self.sites(self.around(self.store.overlay)[0])

    @cached_property
    def below(self) -> list[Path]:
        """The site-packages directories of the layers below the writable one."""
        return self.sites(self.around(self.store.overlay)[1])

    @property
    def around_scripts(self) -> tuple[list[Path], list[Path]]:
        """The layers that scripts of the writable one use with it, as a shell does: see `around`.

        These include the layers in front that `from_layer` leaves out.
        """
        return self.whole.around(self.store.overlay)

    @cached_property
    def below_view(self) -> View:
        """The distributions in effect without the writable layer."""
        return dependencies.effective(*map(self.read_site, self.below), self.host.distributions)

    @cached_property
    def above_view(self) -> View:
        """The distributions in effect whatever the writable layer has."""
        return dependencies.effective(*map(self.read_site, self.above))

    def read_layers(self) -> list[Site]:
        """The distributions of each existing layer."""
        return [*map(self.read_site, self.sites(self.layers))]

    def read_site(self, site: Path) -> Site:
        """The distributions of a layer, given its site-packages."""
        return read_site(site, Store(site.parents[2]).index(None, site).metadata)

    def new_files(self, found: Distribution) -> set[str]:
        """The files beside the modules of a copy in a layer that its RECORD lacks.

        Returns:
            Their paths relative to site-packages; none for other distributions.
        """
        is_copy = (found.path / ORIGINALS).is_file()
        if not is_copy or found.site not in self.sites(self.layers):
            return set()
        now = self.from_layer(str(found.prefix.parent)).state()
        return {path.removeprefix(found.below) for path in now.new.get(found.key, ())}

    # -- the writable layer

    def state(self, number: int | None = None) -> State:
        """The state of a revision; None: of the overlay as it is now; 0: of the host alone.

        Raises:
            NoSuchRevisionError: there is no such revision.
            DroppedRevisionError: its tree was dropped.
        """
        store, site = self.store, self.host.site_below_prefix
        if number == 0:
            return State()
        current = store.current()
        if number is None and current is None:
            return state.read_state(store.real, site, {}, progress=self.progress)
        number = current if number is None else number
        if number not in store.numbers():
            raise NoSuchRevisionError(str(store.overlay), number, store.numbers())
        place = store.tree(number)
        if place is None:
            raise DroppedRevisionError(str(store.overlay), number)
        entries, recorded = store.revision(number).distributions, store.manifest(number)
        index = store.index(number, place / site)
        return state.read_state(place, site, entries, recorded, index=index, progress=self.progress)

    def committed(self, number: int | None = None) -> State:
        """The same, but an earlier revision with the files that it was committed with.

        Later edits can be in its tree, too: it shares files, and was the one that was edited.
        """
        found = self.state(number)
        earlier = number not in (None, 0, self.store.current())
        recorded = self.store.manifest(number) if earlier else None
        if recorded is None:
            return found
        owned = {key: paths - found.new.get(key, frozenset()) for key, paths in found.owned.items()}
        edited = found.edited & recorded.keys()
        return replace(found, files=recorded, owned=owned, edited=edited, new={})

    def fingerprint(self) -> dict[str, Any]:
        """The host now, and the layers below the writable one."""
        return {**self.host.fingerprint(), behind.FIELD: self._behind()}

    def _behind(self) -> dict[str, Any]:
        layers = {site.parents[2]: self.read_site(site) for site in self.below}
        return {str(layer): behind.facts(layer, site) for layer, site in layers.items()}

    def has_moved_on(self) -> bool:
        """Whether the host, or a layer below, has changed since the current revision was made."""
        number = self.store.current()
        if number is None:
            return False
        recorded = self.store.revision(number).host
        return self.host.has_changed(recorded) or bool(behind.changes(recorded, self._behind()))

    def is_stale(self, number: int | None = None) -> bool:
        """Whether a revision was built for a different Python or ABI than the host's.

        Args:
            number: of the revision; None: the current one.
        """
        number = self.store.current() if number is None else number
        if number is None:
            return False
        return build(self.store.revision(number).host) != build(self.host.fingerprint())

    def check_not_stale(self, number: int | None = None) -> None:
        """Refuse to read or change a revision that was built for another Python.

        Its distributions are elsewhere, so that nothing sees them here.

        Args:
            number: of the revision; None: the current one.

        Raises:
            OverlayError: it was built for another Python.
        """
        if self.is_stale(number):
            what = "The overlay" if number is None else f"Revision {number}"
            sentence = f"{what} was built for another Python than the environment has now."
            hint = "conda overlay rebase, which keeps edits"
            if not self.is_stale():
                hint = f"conda overlay history {number}, which shows it"
            raise OverlayError(sentence, hint)


def own_files(store: Store, number: int) -> dict[str, str]:
    """The user's own files in the tree of a revision, which no distribution has; with hashes."""
    tree, files = store.tree(number), store.manifest(number) or {}
    if tree is None:
        return {}
    found = {*files}
    for site in tree.glob("lib/python*/site-packages"):
        below = site.relative_to(tree)
        index = read_index(tree, below, files, store.index(number, site))
        found = state.own_files(found, index.owners, below)
    return {path: files[path][2] for path in sorted(found)}


def everywhere(settings: Settings) -> Iterator[tuple[Path, str | None]]:
    """Every overlay in the overlay directories, each with the reason if it is refused."""
    owners = trust.trusted_owners(settings.overlay_trusted_owners)
    for directory in locate.expand(settings.overlay_dirs, os.environ):
        for path in sorted(Path(directory).glob("[!.]*")):
            yield path, locate.refusal(str(path), owners)


def hosts(settings: Settings) -> set[str]:
    """The real prefixes of the hosts that have a trusted overlay."""
    used = (str(path) for path, reason in everywhere(settings) if not reason)
    return {os.path.realpath(host) for host in map(locate.recorded_host, used) if host}


def _belongs_to_others(overlay: str) -> bool:
    """Whether an overlay, or its state directory, belongs to another user."""
    paths = (path for path in (overlay, locate.state_dir(overlay)) if os.path.lexists(path))
    return any(os.lstat(path).st_uid != os.geteuid() for path in paths)


def _can_write(directory: Path) -> bool:
    """Whether a directory can be written, or created."""
    while not directory.exists() and directory != directory.parent:
        directory = directory.parent
    return directory.is_dir() and os.access(directory, os.W_OK | os.X_OK)
