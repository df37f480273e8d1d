"""What activation puts into the environ for an overlay, and its exact reverse.

Everything here is a pure function from one environ to another. The engine always takes away first
what the state variable says it had put there, then wires anew, so that applying it twice is
applying it once, and deactivation needs no code of its own.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

STATE = "_CONDA_OVERLAY"
"""The one variable that remembers what was put into the environ."""

DISABLE = "CONDA_OVERLAY_DISABLE"
"""Switches all wiring off when it is set to anything but the empty string or 0."""


class Layer:
    """One overlay as the environ sees it.

    Attributes:
        prefix: the host's prefix, spelled as in ``CONDA_PREFIX``.
        bin: the overlay's directory of scripts, for PATH.
        site: the overlay's site-packages, for PYTHONPATH.
    """

    __slots__ = ("bin", "prefix", "site")

    def __init__(self, prefix: str, bin: str, site: str) -> None:
        self.prefix = prefix
        self.bin = bin
        self.site = site

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Layer) and self.fields() == other.fields()

    def __hash__(self) -> int:
        return hash(self.fields())

    def __repr__(self) -> str:
        return "Layer({!r}, {!r}, {!r})".format(*self.fields())

    def fields(self) -> tuple[str, str, str]:
        """The three paths, in the order of the state variable."""
        return self.prefix, self.bin, self.site


class State:
    """What the state variable says: colon-separated, which no path of an overlay can hold.

    Attributes:
        pythonpath_was_set: PYTHONPATH existed before, even if empty.
        layers: what was wired, first wins.
        refused: overlays that were not trusted; the user has been told.
    """

    __slots__ = ("layers", "pythonpath_was_set", "refused")

    def __init__(
        self,
        pythonpath_was_set: bool = False,
        layers: Sequence[Layer] = (),
        refused: Sequence[str] = (),
    ) -> None:
        self.pythonpath_was_set = pythonpath_was_set
        self.layers = list(layers)
        self.refused = list(refused)

    @classmethod
    def decode(cls, text: str | None) -> State:
        """Read the state variable; text in any other form counts as no state."""
        flag, *fields = (text or "0").split(":")
        if flag not in ("0", "1") or not all(f.startswith(("/", "!/")) for f in fields):
            return cls()
        state = cls(flag == "1")
        while fields:
            if fields[0].startswith("!"):
                state.refused.append(fields.pop(0)[1:])
            elif len(fields) >= 3:
                state.layers.append(Layer(*fields[:3]))
                del fields[:3]
            else:
                return cls()
        return state

    def encode(self) -> str | None:
        """The variable's value; None when there is nothing to remember."""
        if not self.layers and not self.refused:
            return None
        fields = ["1" if self.pythonpath_was_set else "0"]
        for layer in self.layers:
            fields += layer.fields()
        fields += ["!" + path for path in self.refused]
        return ":".join(fields)


class EnvironDiff(dict[str, "str | None"]):
    """The variables that change, each with its new value, or None to unset it."""

    @classmethod
    def between(cls, before: Mapping[str, str], after: Mapping[str, str]) -> EnvironDiff:
        """What turns one environ into the other."""
        names = sorted(set(before) | set(after))
        return cls({n: after.get(n) for n in names if before.get(n) != after.get(n)})


def active_prefixes(environ: Mapping[str, str]) -> list[str]:
    """The prefixes whose commands the shell sees, the active one first, stacked ones behind it.

    conda "unsets" by exporting the empty string in some versions, so emptiness counts as absence.
    A login shell inside an activated one resets PATH but inherits CONDA_PREFIX: a prefix counts
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


def unwire(environ: Mapping[str, str], *, in_path: bool = True) -> dict[str, str]:
    """The environ without what the state variable says was put there.

    Entries that the user added meanwhile stay, and so does an entry equal to one of ours that the
    user had before.

    Args:
        environ: the variables of the user's shell.
        in_path: whether PATH has the wiring still; false once conda has replaced PATH by one that
            it computed without it.
    """
    result = dict(environ)
    state = State.decode(result.pop(STATE, None))
    if "PATH" in result and in_path:
        path = result["PATH"].split(":")
        current = (result.get("CONDA_PREFIX") or "") + "/bin"
        for layer in reversed(state.layers):
            _remove(path, layer.bin, (layer.prefix + "/bin", current))
        result["PATH"] = ":".join(path)
    if result.get("PYTHONPATH"):
        entries = result["PYTHONPATH"].split(":")
        for layer in state.layers:
            _remove(entries, layer.site)
        if entries or state.pythonpath_was_set:
            result["PYTHONPATH"] = ":".join(entries)
        else:
            del result["PYTHONPATH"]
    return result


def wire(
    environ: Mapping[str, str], layers: Sequence[Layer], refused: Sequence[str] = ()
) -> dict[str, str]:
    """The environ with overlays in effect, whatever wiring it had before.

    The scripts of an overlay go directly before its host's own, and its site-packages go first on
    PYTHONPATH.

    Args:
        environ: the variables of the user's shell.
        layers: the overlays of the active prefixes; earlier ones win.
        refused: overlays that are not wired and that the user has been told about.
    """
    result = unwire(environ)
    path = result.get("PATH", "").split(":")
    layers = [layer for layer in layers if layer.prefix + "/bin" in path]
    state = State("PYTHONPATH" in result, layers, refused).encode()
    if state is not None:
        result[STATE] = state
    if layers:
        for layer in layers:
            path.insert(path.index(layer.prefix + "/bin"), layer.bin)
        result["PATH"] = ":".join(path)
        before = result.get("PYTHONPATH")
        sites = [layer.site for layer in layers]
        # The empty string means unset to CPython, an empty entry the current directory.
        result["PYTHONPATH"] = ":".join([*sites, before] if before else sites)
    return result


def checksum(path: str) -> str:
    """A short form of a PATH, to see whether it is still the same."""
    return str(int.from_bytes(path.encode("utf-8", "surrogateescape"), "big") % (2**61 - 1))


def disabled(environ: Mapping[str, str]) -> bool:
    """Whether the user has switched all wiring off."""
    return environ.get(DISABLE, "") not in ("", "0")


def _remove(entries: list[str], entry: str, before: Iterable[str] = ()) -> None:
    """Remove one occurrence: one directly in front of one of ``before``, else the first."""
    places = [i for i, e in enumerate(entries) if e == entry]
    ours = [i for follower in before for i in places if entries[i + 1 : i + 2] == [follower]]
    for place in (ours or places)[:1]:
        del entries[place]
