"""Makes an overlay what a file says, or what the host as it is now calls for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from conda_overlay import planner, store
from conda_overlay.distributions import Site, read_site
from conda_overlay.exceptions import OverlayError
from conda_overlay.formats import Document, Locked, Wanted
from conda_overlay.models import Change, Conflict, Entry, Log, Plan, Request, Result
from conda_overlay.operations import locked
from conda_overlay.operations.install import new_entries, resolve
from conda_overlay.pip import Pip, sources

if TYPE_CHECKING:
    from conda_overlay.stack import Stack
    from conda_overlay.transaction import Transaction


def apply(
    stack: Stack,
    document: Document,
    log: Log,
    pip: Pip,
    confirm: Callable[[Plan], bool],
    *,
    exactly: bool,
    allow_conflicts: bool,
) -> Result:
    """Plan, ask, commit; see `Overlay.apply`."""
    with stack.change() as transaction:
        if exactly or not document.wanted:
            entries = _from_lock(document.locked)
            _lock(stack, transaction, entries, pip)
            why = {"": "the file says so"}
            return _end(stack, transaction, why, entries, (), log, confirm)
        why = {"": "the file says so"}
        return _realize(
            stack, transaction, document.wanted, why, log, pip, confirm, allow_conflicts
        )


def rebase(
    stack: Stack,
    document: Document,
    log: Log,
    pip: Pip,
    confirm: Callable[[Plan], bool],
    *,
    own: bool,
    allow_conflicts: bool,
) -> Result:
    """Plan, ask, commit; see `Overlay.rebase`. ``own`` tells its own document from another's."""
    with stack.change() as transaction:
        if own and stack.is_stale():
            transaction.start_from(None)
        below = stack.below_view
        versions: dict[str, str] = {
            canonicalize_name(item.name): item.version for item in document.locked
        }
        why: dict[str, str] = {"": "the host as it is now calls for it"}
        kept = []
        for wanted in document.wanted:
            key = _key(wanted, document.locked)
            host, version = below.get(key), versions.get(key)
            retires = wanted.intent == "fix" and not wanted.editable
            if retires and host and version and not planner.is_newer(version, host.version):
                why[key] = f"redundant: the host has {host.version}"
            else:
                kept.append(wanted)
        transaction.drop(set(why) & set(read_site(transaction.site)))
        return _realize(stack, transaction, kept, why, log, pip, confirm, allow_conflicts)


def _realize(
    stack: Stack,
    transaction: Transaction,
    wanted: Sequence[Wanted],
    why: Mapping[str, str],
    log: Log,
    pip: Pip,
    confirm: Callable[[Plan], bool],
    allow_conflicts: bool,
) -> Result:
    """Resolve what is wanted over the draft, drop what nobody wants, and end."""
    before = read_site(transaction.site)
    request = _request(wanted, before, log, allow_conflicts)
    entries = dict(stack.entries())
    broken: tuple[Conflict, ...] = ()
    moved: dict[str, str] = {}
    if request.arguments:
        layers = stack.layer_sites_with(transaction.site)
        found = resolve(stack, transaction, request, pip, layers)
        marked = {k for k, (new, *_) in found.staged.items() if (new.path / "REQUESTED").exists()}
        moved = {k: f"{c.name} {c.version} requires {c.requirement}"
                 for k, c in found.moved.items()}  # fmt: skip
        origins = sources(found.stage)
        changes = planner.difference(
            stack.below_view, {}, found.staged, {"": "wanted"}, marked - set(found.moved)
        )
        changes = tuple(_with_source(change, origins) for change in changes)
        entries = new_entries(entries, changes, request)
        transaction.add(found.stage, found.staged)
        broken = found.broken
    after = read_site(transaction.site)
    names = planner.requested_names(w.requirement for w in wanted)
    names |= {key for key, found_ in after.items() if found_[0].editable in _sources(wanted)}
    entries = {key: entry for key, entry in entries.items() if key in after}
    asked = names | {key for key, entry in entries.items() if _is_wanted(entry, wanted)}
    spare = planner.unneeded(after, stack.below_view, (), asked, stack.host.markers)
    transaction.drop(spare)
    entries = {key: entry for key, entry in entries.items() if key not in spare}
    for item in wanted:
        for key in planner.requested_names([item.requirement]) & set(entries):
            entries[key] = replace(
                entries[key],
                requested=True,
                requirement=item.requirement,
                options=item.options,
                reason=item.reason,
                intent=item.intent,
                until=item.until,
            )
    return _end(stack, transaction, {**why, **moved}, entries, broken, log, confirm)


def _end(
    stack: Stack,
    transaction: Transaction,
    why: Mapping[str, str],
    entries: Mapping[str, Entry],
    broken: tuple[Conflict, ...],
    log: Log,
    confirm: Callable[[Plan], bool],
) -> Result:
    own = read_site(stack.site)
    asked = [key for key, entry in entries.items() if entry.requested]
    changes = planner.difference(stack.below_view, own, read_site(transaction.site), why, asked)
    plan = Plan(str(stack.host.prefix), str(stack.store.overlay), changes, broken)
    if not changes or not confirm(plan):
        return Result(plan, None)
    return Result(plan, transaction.finish(plan, log, entries))


def _lock(stack: Stack, transaction: Transaction, entries: Mapping[str, Entry], pip: Pip) -> None:
    """Make the draft hold exactly the entries; what is there already in that file stays."""
    for key, entry in entries.items():
        if not entry.sha256 and not entry.editable:
            raise OverlayError(
                f"The file names no hash for {key} {entry.version}, so it is not locked.",
                "apply it without --locked, or export it again with pip 22.2 or newer",
                name=key,
            )
    current = stack.entries()
    same = {
        key
        for key, entry in entries.items()
        if key in current
        and (current[key].version, current[key].sha256, current[key].editable)
        == (entry.version, entry.sha256, entry.editable)
    }
    transaction.drop(set(read_site(transaction.site)) - same)
    locked.install(stack, transaction, {k: e for k, e in entries.items() if k not in same}, pip)


def _from_lock(items: Sequence[Locked]) -> dict[str, Entry]:
    time, who = store.now(), store.user()
    return {
        canonicalize_name(item.name): Entry(
            version=item.version,
            since=time,
            by=who,
            reason=None,
            requested=item.requested,
            requirement=f"{item.name}=={item.version}" if item.requested else None,
            url=item.url,
            sha256=item.sha256,
            editable=item.editable,
            intent="dev" if item.editable else "fix",
        )
        for item in items
    }


def _request(wanted: Sequence[Wanted], installed: Site, log: Log, allow_conflicts: bool) -> Request:
    """What pip is asked for; an editable that is installed already is left alone."""
    there = {found[0].editable for found in installed.values()}
    options: dict[str, None] = {}
    arguments: list[str] = []
    requirements = []
    for item in wanted:
        options.update(dict.fromkeys(item.options))
        if item.editable and item.requirement not in there:
            arguments += ["--editable", item.requirement]
        elif not item.editable:
            requirements.append(item.requirement)
    everything = [*arguments, "--", *requirements] if requirements else arguments
    return Request(
        arguments=(*options, *everything) if everything else (),
        requirements=tuple(requirements),
        allow_conflicts=allow_conflicts,
        reason=log.reason,
        command=log.command,
    )


def _key(wanted: Wanted, items: Sequence[Locked]) -> str:
    for item in items:
        if wanted.editable and item.editable == wanted.requirement:
            return canonicalize_name(item.name)
    return next(iter(planner.requested_names([wanted.requirement])), "")


def _sources(wanted: Sequence[Wanted]) -> set[str | None]:
    return {item.requirement for item in wanted if item.editable}


def _is_wanted(entry: Entry, wanted: Sequence[Wanted]) -> bool:
    return entry.requested and entry.requirement in {item.requirement for item in wanted}


def _with_source(change: Change, origins: Mapping[str, tuple[str | None, str | None]]) -> Change:
    url, sha256 = origins.get(change.key, (None, None))
    return replace(change, url=url, sha256=sha256)
