"""One change of an overlay, from the lock to the commit: a draft of the next tree, verified."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

from conda_overlay import guard, manifest, scripts, store
from conda_overlay.activation import notice, trust
from conda_overlay.distributions import Site, installed_files, read_site
from conda_overlay.exceptions import (
    OverlayDirError,
    OverlayError,
    StateError,
    VerificationError,
)
from conda_overlay.host import Host
from conda_overlay.models import Distribution, Entry, Log, Plan, Revision
from conda_overlay.pip import Stage
from conda_overlay.settings import Settings
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


class Transaction:
    """A change that nobody sees until it is committed.

    Attributes:
        host: the environment below.
        kept: the overlay that is written.
        below: site-packages of the layers behind it.
        keep: how many revisions keep their trees.
    """

    def __init__(self, host: Host, kept: Store, below: Sequence[Path], keep: int) -> None:
        self.host = host
        self.kept = kept
        self.below = below
        self.keep = keep
        self._scratches = 0

    # -- the draft

    @cached_property
    def tree(self) -> Path:
        """The draft: a clone of the current tree, to begin with."""
        tree = self.kept.staging / "tree"
        self._start(tree, self.kept.real if self.kept.exists else None)
        return tree

    @property
    def site(self) -> Path:
        """The draft's site-packages."""
        return self.tree / self.host.site_below_prefix

    def start_from(self, source: Path | None) -> None:
        """Begin with another tree than the current one, or with nothing."""
        tree = self.kept.staging / "tree"
        self._start(tree, source)
        self.__dict__["tree"] = tree

    def _start(self, tree: Path, source: Path | None) -> None:
        if source is not None:
            store.clone(source, tree)
        (tree / "bin").mkdir(parents=True, exist_ok=True)
        (tree / self.host.site_below_prefix).mkdir(parents=True, exist_ok=True)
        if source is not None and not self.kept.managed:
            self._rewrite_scripts(tree, tree / self.host.site_below_prefix, self.host.python)

    def new_scratch(self) -> Path:
        """An empty directory for stages."""
        self._scratches += 1
        scratch = self.kept.staging / f"scratch{self._scratches}"
        scratch.mkdir(parents=True)
        return scratch

    def drop(self, keys: Collection[str]) -> None:
        """Take distributions out of the draft."""
        current = read_site(self.site)
        for key in keys:
            for distribution in current.get(key, ()):
                store.remove(self.tree, _files(distribution, self.tree))

    def add(self, stage: Stage, staged: Site) -> None:
        """Move what pip left in a stage into the draft, in place of what it replaces."""
        if os.path.lexists(stage.site / guard.NAME):
            raise OverlayError(
                f"A distribution brings its own {guard.NAME}, which would replace the guard that "
                "keeps the overlay out of other Pythons.",
                "install it without that file, or ask for it to be put into the environment",
            )
        self.drop(staged)
        self._rewrite_scripts(stage.root, stage.site, stage.python)
        stage.strike()
        store.move_in(self.tree, stage.root)

    def _rewrite_scripts(self, root: Path, site: Path, interpreter: Path) -> None:
        final = self.kept.overlay / self.host.site_below_prefix
        head = scripts.head(self.host.python, [final, *self.below])
        scripts.rewrite(root, site, [interpreter], head)

    # -- the end

    def finish(self, plan: Plan, log: Log, entries: Mapping[str, Entry]) -> int:
        """Verify the draft and make it the current revision.

        Args:
            plan: what was decided.
            log: who wanted it, and why.
            entries: what the history is to know of each distribution.

        Returns:
            The number of the new revision.

        Raises:
            VerificationError: something is not as planned; nothing was committed.
        """
        guard.write(self.site, self.host.site_packages)
        self._verify(plan)
        if self.kept.exists and not self.kept.managed:
            there = read_site(self.site)
            adopted = {key: entry for key, entry in self._adopt().items() if key in there}
            entries = {**adopted, **entries}
        current = self.kept.current()
        known = self.kept.facts(current)
        facts = manifest.take(self.tree, known)
        edits = manifest.compare(self.kept.real, known) if known is not None else None
        number = self.kept.next_number()
        revision = Revision(
            number=number,
            time=store.now(),
            user=store.user(),
            hostname=socket.gethostname(),
            command=log.command,
            reason=log.reason,
            host=self.host.fingerprint(),
            plan=plan.to_json(),
            distributions=entries,
            restores=log.restores,
            edits=asdict(edits) if edits else {},
        )
        self.kept.commit(self.tree, revision, facts, self._notice(number, entries))
        with suppress(OSError):  # it is committed, whatever becomes of the old trees
            self.kept.drop_trees(self.kept.spare(self.keep))
        return number

    def _notice(self, number: int, entries: Mapping[str, Entry]) -> str:
        site = str(self.host.site_packages)
        state = notice.state_of(str(self.host.prefix), site)
        dates = [(entry.until, key) for key, entry in entries.items() if entry.until]
        return notice.content(number, state, site, dates)

    def _verify(self, plan: Plan) -> None:
        """Ask the host's real interpreter, and look at the files."""
        expected = {c.key: c.visible for c in plan.changes}
        command = ["-c", _OBSERVE, json.dumps(list(expected))]
        done = self.host.run(command, [self.site, *self.below])
        try:
            seen = json.loads(done.stdout.splitlines()[-1])
        except (ValueError, IndexError):
            raise VerificationError(done.stderr.splitlines()[-5:]) from None
        faults = []
        installed = read_site(self.site)
        for change in plan.changes:
            version, place = seen["found"][change.key]
            if version != expected[change.key]:
                faults.append(f"{change.name} is {version}, and not {expected[change.key]}")
            if change.after is not None:
                found = installed.get(change.key, ())
                faults += self._faults(change.name, found, place)
        path = seen["path"]
        mine, hosts = str(self.site), str(self.host.site_packages)
        if mine not in path or path.index(mine) > path.index(hosts):
            faults.append(f"the overlay is not in front of {hosts}")
        if faults:
            raise VerificationError(faults)

    def _faults(self, name: str, found: Sequence[Distribution], place: str) -> list[str]:
        if len(found) != 1:
            return [f"{name} is there {len(found)} times"]
        faults = []
        info = found[0].path
        if info.suffix != ".egg-link" and place != str(self.site):
            faults.append(f"{name} comes from {place}")
        files = installed_files(info, self.tree)
        if files is None and info.suffix == ".dist-info":
            faults.append(f"{name} has no RECORD")
        gone = [f for f in files or () if f.suffix != ".pyc" and not os.path.lexists(f)]
        return faults + [f"{name} lacks {path.relative_to(self.tree)}" for path in gone]

    def _adopt(self) -> Mapping[str, Entry]:
        """Make a directory that was made by hand a revision, and say what is in it."""
        overlay = self.kept.real
        time, who = store.now(), overlay.owner()
        entries = {
            key: Entry(found[0].version, time, who, "made by hand", True, found[0].name)
            for key, found in read_site(overlay / self.host.site_below_prefix).items()
        }
        self.kept.adopt(
            Revision(
                number=self.kept.next_number(),
                time=time,
                user=store.user(),
                hostname=socket.gethostname(),
                command=(),
                reason="adopted: made by hand",
                host=self.host.fingerprint(),
                plan=Plan(str(self.host.prefix), str(self.kept.overlay), ()).to_json(),
                distributions=entries,
            ),
            manifest.take(overlay),
        )
        return entries


@contextmanager
def begin(
    host: Host, kept: Store, below: Sequence[Path], settings: Settings
) -> Iterator[Transaction]:
    """Be the only writer of an overlay until the transaction ends.

    Raises:
        LockedError: another command changes it.
        OverlayDirError: it cannot be written, or would never be trusted.
    """
    previous = os.umask(0o022)
    os.umask(previous | 0o022)  # whoever can write an overlay decides what its users run
    try:
        with kept.lock(settings.overlay_lock_timeout, host.real):
            _check_trust(kept, settings)
            yield Transaction(host, kept, below, settings.overlay_keep_revisions)
    finally:
        os.umask(previous)


def _check_trust(kept: Store, settings: Settings) -> None:
    owners = trust.trusted_owners(settings.overlay_trusted_owners)
    reason = trust.distrust(str(kept.state), [], owners)
    if reason:
        raise OverlayDirError(
            f"An overlay in {kept.overlay.parent} would never be used: {reason}.",
            "chmod go-w on that directory, or choose another overlay_dirs",
            directories=[str(kept.overlay.parent)],
        )


def _files(distribution: Distribution, tree: Path) -> list[Path]:
    files = installed_files(distribution.path, tree)
    if files is None:
        raise StateError(
            f"{distribution.name} {distribution.version} in the overlay has no RECORD, so it "
            "cannot be replaced without leaving files behind.",
            f"remove {distribution.path.name} and its modules by hand",
            path=str(distribution.path),
        )
    return files
