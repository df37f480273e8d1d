"""Finds overlays that may be meant for an environment that has none.

Their own environment was renamed or moved without a link, or a link to it leads elsewhere now.
"""

from __future__ import annotations

import os

from conda_overlay.activation import files, locate, notice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Relative:
    """An overlay of another environment that may be meant for this one."""

    def __init__(self, overlay: str, host: str, is_gone: bool) -> None:
        self.overlay = overlay
        """Its public path."""
        self.host = host
        """The real path of its environment, as recorded."""
        self.is_gone = is_gone
        """Whether that environment does not exist any more, under that path."""

    def sentence(self, prefix: str) -> str:
        """Say how it is related to an environment."""
        if self.is_gone:
            return f"{self.overlay} is of {self.host}, which is gone, and perhaps {prefix} now"
        return f"{self.overlay} is of {self.host}, where {prefix} led before"


def relatives(prefix: str, overlay_dirs: Sequence[str], owners: set[int]) -> list[Relative]:
    """Find the user's own overlays that may be meant for an environment without one.

    Args:
        prefix: of the environment, as it was named.
        overlay_dirs: absolute paths.
        owners: the trusted user ids.
    """
    try:
        return [*_relatives(prefix, overlay_dirs, owners)]
    except OSError:  # another command is changing them
        return []


def _relatives(prefix: str, overlay_dirs: Sequence[str], owners: set[int]) -> Iterator[Relative]:
    real = os.path.realpath(prefix)
    for directory in overlay_dirs:
        for overlay, host, named in locate.recorded_in(directory, owners):
            if not os.path.islink(overlay) or os.lstat(overlay).st_uid != os.geteuid():
                continue
            gone = is_gone(host)
            if is_same(overlay, host, real) if gone else prefix != real and named == prefix:
                yield Relative(overlay, host, gone)


def is_gone(host: str) -> bool:
    """Whether there is no environment at a recorded path any more."""
    return not os.path.isdir(os.path.join(host, "conda-meta"))


def is_same(overlay: str, host: str, prefix: str) -> bool:
    """Whether an environment has the name, or the packages, of the one that an overlay records."""
    return os.path.basename(host) == os.path.basename(prefix) or _has_packages(overlay, prefix)


def _has_packages(overlay: str, prefix: str) -> bool:
    try:
        revision = locate.revision_of(overlay)
    except OSError:
        return False
    path = os.path.join(locate.state_dir(overlay), "revisions", revision, "notice")
    for line in (files.read(path) or b"").decode("utf-8", "surrogateescape").split("\n"):
        word, fact, site = [*line.split(" ", 2), "", ""][:3]
        if word == "host" and "\0" not in site:
            here = os.path.join(prefix, *site.split("/")[-3:])
            return notice.names_of(prefix, here) == fact.rpartition("/")[2]
    return False
