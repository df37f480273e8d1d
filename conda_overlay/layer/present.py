"""An overlay as it is now, read without its environment, which may be gone."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from conda_overlay.core.errors import StateError
from conda_overlay.core.models import HistoryEntry
from conda_overlay.layer.state import State, read_state
from conda_overlay.layer.store import Store


def present_states(store: Store) -> dict[Path, State]:
    """The states of an overlay, for each Python that it is for; by site-packages below it.

    What the history cannot tell counts as made by hand.
    """
    number, place = None, store.real
    entries: Mapping[str, HistoryEntry] = {}
    with suppress(StateError):
        number = store.current()
    if not store.exists and store.numbers():  # its link was removed
        number = store.numbers()[-1]
        place = store.tree(number) or place
    with suppress(StateError):
        entries = store.revision(number).distributions if number is not None else {}
    recorded, found = store.manifest(number), {}
    for site in sorted(place.glob("lib/python*/site-packages")):
        below, index = site.relative_to(place), store.index(number, site)
        found[below] = read_state(place, below, entries, recorded, index=index)
    return found


def present_own(states: dict[Path, State]) -> set[str]:
    """The user's own files, which no distribution has, for none of these Pythons."""
    own = [state.own(below) for below, state in states.items()]
    return own[0].intersection(*own) if own else set()


def present(store: Store, number: int) -> tuple[Mapping[str, HistoryEntry], set[str]]:
    """The distributions of the current revision with their present edits, and the own files.

    Args:
        store: of the overlay.
        number: of its current revision.
    """
    entries, states = dict(store.revision(number).distributions), present_states(store)
    for now in (state.entries for state in states.values()):
        same = (k for k in entries.keys() & now.keys() if entries[k].version == now[k].version)
        entries.update({key: now[key] for key in same})
    return entries, present_own(states)
