"""Collects the current state of the overlays of a host, for ``conda overlay status``."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from conda_overlay.activation import locate, notice, trust
from conda_overlay.change import plan
from conda_overlay.core.errors import OverlayError
from conda_overlay.core.models import Distribution, Finding, HistoryEntry, Revision
from conda_overlay.distributions import dependencies
from conda_overlay.distributions.site import is_compiled
from conda_overlay.filesystem.manifest import Manifest
from conda_overlay.filesystem.tree import size
from conda_overlay.host import user_site
from conda_overlay.host.host import Host, build
from conda_overlay.host.user_site import UserDistribution
from conda_overlay.layer.stack import Stack
from conda_overlay.layer.state import State, read_state
from conda_overlay.layer.store import Store
from conda_overlay.layer.timeline import timeline_in
from conda_overlay.report import checks, shell
from conda_overlay.report.overlays import is_lost, ways_without_host
from conda_overlay.report.shell import Trigger, Wired
from conda_overlay.run import kernels
from conda_overlay.run.kernels import Kernel

if TYPE_CHECKING:
    from conda_overlay.fork.origin import ForkDrift


@dataclass(frozen=True)
class DistributionStatus:
    """A distribution of an overlay, compared with the one below."""

    name: str
    host_version: str | None
    hides: str | None  # where that version is: ``host``, or the path of another layer
    kind: str  # ``editable``, or as in `Change`
    version: str
    editable: str | None
    reason: str | None
    intent: str
    until: str | None
    requested: bool
    since: str | None
    by: str | None
    edited: bool
    meaning: str  # as of `plan.meaning`


@dataclass(frozen=True)
class LayerStatus:
    """The current state of one layer."""

    overlay: str
    label: str | None  # of its overlay directory; then it is for everybody
    managed: bool
    revision: int | None
    position: int | None  # the revision that made the current state: an older one after an undo
    size: int  # in bytes
    distributions: tuple[DistributionStatus, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class HostStatus:
    """The environment below."""

    name: str
    prefix: str
    owner: str
    protected: str | None  # the reason why the user cannot change it; None if they can
    python: str  # X.Y.Z


@dataclass(frozen=True)
class Wiring(Wired):
    """The wiring of the calling shell, and the mechanism that makes it."""

    trigger: Trigger


@dataclass(frozen=True)
class Status:
    """The overlays of a host: all that ``conda overlay status`` shows."""

    host: HostStatus
    fork: ForkDrift | None
    wiring: Wiring
    overlays: tuple[LayerStatus, ...]  # earlier ones win
    kernels: tuple[Kernel, ...]  # Jupyter kernels of the host without the overlay
    user_site: tuple[UserDistribution, ...]  # in ``~/.local``
    relatives: tuple[Finding, ...]  # overlays of other environments that may be meant for this one

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The problems of all overlays."""
        own = tuple(finding for overlay in self.overlays for finding in overlay.findings)
        return own + self.relatives


def status(stack: Stack) -> Status:
    """Examine the overlays of a host.

    Raises:
        StateError: the state files of an overlay cannot be read.
    """
    host = stack.host
    with shell.asked_trigger() as trigger:
        overlays = (*_lost(stack), *layers(stack))
        wired = shell.wired(host, stack.settings)
        wiring = Wiring(wired.state, wired.detail, trigger())
    facts = str(host.prefix), host.owner, host.protection, host.markers["python_full_version"]
    others = kernels.without_overlay(stack) if overlays else []
    return Status(
        HostStatus(host.name, *facts),
        _fork_drift(host.prefix),
        wiring,
        overlays,
        tuple(others),
        tuple(user_distributions(stack)),
        () if overlays else tuple(relatives(stack)),
    )


def relatives(stack: Stack) -> Iterator[Finding]:
    """The user's overlays that may be meant for a host without one."""
    with suppress(OverlayError):
        for one in stack.relatives():
            text = one.sentence(str(stack.host.prefix))
            yield Finding("moved", text, (shell.overlay_command(stack.host, "rebase"),))


def _fork_drift(prefix: Path) -> ForkDrift | None:
    """The changes since a fork was made; None for other environments."""
    if not (prefix / notice.FORK).exists():
        return None
    from conda_overlay.fork import origin

    return origin.drift(prefix)


def _lost(stack: Stack) -> list[LayerStatus]:
    """The writable layer, if somebody has removed the link to it."""
    try:
        store = stack.store
    except OverlayError:
        return []
    if not is_lost(store):
        return []
    ways = [shell.overlay_command(stack.host, "repair")]
    ways.append(shlex.join(["conda", "overlay", "delete", "-p", str(store.overlay)]))
    gone = Finding(
        "gone", "its link is gone, so it is not used; its revisions are still there", (*ways,)
    )
    about = str(store.overlay), stack.label_of(store.overlay)
    return [LayerStatus(*about, True, None, None, size(store.state), (), (gone,))]


def layers(stack: Stack) -> list[LayerStatus]:
    """The current state of each layer of a host.

    Raises:
        StateError: the state files of an overlay cannot be read.
    """
    host, whole = stack.host, stack.whole
    # First, because this checks the links that the rest follows.
    numbers = {path: Store(path).current() for path in whole.layers}
    read = {path: _read(host, path, number) for path, number in numbers.items()}
    places = {host.prefix: "host", **{Store(path).real: str(path) for path in read}}
    result: list[LayerStatus] = []
    own = _own(stack)
    for path, reason in stack.found():
        named = str(path), stack.label_of(path)
        if reason:
            see = (shlex.join(["ls", "-ld", str(path)]),)
            untrusted = Finding("untrusted", f"it is not used: {reason}", see)
            managed = path.is_symlink()
            result.append(LayerStatus(*named, managed, None, None, 0, (), (untrusted,)))
            continue
        store, number = Store(path), numbers[path]
        revision, recorded, now = read[path]
        sites = ({p: read[p][-1].site for p in some if p in read} for some in whole.around(path))
        around = checks.Around(*sites)
        findings = checks.findings(host, store, now, around, revision, recorded)
        site = store.real / host.site_below_prefix
        if intruder := locate.intruder(str(site)):
            text = f"it is not used: {intruder} would run in every Python; remove it"
            findings.insert(0, Finding("untrusted", text, (shlex.join(["rm", "-r", intruder]),)))
        elif fault := next(trust.faults_within(str(store.real), stack.owners), None):
            mend = (shlex.join(["chmod", "-R", "go-w", str(store.real)]),)
            findings.append(Finding("writable", f"{fault}, who can change what you run", mend))
        position = timeline_in(store).position if revision else None
        owner = stack.from_layer(str(path.parent)).owner_of_layer()
        if owner or path != own:
            findings = [*map(_of_layer(host, path.parent, owner), findings)]
        rows = tuple(_rows(host, now, around, places, revision))
        about = (*named, store.managed, number, position, _size(now))
        result.append(LayerStatus(*about, rows, tuple(findings)))
    return result


def _read(
    host: Host, overlay: Path, number: int | None
) -> tuple[Revision | None, Manifest | None, State]:
    """The current revision of a layer, if it has one, with its manifest; and the state now."""
    store, site = Store(overlay), host.site_below_prefix
    revision = store.revision(number) if number is not None else None
    entries, recorded = revision.distributions if revision else {}, store.manifest(number)
    index = store.index(number, store.real / site)
    return revision, recorded, read_state(store.real, site, entries, recorded, index=index)


def _own(stack: Stack) -> Path | None:
    """The layer that commands write without ``--layer``."""
    with suppress(OverlayError):
        return stack.store.overlay
    return None


def _of_layer(host: Host, layer: Path, owner: str | None) -> Callable[[Finding], Finding]:
    """Make the commands of findings those for one layer, typed as its owner if one is given."""
    where = shlex.split(shell.overlay_command(host, ""))[3:]

    def of_layer(way: str) -> str:
        if not way.startswith("conda overlay "):
            return way
        _, _, command, *rest = shlex.split(way)
        rest = rest[len(where) :]
        if owner:
            return shell.command_of_owner(host, layer, owner, command, *rest)
        return shlex.join(["conda", "overlay", command, *where, *rest, "--layer", str(layer)])

    return lambda found: replace(found, remedies=tuple(map(of_layer, found.remedies)))


def without_host(store: Store) -> Status:
    """Report on an overlay whose environment is gone, by its records alone."""
    prefix = locate.recorded_host(str(store.overlay)) or ""
    number = store.current()
    revision = store.revision(number) if number is not None else None
    rows, python = [], ""
    for key, entry in sorted(revision.distributions.items()) if revision else ():
        assert revision is not None
        version = revision.host["distributions"].get(key)
        kind = "replace" if version else "add"
        hidden = version and (version, "host")
        rows.append(_row(entry.name or key, hidden, entry, kind, "", bool(entry.patch)))
        python = revision.host["python"]
    remedies = tuple(ways_without_host(store.overlay, prefix))
    gone = Finding("gone", f"its environment {prefix} is gone", remedies)
    position = timeline_in(store).position if revision else None
    about = (str(store.overlay), None, store.managed, number, position, size(store.real))
    host = HostStatus(os.path.basename(prefix), prefix, "", "it is gone", python)
    wiring = Wiring("off", gone.text, Trigger(None, gone.text, remedies[0]))
    layer = LayerStatus(*about, tuple(rows), (gone,))
    return Status(host, None, wiring, (layer,), (), (), ())


def _size(now: State) -> int:
    """The total size of the files of an overlay, without bytecode, in bytes."""
    return sum(size for size, *_ in now.files.values())


def _rows(
    host: Host,
    now: State,
    around: checks.Around,
    places: Mapping[Path, str],
    revision: Revision | None,
) -> Iterator[DistributionStatus]:
    below = dependencies.effective(*around.below(host))
    view = {**below, **dependencies.effective(now.site), **around.above}
    conflicts = dependencies.conflicts(view, host.markers, host.site_packages, now.requirements)
    broken = {canonicalize_name(conflict.name) for conflict in conflicts}
    redundant, edited = plan.redundant(now, below, host.markers), now.edited_keys
    rebuilt = revision is not None and build(revision.host) != build(host.fingerprint())
    for key, (found, *_) in sorted(now.site.items()):
        hosts, stale = below.get(key), rebuilt and is_compiled(found.path)
        facts = {"redundant": key in redundant, "broken": key in broken, "stale": stale}
        meaning, kind = plan.meaning(found, hosts, **facts), dependencies.kind(hosts, found)
        entry = now.entries[key]
        changed = bool(entry.patch) if now.is_copy(key) else key in edited
        hidden = _hidden(hosts, places)
        yield _row(found.name, hidden, entry, kind, meaning, changed)
    for key, entry in sorted(revision.distributions.items()) if revision and rebuilt else ():
        if key not in now.site:  # it is installed for another Python
            hidden = _hidden(below.get(key), places)
            kind = "replace" if hidden else "add"
            yield _row(entry.name or key, hidden, entry, kind, "stale", False)


def _hidden(found: Distribution | None, places: Mapping[Path, str]) -> tuple[str, str] | None:
    """The version of what is hidden, and where it is."""
    return (found.version, places.get(found.prefix, "host")) if found else None


def _row(
    name: str,
    hidden: tuple[str, str] | None,
    entry: HistoryEntry,
    kind: str,
    meaning: str,
    edited: bool,
) -> DistributionStatus:
    return DistributionStatus(
        name=name,
        host_version=hidden[0] if hidden else None,
        hides=hidden[1] if hidden else None,
        kind="editable" if entry.editable else kind,
        version=entry.version,
        editable=entry.editable,
        reason=entry.reason,
        intent=entry.intent,
        until=entry.until,
        requested=entry.requested,
        since=entry.since or None,
        by=entry.by or None,
        edited=edited,
        meaning=meaning,
    )


def user_distributions(stack: Stack) -> list[UserDistribution]:
    """The distributions in ``~/.local``, compared with the host and its overlays."""
    environ = shell.wired_environ(stack.host, stack.settings)
    if not user_site.user_site_directory(stack.host, environ):
        return []
    view = dependencies.effective(*stack.read_layers())
    return user_site.user_distributions(stack.host, view, environ)
