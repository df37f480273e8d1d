"""Installs distributions with pip."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from conda_overlay.change.draft import Draft
from conda_overlay.change.entries import ask_for_extras, asked_again, lasting, pins, record_staged
from conda_overlay.change.repair import mend
from conda_overlay.change.requirements_file import (
    Content,
    at_rest,
    check_named,
    is_stream,
    requested_by,
)
from conda_overlay.core.errors import CondaPackageError, UsageError
from conda_overlay.core.models import Distribution
from conda_overlay.core.pip_options import ASKS, FILES, FLAGS, NONE, Options, used
from conda_overlay.core.redact import setting, without_credentials
from conda_overlay.core.request import (
    Request,
    Source,
    extras_of,
    hashes_of,
    joined,
    key_of,
    names_of,
    parse,
    text_of,
    with_more_extras,
)
from conda_overlay.core.text import user_base
from conda_overlay.distributions import dependencies
from conda_overlay.distributions.dependencies import Markers
from conda_overlay.distributions.record import owned_files
from conda_overlay.distributions.site import Site
from conda_overlay.edits.checkouts import are_same, has_work, root_of
from conda_overlay.filesystem.tree import remove_files
from conda_overlay.formats.document import default_intent
from conda_overlay.host.user_site import read_user_site
from conda_overlay.layer import checkouts
from conda_overlay.resolve.configuration import in_effect, is_plain
from conda_overlay.resolve.resolver import Resolution, Resolver

_OF_CONDA = re.compile(r"[\w./-]+::[\w.-]+([\s=<>!~].*)?")
"""One of conda's packages, with its channel."""


def install(draft: Draft, request: Request) -> None:
    """Let pip add the requested distributions and their dependencies to a draft.

    Raises:
        ResolutionError: no consistent set of distributions exists.
        PipError: pip failed.
        CondaPackageError: one of conda's packages is requested.
        UsageError: nothing is requested; or a file or pip's configuration names a pipe.
    """
    draft.check_fits()
    if not request.requirements and not request.options.has(*used(ASKS) - FLAGS):
        hint = "conda overlay install NAME, or -r FILE, or -e DIRECTORY"
        raise UsageError("Name at least one package to install.", hint)
    configured = in_effect(draft.stack.host.prefix)
    for option in FILES:
        for file in configured.get(option.strip("-"), "").split():
            check_named("pip's configuration", option, file)
    request, given = _with_earlier_extras(draft, request), request.options
    request = replace(request, options=at_rest(given, draft.streams, draft.new_scratch))
    content = requested_by(request.options)
    whole = replace(request, options=_lasting_files(given))
    whole = _with_earlier_extras(draft, _with(whole, content, draft.stack.host.markers))
    typed = {key: one for one in whole.requirements if (key := key_of(one))}
    drop_others(
        draft, {key: hashes_of(one, whole.own.get(key, NONE)) for key, one in typed.items()}
    )
    if _is_satisfied(draft, request, typed):
        _ask_again(draft, whole, typed, draft.before.site.keys())
        return
    for one in request.requirements:
        if _OF_CONDA.fullmatch(text_of(one)):
            raise CondaPackageError(text_of(one), draft.stack.host.name)
    mended = mend(draft, typed, _replaced(draft, request, typed))
    how = draft.new_scratch(), draft.source_dir, draft.allow_conflicts, len(draft.stack.above)
    kept = pins(draft.entries, draft.index.site, {*typed, *draft.pending})
    arguments = draft.pip, request, draft.layers(), *how
    found = Resolver(*arguments, pins=kept, asked=draft.requirements).resolve()
    found = _without_same_checkouts(draft, found, whole)
    for key in mended & found.staged.keys():
        draft.why.pop(key, None)
    staged, reverted = _without_copies_of_the_host(draft, found, request)
    marked = {key for key, (new, *_) in staged.items() if (new.path / "REQUESTED").exists()}
    requested = ({*typed} | marked) - {*found.moved}
    draft.drop(reverted)
    record_staged(draft, whole, found, staged, {key: typed.get(key) for key in requested})
    draft.add(found.stage, found.metadata)
    draft.notes += found.held_back
    for key, why in found.given_up.items():
        draft.notes.append(f"{kept[key].text}, which was requested, is given up: {why}")
    _ask_again(draft, whole, typed, draft.installed.keys(), staged)
    for value in request.options.values("--config-settings"):
        if setting(value) is None:
            name = value.partition("=")[0]
            draft.notes.append(f"-C {name} may be a secret and is not recorded; give it each time.")
    streams = [f"-c {file}" for file in given.values("--constraint") if is_stream(file)]
    for text in (*content.unrecorded, *streams):
        draft.notes.append(f"{without_credentials(text)}: not recorded; give it each time.")
    if request.options.has("--no-deps"):
        draft.accepted |= staged.keys()


def _with_earlier_extras(draft: Draft, request: Request) -> Request:
    """The request with the extras that were requested earlier, unless a file replaces them."""

    def united(one: Requirement | Source) -> Requirement | Source:
        entry = draft.entries.get(key_of(one) or "")
        if entry is None or isinstance(one, Source) or key_of(one) in draft.pending:
            return one
        return with_more_extras(one, extras_of(entry.requirement))

    return replace(request, requirements=tuple(map(united, request.requirements)))


def drop_others(draft: Draft, wanted: Mapping[str, Collection[str]]) -> None:
    """Drop the distributions that have none of the wanted hashes, so that pip installs others.

    Args:
        draft: the draft to change.
        wanted: the hashes by normalized name; empty where any will do.
    """
    entries = draft.entries
    known = {key: hashes for key, hashes in wanted.items() if hashes and key in draft.installed}
    draft.drop({key for key, its in known.items() if f"sha256:{entries[key].sha256}" not in its})


def _is_satisfied(draft: Draft, request: Request, typed: Collection[str]) -> bool:
    """Whether all that is requested is installed, so that pip would do nothing."""
    named = [one for one in request.requirements if isinstance(one, Requirement)]
    if request.options or len(named) < len(request.requirements) or not draft.is_untouched:
        return False
    host = draft.stack.host
    if draft.damaged(typed) or not is_plain(host.prefix):
        return False
    return dependencies.are_satisfied(named, draft.in_effect_before(), host.markers)


def _replaced(
    draft: Draft, request: Request, typed: Mapping[str, Requirement | Source]
) -> set[str]:
    """The requested distributions of which pip will install another version or source."""
    if request.options.has("--upgrade", "--force-reinstall", "--ignore-installed"):
        return {*typed}
    found = set()
    for key, one in typed.items():
        version = draft.recorded[key].version if key in draft.recorded else ""
        if (
            not isinstance(one, Requirement)
            or one.url
            or not one.specifier.contains(version, prereleases=True)
        ):
            found.add(key)
    return found


def _ask_again(
    draft: Draft,
    request: Request,
    typed: Mapping[str, Requirement | Source],
    there: Collection[str],
    staged: Collection[str] = (),
) -> None:
    """Update the entries of requested distributions that were installed already."""
    draft.pending -= typed.keys()
    for key in (typed.keys() & {*there}) - {*staged}:
        draft.entries[key] = asked_again(draft, key, typed[key], request)
    ask_for_extras(draft, typed, request)
    elsewhere = typed.keys() - {*there}
    draft.notes += _hidden(draft, elsewhere)
    below = draft.stack.below_view
    for one in (below[key] for key in sorted(elsewhere & below.keys())):
        if default_intent(text_of(typed[one.key])) == "hold":
            whose = "the environment's" if _is_of_host(draft, one) else "of a layer below"
            what = f"{one.name} {one.version} is {whose}"
            draft.notes.append(f"{what}, so the pin is not recorded: it changes with it")


def _hidden(draft: Draft, keys: Collection[str]) -> Iterator[str]:
    """Notes on requested distributions that come from ``~/.local``, which hides the host's."""
    there = read_user_site(draft.stack.host) if keys else {}
    for key, (mine, *_) in there.items():
        if key in keys:
            remedy = f"python -E -m pip uninstall {mine.name}"  # without the overlay
            there_is = f"{mine.name} {mine.version} of {user_base()} is in effect"
            yield f"{there_is}; to remove it: {remedy}"


def _without_copies_of_the_host(
    draft: Draft, found: Resolution, request: Request
) -> tuple[Site, set[str]]:
    """Drop staged distributions from an index that are installed below at the same version.

    Returns:
        The other distributions; and the names of the overlay's own that those below replace.
    """
    if request.options.has("--force-reinstall", "--ignore-installed"):
        return found.staged, set()
    below, own, root = draft.stack.below_view, draft.installed, found.stage.root
    kept, reverted = dict(found.staged), set()
    for key, (new, *_) in found.staged.items():
        host = below.get(key)
        if host is None or host.version != new.version or new.direct_url or host.editable:
            continue
        remove_files(root, [root / file for file in owned_files(new, root) or ()])
        del kept[key]
        if key in own:
            reverted.add(key)
            named = key in names_of(request.requirements)
            why = _has(draft, host) if named else _why_reverted(draft, found, key)
            draft.why.setdefault(key, why)
    return kept, reverted


def _why_reverted(draft: Draft, found: Resolution, key: str) -> str:
    """Why one of the overlay's distributions gives way to the one below."""
    if key in found.moved:
        return found.moved[key].reason
    host = draft.stack.host
    after = {**draft.in_effect_before(), **dependencies.effective(found.staged)}
    kept = {**after, key: draft.installed[key][0]}
    for conflict in dependencies.new_conflicts(after, kept, host.markers, host.site_packages):
        if canonicalize_name(Requirement(conflict.requirement).name) == key:
            return conflict.reason
    return _has(draft, draft.stack.below_view[key])


def _has(draft: Draft, below: Distribution) -> str:
    return f"{'the environment' if _is_of_host(draft, below) else 'a layer below'} has it"


def _is_of_host(draft: Draft, below: Distribution) -> bool:
    return below.site == draft.stack.host.site_packages


def _without_same_checkouts(draft: Draft, found: Resolution, request: Request) -> Resolution:
    """Leave out new clones where the overlay's own checkout is of the same commit and unchanged."""
    if request.options.has("--force-reinstall", "--ignore-installed"):
        return found
    root, ours = found.stage.root, draft.stack.store.state / checkouts.BELOW
    kept = dict(found.metadata)
    for key, (new, *_) in found.staged.items():
        for old in draft.index.site.get(key, ()):
            if draft.entries[key].options != lasting(request.options):
                continue
            clone, mine = Path(new.editable or ""), Path(old.editable or "")
            if not (clone.is_relative_to(draft.source_dir) and mine.is_relative_to(ours)):
                continue
            clone, mine = root_of(clone), root_of(mine)
            if are_same(clone, mine) and not has_work(mine):
                remove_files(root, [root / file for file in owned_files(new, root) or ()])
                del kept[new.path.name]
                checkouts.drop(clone)
    return replace(found, metadata=kept)


def _lasting_files(options: Options) -> Options:
    """The options without those whose file can be read only once."""
    pairs = options.given
    return Options(tuple((n, v) for n, v in pairs if n not in FILES or not is_stream(v or "")))


def _with(request: Request, content: Content, markers: Markers) -> Request:
    """The request for this host: with the content of files, and joined by name."""
    wanted = [(parse(line), options) for line, options in content.requirements]
    wanted += [(one, request.own.get(key_of(one) or "", NONE)) for one in request.requirements]
    requirements, own = joined(item for item in wanted if dependencies.applies(item[0], markers))
    options = request.options + content.options
    return replace(request, requirements=requirements, options=options, own=own)
