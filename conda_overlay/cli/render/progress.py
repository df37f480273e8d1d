"""Bars for what takes more than a second, by conda's own means, where there is a terminal."""

from __future__ import annotations

from time import monotonic
from typing import Any

from conda.base.context import context

from conda_overlay.cli.render.output import is_terminal, tell
from conda_overlay.core.progress import Progress

_PATIENCE = 1.0  # seconds before something is shown


class Watched:
    """Shows how far something is, from when it has taken a second on."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._start = monotonic()
        self._bar: Any = None

    def __enter__(self) -> Any:
        """Return what is told of each step: how many are done, and of how many."""
        wanted = is_terminal() and not (context.quiet or context.json)
        return self._step if wanted else lambda done, total: None

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def _step(self, done: int, total: int) -> None:
        if self._bar is None and monotonic() - self._start > _PATIENCE:
            self._bar = _bar(self._title)
        if self._bar is not None:
            self._bar.update_to(min(done / max(total, 1), 1.0))


def _bar(title: str) -> Any:
    """A bar of the conda that runs this: its reporters', or those that older ones have."""
    try:
        from conda.reporters import get_progress_bar
    except ImportError:
        from conda.common.io import ProgressBar as get_progress_bar
    return get_progress_bar(f"{title} | ")


class Shown(Progress):
    """Tells the user on stderr, and shows bars."""

    def tell(self, text: str) -> None:
        """Print a message."""
        tell(text)

    def watch(self, title: str) -> Watched:
        """Show a bar."""
        return Watched(title)
