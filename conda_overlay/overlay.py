"""The facade: one overlay of one host, and what can be done with it.

    overlay = Overlay.open("/opt/envs/science")
    result = overlay.install(Request(arguments=("flask>=3",), requirements=("flask>=3",)))

Every change is the same sentence: read host and overlay, resolve into a stage, plan, show and
confirm, compose a tree, verify it with the host's interpreter, commit.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from conda_overlay import checks, guard, planner, scripts, store
from conda_overlay.activation import locate, trust
from conda_overlay.distributions import Site, installed_files, read_site
from conda_overlay.exceptions import (
    NotProtectedError,
    OverlayDirError,
    OverlayError,
    StateError,
    VerificationError,
)
from conda_overlay.host import Host
from conda_overlay.models import (
    Distribution,
    Entry,
    Finding,
    Plan,
    Request,
    Revision,
)
from conda_overlay.pip import Pip, Stage, sources
from conda_overlay.resolver import Resolution, Resolver
from conda_overlay.settings import Settings, observe
from conda_overlay.store import Store

_OBSERVE = """
import importlib.metadata as metadata, json, sys
found = {}
for name in json.loads(sys.argv[1]):
    try:
        distribution = metadata.distribution(name)
        found[name] = [distribution.version, str(distribution.locate_file(""))]
    except metadata.PackageNotFoundError:
        found[name] = [None, None]
print(json.dumps({"found": found, "path": sys.path}))
"""


@dataclass(frozen=True)
class Result:
    """What an operation did, or would do."""

    plan: Plan
    revision: int | None
    """The number of the new revision; None when nothing was committed."""


@dataclass(frozen=True)
class Row:
    """One distribution of an overlay, for ``status``."""

    name: str
    host_version: str | None
    version: str
    kind: str
    editable: str | None
    since: str | None
    by: str | None
    reason: str | None


@dataclass(frozen=True)
class Status:
    """What an overlay is, at this moment."""

    overlay: str
    managed: bool
    revision: int | None
    size: int
    """Bytes."""
    rows: tuple[Row, ...]
    findings: tuple[Finding, ...]


class Overlay:
    """The overlays of one host, of which one is written.

    Attributes:
        host: the environment below.
        settings: where overlays are, and whom to trust.
    """

    def __init__(self, host: Host, settings: Settings) -> None:
        self.host = host
        self.settings = settings

    @classmethod
    def open(cls, prefix: str | Path, settings: Settings | None = None) -> Overlay:
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

    # -- install

    def install(
        self,
        request: Request,
        *,
        pip: Pip | None = None,
        confirm: Callable[[Plan], bool] = lambda plan: True,
        force: bool = False,
    ) -> Result:
        """Install distributions into the overlay with pip.

        Args:
            request: what the user asks for.
            pip: how pip is called; quietly by default.
            confirm: shown the plan before anything is committed; when it returns False nothing is.
            force: make an overlay although the host is not protected.

        Raises:
            NotProtectedError: the user may write the host.
            ResolutionError: no consistent set of distributions exists.
            PipError: pip failed.
            VerificationError: what was staged does not work.
            LockedError: another command changes the overlay.
        """
        if self.host.protection is None and not force:
            raise NotProtectedError(str(self.host.prefix))
        pip = pip or Pip(self.host, verbosity=-1)
        with self._changing() as staging:
            found = self._resolve(pip, staging, request)
            staged, removed = self._without_copies_of_the_host(found, request)
            plan = self._plan(request, found, staged, removed)
            if not plan.changes or not confirm(plan):
                return Result(plan, None)
            tree = self._compose(staging, found.stage, staged, removed)
            self._verify(tree, plan)
            return Result(plan, self._commit(tree, plan, request))

    @contextmanager
    def _changing(self) -> Iterator[Path]:
        """Be the only writer of the overlay, with a directory to stage in."""
        previous = os.umask(0o022)
        os.umask(previous | 0o022)  # whoever can write an overlay decides what its users run
        try:
            with self.store.lock(self.settings.overlay_lock_timeout, self.host.real):
                try:
                    self._check_trust()
                    with self.store.stage() as staging:
                        yield staging
                finally:
                    self.store.discard_if_empty()
        finally:
            os.umask(previous)

    def _check_trust(self) -> None:
        owners = trust.trusted_owners(self.settings.overlay_trusted_owners)
        reason = trust.distrust(str(self.store.state), [], owners)
        if reason:
            raise OverlayDirError(
                f"An overlay in {self.store.overlay.parent} would never be used: {reason}.",
                "chmod go-w on that directory, or choose another overlay_dirs",
                directories=[str(self.store.overlay.parent)],
            )

    def _sites(self, *, own: Site | None = None) -> list[Site]:
        """All sites in effect, first wins, with another content for the overlay that is written."""
        layers = self.layers
        if own is not None and self.store.overlay not in layers:
            layers = self._inserted(layers)
        sites = [
            own if own is not None and overlay == self.store.overlay else self._read(overlay)
            for overlay in layers
        ]
        return [*sites, self.host.distributions]

    def _inserted(self, layers: Sequence[Path]) -> list[Path]:
        order = {directory: index for index, directory in enumerate(self.directories)}
        return sorted([*layers, self.store.overlay], key=lambda path: order[path.parent])

    def _read(self, overlay: Path) -> Site:
        return read_site(overlay / self.host.site_below_prefix)

    @property
    def _below(self) -> list[Path]:
        """The layers behind the one that is written."""
        layers = self._inserted([layer for layer in self.layers if layer != self.store.overlay])
        return layers[layers.index(self.store.overlay) + 1 :]

    def _resolve(self, pip: Pip, staging: Path, request: Request) -> Resolution:
        overlays = [layer / self.host.site_below_prefix for layer in self.layers]
        source_dir = self.store.state / "src"
        return Resolver(pip, request, self._sites(), overlays, staging, source_dir).resolve()

    def _without_copies_of_the_host(
        self, found: Resolution, request: Request
    ) -> tuple[Site, set[str]]:
        """Drop what equals what lies below; the overlay's own copy of it goes too."""
        if request.has("--force-reinstall", "-I", "--ignore-installed"):
            return found.staged, set()
        below = planner.effective(*map(self._read, self._below), self.host.distributions)
        own, root = read_site(self.site), found.stage.root
        kept, removed = dict(found.staged), set()
        for key, (new, *_) in found.staged.items():
            host = below.get(key)
            if host is None or host.version != new.version or new.direct_url or host.editable:
                continue
            store.remove(root, installed_files(new.path, root) or [])
            del kept[key]
            if key in own:
                removed.add(key)
        return kept, removed

    def _plan(self, request: Request, found: Resolution, staged: Site, removed: set[str]) -> Plan:
        named = planner.requested_names(request.requirements)
        marked = {key for key, (new, *_) in staged.items() if (new.path / "REQUESTED").exists()}
        changes = planner.changes(
            planner.effective(*map(self._read, self._below), self.host.distributions),
            read_site(self.site),
            staged,
            removed=removed,
            requested=(named | marked) - set(found.moved),
            dependents=found.moved,
            markers=self.host.markers,
        )
        origins = sources(found.stage)
        changes = tuple(
            replace(change, url=url, sha256=sha256)
            for change in changes
            for url, sha256 in [origins.get(change.key, (None, None))]
        )
        return Plan(str(self.host.prefix), str(self.store.overlay), changes, found.broken)

    def _compose(self, staging: Path, stage: Stage, staged: Site, removed: set[str]) -> Path:
        """Make the next tree: the current one, less what goes, with what is new."""
        tree = staging / "tree"
        site = tree / self.host.site_below_prefix
        if self.store.exists:
            store.clone(Path(os.path.realpath(self.store.overlay)), tree)
        (tree / "bin").mkdir(parents=True, exist_ok=True)
        site.mkdir(parents=True, exist_ok=True)
        current = read_site(site)
        for key in {*staged, *removed}:
            for distribution in current.get(key, ()):
                store.remove(tree, _files(distribution, tree))
        files = stage.files()
        if stage.site / guard.NAME in files:
            raise OverlayError(
                f"A distribution brings its own {guard.NAME}, which would replace the guard that "
                "keeps the overlay out of other Pythons.",
                "install it without that file, or ask for it to be put into the environment",
            )
        interpreters = [stage.python]
        if self.store.exists and not self.store.managed:
            interpreters.append(self.host.python)
        below = [overlay / self.host.site_below_prefix for overlay in self._below]
        new_head = scripts.head(self.host.python, [self.site, *below])
        scripts.rewrite(stage.root, stage.site, interpreters, new_head)
        store.move_in(tree, stage.root, files)
        if len(interpreters) > 1:
            scripts.rewrite(tree, site, interpreters, new_head)
        guard.write(site, self.host.site_packages)
        return tree

    def _verify(self, tree: Path, plan: Plan) -> None:
        """Ask the host's real interpreter, and look at the files.

        Raises:
            VerificationError: something is not as planned.
        """
        site = tree / self.host.site_below_prefix
        below = [overlay / self.host.site_below_prefix for overlay in self._below]
        expected = {c.key: c.after or c.host_version for c in plan.changes}
        done = self.host.run(["-c", _OBSERVE, json.dumps(list(expected))], [site, *below])
        try:
            seen = json.loads(done.stdout.splitlines()[-1])
        except (ValueError, IndexError):
            raise VerificationError(done.stderr.splitlines()[-5:]) from None
        faults = []
        installed = read_site(site)
        for change in plan.changes:
            version, place = seen["found"][change.key]
            if version != expected[change.key]:
                faults.append(f"{change.name} is {version}, and not {expected[change.key]}")
            if change.after is None:
                continue
            found = installed.get(change.key, ())
            if len(found) != 1:
                faults.append(f"{change.name} is there {len(found)} times")
                continue
            if found[0].path.suffix != ".egg-link" and place != str(site):
                faults.append(f"{change.name} comes from {place}")
            files = installed_files(found[0].path, tree)
            if files is None and found[0].path.suffix == ".dist-info":
                faults.append(f"{change.name} has no RECORD")
            gone = [f for f in files or () if f.suffix != ".pyc" and not os.path.lexists(f)]
            faults += [f"{change.name} lacks {path.relative_to(tree)}" for path in gone]
        path = seen["path"]
        if str(site) not in path or path.index(str(site)) > path.index(
            str(self.host.site_packages)
        ):
            faults.append(f"the overlay is not in front of {self.host.site_packages}")
        if faults:
            raise VerificationError(faults)

    def _commit(self, tree: Path, plan: Plan, request: Request) -> int:
        if self.store.exists and not self.store.managed:
            self.store.adopt(self._first_revision())
        number = self.store.next_number()
        current = self.store.current()
        before = self.store.revision(current).distributions if current is not None else {}
        time, who = store.now(), store.user()
        entries = {**before}
        for change in plan.changes:
            entries.pop(change.key, None)
            if change.after is not None:
                entries[change.key] = Entry(
                    change.after, time, who, request.reason, change.requested
                )
        self.store.commit(
            tree,
            Revision(
                number=number,
                time=time,
                user=who,
                hostname=socket.gethostname(),
                command=request.command,
                reason=request.reason,
                host=self.host.fingerprint(),
                plan=plan.to_json(),
                distributions=entries,
            ),
        )
        return number

    def _first_revision(self) -> Revision:
        """The record of a directory that was made by hand."""
        time, who = store.now(), Path(os.path.realpath(self.store.overlay)).owner()
        entries = {
            key: Entry(found[0].version, time, who, "made by hand", True)
            for key, found in read_site(self.site).items()
        }
        return Revision(
            number=self.store.next_number(),
            time=time,
            user=store.user(),
            hostname=socket.gethostname(),
            command=(),
            reason="adopted: made by hand",
            host=self.host.fingerprint(),
            plan=Plan(str(self.host.prefix), str(self.store.overlay), ()).to_json(),
            distributions=entries,
        )

    # -- status

    def status(self) -> list[Status]:
        """What each overlay of the host is; empty where there is none.

        Raises:
            StateError: the state files of an overlay cannot be read.
        """
        layers = self.layers
        trees = [Path(os.path.realpath(overlay)) for overlay in layers]
        sites = [*map(self._read, trees), self.host.distributions]
        owners = trust.trusted_owners(self.settings.overlay_trusted_owners)
        result = []
        for index, overlay in enumerate(layers):
            kept = Store(overlay)
            number = kept.current()
            revision = kept.revision(number) if number is not None else None
            tree = trees[index]
            below = sites[index + 1 :]
            findings = checks.findings(self.host, tree, sites[index], below, revision)
            inside = [str(overlay / "bin"), str(overlay / self.host.site_below_prefix)]
            reason = trust.distrust(str(overlay), inside, owners)
            if reason:
                findings.insert(0, Finding("untrusted", f"it is not used: {reason}"))
            rows = _rows(sites[index], planner.effective(*below), revision)
            result.append(
                Status(
                    str(overlay), kept.managed, number, _size(tree), tuple(rows), tuple(findings)
                )
            )
        return result


def _rows(site: Site, below: planner.View, revision: Revision | None) -> Iterator[Row]:
    entries = revision.distributions if revision else {}
    for key, found in sorted(site.items()):
        distribution, host = found[0], below.get(key)
        entry = entries.get(key)
        if entry is not None and entry.version != distribution.version:
            entry = None  # changed by hand since
        kind = "editable" if distribution.editable else planner.kind(host, distribution)
        yield Row(
            name=distribution.name,
            host_version=host.version if host else None,
            version=distribution.version,
            kind=kind,
            editable=distribution.editable,
            since=entry.since if entry else None,
            by=entry.by if entry else None,
            reason=entry.reason if entry else None,
        )


def overlays(settings: Settings) -> list[dict[str, Any]]:
    """All overlays in the overlay directories, for ``list``.

    Returns:
        One mapping each: overlay, host (None when it is not recorded), revision, size in bytes,
        state (``ok``, ``by hand``, ``host is gone``, or what is wrong).
    """
    result = []
    for directory in map(Path, locate.expand(settings.overlay_dirs, os.environ)):
        try:
            found = sorted(p for p in directory.iterdir() if not p.name.startswith("."))
        except OSError:
            continue
        for path in found:
            kept = Store(path)
            if not kept.exists and not kept.managed:
                continue
            host = locate.recorded_host(str(path))
            number, state = None, "ok" if kept.managed else "by hand"
            try:
                number = kept.current()
            except StateError as error:
                state = error.message
            if host is not None and not (Path(host) / "conda-meta").is_dir():
                state = "host is gone"
            elif not kept.exists:
                state = "its current revision is gone"
            result.append(
                {
                    "overlay": str(path),
                    "host": host,
                    "revision": number,
                    "size": _size(Path(os.path.realpath(path))),
                    "state": state,
                }
            )
    return result


def _files(distribution: Distribution, tree: Path) -> list[Path]:
    """The files of a distribution that is to be replaced.

    Raises:
        StateError: it has no RECORD, so nobody can say what belongs to it.
    """
    files = installed_files(distribution.path, tree)
    if files is None:
        raise StateError(
            f"{distribution.name} {distribution.version} in the overlay has no RECORD, so it "
            "cannot be replaced without leaving files behind.",
            f"remove {distribution.path.name} and its modules by hand",
            path=str(distribution.path),
        )
    return files


def _can_write(directory: Path) -> bool:
    """Whether a directory can be written, or made."""
    while not directory.exists() and directory != directory.parent:
        directory = directory.parent
    return directory.is_dir() and os.access(directory, os.W_OK | os.X_OK)


def _size(tree: Path) -> int:
    total = 0
    for directory, _, files in os.walk(tree):
        for name in files:
            total += os.lstat(os.path.join(directory, name)).st_size
    return total
