"""Updates distributions to their newest versions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from conda_overlay.change.draft import Draft
from conda_overlay.change.entries import check_files, lost_files
from conda_overlay.change.install import install
from conda_overlay.core.errors import NotInOverlayError
from conda_overlay.core.models import HistoryEntry
from conda_overlay.core.pip_options import NONE, Options
from conda_overlay.core.request import (
    Source,
    extras_of,
    grouped,
    names_of,
    parse,
    text_of,
    with_extras,
    with_more_extras,
)
from conda_overlay.distributions.dependencies import named
from conda_overlay.formats.document import default_intent


def update(draft: Draft, names: Sequence[str], options: Options) -> None:
    """Update distributions, like ``install --upgrade``, with their recorded options.

    Args:
        draft: the draft to change.
        names: of distributions in the overlay or the host; if empty, all requested distributions,
            except for held ones and editable installs.
        options: of pip, in addition to the recorded ones.

    Raises:
        NotInOverlayError: neither the overlay nor the host has a distribution of that name.
        OverlayError: a file of constraints does not exist that one of them was requested with.
        ResolutionError: no consistent set of distributions exists.
        PipError: pip failed.
    """
    draft.check_fits()
    asked = draft.before.requested
    left: list[str] = []
    found: list[tuple[Requirement | Source, Options]] = []
    for text in names or sorted(asked):
        entry = asked.get(str(canonicalize_name(named(text).name)))
        if not names and entry is not None and (entry.editable or entry.intent == "hold"):
            left.append(text)
            continue
        if entry is not None and (lost := lost_files(entry)):
            if names:
                check_files({entry.name: entry})
            way = f"conda overlay install {entry.name}, which drops that option"
            draft.notes.append(f"{entry.name} is not updated: {lost}; {way}")
            continue
        wanted = _wanted(draft, text, entry, by_name=bool(names))
        recorded = entry.options if entry else NONE
        is_same = entry is not None and text_of(wanted) == entry.requirement
        found.append((wanted, recorded if is_same else recorded.without("--hash")))
    upgrade = Options((("--upgrade", None),))
    draft.pending |= names_of(one for one, _ in found)
    for request in grouped(found):
        both = (request.options + options).distinct()  # a setting twice is a list of it to pip
        install(draft, replace(request, options=upgrade + both))
    pinned = names_of(one for one, _ in found if default_intent(text_of(one)) == "hold")
    for key, entry in asked.items():  # an update does not change intents, unless to a pin
        if key in draft.entries:
            there = draft.entries[key]
            intent = there.intent if key in pinned else entry.intent
            draft.entries[key] = replace(there, intent=intent, until=entry.until)
    for entry in (asked[key] for key in left if _is_as_before(draft, key)):
        why = "an editable install" if entry.editable else "held"
        draft.notes.append(f"{entry.name} {entry.version} is {why}, so it is not updated.")


def _is_as_before(draft: Draft, key: str) -> bool:
    """Whether a distribution has kept its version."""
    now = draft.index.site.get(key)
    return now is not None and now[0].version == draft.before.entries[key].version


def _wanted(
    draft: Draft, text: str, entry: HistoryEntry | None, *, by_name: bool
) -> Requirement | Source:
    """The requirement for pip: the recorded one, but only the name of a held distribution.

    The user may also name a copy, whose requirement is that of its version, whatever its intent.
    """
    name = named(text)
    name = with_more_extras(name, extras_of(entry.requirement if entry else None))
    if name.specifier or name.url:
        return name
    is_held = entry is not None and (entry.intent == "hold" or (by_name and entry.copied))
    if entry is None or is_held or not entry.requirement or entry.editable:
        key = str(canonicalize_name(name.name))
        if key not in draft.before.site and key not in draft.stack.below_view:
            names, mine = draft.before.site.keys(), str(draft.stack.store.overlay)
            raise NotInOverlayError(name.name, where=None, overlay=mine, names=names)
        return Requirement(with_extras(name.name, name.extras))
    wanted = parse(entry.requirement)
    return with_more_extras(wanted, name.extras) if isinstance(wanted, Requirement) else wanted
