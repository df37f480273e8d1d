"""Makes a draft the current revision: checks the rules, and writes in a crash-safe order.

A revision is written in the draft's directory, synced to disk, and verified before the lock is
taken. Under the lock it gets its number by one rename, and becomes current by another.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from conda_overlay.activation import layer_news, notice
from conda_overlay.change.draft import Draft
from conda_overlay.change.verify import started, verify
from conda_overlay.core.errors import EditedError, OverlayError, OvertakenError, ResolutionError
from conda_overlay.core.models import Change, HistoryEntry, Plan, Revision
from conda_overlay.core.text import few
from conda_overlay.edits import originals, patch
from conda_overlay.filesystem.atomic import drop_bytecode
from conda_overlay.filesystem.lock import now, person, user
from conda_overlay.filesystem.manifest import Manifest, differences, take_manifest
from conda_overlay.filesystem.tree import in_repository, is_own, make_writable, part, share
from conda_overlay.layer.checkouts import drop_unused
from conda_overlay.layer.host_file import record_host
from conda_overlay.layer.retention import droppable
from conda_overlay.layer.state import State, own_files
from conda_overlay.layer.store import PATIENCE

_WOULD_BREAK = "The overlay is unchanged, because this would break:"

_COMPILING = re.compile("Compiling ").match  # compileall prints it for each file


def check_rules(
    draft: Draft, plan: Plan, *, allow_conflicts: bool = False, force: bool = False
) -> None:
    """Check the rules for every change: refuse a plan that breaks something, or loses edits.

    Raises:
        ResolutionError: something would break.
        EditedError: edits made by hand would be lost.
    """
    accepted = {change.name for change in plan.changes if change.key in draft.accepted}
    breaks = any(conflict.name not in accepted for conflict in plan.conflicts)
    if breaks and not (allow_conflicts or draft.allow_conflicts):
        raise ResolutionError(_WOULD_BREAK, plan.conflicts)
    if plan.lost and not force:
        raise EditedError(plan.lost)


def commit(
    draft: Draft,
    *,
    allow_conflicts: bool = False,
    force: bool = False,
    timeout: float = PATIENCE,
) -> int | None:
    """Make a draft the current revision; see `Draft.commit`."""
    if draft.is_dry_run or draft.committed or not draft.directory.exists():
        why = "for a dry run" if draft.is_dry_run else "committed already, or given up"
        raise OverlayError(f"This draft is {why}.", "start another: with overlay.draft() as draft:")
    plan, after = draft.planned()
    check_rules(draft, plan, allow_conflicts=allow_conflicts, force=force)
    if not plan:
        return None
    stack, store = draft.stack, draft.stack.store
    _compile(draft, after)
    own = after.own(stack.host.site_below_prefix)
    _part(draft, after, own)
    _drop_bytecode(draft)
    time, sites = now(), [draft.site, *stack.below]
    entries = _dated(after.entries, time, user())
    adopted = store.exists and not store.managed
    number = store.next_number() + adopted
    revision = replace(
        _revision(draft, number, time, plan, entries),
        parent=draft.base if draft.base is not None else number - 1 or None,
        restores=draft.restores,
        edits=draft.by_hand,
    )
    told, facts = _notice(draft, revision), stack.host.facts()
    with started(stack.host, sites) as interpreter:  # meanwhile the disk works
        store.prepare(draft.tree.parent, revision, after.files, told, after.index, facts)
        notes = verify(interpreter, stack.host, sites, after, plan)
    _make_writable(draft, after, own)
    faults: list[str] = []
    with store.lock(timeout):
        _check_not_overtaken(draft, number - adopted)
        if adopted:
            _adopt(draft, number - 1, time)
        store.commit(draft.tree.parent, number)
        draft.committed = True
        with suppress(OSError, OverlayError):  # whatever fails here, the commit has succeeded
            record_host(store.overlay, stack.host.real, stack.host.prefix)
            if draft.base is not None:
                faults += _close(draft, after, draft.base)
            store.drop_trees(droppable(stack, stack.settings.overlay_keep_revisions)[0])
            drop_unused(store)
    if faults:
        notes += [f"revision {draft.base} is not as it was recorded: {few(faults)}"]
    for note in notes:
        stack.progress.tell(note)
    return number


def _drop_bytecode(draft: Draft) -> None:
    """Drop the bytecode of files edited by hand: of edits in one second, it may be the other's."""
    for path in differences(draft.recorded_files or {}, draft.before.files).changed:
        if is_own(draft.tree, draft.tree / path):
            drop_bytecode(draft.tree / path)


def _part(draft: Draft, after: State, own: Collection[str]) -> None:
    """Let no other revision share the files that the user may edit in place."""
    for path in {*own, *(after.edited & after.files.keys())}:
        if after.files[path][0] <= originals.LONGEST:  # larger ones are hardly edited in place
            part(draft.tree / path)


def _make_writable(draft: Draft, after: State, own: Collection[str]) -> None:
    """Let the user write into copies, and git into repositories."""
    places = [draft.tree / path for path in own if in_repository(path)]
    for key in after.copies:  # whose places are in the old tree if no file has changed
        places += originals.editable_files(draft.installed[key][0])
    for file in places:
        if not file.is_symlink():
            make_writable(file)


def _compile(draft: Draft, after: State) -> None:
    """Compile an overlay outside of the home directory, for users who cannot write to it."""
    overlay, host = draft.stack.store.overlay, draft.stack.host
    if Path.home().resolve() not in overlay.resolve().parents:
        final = str(overlay / host.site_below_prefix)
        total = sum(path.endswith(".py") for path in after.files)
        words = ["-I", "-X", "utf8", "-m", "compileall", "-d", final, str(draft.site)]
        with draft.stack.progress.watch("Compiling") as step:
            for done, _ in enumerate(filter(_COMPILING, host.lines(words)), 1):
                step(done, total)


def _revision(
    draft: Draft, number: int, time: str, plan: Plan, entries: Mapping[str, HistoryEntry]
) -> Revision:
    return Revision(
        number=number,
        time=time,
        user=user(),
        hostname=socket.gethostname(),
        command=draft.command,
        reason=draft.reason,
        host=_host_of(draft),
        plan=plan,
        distributions=entries,
    )


def _host_of(draft: Draft) -> Mapping[str, Any]:
    """The fingerprint of the host of a draft: at an undo, as it was then."""
    if draft.restores:
        return draft.stack.store.revision(draft.restores).host
    return draft.stack.fingerprint()


def _check_not_overtaken(draft: Draft, number: int) -> None:
    """Refuse a draft if the overlay has changed since it was started; call this under the lock."""
    store, before = draft.stack.store, draft.before.files
    files: Manifest = take_manifest(store.real, before) if store.exists else {}
    same = store.current() == draft.base and store.next_number() == number
    if not same or differences(before, files):
        raise OvertakenError(str(store.overlay))


def _adopt(draft: Draft, number: int, time: str) -> None:
    """Turn a directory that was made by hand into a revision."""
    store, host = draft.stack.store, draft.stack.host
    entries = _dated(draft.before.entries, time, store.real.owner())
    plan = Plan(str(host.prefix), str(store.overlay))
    revision = _revision(draft, number, time, plan, entries)
    revision = replace(revision, command=(), reason="adopted: made by hand")
    store.adopt(draft.directory, revision, draft.before.files)


def _close(draft: Draft, after: State, number: int) -> list[str]:
    """Bring an earlier revision back to its record, as far as its files were edited in place.

    Edits that the user takes back by name are in no later revision, and so stay there. So do new
    files that no patch has, from which `undo` restores them if they are deleted in place later.

    Returns:
        The lines that describe the edits that cannot be restored.
    """
    store, now = draft.stack.store, draft.before
    recorded = draft.recorded_files or {}
    own = own_files(recorded, now.all_owned, draft.stack.host.site_below_prefix)
    try:
        _share_own(draft, after, number, recorded, own | now.edited)
        entries = store.revision(number).distributions
        patches = {key: entry.patch for key, entry in entries.items()}
        there = now.copies.items()
        edited = {key: copy for key, copy in there if now.entries[key].patch != patches.get(key)}
        edited = {key: copy for key, copy in edited.items() if key not in draft.taken_back}
        kept = {path for key in edited for path in patch.left_out(now.entries[key].patch)}
        return patch.restore(edited, patches, recorded or None, kept)
    except (OSError, OverlayError) as error:
        return str(error).splitlines()
    finally:
        if own or now.copies or draft.by_hand:
            store.close(number)


def _share_own(
    draft: Draft, after: State, number: int, recorded: Manifest, paths: Collection[str]
) -> None:
    """Let an earlier revision share files that no index has with those before it, as recorded.

    Files that were edited in place come back, unless the edits are in no later revision.
    """
    store, now = draft.stack.store, draft.before.files
    trees = [store.tree(n) for n in reversed(store.numbers()) if n <= number]
    there = [tree for tree in trees if tree]
    for path in recorded.keys() & paths if there else ():
        if now.get(path) in (recorded[path], after.files.get(path)):
            share(there[0] / path, [other / path for other in there[1:]], recorded[path][:2])


def _notice(draft: Draft, revision: Revision) -> str:
    """What activation tells the user of this revision, and everybody who has this layer."""
    prefix, site = str(draft.stack.host.prefix), str(draft.stack.host.site_packages)
    dates = [(entry.until, key) for key, entry in revision.distributions.items() if entry.until]
    told = notice.content(revision.number, notice.state_of(prefix, site), site, dates)
    changed = [(one.key, _outcome(one)) for one in revision.plan.changes if one.files_differ]
    return told + layer_news.content(changed, person(), revision.reason)


def _outcome(change: Change) -> str:
    """Describe what became of a distribution, in a few words."""
    was, now = change.before or change.host_version, change.visible
    if was == now:
        return f"{change.name} {now} with other content"
    if was is None or now is None:
        return f"{change.name} {was or now} {'removed' if was else 'added'}"
    return f"{change.name} {was} -> {now}"


def _dated(entries: Mapping[str, HistoryEntry], time: str, by: str) -> dict[str, HistoryEntry]:
    """Set the time and the user of entries that have no time yet."""
    return {
        key: entry if entry.since else replace(entry, since=time, by=entry.by or by)
        for key, entry in entries.items()
    }
