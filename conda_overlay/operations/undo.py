"""Goes back to an earlier revision, as a new one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from conda_overlay import guard, manifest, planner, scripts
from conda_overlay.distributions import Site, read_site
from conda_overlay.exceptions import NoSuchRevisionError
from conda_overlay.models import Entry, Log, Plan, Result, Revision
from conda_overlay.operations import locked
from conda_overlay.pip import Pip

if TYPE_CHECKING:
    from conda_overlay.stack import Stack


def undo(
    stack: Stack, number: int | None, log: Log, pip: Pip, confirm: Callable[[Plan], bool]
) -> Result:
    """Plan, ask, commit; see `Overlay.undo`."""
    with stack.change() as transaction:
        target = _target(stack, number)
        tree = stack.store.tree(target.number) if target.number else None
        gone = tree is None and bool(target.distributions)
        own = read_site(stack.site)
        if gone:
            pip.say(f"The files of revision {target.number} were dropped; installing them again.")
            transaction.start_from(None)
            locked.install(stack, transaction, target.distributions, pip)
        else:
            transaction.start_from(tree)
        then: Site = read_site(transaction.site)
        why = {"": f"back to revision {target.number}"}
        changes = planner.difference(stack.below_view, own, then, why)
        broken = planner.new_conflicts(
            planner.effective(own, *stack.below_sites),
            planner.effective(then, *stack.below_sites),
            stack.host.markers,
            stack.host.site_packages,
        )
        files = not changes and not is_current(stack, transaction.tree)
        plan = Plan(str(stack.host.prefix), str(stack.store.overlay), changes, broken, files)
        if not (changes or files) or not confirm(plan):
            return Result(plan, None)
        log = replace(log, restores=target.number)
        entries: dict[str, Entry] = dict(target.distributions)
        return Result(plan, transaction.finish(plan, log, entries))


def is_current(stack: Stack, draft: Path) -> bool:
    """Whether a draft holds what the overlay holds already, the guard aside."""
    facts = stack.store.facts(stack.store.current())
    found = manifest.compare(draft, manifest.take(stack.tree, facts))
    ours = {str(stack.host.site_below_prefix / guard.NAME), f"bin/{scripts.NAME}"}
    return {*found.added, *found.changed, *found.removed} <= ours


def _target(stack: Stack, number: int | None) -> Revision:
    """The revision to go back to; number 0 is the host without anything over it."""
    numbers = stack.store.numbers()
    current = stack.store.current()
    if current is None:
        raise NoSuchRevisionError(str(stack.store.overlay), number, numbers)
    if number is None:
        number = max((n for n in numbers if n < current), default=0)
    if number == 0:
        return replace(stack.store.revision(current), number=0, distributions={})
    if number not in numbers:
        raise NoSuchRevisionError(str(stack.store.overlay), number, numbers)
    return stack.store.revision(number)
