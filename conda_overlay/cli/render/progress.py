"""Progress bars, which are conda's own, for steps of more than a second on a terminal."""

from __future__ import annotations

from time import monotonic
from typing import Any

from conda.base.context import context

from conda_overlay.cli.render.output import is_terminal, tell
from conda_overlay.core.progress import Progress

_PATIENCE = 1.0  # seconds before a bar is shown


class Watched:
    """Shows the progress of a step after it has taken a second."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._start = monotonic()
        self._bar: Any = None

    def __enter__(self) -> Any:
        """Return a function that is called with the numbers of items done and in total."""
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
    """Create a bar of the running conda, from its reporters or, in old versions, another module."""
    try:
        from conda.reporters import get_progress_bar
    except ImportError:
        from conda.common.io import ProgressBar as get_progress_bar
    return get_progress_bar(f"{title} | ")


class Shown(Progress):
    """Prints messages to stderr, and shows bars."""

    def tell(self, text: str) -> None:
        """Print a message."""
        tell(text)

    def watch(self, title: str) -> Watched:
        """Show a bar."""
        return Watched(title)
