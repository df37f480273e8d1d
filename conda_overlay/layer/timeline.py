"""The position among the revisions, as in an editor: the targets of `undo` and `redo`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from conda_overlay.core.models import Revision
from conda_overlay.layer.revision import UNREADABLE
from conda_overlay.layer.store import Store


@dataclass
class Timeline:
    """The revisions that made a new state; 0 is the host.

    One that only recorded how the host has changed, without edits by hand, made none.
    """

    done: list[int] = field(default_factory=lambda: [0])  # up to the current state, in order
    undone: list[int] = field(default_factory=list)  # the targets of `redo`, the next one last

    @property
    def position(self) -> int:
        """The revision that made the current state."""
        return self.done[-1]


def timeline(revisions: Iterable[Revision]) -> Timeline:
    """Work out the timeline of all revisions, given oldest first."""
    return _timeline_of(
        (
            one.number,
            one.restores,
            one.plan.accepts_host and not (one.plan.changes or one.plan.files or one.edits),
        )
        for one in revisions
    )


def timeline_in(store: Store) -> Timeline:
    """Work out the timeline of an overlay, from as little of its records as possible."""
    number, found = store.current(), []
    with suppress(*UNREADABLE):
        while number is not None:
            record = json.loads(store.read(number, "record.json"))
            parent, restores, plan = (record[name] for name in ("parent", "restores", "plan"))
            files = (*plan["files"].values(), *record["edits"].values())
            same = plan["accepts_host"] and not (plan["changes"] or any(files))
            found.append((number, None if restores is None else int(restores), same))
            number = parent if parent is not None and parent < number else None
    return _timeline_of(found[::-1])


def _timeline_of(steps: Iterable[tuple[int, int | None, bool]]) -> Timeline:
    """Work out the timeline of revisions.

    Args:
        steps: the number of each, of the one that it restores, and whether its state is the same
            as before.
    """
    line = Timeline()
    made_by = {0: 0}  # the revision that made the state of each revision
    for number, restores, same in steps:
        target = number if restores is None else made_by.get(restores, number)
        target = line.position if same else target
        made_by[number] = target
        if target in line.done:
            while line.position != target:
                line.undone.append(line.done.pop())
        elif target in line.undone:
            while line.position != target:
                line.done.append(line.undone.pop())
        else:
            line.done.append(target)
            line.undone.clear()
    return line
