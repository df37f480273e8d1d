"""Puts back what was damaged in the current revision, or removed from it by half."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from conda_overlay.distributions import owned_files, read_site
from conda_overlay.exceptions import NoSuchRevisionError, NotInOverlayError
from conda_overlay.operations.locked import install_exactly
from conda_overlay.state import is_leftover
from conda_overlay.tree import Manifest, digest, remove_files

if TYPE_CHECKING:
    from conda_overlay.draft import Draft


def repair(draft: Draft, names: Sequence[str] = ()) -> None:
    """Restore missing files: the same ones from any revision, else by installing again.

    Args:
        draft: of the next state.
        names: the distributions to repair, whose edits by hand are undone too; all if none is
            named, whose edits stay.

    Raises:
        NoSuchRevisionError: the overlay has no history.
        NotInOverlayError: the current revision has no such distribution.
        PipError: pip failed.
    """
    store = draft.overlay.store
    if draft.base is None:
        raise NoSuchRevisionError(str(store.overlay), None, [])
    entries, recorded = store.revision(draft.base).distributions, store.manifest(draft.base) or {}
    keys = [str(canonicalize_name(name)) for name in names] or sorted(entries)
    for key, name in zip(keys, names, strict=False):
        if key not in entries:
            raise NotInOverlayError(name, where=None, overlay=str(store.overlay))
    leftovers = [path for path in draft.before.files if is_leftover(path)]
    trees = [tree for number in reversed(store.numbers()) if (tree := store.tree(number))]
    moved = {draft.before.files[path][2]: draft.tree / path for path in leftovers}
    lost = set()
    for key in keys:
        files = _files(draft, key, entries[key].version, recorded, trees)
        broken = {p: h for p, h in files.items() if not _has(draft.tree / p, h if names else None)}
        for path, wanted in broken.items():
            _restore(draft, path, wanted, [*(tree / path for tree in trees), *moved.values()])
        if not files or any(not _has(draft.tree / p, h) for p, h in broken.items()):
            lost.add(key)
        if broken or not files:
            draft.why[key] = "repaired"
            draft.entries[key] = entries[key]
    remove_files(draft.tree, [draft.tree / path for path in leftovers])
    if lost:
        draft.drop(lost & draft.installed.keys())
        install_exactly(draft, {key: entries[key] for key in sorted(lost)})


def _files(
    draft: Draft, key: str, version: str, recorded: Manifest, trees: Sequence[Path]
) -> dict[str, str]:
    """The files of a distribution, with hashes, by its RECORD here or in another revision."""
    for tree in (draft.tree, *trees):
        for found in read_site(tree / draft.overlay.host.site_below_prefix).get(key, ()):
            if found.version == version:
                rows = owned_files(found, tree) or {}
                known = {
                    path: sha or recorded[path][2]
                    for path, sha in rows.items()
                    if sha or path in recorded
                }
                return {p: h for p, h in known.items() if not p.endswith(".pyc")}
    return {}


def _restore(draft: Draft, path: str, wanted: str, places: Sequence[Path]) -> None:
    target = draft.tree / path
    for place in places:
        if _has(place, wanted):
            remove_files(draft.tree, [target] if os.path.lexists(target) else [])
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(place, target, follow_symlinks=False)
            return


def _has(path: Path, wanted: str | None) -> bool:
    """Whether a file is there, with these contents if any are wanted."""
    return os.path.lexists(path) and wanted in (None, digest(path))
