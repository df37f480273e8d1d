"""What is worth a line at activation: the host has changed, or something is overdue.

Two `stat` calls when nothing has happened. The state of the host and the dates are in a file that
each change of an overlay writes; a second one remembers what was told, so that it is told once a
day. Where that cannot be written the overlay is somebody else's, and so is the news.
"""

from __future__ import annotations

import os

from conda_overlay.activation import locate


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
    """When pip and conda last changed the host: the times of two directories, in nanoseconds."""
    times = []
    for path in (site, os.path.join(prefix, "conda-meta")):
        try:
            times.append(str(os.stat(path).st_mtime_ns))
        except OSError:
            times.append("-")
    return "/".join(times)


def news(overlay: str, prefix: str, today: str) -> list[str]:
    """The sentences that the user has not been told today.

    Args:
        overlay: one that has just been wired.
        prefix: its host.
        today: the date (ISO 8601).
    """
    state_dir = locate.state_dir(overlay)
    try:
        with open(os.path.join(state_dir, "notice"), encoding="utf-8") as file:
            lines = file.read().splitlines()
    except (OSError, ValueError):
        return []
    sentences = []
    memory = [today]
    for line in lines:
        word, fact, name = [*line.split(" ", 2), "", ""][:3]
        if word == "host":
            now = state_of(prefix, name)
            if now != fact:
                sentences.append("the environment has changed since the overlay was")
                memory.append(now)
        elif word == "until" and fact < today:
            sentences.append(f"{name} was to be there until {fact}")
            memory.append(name)
    return sentences if sentences and _remember(state_dir, "\n".join(memory)) else []


def _remember(state_dir: str, memory: str) -> bool:
    """Whether this has not been told yet; it counts as told from now on."""
    path = os.path.join(state_dir, "told")
    try:
        with open(path, encoding="utf-8") as file:
            if file.read() == memory:
                return False
    except (OSError, ValueError):
        pass
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(memory)
    except OSError:
        return False
    return True
