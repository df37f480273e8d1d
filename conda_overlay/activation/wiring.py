"""The wiring: the changes to the environ for an overlay, and their exact reverse.

Everything here is a pure function from one environ to another. The engine always removes the wiring
that the state variable records, then wires again. So applying it twice has the same effect as once,
and deactivation needs no code of its own.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

STATE = "_CONDA_OVERLAY"
"""The state variable, which records the wiring."""

DISABLE = "CONDA_OVERLAY_DISABLE"
"""Switches all wiring off if it is set, and is neither the empty string nor 0."""

DATA = {
    "JUPYTER_PATH": "share/jupyter",
    "JUPYTER_CONFIG_PATH": "etc/jupyter",
    "MANPATH": "share/man",
}
"""The variables that list data directories, and the overlay's directory for each, if it exists."""

NO_USER_SITE = "PYTHONNOUSERSITE"
"""Hides ``~/.local`` from Python; set only if the user's settings ask for it."""

_LISTS = ("PATH", "PYTHONPATH", *DATA)

NAMES = {*_LISTS, NO_USER_SITE, STATE}
"""All variables that the wiring may change."""


class Layer:
    """One overlay as the environ sees it.

    Attributes:
        prefix: the host's prefix, spelled as in ``CONDA_PREFIX``.
        overlay: the overlay's directory.
        places: the overlay's directory for each variable (PATH, PYTHONPATH, some of `DATA`),
            relative to the overlay.
    """

    __slots__ = ("overlay", "places", "prefix")

    def __init__(self, prefix: str, overlay: str, places: Mapping[str, str]) -> None:
        self.prefix = prefix
        self.overlay = overlay
        self.places = dict(places)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Layer) and self.fields() == other.fields()

    def __hash__(self) -> int:
        return hash(tuple(self.fields()))

    def __repr__(self) -> str:
        return f"Layer({self.prefix!r}, {self.overlay!r}, {self.places!r})"

    @property
    def site(self) -> str:
        """The overlay's site-packages."""
        return self.entry("PYTHONPATH") or self.overlay

    def entry(self, name: str) -> str | None:
        """The directory that is added to a variable, if any."""
        place = self.places.get(name)
        return place and f"{self.overlay}/{place}"

    def fields(self) -> list[str]:
        """The fields of the layer in the state variable."""
        return [self.prefix, self.overlay, *(f"{n}={p}" for n, p in self.places.items())]


class Wiring:
    """The content of the state variable, separated by colons, which no overlay's path can contain.

    First come the variables that existed before, then each layer, then the refused overlays.

    Attributes:
        existed: the wired variables that were set before, even if empty.
        user_site_hidden: whether the wiring has set `NO_USER_SITE`.
        layers: the wired layers; earlier ones win.
        refused: overlays that were not trusted; the user has been told.
    """

    __slots__ = ("existed", "layers", "refused", "user_site_hidden")

    def __init__(
        self,
        layers: Sequence[Layer] = (),
        refused: Sequence[str] = (),
        existed: Iterable[str] = (),
        user_site_hidden: bool = False,
    ) -> None:
        self.layers = list(layers)
        self.refused = list(refused)
        self.existed = set(existed)
        self.user_site_hidden = user_site_hidden

    @classmethod
    def decode(cls, text: str | None) -> Wiring:
        """Decode the state variable; text in any other form counts as no state."""
        state = cls()
        fields = (text or "").split(":")
        while fields:
            field = fields.pop(0)
            name, is_place, place = field.partition("=")
            if field.startswith("/") and fields and fields[0].startswith("/"):
                state.layers.append(Layer(field, fields.pop(0), {}))
            elif field.startswith("!/"):
                state.refused.append(field[1:])
            elif is_place and state.layers and name in _LISTS:
                state.layers[-1].places[name] = place
            elif field == NO_USER_SITE + "=1":
                state.user_site_hidden = True
            elif field in (*_LISTS, NO_USER_SITE):
                state.existed.add(field)
            elif field:
                return cls()
        return state if all(layer.places for layer in state.layers) else cls()

    def encode(self) -> str | None:
        """The value of the state variable; None if there is nothing to remember."""
        if not self.layers and not self.refused:
            return None
        fields = sorted(self.existed) + [NO_USER_SITE + "=1"] * self.user_site_hidden
        for layer in self.layers:
            fields += layer.fields()
        return ":".join([*fields, *("!" + path for path in self.refused)])


class EnvironDiff(dict[str, "str | None"]):
    """The variables that change, each with its new value, or None to unset it."""

    @classmethod
    def between(cls, before: Mapping[str, str], after: Mapping[str, str]) -> EnvironDiff:
        """The changes that turn one environ into another."""
        names = sorted(set(before) | set(after))
        return cls({n: after.get(n) for n in names if before.get(n) != after.get(n)})


def active_prefixes(environ: Mapping[str, str]) -> list[str]:
    """The prefixes whose programs the shell finds: the active one first, then the stacked ones.

    Some versions of conda export the empty string to unset a variable, so empty counts as unset. A
    login shell inside an activated one resets PATH but inherits CONDA_PREFIX, so a prefix counts
    only while its bin is in PATH.
    """
    try:
        level = int(environ.get("CONDA_SHLVL") or 0)
    except ValueError:
        return []
    if level < 1:
        return []
    prefixes = [environ.get("CONDA_PREFIX") or ""]
    while level > 1 and environ.get(f"CONDA_STACKED_{level}"):
        level -= 1
        prefixes.append(environ.get(f"CONDA_PREFIX_{level}") or "")
    entries = (environ.get("PATH") or "").split(":")
    return [p for p in prefixes if p and ":" not in p and p + "/bin" in entries]


def unwire(environ: Mapping[str, str]) -> dict[str, str]:
    """Remove the wiring that the state variable records from an environ.

    Entries that the user has added since then stay, and so does an entry equal to one of ours that
    the user had before. The state variable then remembers only the refused overlays.
    """
    result = dict(environ)
    state = Wiring.decode(result.pop(STATE, None))
    remembered = Wiring(refused=state.refused).encode()
    if remembered is not None:
        result[STATE] = remembered
    if "PATH" in result:
        path = result["PATH"].split(":")
        current = (result.get("CONDA_PREFIX") or "") + "/bin"
        for layer in reversed(state.layers):
            _remove(path, layer.entry("PATH"), (layer.prefix + "/bin", current))
        result["PATH"] = ":".join(path)
    for name in _LISTS[1:]:
        if not result.get(name) or not any(name in layer.places for layer in state.layers):
            continue
        entries = result[name].split(":")
        for layer in state.layers:
            _remove(entries, layer.entry(name))
        if (not entries or entries == _default(name)) and name not in state.existed:
            del result[name]
        else:
            result[name] = "" if entries == _default(name) else ":".join(entries)
    if state.user_site_hidden and result.get(NO_USER_SITE) == "1":
        del result[NO_USER_SITE]
        if NO_USER_SITE in state.existed:
            result[NO_USER_SITE] = ""
    return result


def wire(
    environ: Mapping[str, str],
    layers: Sequence[Layer],
    refused: Sequence[str] = (),
    hide_user_site: bool = False,
) -> dict[str, str]:
    """Wire overlays into an environ, whatever wiring it had before.

    The bin of an overlay goes directly before that of its host; the overlay's other directories go
    to the front of their variables.

    Args:
        environ: the variables of the user's shell.
        layers: the overlays of the active prefixes; earlier ones win.
        refused: overlays that are not wired and that the user has been told about.
        hide_user_site: whether Python ignores ``~/.local`` while an overlay is in effect.
    """
    result = unwire(environ)
    result.pop(STATE, None)
    path = result.get("PATH", "").split(":")
    layers = [layer for layer in layers if layer.prefix + "/bin" in path]
    hides = hide_user_site and bool(layers) and not result.get(NO_USER_SITE)
    changed = {name for layer in layers for name in layer.places} | {NO_USER_SITE}
    state = Wiring(layers, refused, changed.intersection(result) - {"PATH"}, hides).encode()
    if state is not None:
        result[STATE] = state
    if hides:
        result[NO_USER_SITE] = "1"
    for layer in layers:
        if entry := layer.entry("PATH"):
            path.insert(path.index(layer.prefix + "/bin"), entry)
            result["PATH"] = ":".join(path)
    return prepend(result, layers)


def prepend(environ: Mapping[str, str], layers: Sequence[Layer]) -> dict[str, str]:
    """Put the directories of overlays to the front of the variables that list them, except PATH.

    Args:
        environ: the variables.
        layers: the overlays; earlier ones win.
    """
    result = dict(environ)
    for name in _LISTS[1:]:
        entries = [entry for layer in layers if (entry := layer.entry(name))]
        if entries:
            # An empty variable counts as unset, but an empty entry in a list has a meaning.
            before = result.get(name)
            result[name] = ":".join([*entries, *([before] if before else _default(name))])
    return result


def disabled(environ: Mapping[str, str]) -> bool:
    """Whether the user has switched all wiring off."""
    return environ.get(DISABLE, "") not in ("", "0")


def _default(name: str) -> list[str]:
    """The entries that mean the same as an unset variable: for man, an empty one."""
    return [""] if name == "MANPATH" else []


def _remove(entries: list[str], entry: str | None, before: Iterable[str] = ()) -> None:
    """Remove one occurrence of an entry: one directly before one of ``before``, else the first."""
    places = [i for i, e in enumerate(entries) if e == entry]
    ours = [i for follower in before for i in places if entries[i + 1 : i + 2] == [follower]]
    for place in (ours or places)[:1]:
        del entries[place]
