"""Feedback for a user who waits: messages, and the progress of long steps."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

Step = Callable[[int, int], None]
"""Called with the number of files done, and the total number."""


class Progress:
    """Shows nothing; the command line has a subclass that shows something."""

    def tell(self, text: str) -> None:
        """Show a message."""

    def watch(self, title: str) -> AbstractContextManager[Step]:
        """Show the progress of a step, with its title, until the context ends."""
        return nullcontext(lambda done, total: None)


SILENT = Progress()
