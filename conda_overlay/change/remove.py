"""Removes distributions, and the dependencies that only they needed."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from packaging.utils import canonicalize_name

from conda_overlay.change.draft import Draft
from conda_overlay.core.errors import NotInOverlayError, UsageError
from conda_overlay.distributions import dependencies
from conda_overlay.distributions.site import read_site
from conda_overlay.host import user_site


def remove(draft: Draft, names: Sequence[str], *, skip_missing: bool = False) -> None:
    """Remove distributions from a draft.

    Args:
        draft: the draft to change.
        names: their names, optionally with the expected version (``cowsay==6.1``).
        skip_missing: leave those that the overlay does not have, with a note, unless it has none.

    Raises:
        NotInOverlayError: the overlay has no such distribution, or another version of it.
        UsageError: a name is invalid.
    """
    named: set[str] = set()
    missing: list[NotInOverlayError] = []
    for text in names:
        try:
            named.add(key_in_overlay(draft, text))
        except NotInOverlayError as error:
            missing.append(error)
        except UsageError as error:
            if name := _at(draft, text):
                error.hint = shlex.join(["conda", "overlay", "remove", name])
            raise
    if missing and not (skip_missing and named):
        raise missing[0]
    draft.notes += [f"skipped: {error.message}" for error in missing]
    before, stack = draft.before, draft.stack
    wanted, below = {*before.requested}, stack.below_view
    arguments = (stack.host.markers, before.requirements)
    # Distributions that were orphans before stay.
    alone = dependencies.orphans(before.site, below, (), {*wanted, *named}, *arguments)
    going = dependencies.orphans(before.site, below, named, wanted, *arguments) - alone
    draft.drop({*named, *going})
    draft.why.update(dict.fromkeys(named, "requested"))


def _at(draft: Draft, path: str) -> str | None:
    """The name of the distribution that was installed from a directory or a file, if one was."""
    place = Path(path).resolve()
    for entry in draft.before.entries.values():
        source = (entry.requirement or "").partition(" @ ")[2].partition("#")[0]
        if source == place.as_uri() or (entry.editable and Path(entry.editable).resolve() == place):
            return entry.name
    return None


def key_in_overlay(draft: Draft, text: str) -> str:
    """Check that the overlay has a distribution, and return its normalized name.

    Raises:
        NotInOverlayError: it has not, or has another version than the text says.
        UsageError: the name is invalid.
    """
    draft.check_fits()
    requirement = dependencies.named(text)
    key = str(canonicalize_name(requirement.name))
    found, name = draft.before.entries.get(key), requirement.name
    mine = str(draft.stack.store.overlay)
    if found is None:
        names = draft.before.entries
        raise NotInOverlayError(name, where=_place_of(draft, key), overlay=mine, names=names)
    if not requirement.specifier.contains(found.version, prereleases=True):
        raise NotInOverlayError(name, where=None, version=found.version, overlay=mine)
    return key


def _place_of(draft: Draft, key: str) -> str | None:
    """The place of a distribution: another layer, ``user site`` or ``host``; None if not found."""
    stack = draft.stack
    layers = [layer for layer in stack.layers if layer != stack.store.overlay]
    for layer, site in zip(layers, stack.sites(layers), strict=True):
        if key in read_site(site):
            return str(layer)
    if (mine := user_site.user_site_directory(stack.host)) and key in read_site(mine):
        return "user site"
    return "host" if key in stack.host.distributions else None
