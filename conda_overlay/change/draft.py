"""The next revision of an overlay under construction: a tree, and its record in the history."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from conda_overlay.activation import locate, notice
from conda_overlay.change import plan, verify
from conda_overlay.core.errors import OverlayError, OvertakenError
from conda_overlay.core.models import Conflict, FileChanges, HistoryEntry, Log, Plan, Revision
from conda_overlay.distributions.record import uninstall
from conda_overlay.distributions.site import Site, read_site
from conda_overlay.edits import originals, patch
from conda_overlay.filesystem.lock import now, user
from conda_overlay.filesystem.manifest import FileInfo, Manifest, differences, take_manifest
from conda_overlay.filesystem.tree import clone, make_own, make_writable, move_in, remove_files
from conda_overlay.layer import scaffolding, scripts, state
from conda_overlay.layer.retention import droppable
from conda_overlay.layer.state import State
from conda_overlay.resolve.pip import Pip
from conda_overlay.resolve.stage import Stage

if TYPE_CHECKING:
    from conda_overlay.change.overlay import Overlay

_SHOWN = 5  # files that a note names
_COMPILING = re.compile("Compiling ").match  # what compileall says of a file


class Draft:
    """The next revision; it starts as a clone of the current tree.

    Distributions that are not installed may have entries, which are then ignored; entries without a
    time get that of the commit.
    """

    def __init__(
        self, overlay: Overlay, directory: Path, log: Log, pip: Pip, allow_conflicts: bool
    ) -> None:
        self.overlay = overlay
        self.pip = pip
        self.log = log
        self.allow_conflicts = allow_conflicts  # accept a solution that breaks something
        self.base = overlay.store.current()
        self.before = overlay.state()
        self.compared = self.before  # what the plan says the difference to
        self.tree = directory / "revision" / "tree"
        self.site = self.tree / overlay.host.site_below_prefix
        self.entries: dict[str, HistoryEntry] = dict(self.before.entries)  # by normalized name
        self.why: dict[str, str] = {}  # reasons by normalized name; "" applies to all changes
        self.notes: list[str] = []  # for the user
        self.accepted: set[str] = set()  # the distributions whose own conflicts the user accepts
        self.restores: int | None = None  # the revision whose state this one restores
        self.kept: set[str] = set()  # the files whose edits are there still, or again
        self.known: dict[str, FileInfo] = {}  # what is known of new files
        self.accepts_host = False  # whether to record the changed host if nothing else changes
        # Where checkouts of editables from version control are kept.
        kept = overlay.store.state in directory.parents
        self.source_dir = (overlay.store.state if kept else directory) / "src"
        self._directory = directory
        self._interpreter = overlay.store.overlay / "bin" / scaffolding.INTERPRETER
        self._scratches = 0
        self._planned: tuple[Plan, State] | None = None
        self.start_from(overlay.store.real if overlay.store.exists else None)

    @property
    def installed(self) -> Site:
        """The distributions in the draft now."""
        return read_site(self.site)

    @cached_property
    def sites(self) -> list[Path]:
        """The site-packages of all layers in order, with the draft in place of the overlay."""
        layers = self.overlay.layers_with_mine()
        above = layers[: layers.index(self.overlay.store.overlay)]
        return [*self.overlay.sites(above), self.site, *self.overlay.below]

    @cached_property
    def by_hand(self) -> FileChanges:
        """What was edited by hand since the current revision was made, unless that is recorded."""
        recorded = self.overlay.store.manifest(self.base)
        return differences(recorded, self.compared.files) if recorded else FileChanges()

    # -- for operations

    def start_from(self, source: Path | None) -> None:
        """Replace the tree by a clone of another one, or by an empty one.

        Raises:
            OvertakenError: the other tree was dropped in the meantime.
        """
        if self.tree.exists():
            os.rename(self.tree, self.new_scratch() / "replaced")
        if source is not None:
            try:
                clone(source, self.tree, self.overlay.watch)
            except FileNotFoundError as error:
                raise OvertakenError(str(self.overlay.store.overlay)) from error
        self.tree.parent.mkdir(exist_ok=True)
        for directory in (Path("bin"), self.overlay.host.site_below_prefix):
            make_own(self.tree, directory)
        if source is not None and not self.overlay.store.managed:  # it is being adopted
            host = self.overlay.host
            scripts.rewrite(self.tree, self.site, [host.python], self._interpreter)
            self.why.update(dict.fromkeys(self.before.site, "its scripts now work from anywhere"))

    def new_scratch(self) -> Path:
        """Make an empty directory for a stage."""
        self._scratches += 1
        scratch = self._directory / f"scratch{self._scratches}"
        scratch.mkdir()
        return scratch

    def drop(self, keys: Collection[str]) -> None:
        """Remove distributions.

        Raises:
            StateError: one of them has no RECORD.
        """
        site = self.installed if keys else {}  # to read it takes time
        uninstall((found for key in keys for found in site.get(key, ())), self.tree, "overlay")

    def add(self, stage: Stage, staged: Site) -> None:
        """Move what pip installed into a stage to the draft, replacing older versions.

        Raises:
            OverlayError: a distribution would replace the guard, or act before it.
        """
        _check_for_intruders(stage.site)
        self.drop(staged)
        stage.finish(self._interpreter)
        move_in(self.tree, stage.root)

    def take(self, root: Path, key: str, known: Manifest) -> None:
        """Move a copy of a distribution to the draft, in place of what is there.

        Args:
            root: the directory of the copy.
            key: the normalized name of the distribution.
            known: an earlier manifest of the directory.

        Raises:
            OverlayError: it would replace the guard, or act before it.
        """
        site = root / self.overlay.host.site_below_prefix
        _check_for_intruders(site)
        self.drop({key})
        theirs = [site.parents[2] / "bin" / scaffolding.INTERPRETER for site in self.overlay.below]
        interpreters = [self.overlay.host.python, *theirs, self._interpreter]
        scripts.rewrite(root, site, interpreters, self._interpreter)
        move_in(self.tree, root)
        self.known.update(known)

    def damaged(self, keys: Collection[str]) -> set[str]:
        """Which of these distributions lack files."""
        return {key for key in keys if key in self.before.site and self.before.missing(key)}

    def repair(self, keys: Collection[str]) -> None:
        """Remove damaged distributions, which pip then reinstalls, and leftovers of pip."""
        damaged = self.damaged(keys)
        self.drop(damaged)
        self.why.update(dict.fromkeys(damaged, "files were missing"))
        leftovers = [path for path in self.before.files if state.is_leftover(path)]
        remove_files(self.tree, [self.tree / path for path in leftovers])

    # -- plan and commit

    def plan(self) -> Plan:
        """Work out everything that differs from the overlay as it is."""
        overlay, host = self.overlay, self.overlay.host
        scaffolding.write(self.tree, overlay.store.overlay, host, overlay.below)
        after = self._read({**self.before.files, **self.known})
        if _note_new_files(after):
            after = self._read(after.files)
        found = plan.compare(self.compared, after, overlay.ground, self.why)
        found = replace(found, lost=tuple(self._lost(found.lost)))
        theirs = found.files.without(scaffolding.paths(host.site_below_prefix))
        if found.changes or theirs or self.base is None:
            found = replace(found, files=theirs)  # our own files only count on their own
        notes = (*self.notes, *self._carried(after)) if found else tuple(self.notes)
        found = replace(found, accepts_host=self.accepts_host, notes=notes)
        self._planned = found, after
        return found

    def _read(self, known: Manifest) -> State:
        site, watch = self.overlay.host.site_below_prefix, self.overlay.watch
        return state.read(self.tree, site, self.entries, known=known, watch=watch)

    def _lost(self, edited: Sequence[str]) -> Iterator[str]:
        """The files whose edits would be lost: neither kept, nor there in the history."""
        kept = self.kept
        if self.restores is not None:
            recorded, now = self.overlay.store.manifest(self.base) or {}, self.before.files
            kept = kept | {p for p in edited if p in recorded and recorded[p] == now[p]}
        return (path for path in edited if path not in kept)

    def _carried(self, after: State) -> Iterator[str]:
        """A note of the edits by hand that come along and are no part of the plan themselves."""
        before, there = self.before.files, self.before.edited & after.files.keys()
        paths = (path for path in self.by_hand.all if path in there)
        same = [path for path in paths if after.files[path][2] == before[path][2]]
        if same:
            rest = f" and {len(same) - _SHOWN} more" if len(same) > _SHOWN else ""
            yield f"edited by hand, and in this revision, too: {', '.join(same[:_SHOWN])}{rest}"

    def unwanted(self, plan: Plan) -> list[Conflict]:
        """The conflicts of a plan that the user has not accepted."""
        accepted = {change.name for change in plan.changes if change.key in self.accepted}
        return [conflict for conflict in plan.conflicts if conflict.name not in accepted]

    def commit(self) -> int:
        """Verify the draft with the host's interpreter, make it current, and return its number.

        Raises:
            VerificationError: something is not as planned.
            OvertakenError: the overlay has changed since the draft was started.
        """
        if self._planned is None:
            self.plan()
        assert self._planned is not None
        found, after = self._planned
        overlay, store = self.overlay, self.overlay.store
        self._compile(after)
        notes = verify.verify(overlay.host, self.tree, [self.site, *overlay.below], found)
        time = now()
        entries = _dated(after.entries, time, user())
        adopted = store.exists and not store.managed
        number = store.next_number() + adopted
        parent = self.base if self.base is not None else number - 1 or None
        revision = self._revision(number, time, self.log, found, entries)
        revision = replace(revision, parent=parent, restores=self.restores, edits=self.by_hand)
        store.prepare(self.tree.parent, revision, after.files, self._notice(number, entries))
        for file in (
            file for copy in after.copies.values() for file in originals.editable_files(copy)
        ):
            make_writable(file)
        with store.lock():
            self._check_not_overtaken(number - adopted)
            if adopted:
                self._adopt(number - 1, time)
            store.commit(self.tree.parent, number)
            with suppress(OSError, OverlayError):  # the commit succeeded in any case
                if self.base is not None:
                    self._close(self.base)
                store.drop_trees(droppable(overlay, overlay.settings.overlay_keep_revisions)[0])
        for note in notes:
            overlay.tell(note)
        return number

    def _close(self, number: int) -> None:
        """Bring the copies of an earlier revision back to what was recorded, and protect them."""
        store, now = self.overlay.store, self.before.entries
        try:
            entries = store.revision(number).distributions
            patches = {key: entry.patch for key, entry in entries.items()}
            copies = self.before.copies.items()
            edited = {key: copy for key, copy in copies if now[key].patch != patches.get(key)}
            patch.restore(edited, patches, store.manifest(number))
        finally:
            store.close(number)

    def _compile(self, after: State) -> None:
        """Compile an overlay outside the home directory, for users who cannot write to it."""
        overlay, host = self.overlay.store.overlay, self.overlay.host
        if Path.home().resolve() not in overlay.resolve().parents:
            final = str(overlay / host.site_below_prefix)
            total = sum(path.endswith(".py") for path in after.files)
            words = ["-I", "-X", "utf8", "-m", "compileall", "-d", final, str(self.site)]
            with self.overlay.watch("Compiling") as step:
                for done, _ in enumerate(filter(_COMPILING, host.lines(words)), 1):
                    step(done, total)

    def _revision(
        self, number: int, time: str, log: Log, plan: Plan, entries: Mapping[str, HistoryEntry]
    ) -> Revision:
        return Revision(
            number=number,
            time=time,
            user=user(),
            hostname=socket.gethostname(),
            command=log.command,
            reason=log.reason,
            host=self.overlay.host.fingerprint(),
            plan=plan.to_json(),
            distributions=entries,
        )

    def _check_not_overtaken(self, number: int) -> None:
        store, before = self.overlay.store, self.before.files
        files: Manifest = take_manifest(store.real, before) if store.exists else {}
        same = store.current() == self.base and store.next_number() == number
        if not same or differences(before, files):
            raise OvertakenError(str(store.overlay))

    def _adopt(self, number: int, time: str) -> None:
        """Make an overlay that was made by hand a revision."""
        store, log = self.overlay.store, Log((), "adopted: made by hand")
        entries = _dated(self.before.entries, time, store.real.owner())
        plan = Plan(str(self.overlay.host.prefix), str(store.overlay))
        revision = self._revision(number, time, log, plan, entries)
        store.adopt(self._directory, revision, self.before.files)

    def _notice(self, number: int, entries: Mapping[str, HistoryEntry]) -> str:
        prefix, site = str(self.overlay.host.prefix), str(self.overlay.host.site_packages)
        dates = [(entry.until, key) for key, entry in entries.items() if entry.until]
        return notice.content(number, notice.state_of(prefix, site), site, dates)


def _note_new_files(state: State) -> bool:
    """Make what was added beside the modules of copies part of them; whether there is any."""
    free = state.files.keys() - set().union(*state.owned.values()) if state.copies else set()
    found = False
    for key, copy in state.copies.items():
        names = {os.path.relpath(path, copy.below) for path in state.owned[key]}
        beside = (p.removeprefix(copy.below) for p in free if p.startswith(copy.below))
        if new := {name for name in beside if originals.belongs(name, names)}:
            originals.note_files(copy, names | new)
            found = True
    return found


def _check_for_intruders(site: Path) -> None:
    if intruder := locate.intruder(str(site), guard=""):
        raise OverlayError(
            f"A distribution ships its own {os.path.relpath(intruder, site)}, which "
            "would disable the guard that keeps the overlay out of other Pythons.",
            "install it without that file, or ask for it to be installed in the environment",
        )


def _dated(entries: Mapping[str, HistoryEntry], time: str, by: str) -> dict[str, HistoryEntry]:
    """Give entries without a time this time and user."""
    return {k: e if e.since else replace(e, since=time, by=by) for k, e in entries.items()}
