"""Where one stands among the revisions, as in an editor: what `undo` and `redo` lead to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from conda_overlay.models import Revision


@dataclass
class Timeline:
    """The states that were made, in order; an undo or redo moves along them and makes none."""

    done: list[int] = field(default_factory=lambda: [0])
    """The numbers of the revisions that made the states up to the current one; 0: the host."""
    undone: list[int] = field(default_factory=list)
    """Those that `redo` leads to, the next one last."""

    @property
    def position(self) -> int:
        """The number of the revision whose state is the current one."""
        return self.done[-1]


def timeline(revisions: Iterable[Revision]) -> Timeline:
    """Work out where one stands.

    Args:
        revisions: all of them, in order.
    """
    line = Timeline()
    state = {0: 0}  # the revision that made the state of each revision
    for revision in revisions:
        target = None if revision.restores is None else state.get(revision.restores)
        state[revision.number] = revision.number if target is None else target
        if target in line.done:
            while line.position != target:
                line.undone.append(line.done.pop())
        elif target in line.undone:
            while line.position != target:
                line.done.append(line.undone.pop())
        else:
            line.done.append(state[revision.number])
            line.undone.clear()
    return line
