"""Takes distributions away, with what only they needed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from conda_overlay import planner
from conda_overlay.distributions import Site, altered_files, installed_files, read_site
from conda_overlay.exceptions import EditedError, NotInOverlayError, ResolutionError
from conda_overlay.models import Entry, Log, Plan, Result
from conda_overlay.operations.undo import is_current

if TYPE_CHECKING:
    from conda_overlay.stack import Stack


def remove(
    stack: Stack,
    names: Sequence[str],
    log: Log,
    confirm: Callable[[Plan], bool],
    *,
    keep_dependencies: bool,
    allow_conflicts: bool,
    force: bool,
) -> Result:
    """Plan, ask, commit; see `Overlay.remove`."""
    with stack.change() as transaction:
        own, below = read_site(stack.site), stack.below_view
        named = {str(canonicalize_name(name)): name for name in names}
        for key, name in named.items():
            if key not in own:
                raise NotInOverlayError(name, in_host=key in below, overlay=str(stack.site))
        entries = stack.entries()
        going = {*named, *_followers(stack, own, named, entries, keep_dependencies)}
        after = {key: found for key, found in own.items() if key not in going}
        why = {"": "nothing needs it any more", **dict.fromkeys(named, "requested")}
        changes = planner.difference(below, own, after, why, named)
        broken = planner.new_conflicts(
            planner.effective(own, *stack.below_sites),
            planner.effective(after, *stack.below_sites),
            stack.host.markers,
            stack.host.site_packages,
        )
        if broken and not allow_conflicts:
            raise ResolutionError("Without it, something breaks, so nothing was removed:", broken)
        edited = edited_files(stack, going)
        if edited and not force:
            raise EditedError(edited)
        plan = Plan(str(stack.host.prefix), str(stack.store.overlay), changes, broken)
        if not confirm(plan):
            return Result(plan, None)
        transaction.drop(going)
        entries = {key: entry for key, entry in entries.items() if key not in going}
        return Result(plan, transaction.finish(plan, log, entries))


def reset(stack: Stack, log: Log, confirm: Callable[[Plan], bool]) -> Result:
    """Take everything away, what was put there by hand too; see `Overlay.reset`."""
    with stack.change() as transaction:
        transaction.start_from(None)
        own = read_site(stack.site)
        changes = planner.difference(stack.below_view, own, {}, {"": "requested"}, own)
        files = not changes and not is_current(stack, transaction.tree)
        plan = Plan(str(stack.host.prefix), str(stack.store.overlay), changes, files=files)
        if not (changes or files) or not confirm(plan):
            return Result(plan, None)
        return Result(plan, transaction.finish(plan, log, {}))


def edited_files(stack: Stack, keys: Collection[str]) -> list[str]:
    """The files of distributions that somebody changed by hand, now or in earlier revisions."""
    tree = stack.tree
    edited = {tree / path for path in stack.edits().changed}
    found = set()
    for key, distributions in read_site(tree / stack.host.site_below_prefix).items():
        if key in keys:
            for distribution in distributions:
                files = installed_files(distribution.path, tree) or []
                found.update(edited.intersection(files))
                found.update(altered_files(distribution.path, tree))
    return sorted(str(path.relative_to(tree)) for path in found)


def _followers(
    stack: Stack,
    own: Site,
    named: Collection[str],
    entries: Mapping[str, Entry],
    keep_dependencies: bool,
) -> set[str]:
    """What goes with the named ones; what nothing needed before stays as it was left."""
    below, markers = stack.below_view, stack.host.markers
    wanted = {key for key in own if key not in entries or entries[key].requested}
    asked = [e.requirement for k, e in entries.items() if e.requirement and k in own]
    alone = planner.unneeded(own, below, (), wanted.union(named), markers, asked)
    found = planner.unneeded(own, below, named, wanted, markers, asked) - alone
    return planner.falling(own, below, named, found, markers) if keep_dependencies else found
