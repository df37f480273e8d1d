"""The next state of an overlay under construction: a tree, and what the history will know of it."""

from __future__ import annotations

import os
import socket
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from conda_overlay import guard, plan, scripts, state, verify
from conda_overlay.activation import notice
from conda_overlay.distributions import Site, owned_files, read_site
from conda_overlay.exceptions import OverlayError, OvertakenError, StateError
from conda_overlay.lock import now, user
from conda_overlay.models import Conflict, Differences, Entry, Log, Plan, Revision
from conda_overlay.pip import Pip, Stage
from conda_overlay.prune import droppable
from conda_overlay.state import State
from conda_overlay.tree import (
    Manifest,
    clone,
    differences,
    move_in,
    remove_files,
    replace_file,
    take_manifest,
)

if TYPE_CHECKING:
    from conda_overlay.overlay import Overlay


class Draft:
    """What will be the next revision; it begins as a clone of the current tree.

    Attributes:
        overlay: the overlays of the host.
        pip: the pip that serves the host.
        log: who wants it, and why.
        allow_conflicts: look for a solution although something breaks.
        before: the overlay as it is.
        entries: what the history will know, by normalized name; entries of what is not there do
            not count, and those without a time are given that of the commit.
        why: the reason of each change by normalized name; the entry of ``""`` is everybody's.
        notes: what else the user should know.
        accepted: normalized names of distributions whose own conflicts were asked for.
        restores: the revision whose state this one brings back.
        accepts_host: record the host as it is now, even if nothing else changes.
    """

    def __init__(
        self, overlay: Overlay, directory: Path, log: Log, pip: Pip, *, allow_conflicts: bool
    ) -> None:
        self.overlay = overlay
        self.pip = pip
        self.log = log
        self.allow_conflicts = allow_conflicts
        self.base = overlay.store.current()
        self.before = overlay.state()
        self.entries: dict[str, Entry] = dict(self.before.entries)
        self.why: dict[str, str] = {}
        self.notes: list[str] = []
        self.accepted: set[str] = set()
        self.restores: int | None = None
        self.accepts_host = False
        self._directory = directory
        self._scratches = 0
        self._planned: tuple[Plan, State] | None = None
        self.start_from(overlay.store.real if overlay.store.exists else None)

    @property
    def tree(self) -> Path:
        """Its directory."""
        return self._directory / "revision" / "tree"

    @property
    def site(self) -> Path:
        """Its site-packages."""
        return self.tree / self.overlay.host.site_below_prefix

    @property
    def installed(self) -> Site:
        """The distributions in it now."""
        return read_site(self.site)

    @cached_property
    def sites(self) -> list[Path]:
        """The site-packages of all layers, first wins, with the draft in the overlay's place."""
        overlay = self.overlay
        layers = overlay.layers_with_mine()
        mine = layers.index(overlay.store.overlay)
        return [*overlay.sites(layers[:mine]), self.site, *overlay.below]

    # -- what operations do to it

    def start_from(self, source: Path | None) -> None:
        """Begin with another tree than the current one, or with nothing."""
        if self.tree.exists():
            os.rename(self.tree, self.new_scratch() / "replaced")
        if source is not None:
            try:
                clone(source, self.tree)
            except FileNotFoundError as error:  # dropped, while it was cloned
                raise OvertakenError(str(self.overlay.store.overlay)) from error
        (self.tree / "bin").mkdir(parents=True, exist_ok=True)
        self.site.mkdir(parents=True, exist_ok=True)
        if source is not None and not self.overlay.store.managed:  # it is adopted
            self._rewrite_scripts(self.tree, self.site, self.overlay.host.python)
            self.why.update(dict.fromkeys(self.before.site, "its scripts work from anywhere now"))

    def new_scratch(self) -> Path:
        """An empty directory for stages."""
        self._scratches += 1
        scratch = self._directory / f"scratch{self._scratches}"
        scratch.mkdir()
        return scratch

    def drop(self, keys: Collection[str]) -> None:
        """Take distributions out."""
        site = self.installed
        for distribution in (found for key in keys for found in site.get(key, ())):
            files = owned_files(distribution, self.tree)
            if files is None:
                which, path = f"{distribution.name} {distribution.version}", distribution.path
                why = "so it cannot be replaced without leaving files behind"
                sentence = f"{which} in the overlay has no RECORD, {why}."
                hint = f"remove {path.name} and its modules by hand"
                raise StateError(sentence, hint, path=str(path))
            remove_files(self.tree, [self.tree / file for file in files])

    def add(self, stage: Stage, staged: Site) -> None:
        """Move what pip left in a stage in, in place of what it replaces."""
        if os.path.lexists(stage.site / guard.NAME):
            raise OverlayError(
                f"A distribution brings its own {guard.NAME}, which would replace the guard that "
                "keeps the overlay out of other Pythons.",
                "install it without that file, or ask for it to be put into the environment",
            )
        self.drop(staged)
        self._rewrite_scripts(stage.root, stage.site, stage.python)
        stage.remove_scaffolding()
        move_in(self.tree, stage.root)

    def damaged(self, keys: Collection[str]) -> set[str]:
        """Which of some distributions lack files."""
        return {key for key in keys if key in self.before.site and self.before.missing(key)}

    def repair(self, keys: Collection[str]) -> None:
        """Take out what is damaged, so that pip installs it anew, and what pip has left of it."""
        damaged = self.damaged(keys)
        self.drop(damaged)
        self.why.update(dict.fromkeys(damaged, "files were missing"))
        leftovers = [path for path in self.before.files if state.is_leftover(path)]
        remove_files(self.tree, [self.tree / path for path in leftovers])

    def _rewrite_scripts(self, root: Path, site: Path, interpreter: Path) -> None:
        final = self.overlay.store.overlay / "bin" / scripts.NAME
        scripts.rewrite(root, site, [interpreter], final)

    # -- the end

    def plan(self) -> Plan:
        """All that differs from the overlay as it is."""
        overlay, host = self.overlay, self.overlay.host
        guard.write(self.site, host.site_packages)
        final = overlay.store.overlay / host.site_below_prefix
        interpreter = scripts.interpreter(host.real / "bin" / "python", [final, *overlay.below])
        replace_file(self.tree / "bin" / scripts.NAME, interpreter, 0o755)
        after = state.read(self.tree, host.site_below_prefix, self.entries, known=self.before.files)
        found = plan.compare(self.before, after, overlay.ground, self.why)
        theirs = found.files.without(state.scaffolding(host.site_below_prefix))
        if found.changes or theirs or self.base is None:
            found = replace(found, files=theirs)  # what we write counts if it alone differs
        found = replace(found, accepts_host=self.accepts_host, notes=tuple(self.notes))
        self._planned = found, after
        return found

    def unwanted(self, plan: Plan) -> list[Conflict]:
        """The conflicts of a plan that the request does not imply."""
        accepted = {change.name for change in plan.changes if change.key in self.accepted}
        return [conflict for conflict in plan.conflicts if conflict.name not in accepted]

    def commit(self) -> int:
        """Verify it with the host's interpreter, and make it the current revision.

        Returns:
            The number of the new revision.

        Raises:
            VerificationError: something is not as planned; nothing was committed.
            OvertakenError: the overlay has changed since the draft was made.
        """
        if self._planned is None:
            self.plan()
        assert self._planned is not None
        found, after = self._planned
        overlay, store = self.overlay, self.overlay.store
        if Path.home().resolve() not in store.overlay.resolve().parents:
            self._compile()
        verify.verify(overlay.host, self.tree, [self.site, *overlay.below], found)
        manifest = after.files
        time, me = now(), user()
        entries = {
            key: entry if entry.since else replace(entry, since=time, by=me)
            for key, entry in after.entries.items()
        }
        recorded = store.manifest(self.base)
        edits = differences(recorded, self.before.files) if recorded else Differences()
        adopted = store.exists and not store.managed
        number = store.next_number() + adopted
        revision = self._revision(number, time, found, entries, edits)
        store.prepare(self.tree.parent, revision, manifest, self._notice(number, entries))
        with store.lock():
            self._check_not_overtaken(number - adopted)
            if adopted:
                self._adopt(number - 1, time)
            store.commit(self.tree.parent, number)
            with suppress(OSError, OverlayError):  # it is committed, whatever becomes of old trees
                store.drop_trees(droppable(overlay, overlay.settings.overlay_keep_revisions)[0])
        return number

    def _compile(self) -> None:
        """Compile what others, who cannot write the tree, would compile at every start."""
        final = self.overlay.store.overlay / self.overlay.host.site_below_prefix
        words = ["-I", "-m", "compileall", "-q", "-d", str(final), str(self.site)]
        self.overlay.host.run(words)

    def _revision(
        self,
        number: int,
        time: str,
        found: Plan,
        entries: Mapping[str, Entry],
        edits: Differences,
    ) -> Revision:
        return Revision(
            number=number,
            time=time,
            user=user(),
            hostname=socket.gethostname(),
            command=self.log.command,
            reason=self.log.reason,
            host=self.overlay.host.fingerprint(),
            plan=found.to_json(),
            distributions=entries,
            parent=number - 1 or None if self.base is None else self.base,
            restores=self.restores,
            edits=edits,
        )

    def _check_not_overtaken(self, number: int) -> None:
        """Look whether another command, or somebody by hand, has changed the overlay since."""
        store = self.overlay.store
        now_there: Manifest = take_manifest(store.real, self.before.files) if store.exists else {}
        if (
            store.current() != self.base
            or store.next_number() != number
            or differences(self.before.files, now_there)
        ):
            raise OvertakenError(str(store.overlay))

    def _adopt(self, number: int, time: str) -> None:
        """Make a directory that was made by hand a revision, and say what is in it."""
        owner = self.overlay.store.real.owner()
        entries = {
            key: replace(entry, since=time, by=owner) for key, entry in self.before.entries.items()
        }
        log = Log((), "adopted: made by hand")
        nothing = Plan(str(self.overlay.host.prefix), str(self.overlay.store.overlay))
        revision = self._revision(number, time, nothing, entries, Differences())
        revision = replace(revision, command=log.command, reason=log.reason, parent=None,
                           restores=None)  # fmt: skip
        self.overlay.store.adopt(self._directory, revision, self.before.files)

    def _notice(self, number: int, entries: Mapping[str, Entry]) -> str:
        host, site = self.overlay.host, str(self.overlay.host.site_packages)
        dates = [(entry.until, key) for key, entry in entries.items() if entry.until]
        return notice.content(number, notice.state_of(str(host.prefix), site), site, dates)
