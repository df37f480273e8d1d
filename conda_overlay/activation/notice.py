"""What is worth a line at activation: the host has changed, or something is overdue.

Two `stat` calls when nothing has happened. The state of the host and the dates are in a file that
each change of an overlay writes; a second one remembers what was told, so that it is told once a
day. Where that cannot be written the overlay is somebody else's, and so is the news.
"""

from __future__ import annotations

import os

from conda_overlay.activation import locate, wiring

_SIGNS = (".dist-info", ".egg-info", ".egg-link", ".json")


def content(host_state: str, site: str, dates: list[tuple[str, str]]) -> str:
    """The text of the file.

    Args:
        host_state: what `state_of` says of the host.
        site: the host's site-packages.
        dates: pairs of a date (ISO 8601) and the distribution that is overdue after it.
    """
    lines = [f"host {host_state} {site}"]
    lines += [f"until {date} {name}" for date, name in dates]
    return "".join(line + "\n" for line in lines)


def state_of(prefix: str, site: str) -> str:
    """What pip and conda have put into the host, and when.

    Returns:
        The times of two directories, in nanoseconds, and behind the last slash a checksum of the
        names and versions in them: for what changes a directory and installs nothing, as Python
        does when root imports a module for the first time.
    """
    return f"{_times(prefix, site)}/{_names(prefix, site)}"


def news(overlay: str, prefix: str, today: str) -> list[str]:
    """The sentences that the user has not been told today.

    Args:
        overlay: one that has just been wired.
        prefix: its host.
        today: the date (ISO 8601).
    """
    state_dir = locate.state_dir(overlay)
    sentences = []
    memory = [today]
    revision = os.path.dirname(os.path.realpath(overlay))
    for line in _read(os.path.join(revision, "notice")).split("\n"):
        word, fact, rest = [*line.split(" ", 2), "", ""][:3]
        if word == "host" and "\0" not in rest:
            times, _, names = fact.rpartition("/")
            now = names if times == _times(prefix, rest) else _names(prefix, rest)
            if now != names:
                sentences.append("the environment below it has changed")
                memory.append(now)
        elif word == "until" and fact < today:
            sentences.append(f"{rest} was to be there until {fact}")
            memory.append(rest)
    return sentences if sentences and _remember(state_dir, "\n".join(memory)) else []


def _directories(prefix: str, site: str) -> tuple[str, str]:
    return site, os.path.join(prefix, "conda-meta")


def _times(prefix: str, site: str) -> str:
    times = []
    for path in _directories(prefix, site):
        try:
            times.append(str(os.stat(path).st_mtime_ns))
        except OSError:
            times.append("-")
    return "/".join(times)


def _names(prefix: str, site: str) -> str:
    found = []
    for path in _directories(prefix, site):
        try:
            found += sorted(name for name in os.listdir(path) if name.endswith(_SIGNS))
        except OSError:
            found.append("-")
    return wiring.checksum("\n".join(found))


def _read(path: str) -> str:
    """The text of a file; empty when it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""


def _remember(state_dir: str, memory: str) -> bool:
    """Whether this has not been told yet; it counts as told from now on."""
    path = os.path.join(state_dir, "told")
    if _read(path) == memory:
        return False
    try:
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(memory)
    except OSError:
        return False
    return True
