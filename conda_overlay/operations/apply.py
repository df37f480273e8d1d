"""Makes an overlay what a file says, or what the host as it is now calls for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from conda_overlay import planner, store
from conda_overlay.distributions import Site, read_site
from conda_overlay.document import Document, Locked, Wanted
from conda_overlay.exceptions import OverlayError, ResolutionError
from conda_overlay.models import Entry, Log, Plan, Request, Result
from conda_overlay.operations import locked
from conda_overlay.operations.install import new_entries, resolve, with_sources
from conda_overlay.pip import Pip, sources

if TYPE_CHECKING:
    from conda_overlay.stack import Stack
    from conda_overlay.transaction import Transaction


@dataclass
class Operation:
    """One change under way, and what the plan and the history will say of it."""

    stack: Stack
    transaction: Transaction
    pip: Pip
    log: Log
    confirm: Callable[[Plan], bool]
    allow_conflicts: bool
    why: dict[str, str]
    """The reason of each line by normalized name; the entry of ``""`` is everybody's."""
    before: Site
    """What the plan compares with."""
    entries: dict[str, Entry] = field(default_factory=dict)

    @property
    def draft(self) -> Site:
        """What is in the draft now."""
        return read_site(self.transaction.site)


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
        operation = Operation(
            stack, transaction, pip, log, confirm, allow_conflicts,
            why={"": "the file says so"}, before=read_site(stack.site),
            entries=dict(stack.entries()),
        )  # fmt: skip
        wanted = {item.key: item for item in document.wanted}
        if exactly or not wanted:
            _take(operation, {item.key: item for item in document.locked}, wanted)
        else:
            _drop_unneeded(operation, wanted, "the file does not name it")
            _resolve(operation, wanted)
            _drop_unneeded(operation, wanted, "nothing needs it any more")
        return _end(operation, wanted)


def rebase(
    stack: Stack,
    own: Document | None,
    other: Document | None,
    log: Log,
    pip: Pip,
    confirm: Callable[[Plan], bool],
    *,
    allow_conflicts: bool,
) -> Result:
    """Plan, ask, commit; see `Overlay.rebase`. ``own`` is None when there is no overlay yet."""
    with stack.change() as transaction:
        operation = Operation(
            stack, transaction, pip, log, confirm, allow_conflicts,
            why={"": "the host as it is now calls for it"}, before=read_site(stack.site),
            entries=dict(stack.entries()),
        )  # fmt: skip
        wanted: dict[str, Wanted] = {}
        versions: dict[str, str] = {}
        for document in filter(None, (own, other)):
            wanted.update({item.key: item for item in document.wanted})
            versions.update({item.key: item.version for item in document.locked})
        if other is not None:
            carried = f"carried over from {other.host}"
            operation.why.update(dict.fromkeys((item.key for item in other.wanted), carried))
        moved_on = stack.has_moved_on()
        if stack.is_stale():
            transaction.start_from(None)
            operation.before = {}
            stale = "stale: built for another Python"
            operation.why.update(dict.fromkeys(wanted.keys() - operation.why.keys(), stale))
        redundant = _redundant(stack, wanted, versions)
        operation.why.update(redundant)
        wanted = {key: item for key, item in wanted.items() if key not in redundant}
        transaction.drop(redundant.keys() & operation.draft.keys())
        _resolve(operation, wanted)
        _drop_unneeded(operation, wanted, "nothing needs it any more")
        return _end(operation, wanted, anew=moved_on)


def _redundant(
    stack: Stack, wanted: Mapping[str, Wanted], versions: Mapping[str, str]
) -> dict[str, str]:
    """What the host has the same or newer, if it was to go then; with the reason in words."""
    below, found = stack.below_view, {}
    for key, item in wanted.items():
        host, version = below.get(key), versions.get(key)
        retires = item.intent == "fix" and not item.editable
        if retires and host and version and not planner.is_newer(version, host.version):
            found[key] = f"redundant: the host has {host.version}"
    return found


def _resolve(operation: Operation, wanted: Mapping[str, Wanted]) -> None:
    """Let pip add to the draft what is wanted, and what that needs."""
    draft = operation.draft
    request = _request(wanted, draft, operation)
    if not request.arguments:
        return
    stack, transaction = operation.stack, operation.transaction
    layers = stack.layer_sites_with(transaction.site)
    found = resolve(stack, transaction, request, operation.pip, layers)
    changes = planner.changes(
        stack.below_view,
        draft,
        found.staged,
        requested=wanted.keys() - found.moved.keys(),
        dependents=found.moved,
        markers=stack.host.markers,
    )
    changes = with_sources(changes, sources(found.stage))
    operation.why.update({c.key: c.why for c in changes if not c.requested})
    operation.entries = new_entries(operation.entries, changes, request, found.staged)
    transaction.add(found.stage, found.staged)


def _drop_unneeded(operation: Operation, wanted: Mapping[str, Wanted], why: str) -> None:
    stack, draft = operation.stack, operation.draft
    asked = [item.requirement for item in wanted.values()]
    spare = planner.unneeded(draft, stack.below_view, (), wanted.keys(), stack.host.markers, asked)
    operation.transaction.drop(spare)
    operation.why.update({key: why for key in spare if key not in operation.why})


def _take(operation: Operation, files: Mapping[str, Locked], wanted: Mapping[str, Wanted]) -> None:
    """Make the draft hold exactly the locked files; what is there already from that file stays."""
    for key, item in wanted.items():
        if key not in files:
            raise OverlayError(
                f"The file locks nothing for {item.requirement}.",
                "apply it without --locked",
                name=key,
            )
    for key, file in files.items():
        if not (file.sha256 or file.editable or "+" in (file.url or "")):
            raise OverlayError(
                f"The file names no hash for {key} {file.version}, so it is not locked.",
                "apply it without --locked, or export it again with pip 22.2 or newer",
                name=key,
            )
    draft, current = operation.draft, operation.entries
    entries = {key: _entry(file, operation.log) for key, file in files.items()}
    same = {
        key
        for key, entry in entries.items()
        if key in draft and key in current
        and draft[key][0].version == current[key].version
        and _identity(current[key]) == _identity(entry)
    }  # fmt: skip
    spare = draft.keys() - same
    operation.transaction.drop(spare)
    operation.why.update(dict.fromkeys(spare - files.keys(), "the file does not name it"))
    options = tuple(dict.fromkeys(o for item in wanted.values() for o in item.options))
    new = {key: replace(e, options=options) for key, e in entries.items() if key not in same}
    locked.install(operation.stack, operation.transaction, new, operation.pip)
    operation.entries = entries


def _entry(file: Locked, log: Log) -> Entry:
    return Entry(
        version=file.version,
        since=store.now(),
        by=store.user(),
        reason=log.reason,
        requested=file.requested,
        requirement=f"{file.name}=={file.version}" if file.requested else None,
        url=file.url,
        sha256=file.sha256,
        editable=file.editable,
        intent="dev" if file.editable else "fix",
    )


def _end(operation: Operation, wanted: Mapping[str, Wanted], *, anew: bool = False) -> Result:
    """Show the plan, ask, commit.

    Args:
        operation: with the draft complete.
        wanted: what was asked for.
        anew: make a revision even if nothing changes, which records what the host is now.
    """
    stack, draft = operation.stack, operation.draft
    entries = _entries(operation, wanted)
    asked = [key for key, entry in entries.items() if entry.requested]
    changes = planner.difference(stack.below_view, operation.before, draft, operation.why, asked)
    files = {key: (entry.url, entry.sha256) for key, entry in entries.items()}
    changes = with_sources(changes, files)
    broken = planner.new_conflicts(
        planner.effective(read_site(stack.site), *stack.below_sites),
        planner.effective(draft, *stack.below_sites),
        stack.host.markers,
        stack.host.site_packages,
    )
    if broken and not operation.allow_conflicts:
        raise ResolutionError("It does not fit this environment, so nothing was changed:", broken)
    plan = Plan(str(stack.host.prefix), str(stack.store.overlay), changes, broken)
    same = not changes and not anew and entries == stack.entries()
    if same or not operation.confirm(plan):
        return Result(plan, None)
    return Result(plan, operation.transaction.finish(plan, operation.log, entries))


def _entries(operation: Operation, wanted: Mapping[str, Wanted]) -> dict[str, Entry]:
    """What the history is to know: of what stays all that it knew, and what is asked for now."""
    earlier = operation.stack.entries()
    result = {}
    for key, (found, *_) in operation.draft.items():
        entry, then = operation.entries.get(key), earlier.get(key)
        if entry is None or entry.version != found.version:  # done by hand
            entry = Entry(found.version, store.now(), store.user(), None, key in wanted)
        elif then is not None and _identity(then) == _identity(entry):
            entry = then
        item = wanted.get(key)
        if item is not None:
            entry = replace(
                entry,
                requested=True,
                requirement=item.requirement,
                options=item.options,
                reason=item.reason or entry.reason,
                intent=item.intent,
                until=item.until,
            )
        elif wanted:
            entry = replace(entry, requested=False, requirement=None, options=())
        result[key] = entry
    return result


def _identity(entry: Entry) -> tuple[str, str | None, str | None]:
    return entry.version, entry.sha256, entry.editable


def _request(wanted: Mapping[str, Wanted], installed: Site, operation: Operation) -> Request:
    """What pip is asked for; of an editable that is installed already, only what it requires."""
    options: dict[str, None] = {}
    editables: list[str] = []
    requirements = []
    for key, item in wanted.items():
        options.update(dict.fromkeys(item.options))
        there = key in installed and installed[key][0].editable
        if item.editable and not there:
            editables += ["--editable", item.requirement]
        else:
            requirements.append(key if item.editable else item.requirement)
    everything = [*editables, "--", *requirements] if requirements else editables
    return Request(
        arguments=(*options, *everything) if everything else (),
        requirements=tuple(requirements),
        allow_conflicts=operation.allow_conflicts,
        reason=operation.log.reason,
        command=operation.log.command,
    )
