"""Explains which copy runs: asks the host's interpreter, wired, and finds the hidden copies."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.utils import canonicalize_name

from conda_overlay.activation import wiring
from conda_overlay.change.hiding import Covered, Hidden, bypassed_edits, covering, hiding
from conda_overlay.core.errors import OverlayError
from conda_overlay.core.models import Distribution, HistoryEntry, Revision
from conda_overlay.core.text import did_you_mean, named
from conda_overlay.distributions import dependencies
from conda_overlay.distributions.record import owned_files
from conda_overlay.distributions.site import Site, main_module, modules, names_in, read_site
from conda_overlay.edits import patch
from conda_overlay.host import user_site
from conda_overlay.layer.stack import Stack
from conda_overlay.layer.store import Store
from conda_overlay.report import shell

_PROBE = """
import sys
sys.path = [place for place in sys.path if place]  # not the directory that it runs in
import importlib.util, json, os
name, spec, places, failure = sys.argv[1], None, [], None
try:
    spec = importlib.util.find_spec(name)
    places = [str(p) for p in (spec and spec.submodule_search_locations) or ()]
except Exception as error:  # of a package that it is in, if there is such a package
    failure = "%s: %s" % (type(error).__name__, error)
    parent = ...
    while name and parent is ...:
        name = name.rpartition(".")[0]
        try:
            parent = importlib.util.find_spec(name)
        except Exception:
            pass
    is_package = getattr(parent, "submodule_search_locations", None) is not None
    failure = [name, failure] if is_package else None
print()
print(json.dumps([getattr(spec, "origin", None), places, failure, sys.path]), flush=True)
os._exit(0)  # before what an imported parent wants to say at the end
"""


@dataclass(frozen=True)
class InstalledCopy:
    """One installed copy of a distribution."""

    version: str
    where: str  # overlay, user site, host, or path: another directory on Python's path
    place: str  # the overlay, or the site-packages directory
    layer: str | None = None  # the label of an overlay for everybody


@dataclass(frozen=True)
class Explanation:
    """The code that runs under a name, and why; unknown fields are None or empty."""

    name: str
    module: str | None
    file: str | None
    namespace: tuple[str, ...]  # the directories of a namespace package
    script: str | None
    runs: InstalledCopy | None  # None if the module belongs to no distribution
    editable: str | None
    edited: tuple[str, ...]  # the edited files, with the numbers of lines added and removed
    hides: tuple[InstalledCopy, ...]
    revision: int | None  # the one that installed the copy, or edited it last
    since: str | None
    by: str | None
    command: tuple[str, ...]
    reason: str | None
    required_by: tuple[str, ...]
    own: bool  # the user's own file in an overlay, which no package has
    differences: tuple[str, ...]  # sentences on exceptions: why another file runs, and so on
    isolated: str | None  # what python -I runs, without overlays, if that is another file


def why(stack: Stack, text: str) -> Explanation:
    """Explain a distribution, a module or a script.

    Raises:
        OverlayError: nothing has that name, or a package that contains it cannot be imported.
    """
    if for_run := shell.here(stack.settings):
        stack = Stack(stack.host, for_run, stack.progress)
    environ = shell.wired_environ(stack.host, stack.settings)
    sites = [*_sites(stack, environ)]
    copies = [*_copies(sites, str(canonicalize_name(text)))]
    script = shutil.which(text, path=environ["PATH"]) if "/" not in text else None
    if script and not any(script.startswith(f"{p}/") for p in _bins(stack)):
        script = None
    module = main_module(copies[0][1], _modules(copies[0][1])) if copies else text
    file, namespace, failure, path = _ask(stack, module or text, environ)
    found = file or next(iter(namespace), None) or script
    if not copies and found is None:
        every = (one for *_, site in sites for several in site.values() for one in several)
        places = {one.site for one in every}
        raise _hidden(stack, text, sites) or _nothing(stack, text, failure, places)
    by_path = _on_pythonpath(file, wiring.unwire(os.environ), [site for _, site, _ in sites])
    elsewhere = [*_elsewhere(path, sites, Path(found))] if found else []
    owner = _owner(elsewhere if copies else [*elsewhere, *sites], Path(found)) if found else None
    if owner:
        copies = [*_copies([*elsewhere, *sites], owner.key)]
    first_with_it = (n for n, (_, one) in enumerate(copies) if found and _has(one, Path(found)))
    lacking = next(first_with_it, 0)
    above, copies = copies[:lacking], copies[lacking:]
    copy, first = copies[0] if copies else (None, None)
    own = bool(found and not owner and _is_own(stack, Path(found), [one for _, one in copies]))
    ownerless = own or (by_path is not None and (copy is None or copy.where != "path"))
    hidden = copies if ownerless else copies[1:]
    key = first.key if first else ""
    view = dependencies.effective(*(site for *_, site in sites))
    made, entry = _origin(None if ownerless else copy, key)
    return Explanation(
        name=first.name if first else text,
        module=module if file or namespace else None,
        file=file,
        namespace=tuple(namespace) if file is None else (),
        script=script,
        runs=None if ownerless or copy is None else _labelled(stack, copy),
        editable=first.editable if first and not ownerless else None,
        edited=_edited(stack, first, entry) if first and not ownerless else (),
        hides=tuple(_labelled(stack, copy) for copy, _ in hidden),
        required_by=tuple(dependencies.requiring(key, view, stack.host.markers)),
        own=own,
        differences=(
            *(
                f"{key} {c.version} ({named(c.where)}) {_lack(one, module or text)}, "
                "so Python uses this copy"
                for c, one in above
            ),
            *(map(str, _hiding(first, sites) if first else ())),
            *(map(str, _covering(first, sites) if first else ())),
            *(_bypassed(stack, copy, key) if copy and not ownerless else ()),
            *(
                [f"PYTHONPATH names {by_path} first"]
                if by_path
                else _shining(stack, copies, environ)
            ),
            *(f"the overlay {p} is not used: {reason}" for p, reason in stack.found() if reason),
            *(_here(stack, module or text, file) if file else ()),
        ),
        isolated=_isolated(stack, module or text, file) if file else None,
        revision=made.number if made else None,
        since=(entry.since if entry else None) or None,
        by=(entry.by if entry else None) or None,
        command=made.command if made else (),
        reason=entry.reason if entry else None,
    )


def _labelled(stack: Stack, copy: InstalledCopy) -> InstalledCopy:
    """The copy, with the label of its layer."""
    return replace(copy, layer=stack.label_of(Path(copy.place)))


def _edited(stack: Stack, found: Distribution, entry: HistoryEntry | None) -> tuple[str, ...]:
    """The edited files of a distribution, with the numbers of lines added and removed."""
    unsaid = patch.left_out(entry.patch) if entry else ()
    return tuple(patch.summary(found, unsaid, stack.new_files(found)))


def _bypassed(stack: Stack, copy: InstalledCopy, key: str) -> Iterator[str]:
    """Say which edited files of a copy in a layer Python does not run as they are."""
    layer = next((one for one in stack.layers if str(one) == copy.place), None)
    if layer is not None:
        at = stack.from_layer(str(layer.parent))
        below = [*map(at.read_site, at.below), at.host.distributions]
        yield from map(str, bypassed_edits(at.state(), [key], below))


def _hiding(found: Distribution, sites: Sequence[tuple[str, Path, Site]]) -> Iterator[Hidden]:
    """Yield what hides modules of a distribution, in the places before its own."""
    for number, (where, _, site) in enumerate(sites):
        if found in site.get(found.key, ()):
            yield from hiding(found, where, [above for *_, above in sites[:number]])


def _covering(found: Distribution, sites: Sequence[tuple[str, Path, Site]]) -> Iterator[Covered]:
    """Yield the packages that hide parts of a distribution, in the places behind its own."""
    for number, (*_, own) in enumerate(sites):
        if found in own.get(found.key, ()):
            behind = ((where, site) for where, _, site in sites[number + 1 :] if site)
            below = [(where, next(iter(site.values()))[0].site, site) for where, site in behind]
            yield from covering(found, owned_files(found, found.site) or (), below)


def _hidden(
    stack: Stack, text: str, sites: Sequence[tuple[str, Path, Site]]
) -> OverlayError | None:
    """The error for a module that a package in front of it, or behind it, hides."""
    start = text.replace(".", "/")
    for found in (one for *_, site in sites for many in site.values() for one in many):
        names = owned_files(found, found.site) or ()
        if any(name.startswith((f"{start}.", f"{start}/__init__.")) for name in names):
            hidden = ((str(one), found.key) for one in _hiding(found, sites))
            covered = ((str(one), one.by.key) for one in _covering(found, sites))
            for sentence, key in (*hidden, *covered):
                remedy = shell.overlay_command(stack.host, "edit", "--no-editor", key)
                return OverlayError(f"There is no {text}: {sentence}.", remedy, name=text)
    return None


def _nothing(
    stack: Stack, text: str, failure: Sequence[str] | None, places: Iterable[Path]
) -> OverlayError:
    """The error for a name that is not found, perhaps because a package cannot be imported."""
    if failure:
        package, how = failure
        sentence = f"{text} cannot be imported, because {package} fails: {how}."
        return OverlayError(sentence, f"conda overlay why {shlex.quote(package)}", name=text)
    what = f"package, module or program {text or repr(text)}"
    sentence = f"There is no {what} in {stack.host.name}, nor in an overlay of it."
    meant = did_you_mean(text, names_in(places))
    return OverlayError(sentence + meant, "conda overlay status --merged", name=text)


def _sites(stack: Stack, environ: Mapping[str, str]) -> Iterator[tuple[str, Path, Site]]:
    """Yield the places of distributions and their content, in order of precedence."""
    for layer, site in zip(stack.layers, stack.sites(stack.layers), strict=True):
        yield "overlay", layer, read_site(site)
    if place := user_site.user_site_directory(stack.host, environ):
        yield "user site", place, read_site(place)
    yield "host", stack.host.site_packages, stack.host.distributions


def _elsewhere(
    path: Sequence[str], sites: Sequence[tuple[str, Path, Site]], file: Path
) -> Iterator[tuple[str, Path, Site]]:
    """Yield the directory on Python's path that a file comes from, unless it is one of `sites`."""
    for place in filter(file.is_relative_to, map(Path, path)):
        if not any(place.is_relative_to(known) for _, known, _ in sites):
            yield "path", place, read_site(place)


def _copies(
    sites: list[tuple[str, Path, Site]], key: str
) -> Iterator[tuple[InstalledCopy, Distribution]]:
    for where, place, site in sites:
        for found in site.get(key, ()):
            yield InstalledCopy(found.version, where, str(place)), found


def _bins(stack: Stack) -> list[str]:
    return [*(f"{layer}/bin" for layer in stack.layers), f"{stack.host.prefix}/bin"]


def _modules(found: Distribution) -> set[str]:
    return modules(owned_files(found, found.site) or ())


def _owner(sites: list[tuple[str, Path, Site]], file: Path) -> Distribution | None:
    """Find the distribution of a file, by RECORD or by the directory of an editable install."""
    every = (one for *_, site in sites for several in site.values() for one in several)
    return next((found for found in every if _has(found, file)), None)


def _lack(found: Distribution, module: str) -> str:
    """Why a distribution is passed over for a module."""
    file = module.replace(".", "/")
    names = [
        n for n in owned_files(found, found.site) or () if n.startswith((f"{file}.", f"{file}/"))
    ]
    there = any((found.site / name).exists() for name in names)
    return f"lacks an __init__.py above {module}" if there else f"does not contain {module}"


def _has(found: Distribution, file: Path) -> bool:
    """Whether a file belongs to a distribution."""
    if found.editable and file.is_relative_to(found.editable):
        return True
    return file.is_relative_to(found.prefix) and str(file.relative_to(found.prefix)) in (
        owned_files(found, found.prefix) or ()
    )


def _is_own(stack: Stack, file: Path, copies: Iterable[Distribution]) -> bool:
    """Whether a file in a layer is the user's own, which no distribution has."""
    layer = next(filter(file.is_relative_to, stack.layers), None)
    if layer is None or any(_has(one, file) for one in copies):
        return False
    own = stack.from_layer(str(layer.parent)).state().own(stack.host.site_below_prefix)
    below = file.relative_to(layer)
    return any(str(path) in own for path in (below, *below.parents))  # perhaps a link to all of it


def _on_pythonpath(
    file: str | None, environ: Mapping[str, str], but: Collection[Path] = ()
) -> str | None:
    """The directory on PYTHONPATH that a file comes from, unless it is one of `but`."""
    named = filter(None, environ.get("PYTHONPATH", "").split(":"))
    places = (place for place in named if file and file.startswith(f"{place}/"))
    return next((place for place in places if Path(place) not in but), None)


def _shining(
    stack: Stack, copies: list[tuple[InstalledCopy, Distribution]], environ: Mapping[str, str]
) -> Iterator[str]:
    """Yield a sentence for each module that only a hidden copy has, so that it is importable."""
    for copy, found in copies[1:]:
        for name in sorted(_modules(found) - _modules(copies[0][1])):
            file, *_ = _ask(stack, name, environ)
            if file and _has(found, Path(file)):
                hidden = f"{copy.version} ({named(copy.where)})"
                yield f"{name} of the hidden {hidden} can still be imported"


def _ask(
    stack: Stack, module: str, environ: Mapping[str, str], *flags: str
) -> tuple[str | None, list[str], list[str] | None, list[str]]:
    """Ask the host's interpreter for a module.

    Returns:
        The file; the directories of a package; if a package that contains the module cannot be
        imported, its name and the error; and Python's path.
    """
    done = stack.host.run([*flags, "-c", _PROBE, module], environ=environ)
    try:
        file, places, failure, path = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        return None, [], None, []
    return file, places, failure, path


def _isolated(stack: Stack, module: str, file: str) -> str | None:
    """What the host's Python runs without overlays, PYTHONPATH and ~/.local, if not this file."""
    bare, places, *_ = _ask(stack, module, wiring.unwire(os.environ), "-I")
    return None if bare == file else bare or next(iter(places), "nothing")


def _here(stack: Stack, module: str, file: str) -> Iterator[str]:
    """Yield a sentence if the calling shell runs another file, with the reason."""
    host = stack.host
    if not shell.is_active(host):
        return
    here, places, *_ = _ask(stack, module, os.environ)
    if here == file:
        return
    wired = shell.wired(host, stack.settings)
    reason = f"it is not wired as it should be; {wired.detail}"
    if wired.state == "on":
        first = _on_pythonpath(here, os.environ)
        reason = f"PYTHONPATH names {first} first" if first else "its environment differs"
    yield f"this shell runs {here or next(iter(places), 'nothing')}: {reason}"


def _origin(
    copy: InstalledCopy | None, key: str
) -> tuple[Revision, HistoryEntry] | tuple[None, None]:
    """The revision that installed a copy or edited it last, and the entry, dated by that."""
    nothing = None, None
    if copy is None or copy.where != "overlay":
        return nothing
    store = Store(Path(copy.place))
    number = store.current()
    if number is None:
        return nothing
    entry = store.revision(number).distributions.get(key)
    if entry is None or entry.version != copy.version:
        return nothing
    made = (entry.version, entry.since, entry.patch)
    first = next(  # always found: the current revision matches
        revision
        for revision in map(store.revision, store.numbers())
        if (same := revision.distributions.get(key))
        and (same.version, same.since, same.patch) == made
    )
    return first, replace(entry, since=first.time, by=first.user) if entry.patch else entry
