"""pip's part of a fork: what it has in the baseline, exactly, then what is wanted on top."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from conda_overlay import scripts
from conda_overlay.distributions import Site, clean_origin, read_site, uninstall
from conda_overlay.host import Host
from conda_overlay.models import Entry
from conda_overlay.operations.apply import check_sources, request
from conda_overlay.operations.locked import for_pip
from conda_overlay.pip import Pip, Stage
from conda_overlay.resolver import Resolver
from conda_overlay.tree import move_in


def add(
    new: Path,
    prefix: Path,
    exact: Sequence[str],
    wanted: Mapping[str, Entry],
    pip: Callable[[Host], Pip],
    *,
    allow_conflicts: bool,
) -> None:
    """Add distributions to an environment that will be at a prefix.

    Args:
        new: where it is now; beside it is room for what pip needs.
        prefix: where it will be.
        exact: requirements that admit one version or file each.
        wanted: what is resolved on top of these.
        pip: calls pip for a host.
        allow_conflicts: accept that there is no consistent set.

    Raises:
        ResolutionError: no consistent set of distributions exists.
        PipError: pip failed.
        OverlayError: the directory of an editable does not exist.
    """
    check_sources(wanted)
    host, sources = Host(new, prefix.name), new / "src"
    if exact:
        stage = Stage(new.with_name("exactly"), host, [])
        words = ["--no-deps", "--ignore-installed", *map(for_pip, exact)]
        outcome = pip(host).install(stage, words, [], sources)
        if not outcome.ok:
            raise outcome.error()
        _move_in(stage, read_site(stage.site), host, prefix)
        host = Host(new, prefix.name)
    asked = replace(request(wanted, ()), allow_conflicts=allow_conflicts)
    if asked.arguments:
        scratch = new.with_name("resolved")
        found = Resolver(pip(host), asked, [host.distributions], [], scratch, sources).resolve()
        _move_in(found.stage, found.staged, host, prefix)


def _move_in(stage: Stage, staged: Site, host: Host, prefix: Path) -> None:
    """Move what pip has installed into a stage to an environment that will be at a prefix."""
    for key, installed in staged.items():
        uninstall(host.distributions.get(key, ()), host.prefix, "environment")
        for found in installed:
            clean_origin(found.path)
    scripts.rewrite(stage.root, stage.site, [stage.python], prefix / "bin" / "python")
    stage.remove_scaffolding()
    move_in(host.prefix, stage.root)
