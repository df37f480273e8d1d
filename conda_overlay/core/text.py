"""Parts of sentences: lists of names, names that may be meant, places."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence


def few(items: Sequence[str], most: int = 5) -> str:
    """Join the first items with commas, and count the others: ``a, b and 3 more``."""
    rest = len(items) - most
    return ", ".join(items[:most]) + (f" and {rest} more" if rest > 0 else "")


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """The question whether one of the names is meant that are spelled alike; empty if none is."""
    from difflib import get_close_matches

    alike = {one.lower(): one for one in names if one != name}
    close = get_close_matches(name.lower(), alike, n=3)
    return f" Did you mean {' or '.join(alike[one] for one in close)}?" if close else ""


def user_base(environ: Mapping[str, str] = os.environ) -> str:
    """The directory of ``pip install --user``, as messages name it."""
    return environ.get("PYTHONUSERBASE") or "~/.local"


def named(place: str | None) -> str:
    """The word for a place of distributions in messages: a host is the environment there."""
    return "environment" if place == "host" else place or ""


def all_reasons(first: str | None, *others: str | None) -> str | None:
    """The reasons of a distribution as one text, each once."""
    every = [one for text in (first, *others) for one in (text or "").split("; ")]
    return "; ".join(dict.fromkeys(filter(None, every))) or None
