"""Lists in sentences."""

from __future__ import annotations

from collections.abc import Sequence


def few(items: Sequence[str], most: int = 5) -> str:
    """Join the first items with commas, and count the others: ``a, b and 3 more``."""
    rest = len(items) - most
    return ", ".join(items[:most]) + (f" and {rest} more" if rest > 0 else "")
