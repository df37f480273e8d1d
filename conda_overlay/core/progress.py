"""How a user who waits hears of it: messages, and how far a long step is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

Step = Callable[[int, int], None]
"""Called with the number of files that are done, and of all."""


class Progress:
    """Shows nothing; the command line has one that does."""

    def tell(self, text: str) -> None:
        """Show a message."""

    def watch(self, title: str) -> AbstractContextManager[Step]:
        """Show how far a step is, by its title, until the context ends."""
        return nullcontext(lambda done, total: None)


SILENT = Progress()
