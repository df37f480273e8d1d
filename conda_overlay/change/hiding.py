"""Finds modules that are not in effect: of an overlay, or of the layers below and the host.

A distribution hides modules below it; a package below hides the parts of it in an overlay; modules
that were deleted from a copy are in effect below it; an edited file is not what Python imports if
there is a compiled one.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from conda_overlay.core.models import Distribution
from conda_overlay.core.text import few, named
from conda_overlay.distributions.record import owned_files
from conda_overlay.distributions.site import Site, modules
from conda_overlay.edits.originals import files_of, original_hashes
from conda_overlay.layer.state import State

_SUFFIXES = (".py", ".so")

_NOWHERE: tuple[str, Path, Site] = ("", Path(), {})

_OLD_NAMESPACE = re.compile(rb"\b(extend_path|declare_namespace)\b")
"""The functions with which the file of a package looks for parts of it on all of Python's path."""


@dataclass(frozen=True)
class Hidden:
    """Modules that are not in effect, because Python finds those of another distribution first."""

    by: Distribution
    modules: tuple[str, ...]
    of: Distribution | None
    """None if they belong to no distribution."""
    where: str
    """Where they are."""

    def __str__(self) -> str:
        what = f"module{'s' if self.modules[1:] else ''} {few(self.modules)}"
        whose = f" of {self.of.name} {self.of.version}" if self.of else ""
        return f"{self.by.name} {self.by.version} hides the {what}{whose} ({named(self.where)})"


@dataclass(frozen=True)
class Covered:
    """Modules of an overlay that are not in effect, because they are parts of a package below it.

    Python prefers a package with an ``__init__.py``, wherever it is, to a directory without.
    """

    by: Distribution
    modules: tuple[str, ...]
    of: Distribution
    where: str
    """Where the package is."""

    def __str__(self) -> str:
        by = f"{self.by.name} {self.by.version} ({named(self.where)})"
        what = f"module{'s' if self.modules[1:] else ''} {few(self.modules)}"
        return f"{by} hides the {what} of {self.of.name} {self.of.version}"


@dataclass(frozen=True)
class Deleted:
    """Modules that were deleted from a copy, so that those below it are in effect."""

    copy: Distribution
    modules: tuple[str, ...]
    where: str
    """Where they still are."""

    def __str__(self) -> str:
        what, those = ("modules", "those") if self.modules[1:] else ("module", "that")
        what = f"{what} {few(self.modules)} deleted from the copy of {self.copy.name}"
        where = "the environment" if self.where == "host" else self.where
        return f"{what}: {those} of {where} can still be imported"


@dataclass(frozen=True)
class Bypassed:
    """An edited file of which the edits have no effect, or not the whole effect."""

    of: Distribution
    name: str
    """Of the file, relative to site-packages."""
    instead: str = ""
    """The file that Python imports; empty for a ``.pth`` file, of which all run."""

    def __str__(self) -> str:
        if not self.instead:
            return f"{self.name} of the environment runs at each start as well, unedited"
        return f"{self.name} does not run: Python imports {self.instead}"


def hidden_modules(
    state: State, keys: Iterable[str], below: Sequence[Site], host: Path, *, lost: bool = False
) -> Iterator[Hidden]:
    """Find the modules of other distributions that those of an overlay hide.

    Only distributions that may be hidden are read.

    Args:
        state: of the overlay.
        keys: the normalized names of its distributions that may hide others.
        below: the distributions of the layers below it, and of the host.
        host: the site-packages of the host.
        lost: leave out the modules that the distribution that hides them has itself.
    """
    places = _places(below)
    for key in keys:
        mine, names = state.site[key][0], state.names(key)
        has = names if lost else set()
        for root in sorted(_roots(names)):
            for place, site in places:
                if not _has(place, root) or _looks_for_parts(mine.site / root):
                    continue
                if not _has_others(place, root, has, site.get(key, ())):
                    continue
                where = _where(place, host)
                others = (one for name, many in site.items() for one in many if name != key)
                inside = ((one, _in(root, one, has)) for one in others)
                found = [Hidden(mine, hidden, one, where) for one, hidden in inside if hidden]
                if not found and key not in site:
                    found = [Hidden(mine, (_dotted(root),), None, where)]
                yield from (one for one in found if not one.of or one.of.key not in state.site)
                if found:
                    break


def covered_modules(
    state: State, keys: Iterable[str], below: Sequence[Site], host: Path
) -> Iterator[Covered]:
    """Find the modules of an overlay that lie in packages of a layer below, or of the host, alone.

    The arguments are those of `hidden_modules`.
    """
    places = [(_where(place, host), place, site) for place, site in _places(below)]
    for key in keys:
        yield from covering(state.site[key][0], state.names(key), places)


def covering(
    found: Distribution, names: Collection[str], below: Sequence[tuple[str, Path, Site]]
) -> Iterator[Covered]:
    """Find the packages below a distribution that hide parts of it.

    Args:
        found: the distribution.
        names: its files, relative to site-packages.
        below: the words for the site-packages below it, their paths, and their distributions.
    """
    names = [name for name in names if name.endswith(_SUFFIXES)]
    roots = {parent for name in names for parent in PurePosixPath(name).parents}
    seen: set[PurePosixPath] = set()
    for root in sorted(roots - {PurePosixPath()}):
        init, ways = f"{root}/__init__.py", [root, *root.parents][:-1]
        where, place, site = next((one for one in below if (one[1] / init).exists()), _NOWHERE)
        own = any((found.site / way / "__init__.py").exists() for way in ways)
        if own or not site or not seen.isdisjoint(ways) or _looks_for_parts(place / root):
            continue
        seen.add(root)
        hidden = _inside(str(root), names)
        every = (one for many in site.values() for one in many)
        owners = (one for one in every if init in (owned_files(one, one.site) or ()))
        if hidden and (by := next(owners, None)):
            yield Covered(by, hidden, found, where)


def deleted_modules(
    state: State, keys: Iterable[str], below: Sequence[Site], host: Path
) -> Iterator[Deleted]:
    """Find the modules that were deleted from copies, but not from what is below the overlay.

    The arguments are those of `hidden_modules`.
    """
    copies = [state.copies[key] for key in state.copies.keys() & {*keys}]
    there = {path.removeprefix(copies[0].below) for path in state.files} if copies else set()
    places = _places(below)
    for copy in copies:
        gone = _roots(original_hashes(copy)) - _roots(state.names(copy.key) & there)
        gone = gone and gone - _roots(there)  # another distribution may have them
        gone = {root for root in gone if not (copy.site / root).is_symlink()}
        for place, _ in places:
            found = {root for root in gone if _has(place, root)}
            if names := tuple(map(_dotted, sorted(found))):
                yield Deleted(copy, names, _where(place, host))
            gone -= found


def bypassed_edits(state: State, keys: Iterable[str], below: Sequence[Site]) -> Iterator[Bypassed]:
    """Find the edited files that Python does not run, or not alone.

    The arguments are those of `hidden_modules`.
    """
    for key in sorted(state.site.keys() & {*keys}):
        found, gone = state.site[key][0], state.deleted.get(key, set())
        paths = state.owned[key] | gone
        there = {path.removeprefix(found.below) for path in paths & state.files.keys()}
        edited = (path.removeprefix(found.below) for path in paths & (state.edited | gone))
        for name in sorted(edited):
            stem, suffix = os.path.splitext(name)
            if suffix == ".py" and name in there and (other := imported_instead(stem, there)):
                yield Bypassed(found, name, other)
            elif suffix == ".pth" and any((place / name).is_file() for place, _ in _places(below)):
                yield Bypassed(found, name)


def imported_instead(stem: str, files: Collection[str]) -> str | None:
    """The file that Python imports rather than a source file: a package, or a compiled module.

    Args:
        stem: the path of the source file without its suffix.
        files: those that there are.
    """
    compiled = (n for n in files if n.startswith(f"{stem}.") and n.endswith(".so"))
    package = f"{stem}/__init__.py"
    return package if package in files else min(compiled, default=None)


def notes(
    state: State, new: Collection[str], changed: Collection[str], below: Sequence[Site], host: Path
) -> Iterator[str]:
    """The notes of a plan on what is not in effect.

    Args:
        state: after the change.
        new: the normalized names of the distributions that are new here, or over what is new.
        changed: those of all that have changed.
        below: see `hidden_modules`.
        host: the site-packages of the host.
    """
    yield from map(str, hidden_modules(state, new, below, host))
    yield from map(str, covered_modules(state, new, below, host))
    yield from map(str, deleted_modules(state, changed, below, host))
    yield from map(str, bypassed_edits(state, changed, below))


def hiding(found: Distribution, where: str, above: Iterable[Site]) -> Iterator[Hidden]:
    """Find the distributions in the layers above another one that hide modules of it."""
    others = (one for site in above for many in site.values() for one in many)
    for one in (one for one in others if one.key != found.key):
        roots = _roots(owned_files(one, one.site) or ())
        every = ((root, name) for root in sorted(roots) for name in _in(root, found))
        if names := [name for root, name in every if not _looks_for_parts(one.site / root)]:
            yield Hidden(one, tuple(names), found, where)


def _places(below: Sequence[Site]) -> list[tuple[Path, Site]]:
    """The site-packages of layers, with their distributions; not those without any."""
    return [(next(iter(site.values()))[0].site, site) for site in below if site]


def _where(place: Path, host: Path) -> str:
    return "host" if place == host else "a layer below"


def _roots(names: Collection[str]) -> set[str]:
    """The modules with these files that hide others of their name: not the parts of namespaces.

    Returns:
        Their paths without a suffix, relative to site-packages.
    """
    paths = [PurePosixPath(name) for name in names if name.endswith(_SUFFIXES)]
    packages = {path.parent for path in paths if path.name.startswith("__init__.")}
    every = packages | {path.with_name(path.name.partition(".")[0]) for path in paths}
    roots = (path for path in every if not packages.intersection(path.parents))
    return {str(path) for path in roots if all(part.isidentifier() for part in path.parts)}


def _in(root: str, found: Distribution, has: Collection[str] = ()) -> tuple[str, ...]:
    """The modules of a distribution that are the given one, or lie in it.

    Args:
        root: the path of the module without a suffix.
        found: the distribution.
        has: files to leave out.
    """
    owned = {*(owned_files(found, found.site) or ())}.difference(has)
    names = [name for name in owned if name.endswith(_SUFFIXES)]
    if any(name.startswith((f"{root}.", f"{root}/__init__.py")) for name in names):
        return (_dotted(root),)
    return _inside(root, names)


def _inside(root: str, names: Iterable[str]) -> tuple[str, ...]:
    """The modules among some files that lie in a package."""
    inside = {name[len(root) + 1 :] for name in names if name.startswith(f"{root}/")}
    return tuple(f"{_dotted(root)}.{name}" for name in sorted(modules(inside)))


def _dotted(root: str) -> str:
    return root.replace("/", ".")


def _looks_for_parts(package: Path) -> bool:
    """Whether a package finds the parts of it in other directories, too, so that it hides none."""
    try:
        return bool(_OLD_NAMESPACE.search((package / "__init__.py").read_bytes()))
    except OSError:
        return False


def _has(site: Path, root: str) -> bool:
    """Whether a site-packages has a module of this name, but not in a package: that would win."""
    above = [*PurePosixPath(root).parents][:-1]
    if any((site / parent / "__init__.py").exists() for parent in above):
        return False
    return (site / root).is_dir() or any(site.glob(f"{glob.escape(root)}.*"))


def _has_others(site: Path, root: str, has: Collection[str], same: Sequence[Distribution]) -> bool:
    """Whether a module has files there that neither the given ones nor its own namesakes have."""
    if not has and not same:
        return True
    paths = (path for path in (site / root).rglob("*") if path.suffix in _SUFFIXES)
    others = {str(path.relative_to(site)) for path in paths}.difference(has)
    return bool(others and others.difference(*(files_of(one) or () for one in same)))
