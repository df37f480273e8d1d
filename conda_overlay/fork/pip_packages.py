"""pip's part of a fork: exactly its distributions in the baseline, then the requested ones."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import count
from pathlib import Path

from conda_overlay.change.apply import check_sources, in_turn, requests
from conda_overlay.change.entries import pins
from conda_overlay.core.errors import OverlayError, ResolutionError
from conda_overlay.core.models import Distribution, HistoryEntry
from conda_overlay.core.request import Request, for_pip, key_of, names_of, parse
from conda_overlay.distributions.dependencies import conflicts, effective
from conda_overlay.distributions.record import list_files, uninstall
from conda_overlay.distributions.site import Site, read_site
from conda_overlay.edits import unified_diff
from conda_overlay.edits.originals import files_of
from conda_overlay.edits.patch import parts_of
from conda_overlay.filesystem.tree import move_in
from conda_overlay.host.host import Host
from conda_overlay.resolve.pip import Pip
from conda_overlay.resolve.resolver import Resolver
from conda_overlay.resolve.stage import Stage


def add(
    new: Path,
    prefix: Path,
    exact: Sequence[str],
    wanted: Mapping[str, HistoryEntry],
    pip: Callable[[Host], Pip],
    *,
    dropped: Collection[str],
    allow_conflicts: bool,
    options: Sequence[str],
    file: Path | None,
) -> None:
    """Add distributions to an environment that will be at a prefix.

    Args:
        new: its directory now; pip's temporary files go beside it.
        prefix: its final prefix.
        exact: requirements that allow one version or file each.
        wanted: the entries of the distributions to resolve on top of these.
        pip: makes the caller of pip for a host.
        dropped: the names of the distributions of the conda packages that are left out.
        allow_conflicts: accept that there is no consistent set.
        options: those of ``fork`` that name the environment, for hints.
        file: the file that the entries are from; None: an overlay.

    Raises:
        ResolutionError: no consistent set exists, or a distribution needs a dropped package.
        PipError: pip failed.
        OverlayError: the directory of an editable does not exist, or edits do not apply.
    """
    check_sources(wanted)
    host, sources = Host(new, prefix.name), new / "src"
    if exact:
        stage = Stage(new.with_name("exactly"), host, {})
        words = ["--no-deps", "--ignore-installed", *map(for_pip, map(parse, exact))]
        outcome = pip(host).install(stage, words, [], sources)
        if not outcome.ok:
            raise outcome.error()
        _move_in(stage, read_site(stage.site), host, prefix)
        host = Host(new, prefix.name)
        found = conflicts(effective(host.distributions), host.markers, host.site_packages)
        broken = [c for c in found if key_of(parse(c.requirement)) in dropped]
        if broken and not allow_conflicts:
            raise ResolutionError(
                "Packages that pip installed in the baseline depend on these:", broken
            )
    there = read_site(host.site_packages)
    scratches = (new.with_name(f"resolved{number}") for number in count())
    done: set[str] = set()

    def install(request: Request) -> None:
        host, scratch = Host(new, prefix.name), next(scratches)
        kept = pins({key: wanted[key] for key in done}, host.distributions, ())
        how = scratch, sources, allow_conflicts
        found = Resolver(pip(host), request, {}, *how, fork=options, pins=kept).resolve()
        _move_in(found.stage, found.staged, host, prefix)
        done.update(wanted.keys() & names_of(request.requirements))

    in_turn(requests(from_pip(wanted, there), ()), install)
    for key, (installed, *_) in read_site(host.site_packages).items():
        if key in wanted:
            _edit(installed, wanted[key].patch or "", file, options)


def from_pip(wanted: Mapping[str, HistoryEntry], there: Collection[str]) -> dict[str, HistoryEntry]:
    """The entries that pip resolves: not those of copies of what is there, whatever its version."""
    return {key: entry for key, entry in wanted.items() if not entry.copied or key not in there}


def _edit(found: Distribution, patch: str, file: Path | None, options: Sequence[str]) -> None:
    """Apply the edits that a distribution does not have yet; see `add`.

    git replaces files, so it does not change those that conda hard-linked from its package cache.
    """
    parts = parts_of(found, patch, files_of(found) or ())
    parts = unified_diff.lacking(found.site, parts, 1, reverse=False)
    if faults := unified_diff.apply_parts(found.site, parts, 1, reverse=False):
        sentence = f"The edits of {found.name} do not apply to what the fork has of it."
        hint = f"conda overlay export -f FILE, and leave the edits of {found.name} out of FILE"
        if file:
            again = shlex.join(["conda", "overlay", "fork", *options])
            hint = f"take the edits of {found.name} out of {file}, then: {again}"
        raise OverlayError(sentence, hint, faults, name=found.name)
    list_files(found, {os.path.normpath(path) for part in parts for path in part.paths})


def _move_in(stage: Stage, staged: Site, host: Host, prefix: Path) -> None:
    """Move the distributions from a stage to an environment that will be at a prefix."""
    for key in staged:
        uninstall(host.distributions.get(key, ()), host.prefix, "environment")
    stage.finish(prefix / "bin" / "python", staged)
    move_in(host.prefix, stage.root)
