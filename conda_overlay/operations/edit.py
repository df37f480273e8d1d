"""Copies a distribution into the overlay, as it is, to be edited or patched; and records edits."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import Distribution as Installed
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from conda_overlay import dependencies, edits, git
from conda_overlay.dependencies import View
from conda_overlay.distributions import main_module, modules, owned_files, read_distribution
from conda_overlay.exceptions import NoSuchRevisionError, OverlayError
from conda_overlay.models import Distribution, Entry
from conda_overlay.tree import Manifest, copy_files, differences, digest, take_manifest

if TYPE_CHECKING:
    from conda_overlay.draft import Draft

_TEMPORARY = re.compile(r".*~|[.#].*")  # what editors leave beside a file


@dataclass(frozen=True)
class Copy:
    """A copy of a distribution in a scratch directory, before it goes to a draft."""

    root: Path
    distribution: Distribution
    names: frozenset[str]  # its files as they were copied, relative to its site-packages
    before: Manifest  # of the directory at that time

    @property
    def files(self) -> set[str]:
        """Its files now."""
        there = (self.root / path for path in take_manifest(self.root, self.before))
        names = {os.path.relpath(path, self.distribution.site) for path in there}
        return {n for n in names if n in self.names or not _TEMPORARY.fullmatch(Path(n).name)}


@dataclass
class Session:
    """What somebody edits; it outlives a draft that another command overtakes."""

    editor: Callable[[Path], None] | None = None  # called with the file; None: nothing is opened
    file: str | None = None  # what to open, relative to site-packages
    changed: dict[str, bytes | None] = field(default_factory=dict)
    patch: str = ""

    def run(self, copy: Copy) -> None:
        """Let the user edit a copy; when that was done before, do the same to this one."""
        site = copy.distribution.site
        if self.changed:
            for name, content in self.changed.items():
                (site / name).unlink(missing_ok=True)
                if content is not None:
                    (site / name).parent.mkdir(parents=True, exist_ok=True)
                    (site / name).write_bytes(content)
        elif self.editor and self.file:
            self.editor(site / self.file)
            found = differences(copy.before, take_manifest(copy.root, copy.before))
            for path in found.all:
                place = copy.root / path
                name = os.path.relpath(place, site)
                self.changed[name] = place.read_bytes() if place.is_file() else None
            edits.note_files(copy.distribution, copy.files)
            self.patch = edits.patch_of(copy.distribution)


def find(draft: Draft, text: str) -> tuple[str, str | None]:
    """Find what a name, a module, a script or a path of a file stands for.

    Returns:
        The normalized name of the distribution, and the file, relative to site-packages.

    Raises:
        OverlayError: there is no such thing.
    """
    view = {**draft.overlay.below_view, **dependencies.effective(draft.installed)}
    key = str(canonicalize_name(text))
    if key in view:
        names = _files(view[key])
        main = main_module(view[key], modules(view[key], names))
        first = min((name for name in names if name.endswith(".py")), default=None)
        return key, _file_of(text, names) or _file_of(main, names) or first
    path = _below_site(draft, text) if "/" in text else None
    module = path or _module_of_script(view, text) or text
    for key, found in view.items():
        names = _files(found)
        if file := path if path in names else _file_of(module, names):
            return key, file
    prefix = draft.overlay.host.prefix
    raise OverlayError(
        f"No distribution of {prefix} has a module, script or file {text}.",
        shlex.join(["conda", "overlay", "why", "-p", str(prefix), text]),
        name=text,
    )


def edit(draft: Draft, key: str, session: Session) -> None:
    """Copy a distribution into a draft, unless it is there, and let somebody edit it.

    Raises:
        OverlayError: it cannot be copied.
    """
    copy = copy_of(draft, key)
    session.run(copy)
    there = draft.before.copies.get(key)
    if session.changed or (session.editor is None and there is None):
        take(draft, copy)


def patch(
    draft: Draft, key: str, text: bytes, strip: int | None = None, *, reverse: bool = False
) -> None:
    """Apply a patch to a copy of a distribution: all that changes its files, or nothing.

    Args:
        draft: of the next state.
        key: the normalized name of the distribution.
        text: unified diffs.
        strip: how many leading directories its paths have too many, if that is known.
        reverse: take a patch back.

    Raises:
        OverlayError: the patch changes none of the files, or does not apply.
    """
    copy = copy_of(draft, key)
    there, site = copy.names, copy.distribution.site
    info = copy.distribution.path.name + "/"
    directories = {os.path.dirname(name) for name in there if name.endswith(".py")} - {""}

    def belongs(path: str) -> bool:
        near = os.path.dirname(path) in directories and edits.is_inside(path)
        return not path.startswith(info) and (path in there or near)

    fit = git.fit(text, belongs, strip, there)
    what = f"{copy.distribution.name} {copy.distribution.version}"
    if not fit.inside:
        raise OverlayError(
            f"The patch changes no file of {what}.",
            "name the distribution that it belongs to, or the directories to take off: --strip N",
            fit.outside,
        )
    files = git.lacking(site, text, fit.inside, fit.strip, reverse=reverse)
    if not files:
        state = "was never in" if reverse else "is already in"
        draft.notes.append(f"the patch {state} {what}")
        return
    if faults := git.apply(site, text, files, fit.strip, reverse=reverse):
        sentence = f"The patch does not apply to {what}; the overlay is unchanged."
        hint = f"conda overlay edit {copy.distribution.name} to make the change by hand"
        raise OverlayError(sentence, hint, faults)
    if fit.outside:
        draft.notes.append(f"not installed, so left out: {', '.join(fit.outside)}")
    take(draft, copy)


def record(draft: Draft) -> None:
    """Make a revision of what was edited by hand in the current one.

    Raises:
        NoSuchRevisionError: there is no overlay.
    """
    store, before = draft.overlay.store, draft.before
    if not store.exists:
        raise NoSuchRevisionError(str(store.overlay), None, [])
    recorded = store.manifest(draft.base)
    if recorded is None:
        return  # it becomes a revision as it is
    draft.compared = replace(before, files=recorded, edited=frozenset())
    by_hand = {*differences(recorded, before.files).all}
    for key, (found, *_) in draft.installed.items():
        owned = before.owned[key]
        if key in before.copies:
            places = {os.path.dirname(path) for path in owned if path.endswith(".py")}
            owned |= {path for path in by_hand if os.path.dirname(path) in places}
            there = (path for path in owned if path in before.files)
            edits.note_files(found, [os.path.relpath(draft.tree / p, draft.site) for p in there])
        if mine := owned & by_hand:
            draft.why[key] = _edited(found, mine)
            entry = draft.entries.get(key, before.entries[key])
            draft.entries[key] = replace(entry, reason=_reasons(draft, entry))


def restore_edits(draft: Draft, entries: Mapping[str, Entry]) -> list[str]:
    """Make the copies in a draft what the history says: files were edited in place since.

    Returns:
        What cannot be restored, line by line.
    """
    faults = []
    for key, (found, *_) in draft.installed.items():
        patch = entries[key].patch if key in entries else None
        if patch is not None and edits.patch_of(found) != patch:
            edits.revert(found)
            if patch:
                text = patch.encode()
                faults += git.apply(found.site, text, git.fit(text, lambda path: True, 1).inside)
    return faults


def reapply(draft: Draft, key: str, entry: Entry, old: Path | None = None) -> str | None:
    """Copy what a draft or the host has now of a distribution, and edit it as was recorded.

    Args:
        draft: of the next state.
        key: the normalized name of the distribution.
        entry: has the patch.
        old: the site-packages of the copy so far.

    Returns:
        The version of the copy; None if that has all edits already, so that none is needed.

    Raises:
        OverlayError: the edits do not apply, or there is nothing to copy.
    """
    name = entry.name or key
    if key not in draft.overlay.below_view and key not in draft.installed:
        sentence = f"{name}, which was edited, is not in the host any more."
        hint = f"conda overlay export -f {key}.patch, then conda overlay remove {name}"
        raise OverlayError(sentence, hint, name=name)
    if entry.is_copy:
        draft.drop({key})
    copy, text = copy_of(draft, key), (entry.patch or "").encode()
    edits.revert(copy.distribution)
    site, what = copy.distribution.site, f"{name} {copy.distribution.version}"
    files = git.fit(text, lambda path: True, 1).inside if text else []
    files = git.lacking(site, text, files)
    if not files:
        draft.kept.add(key)
        draft.why[key] = f"retired: {what} has all its edits"
        draft.notes.append(f"the edits of {name} {entry.version} retire: {what} has them all")
        return None
    if faults := git.apply(site, text, files):
        raise OverlayError(
            f"The edits of {name} {entry.version} do not apply to {what}; nothing was changed.",
            *_comparison(draft, name, key, faults, old),
            name=name,
        )
    take(draft, copy)
    there = draft.entries[key]
    since, by = (entry.since, entry.by) if entry.version == there.version else ("", "")
    given = replace(there, intent=entry.intent, until=entry.until, since=since, by=by)
    draft.entries[key] = replace(given, reason=entry.reason or there.reason)
    return copy.distribution.version


def _comparison(
    draft: Draft, name: str, key: str, faults: list[str], old: Path | None
) -> tuple[str, list[str]]:
    """The hint, and the details, of edits that do not apply."""
    failed = [fault.partition(",")[0] for fault in faults if "the patch expects" in fault]
    new = draft.overlay.below_view.get(key)
    hint = f"conda overlay reset {name} --force, and edit it again"
    if failed and old and new:
        hint = shlex.join(["diff", *(str(site / failed[0]) for site in (old, new.site))])
    return hint, faults


def is_outdated(copy: Distribution, below: Distribution) -> bool:
    """Whether a copy was made of other files than those that are below it now."""
    own = f"{copy.path.name}/"
    rows = owned_files(copy, copy.site) or {}
    made_of = {path: sha for path, sha in rows.items() if sha and not path.startswith(own)}
    return copy.version != below.version or any(
        not (below.site / path).is_file() or digest((below.site / path).resolve()) != sha
        for path, sha in made_of.items()
    )


def copy_of(draft: Draft, key: str) -> Copy:
    """Copy a distribution, of the draft or below it, to a directory where it can be changed.

    Raises:
        OverlayError: it is an editable install, or nobody knows which files it has.
    """
    found = next(iter(draft.installed.get(key, ())), None) or draft.overlay.below_view[key]
    if found.editable:
        sentence = f"{found.name} is an editable install: edit it in {found.editable}."
        raise OverlayError(sentence, shlex.join(["cd", found.editable]), name=found.name)
    prefix = found.site.parents[2]
    files = edits.files_of(found, prefix)
    if files is None:
        raise OverlayError(
            f"{found.name} {found.version} has no RECORD, and no conda package lists its files.",
            f"conda overlay install -I --no-deps {found.name}=={found.version}, and edit that",
            name=found.name,
        )
    root = draft.new_scratch() / "copy"
    site = root / draft.overlay.host.site_below_prefix
    site.mkdir(parents=True)
    again = found.key in draft.installed and edits.originals(found) is not None
    left_out = () if again else ("direct_url.json", "RECORD", "REQUESTED", edits.ORIGINALS)
    unwanted = {f"{found.path.name}/{name}" for name in left_out}
    names = {n for n in files if n not in unwanted and (found.site / n).is_file()}
    copy_files(found.site, site, names)
    for name in names:
        os.chmod(site / name, 0o644 if not os.access(site / name, os.X_OK) else 0o755)
    info = site / found.path.name
    if info.is_file():  # of distutils
        names.remove(info.name)
        old, info = info, site / f"{found.name}-{found.version}.dist-info"
        info.mkdir()
        names.add(os.path.relpath(old.rename(info / "METADATA"), site))
    copy = read_distribution(info)
    assert copy is not None
    known = draft.before.files
    if not again:
        hashed = edits.keep_originals(copy, names).items()
        known = {os.path.relpath(os.path.normpath(site / n), root): info for n, info in hashed}
    before = take_manifest(root, known)
    names = {os.path.relpath(root / path, site) for path in before}
    return Copy(root, copy, frozenset(names), before)


def take(draft: Draft, copy: Copy) -> None:
    """Put a copy, as it is now, into a draft."""
    found = copy.distribution
    changed = differences(copy.before, take_manifest(copy.root, copy.before)).all
    edits.note_files(found, copy.files)
    here = found.key in draft.installed
    entry = draft.entries[found.key] if here else Entry(found.version, found.name)
    source = entry.requirement if " @ " in (entry.requirement or "") else None
    draft.why[found.key] = _edited(found, changed)
    draft.take(copy.root, found.key, copy.before)
    draft.entries[found.key] = replace(
        entry,
        requested=True,
        requirement=source or f"{found.name}=={found.version}",
        intent="hold",
        reason=_reasons(draft, entry),
    )


def _edited(copy: Distribution, changed: Collection[str]) -> str:
    """What was edited in a copy, in words; what is no text by its name alone."""
    found = edits.summary(copy) or sorted(os.path.basename(path) for path in changed)
    return f"edited: {', '.join(found)}" if found else "to be edited"


def _reasons(draft: Draft, entry: Entry) -> str | None:
    """The reasons of all edits so far."""
    reasons = [*(entry.reason or "").split("; "), draft.log.reason]
    return "; ".join(dict.fromkeys(filter(None, reasons))) or None


def _below_site(draft: Draft, path: str) -> str:
    """A path relative to the site-packages, of the host or of an overlay, that it is in."""
    overlay, absolute = draft.overlay, os.path.abspath(os.path.expanduser(path))
    final = overlay.store.overlay / overlay.host.site_below_prefix
    for site in (final, final.resolve(), *overlay.below, overlay.host.site_packages):
        if Path(absolute).is_relative_to(site):
            return os.path.relpath(absolute, site)
    return os.path.normpath(path)


def _module_of_script(view: View, name: str) -> str | None:
    """The module that a program starts, as an entry point says."""
    for found in view.values():
        for point in Installed.at(found.path).entry_points:
            if point.name == name and point.group in ("console_scripts", "gui_scripts"):
                return point.module
    return None


def _file_of(module: str, files: Collection[str]) -> str | None:
    """The file of a module among files relative to site-packages."""
    place = module.replace(".", "/")
    for name in (f"{place}/__init__.py", f"{place}.py"):
        if name in files:
            return name
    compiled = (f for f in sorted(files) if f.startswith(f"{place}.") and f.endswith(".so"))
    return next(compiled, None)


def _files(found: Distribution) -> set[str]:
    return edits.files_of(found, found.site.parents[2]) or set()
