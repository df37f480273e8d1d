"""Takes distributions away, with what only they needed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from conda_overlay import planner
from conda_overlay.distributions import installed_files, read_site
from conda_overlay.exceptions import EditedError, NotInOverlayError, ResolutionError
from conda_overlay.models import Log, Plan, Result

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
        going = set(named)
        if not keep_dependencies:
            wanted = {key for key in own if key not in entries or entries[key].requested}
            going |= planner.unneeded(own, below, named, wanted, stack.host.markers)
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


def edited_files(stack: Stack, keys: Collection[str]) -> list[str]:
    """The files of distributions that somebody changed by hand since they were committed."""
    tree = stack.tree
    edited = set(stack.edits().changed)
    found = []
    for key, distributions in read_site(tree / stack.host.site_below_prefix).items():
        if key in keys:
            for distribution in distributions:
                files = installed_files(distribution.path, tree) or []
                found += [str(f.relative_to(tree)) for f in files]
    return sorted(edited & set(found))
