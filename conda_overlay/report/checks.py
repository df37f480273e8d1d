"""Finds the problems of an overlay."""

from __future__ import annotations

import os
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from conda_overlay.change import plan
from conda_overlay.change.edit_again import copies_over, is_outdated
from conda_overlay.change.hiding import (
    bypassed_edits,
    covered_modules,
    deleted_modules,
    hidden_modules,
)
from conda_overlay.core.errors import way_to_move_back, way_to_read
from conda_overlay.core.models import Conflict, Finding, Revision
from conda_overlay.core.request import named_as
from conda_overlay.core.text import few
from conda_overlay.distributions import dependencies
from conda_overlay.distributions.dependencies import Markers, View
from conda_overlay.distributions.site import Site
from conda_overlay.filesystem.manifest import Manifest, differences, unreadable
from conda_overlay.filesystem.tree import in_repository, linked
from conda_overlay.host.conda_meta import moved, versions_of
from conda_overlay.host.host import Host
from conda_overlay.layer import behind, scaffolding, scripts
from conda_overlay.layer.state import State, is_leftover, own_files
from conda_overlay.layer.store import Store
from conda_overlay.report.shell import overlay_command

_LATER = timedelta(days=30)  # for what is overdue


@dataclass(frozen=True)
class Around:
    """The distributions of the other layers that count for an overlay, by their paths."""

    front: Mapping[Path, Site]
    behind: Mapping[Path, Site]

    @property
    def above(self) -> View:
        """The distributions in effect whatever the overlay has."""
        return dependencies.effective(*self.front.values())

    def below(self, host: Host) -> list[Site]:
        """The distributions of the layers behind the overlay, and of the host."""
        return [*self.behind.values(), host.distributions]


def findings(
    host: Host,
    store: Store,
    now: State,
    around: Around,
    revision: Revision | None,
    recorded: Manifest | None,
) -> list[Finding]:
    """Find all problems of an overlay.

    Args:
        host: the environment below it.
        store: the overlay.
        now: its current state.
        around: the other layers.
        revision: the current one; an overlay made by hand has none.
        recorded: the manifest of that, if there is one.
    """
    if link := linked(store.real, host.site_below_prefix):  # all else would be said to be gone
        text = f"{link} is a link, so nothing can be changed"
        return [Finding("link", text, (way_to_move_back(store.overlay / link),))]
    below = around.below(host)
    found = [*_python(host, store.real), *_conflicts(host, now, below, around.above)]
    if revision:
        layers = {str(path): behind.facts(path, site) for path, site in around.behind.items()}
        found += [*_drift(host, revision, layers), *_overdue(host, now, revision)]
    if _other_pythons(host, store.real):
        return found  # all else would be said to be gone
    found += [*_originals(host, now, below)]
    found += [*_distributions(host, store.real, now, revision), *_hidden(host, store, now, below)]
    if revision:
        found += _files(host, store, now, revision, recorded)
        found += _own_files(host, store, now, recorded or {}, around)
    return found


def _python(host: Host, tree: Path) -> Iterator[Finding]:
    if versions := _other_pythons(host, tree):
        mine = host.site_below_prefix.parent.name
        text = f"built for {', '.join(versions)}, but the environment has {mine}"
        yield Finding("python", text, (overlay_command(host, "rebase"),))


def _other_pythons(host: Host, tree: Path) -> list[str]:
    """The Pythons that a tree has modules for, if it has none for the host's."""
    versions = sorted(path.parent.name for path in tree.glob("lib/python*/site-packages"))
    return versions if host.site_below_prefix.parent.name not in versions else []


def _conflicts(host: Host, now: State, below: Sequence[Site], above: View) -> Iterator[Finding]:
    before, after = dependencies.effective(*below), dependencies.effective(now.site, *below)
    where, asked = (host.markers, host.site_packages), ((), now.requirements)
    seen = {**before, **above}, {**after, **above}
    for found in dependencies.new_conflicts(*seen, *where, asked):
        text = str(found).replace(" would be in effect", " is in effect")
        held, ways = _ways_out(found, now, before, above, host.markers)
        remedies = tuple(overlay_command(host, *words) for words in ways)
        yield Finding("conflict", f"{text}{held}", remedies)


def _ways_out(
    found: Conflict, now: State, below: View, above: View, markers: Markers
) -> tuple[str, list[tuple[str, ...]]]:
    """Say which requests keep up a conflict, if any, with the commands that end it.

    `rebase` repeats all requests, so it helps only where these allow another version.
    """
    going = plan.redundant(now, below, markers)
    copied = {key for key in now.copies if now.entries[key].copied}  # a request for none
    requests = now.requested.keys() - going.keys() - copied
    wanted, asker = Requirement(found.requirement), str(canonicalize_name(found.name))
    key, mine = str(canonicalize_name(wanted.name)), asker in now.site
    leave = [("remove", asker)] if asker in requests else []
    if key in above:  # whatever the overlay has
        return "", [*leave]
    if key in requests and asker not in going:
        entry = now.entries[key]
        leave = leave if mine else [("remove", key)]
        fits = f"{named_as(entry.name, entry.requirement)}{wanted.specifier}"
        ways = [] if entry.is_direct else [("install", fits)]
        return f"; {entry.requirement or entry.name} was requested", [*ways, *leave]
    if not mine and key in now.site and key not in going:
        alone = partial(dependencies.orphans, now.site, below)
        rest = markers, now.requirements
        needing = [r for r in sorted(requests) if key not in alone(requests - {r}, {r}, *rest)]
        if needing:
            texts = few([now.entries[one].requirement or one for one in needing])
            return f"; {wanted.name} is there for {texts}, as requested", [("remove", *needing)]
    return "", [("rebase",), *leave]


def _drift(host: Host, revision: Revision, layers: Mapping[str, Any]) -> Iterator[Finding]:
    if changed := behind.changes(revision.host, layers):
        text = f"the layers below have changed since revision {revision.number}: {few(changed)}"
        yield Finding("drift", text, (overlay_command(host, "rebase"),))
    if not host.has_changed(revision.host):
        return
    now = host.fingerprint()
    what = moved(revision.host.get("distributions", {}), now["distributions"])
    for name, field in (("ABI", "abi"), ("Python", "python")):
        if now[field] != revision.host[field]:
            what.insert(0, f"{name} {revision.host[field]} -> {now[field]}")
    if not what:
        what = [f"its conda packages: {few(moved(versions_of(revision.host), versions_of(now)))}"]
    text = f"the environment has changed since revision {revision.number}: {few(what)}"
    yield Finding("drift", text, (overlay_command(host, "rebase"),))


def _originals(host: Host, now: State, below: Sequence[Site]) -> Iterator[Finding]:
    """Find copies whose originals have other files at the same version: these alone are read."""
    pairs = copies_over(dependencies.effective(*below), now)
    there = [c.name for c, its in pairs if c.version == its.version and is_outdated(c, its)]
    if there:
        text = f"the files below your copies have changed at the same version: {few(there)}"
        yield Finding("drift", text, (overlay_command(host, "rebase"),))


def _overdue(host: Host, now: State, revision: Revision) -> Iterator[Finding]:
    today = date.today()
    later = (today + _LATER).isoformat()
    for key, entry in revision.distributions.items():
        if entry.until and entry.until < today.isoformat():
            edited = key in now.site and now.entries[key].patch
            go = ("remove", key, "--force") if edited else ("remove", key)
            ways = (go, ("note", key, "--until", later))
            remedies = tuple(overlay_command(host, *words) for words in ways)
            text = f"{key} has been overdue since {entry.until}"
            text += "; with it go your edits, which record keeps for undo" if edited else ""
            yield Finding("overdue", text, remedies)


def _distributions(
    host: Host, tree: Path, now: State, revision: Revision | None
) -> Iterator[Finding]:
    known = revision.distributions if revision else {}

    def repair(key: str) -> tuple[str, ...]:
        # Without a name, repair keeps recorded edits.
        names = () if key in known and known[key].patch else (key,)
        return (overlay_command(host, "repair", *names),) if revision else ()

    for key, found in now.site.items():
        name, source = found[0].name, found[0].editable
        if len(found) > 1:
            names = ", ".join(sorted(d.path.name for d in found))
            again = overlay_command(host, "install", "--force-reinstall", "--no-deps", key)
            yield Finding("duplicate", f"{key} is installed more than once: {names}", (again,))
        if source and not Path(source).is_dir():
            text = f"{name} is an editable install of {source}, which is gone"
            yield Finding("missing", text, (overlay_command(host, "remove", key),))
        if gone := now.missing(key):
            text = f"{name} lacks {few(gone)}"
            above = {str(parent) for path in gone for parent in PurePosixPath(path).parents}
            if links := sorted(path for path in above & now.files.keys() if (tree / path).is_dir()):
                text += f", since {few(links)} is a link"
            yield Finding("missing", text, repair(key))
        if found[0].path.suffix == ".dist-info" and not now.has_record(key):
            yield Finding("missing", f"{name} has no RECORD of its files", repair(key))
    for key in sorted(known.keys() - now.site.keys()):
        yield Finding("missing", f"{key} is gone", repair(key))


def _hidden(host: Host, store: Store, now: State, below: Sequence[Site]) -> Iterator[Finding]:
    for one in hidden_modules(now, now.site, below, host.site_packages, lost=True):
        if one.of:
            remedy = overlay_command(host, "edit", "--no-editor", one.of.key)
            yield Finding("hidden", str(one), (remedy,))
    for mine in covered_modules(now, now.site, below, host.site_packages):
        own = mine.by.key in now.site  # so it cannot be copied
        remedies = () if own else (overlay_command(host, "edit", "--no-editor", mine.by.key),)
        yield Finding("hidden", str(mine), remedies)
    for gone in deleted_modules(now, now.site, below, host.site_packages):
        text = f"{gone}; one that raises ImportError would hide it"
        yield Finding("deleted", text, (overlay_command(host, "repair", gone.copy.key),))
    for edit in bypassed_edits(now, now.site, below):
        ways = [overlay_command(host, "repair", edit.of.key)]
        if edit.instead.endswith(".so"):  # without which Python imports the source file
            compiled = store.overlay / edit.of.below / edit.instead
            ways.insert(0, shlex.join(["rm", str(compiled)]))
        yield Finding("bypassed", str(edit), tuple(ways))


def _files(
    host: Host,
    store: Store,
    now: State,
    revision: Revision,
    recorded: Manifest | None,
) -> Iterator[Finding]:
    closed = unreadable(now.files)
    for path in closed:
        remedy = way_to_read(store.overlay / path)
        yield Finding("unreadable", f"{path} cannot be read, so nothing can be changed", (remedy,))
    if recorded is not None:
        by_hand = differences(recorded, now.files)
        yield from _deleted(host, store, revision, recorded, by_hand.removed)
        for verb, paths in (("added", by_hand.added), ("changed", by_hand.changed)):
            said = f"{verb} since revision {revision.number}"
            record = overlay_command(host, "record")
            mine = {path for path in paths if path in now.edited}.difference(closed)
            if keys := sorted(key for key, owned in now.owned.items() if owned & mine):
                theirs = {path for key in keys for path in now.owned[key] & mine}
                text = f"{said}: {few(sorted(theirs))}; record keeps this, repair undoes it"
                yield Finding("by-hand", text, (record, overlay_command(host, "repair", *keys)))
                mine -= theirs
            if mine:  # repair takes no such file away
                text = f"{said}: {few(sorted(mine))}; no package has this, record keeps it"
                remove = shlex.join(["rm", *(str(store.overlay / path) for path in sorted(mine))])
                added = verb == "added" and not any(map(in_repository, mine))
                text += ", rm removes it" if added else ""
                yield Finding("by-hand", text, (record, remove) if added else (record,))
    if left := [path for path in now.files if is_leftover(path)]:
        text = f"pip was interrupted and left renamed files: {few(left)}"
        yield Finding("leftover", text, (overlay_command(host, "repair"),))
    here = store.overlay / "bin" / scaffolding.INTERPRETER
    if others := sorted(scripts.interpreters(store.real) - {here}):
        text = f"its programs still point to {few([*map(str, others)])}"
        yield Finding("moved", text, (overlay_command(host, "repair"),))


def _deleted(
    host: Host, store: Store, revision: Revision, recorded: Manifest, gone: Collection[str]
) -> Iterator[Finding]:
    """Find recorded files that no package has, and that are gone."""
    site = host.site_below_prefix
    owned = store.index(revision.number, store.real / site).owners if gone else ()
    if mine := sorted(own_files({*recorded}.intersection(gone), owned, site)):
        text = f"deleted since revision {revision.number}: {few(mine)}; no package has this, "
        text += "record keeps it so, repair restores it"
        ways = (overlay_command(host, "record"), overlay_command(host, "repair"))
        yield Finding("by-hand", text, ways)


def _own_files(
    host: Host, store: Store, now: State, recorded: Manifest, around: Around
) -> Iterator[Finding]:
    """Find files of ours that are damaged, of other layers, or of another conda-overlay."""
    if scaffolding.is_of_this_version(store.real, host):
        text = _other_layers(store.real, around)
        if text and store.real.stat().st_uid == os.geteuid():
            yield Finding("guard", text, (overlay_command(host, "repair"),))
        return
    ours = scaffolding.paths(host.site_below_prefix) & recorded.keys()
    as_made = all(p in now.files and now.files[p][2] == recorded[p][2] for p in ours)
    text = "its guard, its pip or its bin/.python is missing or was changed"
    if as_made:
        text = "made by another version of conda-overlay"
    owner = store.real.stat().st_uid
    if owner == os.geteuid():
        yield Finding("guard", text, (overlay_command(host, "repair"),))
    else:
        yield Finding("guard", f"{text}; its owner can repair it", ())


def _other_layers(tree: Path, around: Around) -> str:
    """Say which layers the programs of an overlay use that a shell does not, or lack."""
    named = scaffolding.layers_of_scripts(tree)
    now = [*map(str, around.front)], [*map(str, around.behind)]
    if named == now:
        return ""
    old, new = ({*front, *behind} for front, behind in (named, now))
    more, lacking = sorted(filter(os.path.lexists, old - new)), sorted(new - old)
    where = "where they run without activation"
    if more:
        return f"its programs still use the layer {few(more)} {where}, which the shell does not"
    if lacking:
        return f"its programs lack the layer {few(lacking)} {where}, which the shell uses"
    return f"its programs use other layers than a shell {where}"
