"""Finds the overlays of a host, by name and by the host's path that each overlay records."""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

DEFAULT_DIR = "~/.conda/overlays"

_LARGEST = 2**20  # bytes that activation reads of one file


def expand(overlay_dirs: Sequence[str], environ: Mapping[str, str]) -> list[str]:
    """The overlay directories as absolute paths, the default one when none is named."""
    home = environ.get("HOME") or os.path.expanduser("~")
    found: dict[str, None] = {}
    for path in map(os.path.expandvars, overlay_dirs or [DEFAULT_DIR]):
        path = home + path[1:] if path == "~" or path.startswith("~/") else path
        found[os.path.normpath(os.path.expanduser(path))] = None
    return [*filter(os.path.isabs, found)]


def is_name(name: str) -> bool:
    """Whether an environment's name can be an overlay's: a leading dot would clash with state."""
    return bool(name) and not name.startswith(".") and not set(name) & set("/:\n")


def hashed_name(name: str, host: str) -> str:
    """The name for a host whose own name is taken by another host, or unusable."""
    import hashlib  # costs milliseconds, and is rarely needed

    digest = hashlib.sha256(os.fsencode(host)).hexdigest()[:8]
    stem = "".join("_" if c in ":\n" else c for c in name.lstrip("."))
    return f"{stem}-{digest}" if stem else digest


def state_dir(overlay: str) -> str:
    """Where the revisions and the history of an overlay are."""
    return os.path.join(os.path.dirname(overlay), "." + os.path.basename(overlay))


def recorded_host(overlay: str) -> str | None:
    """The real path of the host that an overlay was made for; None where none is recorded."""
    content = read(os.path.join(state_dir(overlay), "host"))
    return None if content is None else os.fsdecode(content).rstrip("\n")


def read(path: str, directory: int | None = None) -> bytes | None:
    """The content of a small file; None where none can be read, or where it is something else.

    It never blocks, reads without end, or follows a link. The path may be relative to the
    descriptor of a directory.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=directory)
    except OSError:
        return None
    try:
        status = os.fstat(file)
        small = stat.S_ISREG(status.st_mode) and status.st_size <= _LARGEST
        return os.read(file, _LARGEST) if small else None
    except OSError:
        return None
    finally:
        os.close(file)


def names(prefix: str, name: str | None) -> list[str]:
    """The names that an overlay of this host may have: as conda prints it, then as on disk."""
    paths = (name or "", prefix, os.path.realpath(prefix))
    return [*dict.fromkeys(filter(None, (os.path.basename(path.rstrip("/")) for path in paths)))]


def find(prefix: str, overlay_dirs: Sequence[str], name: str | None = None) -> Iterator[str]:
    """The overlays of a host, in the order of ``overlay_dirs``; earlier ones win.

    Args:
        prefix: the host; what an overlay records is compared with its real path.
        overlay_dirs: absolute paths; those that do not exist are passed over.
        name: the host's name as conda prints it.
    """
    host = os.path.realpath(prefix)
    for overlay_dir in filter(os.path.isdir, overlay_dirs):
        overlay = find_in(overlay_dir, host, names(prefix, name))
        if overlay is not None:
            yield overlay


def find_in(overlay_dir: str, host: str, names: Sequence[str]) -> str | None:
    """The overlay of a host in one directory; one made by hand goes by its name alone."""
    for name in names:
        plain = os.path.join(overlay_dir, name)
        if is_name(name) and os.path.lexists(plain):
            recorded = recorded_host(plain)
            by_hand = os.path.isdir(plain) and not os.path.islink(plain)
            if recorded == host or (recorded is None and by_hand):
                return plain
    for name in names:
        hashed = os.path.join(overlay_dir, hashed_name(name, host))
        if recorded_host(hashed) == host:
            return hashed
    return None


def site_packages(overlay: str, prefix: str) -> str | None:
    """The overlay's site-packages for the Python that the host has; None when there is none."""
    lib = os.path.join(overlay, "lib")
    try:
        entries = sorted(os.listdir(lib))
    except OSError:
        return None
    for entry in entries:
        site = os.path.join(lib, entry, "site-packages")
        here = entry.startswith("python") and os.path.exists(os.path.join(prefix, "bin", entry))
        if here and os.path.isdir(site):
            return site
    return None
