"""Takes distributions away, with what only they needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from conda_overlay import dependencies
from conda_overlay.distributions import read_site
from conda_overlay.exceptions import NotInOverlayError, UsageError
from conda_overlay.models import Entry

if TYPE_CHECKING:
    from conda_overlay.draft import Draft


def remove(draft: Draft, names: Sequence[str]) -> None:
    """Take distributions out of a draft.

    Args:
        draft: of the next state.
        names: a name each, perhaps with the version that must be there (``cowsay==6.1``).

    Raises:
        NotInOverlayError: the overlay has no such distribution, or another version of it.
        UsageError: a name is none.
    """
    named = {_check(draft, text): text for text in names}
    before, overlay = draft.before, draft.overlay
    wanted = {*before.requested}
    arguments = (overlay.host.markers, before.requirements)
    below = overlay.below_view
    # What nothing needed before stays as it was left.
    alone = dependencies.orphans(before.site, below, (), {*wanted, *named}, *arguments)
    going = dependencies.orphans(before.site, below, named, wanted, *arguments) - alone
    draft.drop({*named, *going})
    draft.why.update(dict.fromkeys(named, "requested"))


def reset(draft: Draft, names: Sequence[str] = ()) -> None:
    """Go back to the host, for the named distributions or for all, and what was added by hand."""
    if names:
        remove(draft, names)
    else:
        draft.start_from(None)
        draft.why[""] = "requested"


def _check(draft: Draft, text: str) -> str:
    """The normalized name of what is to be removed."""
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        raise UsageError(
            f"{text!r} is not the name of a distribution.", "conda overlay status", name=text
        ) from error
    key = str(canonicalize_name(requirement.name))
    found: Entry | None = draft.before.entries.get(key)
    if found is None:
        layer = _layer_with(draft, key)
        raise NotInOverlayError(
            requirement.name,
            where=layer or ("host" if key in draft.overlay.host.distributions else None),
            overlay=str(draft.overlay.store.overlay),
        )
    if not requirement.specifier.contains(found.version, prereleases=True):
        raise NotInOverlayError(
            requirement.name,
            where=None,
            version=found.version,
            overlay=str(draft.overlay.store.overlay),
        )
    return key


def _layer_with(draft: Draft, key: str) -> str | None:
    """The layer, other than the one that is written, that has a distribution."""
    overlay = draft.overlay
    layers = [layer for layer in overlay.layers if layer != overlay.store.overlay]
    for layer, site in zip(layers, overlay.sites(layers), strict=True):
        if key in read_site(site):
            return str(layer)
    return None
