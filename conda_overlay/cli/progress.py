"""Bars for what takes more than a second, by conda's own means, where there is a terminal."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from conda_overlay.tree import Step

_PATIENCE = 1.0  # seconds before something is shown


@contextmanager
def watch(title: str) -> Iterator[Step]:
    """Show how far something is, from when it has taken a second on."""
    from time import monotonic

    start, bar = monotonic(), None

    def step(done: int, total: int) -> None:
        nonlocal bar
        if bar is None and monotonic() - start > _PATIENCE:
            bar = _bar(title)
        if bar is not None:
            bar.update_to(min(done / max(total, 1), 1.0))

    try:
        yield step if _is_wanted() else lambda done, total: None
    finally:
        if bar is not None:
            bar.close()


def _is_wanted() -> bool:
    from conda.base.context import context

    from conda_overlay.cli.output import is_terminal

    return is_terminal() and not (context.quiet or context.json)


def _bar(title: str) -> Any:
    """A bar of the conda that runs this: its reporters', or those that older ones have."""
    try:
        from conda.reporters import get_progress_bar
    except ImportError:
        from conda.common.io import ProgressBar as get_progress_bar
    return get_progress_bar(f"{title} | ")
