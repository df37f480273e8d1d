"""News of the layers of others: what their new revisions changed, and what of it is hidden.

The notice file of a revision has the changes. A file in the user's first overlay directory records
the last revision of each layer that the user was told.
"""

from __future__ import annotations

import os

from conda_overlay.activation import files, locate, notice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from conda_overlay.activation.wiring import Layer

MEMORY = ".layers"
"""The file in the first overlay directory: lines of a revision, its identity and an overlay."""

_REVISIONS = 5  # the newest ones that are told
_LINES = 1000  # of the memory
_LONGEST = 400  # characters of a line


def content(changes: Sequence[tuple[str, str]], by: str, reason: str | None) -> str:
    """The lines for the notice file of a revision.

    Args:
        changes: normalized names, each with what became of the distribution.
        by: who made the revision.
        reason: why.
    """
    why = " ".join((reason or "").split())
    lines = [f"changed {key} {text}" for key, text in changes]
    lines.append(f"by {by}" + (f", '{why}'" if why else ""))
    return "".join(line[:_LONGEST] + "\n" for line in lines)


def news(
    layers: Sequence[Layer], directory: str, names: Mapping[str, str], *, seen: bool = True
) -> list[str]:
    """Return what is new in the layers of others, a sentence for each.

    Args:
        layers: the wired ones, in order.
        directory: the user's first overlay directory.
        names: the labels of overlay directories, by their paths.
        seen: whether somebody sees the sentences, so that they count as told.
    """
    numbers = {}
    for layer in layers:
        try:
            if os.lstat(layer.overlay).st_uid != os.geteuid():
                number = int(locate.revision_of(layer.overlay))
                numbers[layer.overlay] = number, _identity(layer.overlay, number)
        except (OSError, ValueError):  # made by hand
            continue
    known = _memory(directory) if numbers else {}
    if all(known.get(overlay) == number for overlay, number in numbers.items()):
        return []
    if seen and not _remember(directory, {**known, **numbers}):
        return []
    found = []
    for index, layer in enumerate(layers):
        number, identity = numbers.get(layer.overlay, (0, ""))
        last, was = known.get(layer.overlay, (number, identity))  # of a new layer nothing is new
        if last > number or (last == number and was != identity):
            last = 0  # it was deleted, and made again
        if texts := [*_sentences(layer, range(max(last, number - _REVISIONS), number))]:
            hidden = _hidden(layers[:index], {key for key, _ in texts})
            name = names.get(os.path.dirname(layer.overlay), layer.overlay)
            text = "; ".join(text for _, text in texts if text)
            more = number - last - _REVISIONS
            before = f"{more} earlier revision{'s'[: more != 1]}, then " if more > 0 else ""
            found.append("; ".join([f"{name}: {before}{text}", *hidden]))
    return found


def _sentences(layer: Layer, last: range) -> Iterator[tuple[str, str]]:
    """What the revisions after some numbers changed; the first part of each is the name."""
    for number in last:
        path = os.path.join(locate.state_dir(layer.overlay), "revisions", str(number + 1), "notice")
        lines = (files.read(path) or b"").decode("utf-8", "surrogateescape").split("\n")
        told = [line[:_LONGEST].split(" ", 2)[1:] for line in lines if line.startswith("changed ")]
        by = next((line[:_LONGEST] for line in lines if line.startswith("by ")), "")
        told = [one for one in told if len(one) == 2]
        for key, _ in told[3:]:
            yield key, ""
        for place, (key, text) in enumerate(told[:3]):
            is_last = place == min(len(told), 3) - 1
            more = f" and {len(told) - 3} more" if is_last and len(told) > 3 else ""
            yield key, f"{text}{more} {by}".rstrip() if is_last else text


def _hidden(layers: Sequence[Layer], keys: set[str]) -> Iterator[str]:
    """Say which changed distributions a layer in front hides."""
    for layer in layers:
        try:
            mine = os.lstat(layer.overlay).st_uid == os.geteuid()
            there = os.listdir(os.path.join(layer.overlay, layer.places["PYTHONPATH"]))
        except OSError:
            continue
        for name, version in _distributions(there):
            if name in keys:
                whose = "yours" if mine else layer.overlay
                lets = f": conda overlay remove {name}" if mine else ""
                yield f"{name} {version} of {whose} hides it{lets}"


def _distributions(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name in sorted(names):
        stem, dot, _ = name.partition(".dist-info")
        if dot:
            project, _, version = stem.partition("-")
            yield project.lower().replace("_", "-").replace(".", "-"), version


def _identity(overlay: str, number: int) -> str:
    """What tells a revision from one of the same number, after the overlay was deleted."""
    place = os.path.join(locate.state_dir(overlay), "revisions", str(number), "notice")
    try:
        status = os.lstat(place)
    except OSError:
        return "-"
    return f"{status.st_mtime_ns}/{status.st_size}"


def _memory(directory: str) -> dict[str, tuple[int, str]]:
    content = files.read(os.path.join(directory, MEMORY)) or b""
    found = {}
    for line in content.decode("utf-8", "surrogateescape").split("\n")[:_LINES]:
        number, identity, overlay = [*line.split(" ", 2), "", ""][:3]
        if number.isdecimal() and number.isascii() and len(number) < 10:
            found[overlay] = int(number), identity
    return found


def _remember(directory: str, numbers: Mapping[str, tuple[int, str]]) -> bool:
    """Write the memory; return whether that worked, in a directory of the user's own."""
    try:
        os.makedirs(directory, 0o700, exist_ok=True)
        place = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return False
    try:
        items = [*numbers.items()][-_LINES:]
        text = "\n".join(" ".join((str(n), identity, path)) for path, (n, identity) in items)
        own = os.fstat(place).st_uid == os.geteuid()
        return own and notice.remember(text, place, MEMORY)
    finally:
        os.close(place)
