"""Copies a distribution into the overlay to edit or patch it, and records edits."""

from __future__ import annotations

import functools
import os
import shlex
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from packaging.utils import canonicalize_name

from conda_overlay.change.draft import Draft
from conda_overlay.change.hiding import Bypassed, imported_instead
from conda_overlay.change.working_copy import (
    WorkingCopy,
    copy_of,
    edited,
    edits_in,
    reasons,
    take_copy,
)
from conda_overlay.core.errors import NoSuchRevisionError, OverlayError
from conda_overlay.core.models import Distribution
from conda_overlay.core.text import did_you_mean, few, user_base
from conda_overlay.distributions import dependencies
from conda_overlay.distributions.dependencies import View
from conda_overlay.distributions.site import main_module, modules, names_in, programs
from conda_overlay.edits import originals, unified_diff
from conda_overlay.edits.unlisted import unlisted_files
from conda_overlay.filesystem.atomic import put_file
from conda_overlay.filesystem.manifest import differences, is_there
from conda_overlay.filesystem.tree import make_readable, remove_files, without_links
from conda_overlay.host.user_site import read_user_site
from conda_overlay.layer.state import is_bookkeeping


@dataclass
class Session:
    """An editing session. If another command overtakes a draft, it is repeated in the next one."""

    editor: Callable[[Path], None] | None = None  # called with the file; None: nothing is opened
    file: str | None = None  # the file to open, relative to site-packages
    changed: dict[str, bytes | None] = field(default_factory=dict)  # new content; None: removed
    base: dict[str, str | None] = field(default_factory=dict)  # their sha256 before

    def run(self, copy: WorkingCopy) -> None:
        """Let the user edit a copy; if they have already done so, make the same edits in this one.

        Raises:
            OverlayError: the editor fails, or another command has changed the same file.
        """
        site = copy.distribution.site
        for name, content in self.changed.items():
            if copy.original(name) != self.base[name]:
                sentence = f"Another command has changed {name} while you edited it."
                raise OverlayError(sentence, "conda overlay history, and edit it again")
            if content is None:
                (site / name).unlink()
            else:
                (site / name).parent.mkdir(parents=True, exist_ok=True)
                (site / name).write_bytes(content)
        if self.editor and self.file and not self.changed:
            try:
                self.editor(site / self.file)
            finally:
                make_readable(copy.root)  # whatever the editor has left
                self.changed = {name: _content(site / name) for name in copy.changed}
                self.base = {name: copy.original(name) for name in self.changed}
            if link := next((name for name in self.changed if (site / name).is_symlink()), None):
                raise OverlayError(f"{link} is now a link.", "packages cannot contain links")

    def keep(self, directory: Path) -> None:
        """Write the edited files to a directory."""
        for name, content in self.changed.items():
            put_file(directory / name.removeprefix("../../../"), content)


def find_distribution(draft: Draft, text: str) -> tuple[str, str | None]:
    """Find the distribution that has a given name, module, script or file.

    Returns:
        The normalized name of the distribution, and the file, relative to site-packages.

    Raises:
        OverlayError: no distribution has it.
    """
    draft.check_fits()
    view = {**draft.stack.below_view, **dependencies.effective(draft.installed)}
    key = str(canonicalize_name(text))
    if key in view:
        names = _files(view[key])
        main = main_module(view[key], modules(names))
        first = min((name for name in names if name.endswith(".py")), default=None)
        return key, _file_of(text, names) or _file_of(main, names) or first
    path = _below_site(draft, text) if "/" in text else None
    module = path or _module_of_script(view, text) or text
    for key, found in view.items():
        names = _files(found) | draft.stack.new_files(found)
        if file := path if path in names else _file_of(module, names):
            return key, file
    for key, found in draft.stack.below_view.items():
        extra = _unlisted(found, module) if key not in draft.installed else set()
        if file := path if path in extra else _file_of(module, extra):
            return key, file
    name, prefix = draft.stack.host.name, draft.stack.host.prefix
    inside = f"{module.replace('.', '/')}/"
    if parts := [one for one in view.values() if any(f.startswith(inside) for f in _files(one))]:
        sentence = f"{text} is a namespace, which {few([one.name for one in parts])} share."
        raise OverlayError(sentence, f"conda overlay edit {parts[0].key}", name=text)
    meant = did_you_mean(text, names_in({found.site for found in view.values()}))
    raise OverlayError(
        f"There is no package, module, program or file {text} in {name}.{meant}",
        shlex.join(["conda", "overlay", "status", "--merged", "-p", str(prefix)]),
        name=text,
    )


def edit(draft: Draft, key: str, session: Session) -> None:
    """Copy a distribution, let the user edit the copy, and move it to a draft if it has changed.

    Without an editor the unedited copy is moved, unless the overlay already has a copy.

    Raises:
        OverlayError: it cannot be copied, or edited.
    """
    copy = copy_of(draft, key)
    stem, suffix = os.path.splitext(session.file or "")
    if suffix == ".py" and (other := imported_instead(stem, copy.names)):
        draft.notes.append(str(Bypassed(copy.distribution, f"{stem}.py", other)))
    if session.editor and originals.text_of(copy.distribution.site / (session.file or "")) is None:
        sentence = f"{session.file or copy.distribution.name} is not a text file."
        raise OverlayError(sentence, "--no-editor prints the path of the copy")
    session.run(copy)
    if session.changed or (session.editor is None and key not in draft.before.copies):
        draft.notes += _hidden(draft, copy)
        take_copy(draft, copy)
    elif session.editor is None:
        _give_reason(draft, key)
    else:
        draft.notes.append(
            "nothing was saved. If your editor opens a window, make it wait: code --wait"
        )


def patch(
    draft: Draft,
    key: str,
    text: bytes,
    strip: int | None = None,
    *,
    reverse: bool = False,
    force: bool = False,
) -> None:
    """Apply a patch to a copy of a distribution: all parts for its files, or none.

    Args:
        draft: the draft to change.
        key: the normalized name of the distribution.
        text: unified diffs.
        strip: the number of leading directories to strip from paths, if known.
        reverse: revert the patch.
        force: revert it even in the lines of the distribution below.

    Raises:
        OverlayError: the patch changes none of the files, or does not apply; or the distribution
            below has the change to revert itself.
    """
    copy = copy_of(draft, key)
    found, names = copy.distribution, copy.names
    mine = functools.partial(originals.belongs, names=names, named=True)
    dos = text.count(b"\r\n") == text.count(b"\n")  # the patch was converted in transit
    fit = unified_diff.fit(text.replace(b"\r\n", b"\n") if dos else text, mine, strip, names)
    if dos and any(
        b"\r\n" in (_content(found.site / path) or b"") for p in fit.inside for path in p.paths
    ):
        fit = unified_diff.fit(text, mine, strip, names)
    what = f"{found.name} {found.version}"
    if not fit.inside:
        raise OverlayError(
            f"The patch does not change any file of {what}.",
            _hint(fit.outside, names),
            [few(fit.outside)] if fit.outside else [],
        )
    parts = unified_diff.lacking(found.site, fit.inside, fit.strip, reverse=reverse)
    state = "was never in" if reverse else "is already in"
    unrecorded = ", so the reason is not recorded" if draft.reason else ""
    if not parts:
        if not reverse and key in draft.before.copies:
            _give_reason(draft, key)
            unrecorded = ""
        draft.notes.append(f"the patch {state} {what}{unrecorded}")
        return
    if reverse and not force and (theirs := _in_original(draft, copy, parts, fit.strip)):
        sentence = f"{what} has this change itself, in {few(theirs)}: it is not your patch."
        raise OverlayError(sentence, "--force reverts it anyway", files=theirs)
    if faults := unified_diff.apply_parts(found.site, parts, fit.strip, reverse=reverse):
        sentence = f"The patch does not apply to {what}; the overlay is unchanged."
        hint = f"conda overlay edit {found.name}, to make the change by hand"
        raise OverlayError(sentence, hint, faults)
    copy = replace(copy, named=frozenset(path for part in parts for path in part.paths))
    if not copy.changed:
        draft.notes.append(f"the patch changes no text of {what}{unrecorded}")
        return
    if done := [part.path for part in fit.inside if part not in parts]:
        draft.notes.append(f"the patch {state} {few(done)}")
    new = [] if reverse else fit.modules
    if others := [name for name in fit.outside if name not in new]:
        draft.notes.append(f"no part of {found.name}, so left out: {few(others)}")
    if new:
        modules = f"new modules outside of {found.name}, which its code may need"
        draft.notes.append(f"{modules}, so left out: {few(new)}")
    draft.notes += _hidden(draft, copy)
    take_copy(draft, copy)
    if reverse and draft.entries[key].copied and not edits_in(draft, key):
        if key in draft.stack.below_view:
            draft.drop({key})
        else:  # else the package would be gone; the reason was that of the edits
            draft.entries[key] = replace(draft.entries[key], reason=draft.reason)
            gone = f"{found.name} is no longer in the environment"
            draft.notes.append(f"{gone}, so your copy of it stays, unedited")


def _hint(outside: Sequence[str], names: Collection[str]) -> str:
    """The hint for a patch that changes no file of a package, given the files of both."""
    short = {name: meant for name in outside for meant in names if meant.endswith(f"/{name}")}
    if short:
        name, meant = next(iter(short.items()))
        return f"if {name} is {meant}, write that in the lines --- and +++ of the patch"
    return "name the package that it belongs to, or the path components to strip: --strip N"


def _give_reason(draft: Draft, key: str) -> None:
    """Add the reason of a draft to those of the edits of a distribution."""
    entry = draft.entries[key]
    draft.entries[key] = replace(entry, reason=reasons(draft, entry))


def _hidden(draft: Draft, copy: WorkingCopy) -> Iterator[str]:
    """Notes on what is in effect before a copy, but not copied: a distribution in ``~/.local``."""
    found = copy.distribution
    there = {} if found.key in draft.before.site else read_user_site(draft.stack.host)
    for mine in there.get(found.key, ()):
        hidden = f"{mine.name} {mine.version} of {user_base()}"
        yield f"{hidden} is hidden by this copy of {found.version}"


def _in_original(
    draft: Draft, copy: WorkingCopy, parts: Sequence[unified_diff.Part], strip: int
) -> list[str]:
    """The files in which the original of a copy has the change of a patch already."""
    place = draft.new_scratch()
    for name, content in (originals.load_originals(copy.distribution) or {}).items():
        put_file(place / name, content)
    there = [p for p in parts if p.deletes or any((place / path).exists() for path in p.paths)]
    lacking = [unified_diff.lacking(place, [part], strip, reverse=False) for part in there]
    return [part.path for part, lacks in zip(there, lacking, strict=True) if not lacks]


def record(draft: Draft) -> None:
    """Make a revision of the edits by hand to the current one.

    Raises:
        NoSuchRevisionError: there is no overlay.
        OverlayError: files are gone that are no edits.
    """
    store, before = draft.stack.store, draft.before
    if not store.exists:
        raise NoSuchRevisionError(str(store.overlay), None, [])
    draft.stack.check_not_stale()
    recorded = draft.recorded_files
    if recorded is None:
        return  # made by hand, or no manifest: there is nothing to compare with
    draft.compared = replace(before, files=recorded, edited=frozenset())
    draft.kept |= set().union(*draft.compared.deleted.values())  # what is back was put back
    by_hand = {*differences(recorded, before.files).all}
    for path in by_hand - before.files.keys():
        info, _, name = path.rpartition("/")
        if name == "METADATA" and f"{info}/RECORD" in before.files:  # else all of it was removed
            raise _damaged(os.path.basename(info), [path])
    for key, (found, *_) in draft.installed.items():
        site, owned = found.below, before.owned[key]
        likely = owned if key in before.copies else owned & by_hand
        kept = {path for path in without_links(draft.tree, likely) if is_there(draft.tree / path)}
        gone = [path for path in likely - kept if path[-4:] != ".pyc"]
        mine = {path for path in by_hand & owned if not is_bookkeeping(path)}
        listing = {f"{site}{found.path.name}/RECORD"} & by_hand - before.files.keys()
        if lost := [path for path in (*gone, *listing) if is_bookkeeping(path)]:
            raise _damaged(found.name, lost)
        if key in before.copies:
            mine |= {*gone}
        elif lost := [path for path in gone if not os.path.lexists(draft.tree / path)]:
            hint = f"conda overlay repair {key}; a copy may lack files: conda overlay edit {key}"
            raise OverlayError(f"{found.name} lacks {few(sorted(lost))}.", hint, name=found.name)
        if key in before.copies and mine:
            # Also removes empty directories in the place of these files.
            own = without_links(draft.tree, gone)
            remove_files(draft.tree, [draft.tree / path for path in own])
            there = before.names(key) - {os.path.relpath(path, site) for path in gone}
            originals.note_files(found, there)
        if mine:
            draft.why[key] = edited(draft, key, mine)
            _give_reason(draft, key)


def _damaged(name: str, lost: Collection[str]) -> OverlayError:
    """The error for a distribution without files that describe it, whose absence is no edit."""
    hint = "conda overlay repair, which puts that back and keeps the edits"
    return OverlayError(f"{name} lacks {few(sorted(lost))}.", hint, name=name)


def _below_site(draft: Draft, path: str) -> str:
    """A path relative to the site-packages, of the host or an overlay, that contains it."""
    stack, absolute = draft.stack, os.path.abspath(os.path.expanduser(path))
    final = stack.store.overlay / stack.host.site_below_prefix
    for site in (final, final.resolve(), *stack.below, stack.host.site_packages):
        if Path(absolute).is_relative_to(site):
            return os.path.relpath(absolute, site)
    return os.path.normpath(path)


def _module_of_script(view: View, name: str) -> str | None:
    """The module that a script starts, according to its entry point."""
    points = (point for found in view.values() for point in programs(found))
    return next((point.module for point in points if point.name == name), None)


def _file_of(module: str, files: Collection[str]) -> str | None:
    """The file that Python imports for a module, among files relative to site-packages."""
    place = module.replace(".", "/")
    for stem in (f"{place}/__init__", place):
        if name := imported_instead(stem, files):
            return name
        if f"{stem}.py" in files:
            return f"{stem}.py"
    return None


def _unlisted(found: Distribution, module: str) -> set[str]:
    """The files that a copy takes along, if it may have a module: see `unlisted_files`."""
    top, names = module.replace(".", "/").partition("/")[0], _files(found)
    is_likely = any(name.startswith(f"{top}/") for name in names)
    return unlisted_files(found, names) if is_likely else set()


def _content(path: Path) -> bytes | None:
    """The content of a file; None if it does not exist."""
    return path.read_bytes() if path.is_file() else None


def _files(found: Distribution) -> set[str]:
    return originals.files_of(found) or set()
