"""Notes of a plan: on edits that are carried along, and on files that a change leaves behind."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from conda_overlay.core.models import LEFT, Change, HistoryEntry
from conda_overlay.core.text import few
from conda_overlay.distributions.site import modules
from conda_overlay.edits.checkouts import root_of, stays
from conda_overlay.filesystem.manifest import Manifest
from conda_overlay.layer import checkouts
from conda_overlay.layer.index import Index
from conda_overlay.layer.shared import fault_of_source
from conda_overlay.layer.stack import Stack
from conda_overlay.layer.state import State


def carried_edits(before: State, after: State, by_hand: Iterable[str]) -> Iterator[str]:
    """A note on the edits by hand that the revision will include but the plan does not show.

    Args:
        before: the old state.
        after: the new state.
        by_hand: the unrecorded edits.
    """
    deleted = {path for key in before.deleted.keys() & after.site for path in before.deleted[key]}
    kept = []
    for path in by_hand:
        if path in deleted - after.files.keys():
            kept.append(f"{path} (deleted)")
        elif path in before.edited & after.files.keys():
            kept += [path] if after.files[path][2] == before.files[path][2] else []
    if kept:
        yield f"this revision keeps your edits: {few(kept)}"


def gone(
    stack: Stack, recorded: Mapping[str, HistoryEntry], before: State, after: State
) -> Iterator[Change]:
    """The recorded distributions that were removed by hand, which the revision leaves out.

    Args:
        stack: the layers.
        recorded: the distributions of the current revision.
        before: the old state.
        after: the new state.
    """
    keys = sorted(recorded.keys() - before.site.keys() - after.site.keys())
    index = stack.store.index(None, stack.host.site_below_prefix) if keys else Index()
    for key in keys:
        below, old = stack.below_view.get(key), recorded[key].version
        host, why = below.version if below else None, "its files are gone"
        infos = (name for name, one in index.metadata.items() if one.distribution.key == key)
        owned = {path for name in infos for path in index.rows[name][1] or ()}
        site = f"{stack.host.site_below_prefix}/"
        left = owned & after.files.keys() - after.all_owned
        if left := modules({p.removeprefix(site) for p in left if p.startswith(site)}):
            way = "conda overlay repair, typed first, puts it back"
            why = f"{LEFT}, but {few(sorted(left))} stays in the overlay: {way}"
        yield Change(recorded[key].name or key, "remove", host, old, None, ("version",), why)


def ours_renewed(recorded: Manifest, before: State, after: State, ours: set[str]) -> Iterator[str]:
    """A note on the files of ours that were changed by hand, and that the revision has anew."""
    there = (path for path in ours & before.files.keys() & after.files.keys())
    shas = {path: (before.files[path][2], recorded.get(path, ("",))[-1]) for path in there}
    changed = [path for path, (now, old) in shas.items() if now not in (old, after.files[path][2])]
    if changed:
        yield f"made anew, without your edits: {few(sorted(changed))}"


def in_front(stack: Stack, after: State, keys: Collection[str]) -> Iterator[str]:
    """A note on each changed distribution that another layer hides.

    Args:
        stack: the layers.
        after: the new state.
        keys: the changed distributions.
    """
    for key in sorted(keys & stack.above_view.keys() & after.site.keys()):
        found, mine = stack.above_view[key], after.site[key][0]
        layer = next(
            one for one in stack.layers if found.site == one / stack.host.site_below_prefix
        )
        what = f"{found.name} {found.version} of {stack.label_of(layer) or layer}"
        yield f"{what} is in effect in front of {mine.name} {mine.version}"


def sources_of_others(stack: Stack, after: State, keys: Iterable[str]) -> Iterator[str]:
    """A note on each new editable of a layer for everybody that not everybody can run, or should.

    Args:
        stack: the layers.
        after: the new state.
        keys: the changed distributions.
    """
    for one in (after.site[key][0] for key in keys if stack.is_shared):
        if one.editable:
            what, layer = f"{one.name} {one.version}", stack.store.overlay.parent
            yield from filter(None, [fault_of_source(Path(one.editable), what, layer)])


def files_left(before: State, after: State) -> Iterator[str]:
    """A note on each distribution with files as another had them that no longer owns them."""
    left: dict[str, tuple[str, str | None]] = {}
    for key, owned in before.owned.items():
        if paths := (owned - after.owned.get(key, frozenset())) & after.files.keys():
            rows = before.rows(key)
            left.update({p: (key, rows[p]) for p in paths if rows.get(p) == after.files[p][2]})
    for key in after.site if left else ():
        rows = after.rows(key)
        mine = sorted(p for p in left.keys() & rows.keys() if rows[p] not in (None, left[p][1]))
        if mine:
            others = few(sorted({left[path][0] for path in mine}))
            files = few([path.removeprefix(after.site[key][0].below) for path in mine])
            yield f"{files} of {key} as {others} had it: conda overlay repair {key}"


def checkouts_left(stack: Stack, before: State, after: State) -> Iterator[str]:
    """A note on each checkout with the user's work that is no longer in effect.

    Args:
        stack: the layers.
        before: the old state.
        after: the new state.
    """
    ours = stack.store.state / checkouts.BELOW
    for key, (old, *_) in before.site.items():
        now = after.site.get(key)
        if old.editable and not (now and now[0].editable == old.editable):
            source = Path(old.editable)
            yield from stays(root_of(source)) if source.is_relative_to(ours) else ()
