"""What is worth a line at activation: the host has changed, or something is overdue.

Two `stat` calls when nothing has happened. The state of the host and the dates are in a file that
each change of an overlay writes; a second one remembers what was told, so that each fact is told
once. Where that cannot be written nothing is told, nor of an overlay that is somebody else's.
"""

from __future__ import annotations

import os

from conda_overlay.activation import files, locate

FORK = "conda-meta/overlay-fork"
"""What a fork keeps, below its prefix: conda's clone leaves it out, and removal takes it along."""

_SIGNS = (".dist-info", ".egg-info", ".egg-link", ".json")


def content(number: int, host_state: str, site: str, dates: list[tuple[str, str]]) -> str:
    """The text of the file: a revision, what `state_of` says of the host, whose site-packages.

    Behind each date (ISO 8601) is the distribution that is overdue after it.
    """
    lines = [f"revision {number}", f"host {host_state} {site}"]
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


def content_of_fork(baseline: str, site: str = "") -> str:
    """The text of the file of a fork, of an environment with site-packages, or of a list."""
    state = state_of(baseline, site) if site else _state_of_file(baseline)
    return f"baseline {baseline}\n{'host' if site else 'file'} {state} {site}\n"


def news(overlay: str, prefix: str, today: str) -> list[str]:
    """The sentences on an overlay of a host that the user has not been told, today (ISO 8601)."""
    return _news(locate.state_dir(overlay), prefix, today, overlay)


def news_of_fork(prefix: str) -> list[str]:
    """The sentences on a fork, if an environment is one, that the user has not been told."""
    return _news(os.path.join(prefix, FORK), prefix)


def _news(directory: str, prefix: str, today: str = "", overlay: str = "") -> list[str]:
    try:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
        state_dir = os.open(directory, flags)
    except OSError:
        return []
    try:
        if os.fstat(state_dir).st_uid != os.geteuid():
            return []
        place = ""
        if overlay:
            revision = os.path.basename(os.path.dirname(os.readlink(overlay)))
            place = os.path.join("revisions", revision)
        notice = _read(os.path.join(place, "notice"), state_dir)
        facts = _facts(notice, prefix, today)
        told = _read("told", state_dir) if facts else []
        new = [sentence for fact, sentence in facts.items() if fact not in told]
        return new if new and _remember("\n".join(facts), state_dir) else []
    except OSError:  # made by hand, or something is in the way
        return []
    finally:
        os.close(state_dir)


def _facts(notice: list[str], prefix: str, today: str) -> dict[str, str]:
    """What is worth telling today: what is remembered of it, and the sentence."""
    revision, what = "the last change", "the host environment"
    facts = {}
    for line in notice:
        word, fact, rest = [*line.split(" ", 2), "", ""][:3]
        if word == "revision":
            revision = line
        elif word == "baseline" and "\0" not in line:
            revision, what, prefix = "it was made", "its baseline", line.partition(" ")[2]
        elif word in ("host", "file") and "\0" not in rest:
            times, _, names = fact.rpartition("/")
            if word == "file":
                now = _state_of_file(prefix, times, names).rpartition("/")[2]
            else:
                now = names if times == _times(prefix, rest) else _names(prefix, rest)
            if now != names:
                facts[f"host {names} {now}"] = f"{what} has changed since {revision}"
        elif word == "until" and fact < today:
            facts[line] = f"{rest} is overdue since {fact}"
    return facts


def _state_of_file(path: str, times: str = "", known: str = "") -> str:
    """As `state_of`; the checksum is known if these are its times still."""
    try:
        status = os.stat(path)
        now = f"{status.st_mtime_ns}/{status.st_size}"
    except OSError:
        return "-/-"
    return f"{now}/{known if now == times else _checksum(files.read(path, follow=True) or b'')}"


def _times(prefix: str, site: str) -> str:
    times = []
    for path in (site, os.path.join(prefix, "conda-meta")):
        try:
            times.append(str(os.stat(path).st_mtime_ns))
        except OSError:
            times.append("-")
    return "/".join(times)


def _names(prefix: str, site: str) -> str:
    found = []
    for path in (site, os.path.join(prefix, "conda-meta")):
        try:
            found += sorted(name for name in os.listdir(path) if name.endswith(_SIGNS))
        except OSError:
            found.append("-")
    text = "\n".join(found).encode("utf-8", "surrogateescape")
    return _checksum(text)


def _checksum(text: bytes) -> str:
    return str(int.from_bytes(text, "big") % (2**61 - 1))


def _read(name: str, state_dir: int) -> list[str]:
    content = files.read(name, state_dir) or b""
    return content.decode("utf-8", "surrogateescape").split("\n")


def _remember(facts: str, state_dir: int) -> bool:
    """Write to a new file, so that no link is followed; returns whether that worked."""
    import contextlib

    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink("told.new", dir_fd=state_dir)
        with open(os.open("told.new", flags, 0o600, dir_fd=state_dir), "wb") as file:
            file.write(facts.encode("utf-8", "surrogateescape"))
        os.rename("told.new", "told", src_dir_fd=state_dir, dst_dir_fd=state_dir)
    except OSError:
        return False
    return True
