"""Updates what was asked for to its newest version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from packaging.utils import canonicalize_name

from conda_overlay.change.draft import Draft
from conda_overlay.change.install import install
from conda_overlay.change.locked import for_pip
from conda_overlay.core.errors import NotInOverlayError
from conda_overlay.core.models import HistoryEntry, Request
from conda_overlay.distributions.dependencies import named


def update(draft: Draft, names: Sequence[str], options: Sequence[str] = ()) -> None:
    """Update distributions, as ``install --upgrade`` does, with the options that each came with.

    Args:
        draft: of the next state.
        names: of the overlay or the host; without any, all that was asked for, except for what is
            held and what is an editable install.
        options: of pip, beside the recorded ones.

    Raises:
        NotInOverlayError: neither the overlay nor the host has it.
        ResolutionError: no consistent set of distributions exists.
        PipError: pip failed.
    """
    asked = draft.before.requested
    requirements: list[str] = []
    recorded: dict[str, None] = {}
    for text in names or sorted(asked):
        entry = asked.get(str(canonicalize_name(text)))
        if not names and entry is not None and (entry.editable or entry.intent == "hold"):
            why = "an editable install" if entry.editable else "held"
            draft.notes.append(f"{entry.name} {entry.version} is {why}, so it is not updated.")
            continue
        requirements.append(_requirement(draft, text, entry))
        recorded.update(dict.fromkeys(entry.options if entry else ()))
    if not requirements:
        return
    words = ("--upgrade", *recorded, *options, "--", *requirements)
    install(draft, Request(words, tuple(requirements)))
    for key, entry in asked.items():  # an update changes no intent
        if key in draft.entries:
            there = draft.entries[key]
            draft.entries[key] = replace(there, intent=entry.intent, until=entry.until)


def _requirement(draft: Draft, text: str, entry: HistoryEntry | None) -> str:
    """What to ask pip for: the recorded requirement, but the bare name of what is pinned."""
    name = named(text)
    if name.specifier or name.url:
        return text
    key = str(canonicalize_name(name.name))
    if entry is None or entry.intent == "hold" or not entry.requirement or entry.editable:
        if key not in draft.before.site and key not in draft.stack.below_view:
            raise NotInOverlayError(name.name, where=None, overlay=str(draft.stack.store.overlay))
        return text
    return for_pip(entry.requirement)
