"""Changes what the history records of distributions, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from conda_overlay.change.draft import Draft
from conda_overlay.change.entries import requested
from conda_overlay.change.remove import key_in_overlay


def note(
    draft: Draft, names: Sequence[str], reason: str | None, intent: str | None, until: str | None
) -> None:
    """Record another reason, intent or date for distributions; None keeps, empty text removes.

    A dependency becomes requested: otherwise it would go when nothing needs it, note and all.

    Raises:
        NotInOverlayError: the overlay has no such distribution.
    """
    given = {"reason": reason, "intent": intent, "until": until}
    new: dict[str, Any] = {
        name: value or None for name, value in given.items() if value is not None
    }
    for key in [key_in_overlay(draft, name) for name in names]:
        entry = replace(draft.entries[key], **new)
        if any(new.values()) and not entry.requested and key in draft.installed:
            entry = requested(draft, key, entry)
        draft.entries[key] = entry
