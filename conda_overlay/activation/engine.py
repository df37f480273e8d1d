"""The engine: computes the changes that wire a shell's environ for its active environment."""

from __future__ import annotations

import os

from conda_overlay.activation import locate, switch, trust, wiring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class EngineResult:
    """The result of a run of the engine."""

    def __init__(self) -> None:
        self.diff = wiring.EnvironDiff()
        """The changes to the environ."""
        self.layers: list[wiring.Layer] = []
        """The overlays in effect afterwards."""
        self.refused: dict[str, str] = {}
        """Overlays that are not trusted, with the reason for each."""
        self.news: dict[str, str] = {}
        """The refused overlays that the user has not been told about."""

    def add(self, overlay: str, layer: wiring.Layer | str | None) -> None:
        """Add an overlay as `_layer` describes it: in effect, refused for a reason, or neither."""
        if isinstance(layer, str):
            self.refused[overlay] = layer
        elif layer:
            self.layers.append(layer)


def reconcile(
    environ: Mapping[str, str],
    overlay_dirs: Sequence[str] = (),
    owners: Sequence[str] = (),
    hide_user_site: bool = False,
) -> EngineResult:
    """Compute the changes that an environ needs.

    Args:
        environ: the variables of the user's shell.
        overlay_dirs: the directories of overlays, as in the setting; earlier ones win.
        owners: the names of other users whose directories are trusted.
        hide_user_site: whether Python ignores ``~/.local`` while an overlay is in effect.
    """
    told = wiring.Wiring.decode(environ.get(wiring.STATE)).refused
    bare = wiring.unwire(environ)  # a stale entry must not count as active
    prefixes = wiring.active_prefixes(bare)
    found = EngineResult()
    if not switch.is_off(environ):
        trusted = trust.trusted_owners(owners)
        directories = locate.expand(overlay_dirs, environ)
        for index, prefix in enumerate(prefixes):
            name = environ.get("CONDA_DEFAULT_ENV") if index == 0 else None
            for overlay, reason in locate.find_layers(prefix, directories, trusted, name):
                found.add(overlay, reason or _layer(overlay, prefix))
    # Remembered while any environment is active, so that switching back and forth stays quiet.
    used = {layer.overlay for layer in found.layers}  # to be told if it is refused again
    refused = [path for path in dict.fromkeys([*told, *found.refused]) if path not in used]
    remembered = refused if prefixes else []
    after = wiring.wire(bare, found.layers, remembered, hide_user_site)
    found.diff = wiring.EnvironDiff.between(environ, after)
    found.news = {path: reason for path, reason in found.refused.items() if path not in told}
    return found


def put_in_front(
    environ: Mapping[str, str], prefix: str, overlays: Sequence[str], owners: Sequence[str]
) -> EngineResult:
    """Compute the changes that put layers to the front, without activation.

    Args:
        environ: the variables of the process.
        prefix: of the host.
        overlays: the layers; earlier ones win.
        owners: the names or user ids of their owners, who are trusted.
    """
    trusted, found = trust.trusted_owners(owners), EngineResult()
    for overlay in overlays:
        found.add(overlay, locate.refusal(overlay, trusted) or _layer(overlay, prefix))
    found.news = found.refused
    found.diff = wiring.EnvironDiff.between(environ, wiring.prepend(environ, found.layers))
    return found


def _layer(overlay: str, prefix: str) -> wiring.Layer | str | None:
    """The layer that a trusted overlay is; why it is refused; None if it has nothing to wire."""
    site = locate.site_packages(overlay, prefix)
    if site is None or locate.UNFIT & set(overlay):
        return None
    if intruder := locate.intruder(site):
        return f"{intruder} would run in every Python"
    return wiring.Layer(prefix, overlay, _places(overlay, site))


def _places(overlay: str, site: str) -> dict[str, str]:
    """The overlay's directory for each variable, relative to the overlay."""
    places = {"PATH": "bin", "PYTHONPATH": os.path.relpath(site, overlay)}
    for name, place in wiring.DATA.items():
        if os.path.isdir(os.path.join(overlay, place)):
            places[name] = place
    return places
