"""Finds the overlays of a host, by name and by the host's path as recorded in each overlay."""

from __future__ import annotations

import os

from conda_overlay.activation import trust
from conda_overlay.activation.files import read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

DEFAULT_DIR = "~/.conda/overlays"

UNFIT = frozenset(":\n\r")
"""The characters that PATH or the first line of a script cannot contain."""

GUARD = "sitecustomize.py"

BEFORE_GUARD = frozenset((
    "sitecustomize", "usercustomize", "site", "_sitebuiltins", "encodings", "codecs", "io", "abc",
    "os", "stat", "posixpath", "genericpath", "_collections_abc", "_weakrefset", "_bootlocale",
    "types", "warnings", "linecache", "importlib", "zipimport", "__future__",
))  # fmt: skip
"""The modules that some Python imports before the guard can act, or instead of it."""


def expand(overlay_dirs: Sequence[str], environ: Mapping[str, str]) -> list[str]:
    """Expand the overlay directories to absolute paths; without any, use the default one.

    ``$$`` stands for a dollar sign: see `with_first`.
    """
    home = environ.get("HOME") or os.path.expanduser("~")
    found: dict[str, None] = {}
    for text in map(path_of, overlay_dirs or [DEFAULT_DIR]):
        path = "$".join(map(os.path.expandvars, text.split("$$")))
        path = home + path[1:] if path == "~" or path.startswith("~/") else path
        found[os.path.normpath(os.path.expanduser(path))] = None
    return [*filter(os.path.isabs, found)]


def with_first(path: str, overlay_dirs: Sequence[str]) -> tuple[str, ...]:
    """Overlay directories with an absolute path in front, in which no variable is expanded."""
    return path.replace("$", "$$"), *(overlay_dirs or [DEFAULT_DIR])


def labels(overlay_dirs: Sequence[str], environ: Mapping[str, str]) -> dict[str, str]:
    """The directories that have a label, as in ``beamline=/srv/beamline/layer``, by that."""
    named = [text for text in overlay_dirs if path_of(text) != text]
    return {text.partition("=")[0]: path for text in named for path in expand([text], environ)}


def path_of(text: str) -> str:
    """The path of an overlay directory as it is set, without its label."""
    label, equals, path = text.partition("=")
    return path if equals and label and "/" not in label and path[:1] in ("/", "~", "$") else text


def is_name(name: str) -> bool:
    """Whether an overlay can have this name; a leading dot would clash with a state directory."""
    return bool(name) and not name.startswith(".") and not set(name) & {"/", *UNFIT}


def hashed_name(name: str, host: str) -> str:
    """The overlay's name for a host whose own name is taken by another host, or unusable."""
    import hashlib  # costs milliseconds, and is rarely needed

    digest = hashlib.sha256(os.fsencode(host)).hexdigest()[:8]
    stem = "".join("_" if c in UNFIT else c for c in name.lstrip("."))
    return f"{stem}-{digest}" if stem else digest


def state_dir(overlay: str) -> str:
    """The directory of an overlay's revisions and history."""
    return os.path.join(os.path.dirname(overlay), "." + os.path.basename(overlay))


def revision_of(overlay: str) -> str:
    """The number of the revision that an overlay's link leads to.

    Raises:
        OSError: it is no link.
    """
    return os.path.basename(os.path.dirname(os.readlink(overlay)))


def recorded_host(overlay: str) -> str | None:
    """The real path of the host that an overlay was made for; None if it cannot be read."""
    return recorded_paths(overlay)[0]


def recorded_paths(overlay: str) -> tuple[str | None, str | None]:
    """The real path of an overlay's host, and the path through links by which it was named."""
    content = os.fsdecode(read(os.path.join(state_dir(overlay), "host")) or b"")
    lines = [*content.split("\n"), "", ""]
    real, named = (line if line.startswith("/") else None for line in lines[:2])
    return real, named


def leads_to(recorded: str | None, host: str) -> bool:
    """Whether a recorded path leads to a host, given its real path: it may have moved since."""
    return recorded is not None and (recorded == host or os.path.realpath(recorded) == host)


def host_names(prefix: str, name: str | None) -> list[str]:
    """The names that an overlay of this host may have: by its real path, then as conda prints it.

    An overlay gets the first name. The root prefix is always ``base``.
    """
    first = name if name == "base" else os.path.realpath(prefix)
    paths = (first, name or "", prefix)
    return [*dict.fromkeys(filter(None, (os.path.basename(path.rstrip("/")) for path in paths)))]


def find_layers(
    prefix: str, overlay_dirs: Sequence[str], owners: set[int], name: str | None = None
) -> Iterator[tuple[str, str | None]]:
    """Find the overlays of a host, in the order of ``overlay_dirs``; earlier ones win.

    Args:
        prefix: the host; an overlay is its own if the path that it records leads there.
        overlay_dirs: absolute paths; missing ones are skipped.
        owners: the trusted user ids; nothing is read from the overlays of other users.
        name: the host's name as conda prints it.

    Yields:
        An overlay, and None; or an overlay with a name of the host, and why it is refused.
    """
    host = os.path.realpath(prefix)
    for overlay_dir in filter(os.path.isdir, overlay_dirs):
        for overlay, reason in find_in(overlay_dir, host, host_names(prefix, name), owners):
            if os.path.lexists(overlay):  # else its first command may still be running
                yield overlay, reason


def find_in(
    overlay_dir: str, host: str, names: Sequence[str], owners: set[int]
) -> Iterator[tuple[str, str | None]]:
    """Find the overlay of a host in one directory; yield refused ones first, as `find_layers` does.

    An overlay made by hand is found by its name alone; others also if they have another name,
    because the host had one when they were made.
    """
    likely = [*filter(is_name, names), *(hashed_name(name, host) for name in names)]
    for overlay in (os.path.join(overlay_dir, name) for name in likely):
        if not os.path.lexists(overlay) and not os.path.lexists(state_dir(overlay)):
            continue
        if reason := refusal(overlay, owners):
            yield overlay, reason
            continue
        recorded = recorded_host(overlay)
        plain = os.path.basename(overlay) in names
        by_hand = plain and os.path.isdir(overlay) and not os.path.islink(overlay)
        if leads_to(recorded, host) or (recorded is None and by_hand):
            yield overlay, None
            return
    for overlay, recorded, _ in recorded_in(overlay_dir, owners):
        if os.path.basename(overlay) not in likely and leads_to(recorded, host):
            yield overlay, refusal(overlay, owners)
            return


def recorded_in(overlay_dir: str, owners: set[int]) -> Iterator[tuple[str, str, str | None]]:
    """Yield the overlays in a directory whose records are trusted, with their recorded paths."""
    for name in _names_in(overlay_dir):
        overlay = os.path.join(overlay_dir, name[1:])
        if name.startswith(".") and not trust.distrust(state_dir(overlay), (), owners):
            real, named = recorded_paths(overlay)
            if real is not None:
                yield overlay, real, named


def refusal(overlay: str, owners: set[int]) -> str | None:
    """Say why an overlay is not used; None if it is trusted.

    Activation and all commands call this before they open any file of an overlay. For an overlay
    made by a command, it checks the directories down to those that get onto PATH and PYTHONPATH:
    only their owners can have made the files below. For an overlay made by hand, it checks every
    directory, every script, and every file that runs by itself.

    Args:
        overlay: its absolute path; it need not exist.
        owners: the trusted user ids.
    """
    try:
        state = state_dir(overlay)
        if os.path.lexists(state) and (reason := trust.distrust(state, (), owners)):
            return reason
        if not os.path.exists(overlay):
            return trust.distrust_way(overlay, owners)
        if reason := trust.distrust(overlay, (), owners):
            return reason
        lib = os.path.join(overlay, "lib")
        sites = [os.path.join(lib, python, "site-packages") for python in _names_in(lib)]
        if reason := trust.distrust(overlay, [os.path.join(overlay, "bin"), *sites], owners):
            return reason
        by_hand = not os.path.islink(overlay)
        return next(trust.faults_within(overlay, owners), None) if by_hand else None
    except OSError as error:
        return f"{error.filename}: {error.strerror}"


def intruder(site: str, guard: str = GUARD) -> str | None:
    """Find a module in a site-packages that a Python runs before the guard, or instead of it."""
    cache = os.path.join(site, "__pycache__")
    for name in _names_in(site):
        if name.partition(".")[0] in BEFORE_GUARD and name != guard:
            return os.path.join(site, name)
    for name in _names_in(cache):
        path = os.path.join(cache, name)
        # Bytecode with this flag is never compared with its source (PEP 552).
        if name.startswith("sitecustomize.") and (read(path) or b"")[4:8] == b"\1\0\0\0":
            return path
    return None


def site_packages(overlay: str, prefix: str) -> str | None:
    """The overlay's site-packages for the Python of the host; None if there is none."""
    lib = os.path.join(overlay, "lib")
    for entry in _names_in(lib):
        site = os.path.join(lib, entry, "site-packages")
        here = entry.startswith("python") and os.path.exists(os.path.join(prefix, "bin", entry))
        if here and os.path.isdir(site):
            return site
    return None


def _names_in(directory: str) -> list[str]:
    """The sorted names in a directory; none if it cannot be read."""
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []
