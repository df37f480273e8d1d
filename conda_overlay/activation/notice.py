"""Notices at activation: the host has changed, or a distribution is overdue.

If nothing has changed, two `stat` calls of the host suffice. Each change of an overlay writes the
state of the host and the dates to a file. A second file records the facts that the user was told,
so that each is told once, where somebody sees it. If that file cannot be written, or if the overlay
belongs to another user, nothing is told.
"""

from __future__ import annotations

import os

from conda_overlay.activation import files, locate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

FORK = "conda-meta/overlay-fork"
"""The directory in a fork's prefix for our data; conda does not clone it, but removes it."""

_SIGNS = (".dist-info", ".egg-info", ".egg-link", ".json")


def content(number: int, host_state: str, site: str, dates: list[tuple[str, str]]) -> str:
    """The text of the notice file of an overlay.

    Args:
        number: the revision.
        host_state: the host's state, from `state_of`.
        site: the host's site-packages.
        dates: pairs of a date (ISO 8601) and the distribution that is overdue after it.
    """
    lines = [f"revision {number}", f"host {host_state} {site}"]
    lines += [f"until {date} {name}" for date, name in dates]
    return "".join(line + "\n" for line in lines)


def state_of(prefix: str, site: str) -> str:
    """Describe the installations by pip and conda in a host, so that changes can be detected.

    Returns:
        The modification times of two directories, in nanoseconds, and after the last slash a
        checksum of the names and versions in them. The checksum tells installations from other
        changes of a directory, as by Python when root imports a module for the first time.
    """
    return f"{_times(prefix, site)}/{names_of(prefix, site)}"


def content_of_fork(baseline: str, site: str = "") -> str:
    """The text of a fork's notice file; the baseline is an environment with a site, or a list."""
    state = state_of(baseline, site) if site else _state_of_file(baseline)
    return f"baseline {baseline}\n{'host' if site else 'file'} {state} {site}\n"


def news(overlay: str, prefix: str, today: str, *, seen: bool = True) -> list[str]:
    """Return the new notices about an overlay.

    Args:
        overlay: its public path.
        prefix: of its environment.
        today: an ISO 8601 date.
        seen: whether somebody sees them, so that they count as told.
    """

    def facts(state_dir: int) -> dict[str, str]:
        revision = locate.revision_of(overlay)
        return _facts(_read(f"revisions/{revision}/notice", state_dir), prefix, today)

    return _news(locate.state_dir(overlay), facts, seen)


def news_of_fork(prefix: str, *, seen: bool = True) -> list[str]:
    """Return the new notices about an environment, if it is a fork."""
    facts: Callable[[int], dict[str, str]] = lambda place: _facts(_read("notice", place), prefix)  # noqa: E731
    return _news(os.path.join(prefix, FORK), facts, seen)


def news_of_relative(overlay: str, prefix: str, sentence: str, *, seen: bool = True) -> list[str]:
    """Return a sentence about an overlay that may be meant for an environment, if it is new."""
    fact = f"moved {os.path.realpath(prefix)}"
    return _news(locate.state_dir(overlay), lambda _: {fact: sentence}, seen, "told.moved")


def _news(
    directory: str, facts_in: Callable[[int], dict[str, str]], seen: bool, memory: str = "told"
) -> list[str]:
    try:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
        state_dir = os.open(directory, flags)
    except OSError:
        return []
    try:
        if os.fstat(state_dir).st_uid != os.geteuid():
            return []
        facts = facts_in(state_dir)
        told = _read(memory, state_dir) if facts else []
        new = [sentence for fact, sentence in facts.items() if fact not in told]
        return new if new and (not seen or remember("\n".join(facts), state_dir, memory)) else []
    except OSError:  # made by hand, or damaged
        return []
    finally:
        os.close(state_dir)


def _facts(notice: list[str], prefix: str, today: str = "") -> dict[str, str]:
    """The facts to tell today: each as it is remembered, with its sentence."""
    revision, what = "the last change", "the environment"
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
                site = os.path.join(prefix, *rest.split("/")[-3:])  # it may have moved
                now = names if times == _times(prefix, site) else names_of(prefix, site)
            if now != names:
                facts[f"host {names} {now}"] = f"{what} has changed since {revision}"
        elif word == "until" and fact < today:
            facts[line] = f"{rest} has been overdue since {fact}"
    return facts


def _state_of_file(path: str, times: str = "", known: str = "") -> str:
    """Describe a file as `state_of` does a host; if `times` still holds, so does the checksum."""
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


def names_of(prefix: str, site: str) -> str:
    """A checksum of the names and versions of what pip and conda have installed in a host."""
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


def remember(facts: str, state_dir: int, name: str) -> bool:
    """Write the facts to a new file, so that no link is followed; return whether that worked."""
    import contextlib

    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{name}.new", dir_fd=state_dir)
        with open(os.open(f"{name}.new", flags, 0o600, dir_fd=state_dir), "wb") as file:
            file.write(facts.encode("utf-8", "surrogateescape"))
        os.rename(f"{name}.new", name, src_dir_fd=state_dir, dst_dir_fd=state_dir)
    except OSError:
        return False
    return True
