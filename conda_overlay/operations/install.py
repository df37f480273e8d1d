"""Installs distributions with pip."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from conda_overlay import planner, store
from conda_overlay.distributions import (
    Site,
    installed_files,
    read_site,
    without_credentials,
)
from conda_overlay.models import Change, Entry, Log, Plan, Request, Result
from conda_overlay.pip import Pip, sources
from conda_overlay.resolver import Resolution, Resolver

if TYPE_CHECKING:
    from conda_overlay.stack import Stack
    from conda_overlay.transaction import Transaction

KEPT_OPTIONS = (
    "--index-url",
    "--extra-index-url",
    "--find-links",
    "--no-index",
    "--pre",
    "--constraint",
    "--no-binary",
    "--only-binary",
    "--config-settings",
    "--no-build-isolation",
    "--ignore-requires-python",
)
"""What says where a distribution comes from and how it is built: kept to repeat it elsewhere."""


def install(stack: Stack, request: Request, pip: Pip, confirm: Callable[[Plan], bool]) -> Result:
    """Resolve, plan, ask, commit; see `Overlay.install`."""
    with stack.change() as transaction:
        found = resolve(stack, transaction, request, pip, stack.layer_sites)
        staged, reverted = without_copies_of_the_host(stack, found, request)
        plan = Plan(
            str(stack.host.prefix),
            str(stack.store.overlay),
            _changes(stack, request, found, staged, reverted),
            found.broken,
        )
        if not plan.changes or not confirm(plan):
            return Result(plan, None)
        transaction.drop(reverted)
        transaction.add(found.stage, staged)
        entries = new_entries(stack.entries(), plan.changes, request, staged)
        log = Log(request.command, request.reason)
        return Result(plan, transaction.finish(plan, log, entries))


def resolve(
    stack: Stack,
    transaction: Transaction,
    request: Request,
    pip: Pip,
    layers: Sequence[Path],
) -> Resolution:
    """Let pip resolve into stages of a transaction.

    Args:
        stack: the overlays of the host.
        transaction: under way.
        request: what is asked for.
        pip: the pip of the host.
        layers: site-packages of the overlays above the host that count as installed, first wins.
    """
    sites = [*map(read_site, layers), stack.host.distributions]
    source_dir = stack.store.state / "src"
    scratch = transaction.new_scratch()
    found = Resolver(pip, request, sites, layers, scratch, source_dir).resolve()
    for sentence in found.held_back:
        pip.say(f"{sentence}.")
    return found


def without_copies_of_the_host(
    stack: Stack, found: Resolution, request: Request
) -> tuple[Site, set[str]]:
    """Drop what equals what lies below; the overlay's own copy of it goes too."""
    if request.has("--force-reinstall", "-I", "--ignore-installed"):
        return found.staged, set()
    below, own, root = stack.below_view, read_site(stack.site), found.stage.root
    kept, reverted = dict(found.staged), set()
    for key, (new, *_) in found.staged.items():
        host = below.get(key)
        if host is None or host.version != new.version or new.direct_url or host.editable:
            continue
        store.remove(root, installed_files(new.path, root) or [])
        del kept[key]
        if key in own:
            reverted.add(key)
    return kept, reverted


def new_entries(
    entries: Mapping[str, Entry], changes: Collection[Change], request: Request, staged: Site
) -> dict[str, Entry]:
    """What the history knows of each distribution after some changes.

    Args:
        entries: what it knew before.
        changes: what has become of them.
        request: what was asked for.
        staged: what pip left, which tells what came from no index.
    """
    result = dict(entries)
    typed = _typed(request)
    time, who = store.now(), store.user()
    for change in changes:
        result.pop(change.key, None)
        if change.after is not None:
            found = staged.get(change.key)
            origin = found[0].direct_url if found and not change.editable else None
            requirement = typed.get(change.key) or _requirement(change, origin)
            intent = request.intent or _intent(change)
            result[change.key] = Entry(
                version=change.after,
                since=time,
                by=who,
                reason=request.reason,
                requested=change.requested,
                requirement=requirement if change.requested else None,
                options=_options(request.arguments) if change.requested else (),
                url=origin or change.url,
                sha256=change.sha256,
                editable=change.editable,
                intent=intent,
                until=request.until,
            )
    return result


def _intent(change: Change) -> str:
    if change.editable:
        return "dev"
    return "hold" if change.kind == "downgrade" and change.requested else "fix"


def _requirement(change: Change, origin: str | None) -> str:
    if change.editable:
        return change.editable
    return f"{change.name} @ {origin}" if origin else f"{change.name}=={change.after}"


def _typed(request: Request) -> dict[str, str]:
    """What the user typed, or wrote into a file of requirements, by normalized name."""
    pairs = list(pairwise(request.arguments))
    lines = [*request.requirements]
    for option, value in pairs:
        if option == "--requirement":
            lines += _lines(value)
    typed = {key: line for line in lines for key in planner.requested_names([line])}
    for option, value in pairs:
        egg = re.search(r"\+\w+:.*[#&]egg=([\w.-]+)", value)
        if option == "--editable" and egg:  # else it is a directory, which what pip leaves tells
            typed[canonicalize_name(egg[1])] = value
    return {key: without_credentials(text) for key, text in typed.items()}


def _lines(file: str) -> Iterator[str]:
    """The lines of a file of requirements, without comments and the options behind them."""
    try:
        text = Path(file).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return  # a URL, perhaps: what pip installs tells the version
    for line in text.replace("\\\n", "").splitlines():
        yield re.split(r"\s#|\s--", f" {line}")[0].strip()


def _options(arguments: Sequence[str]) -> tuple[str, ...]:
    """The kept options with their values, as one string each (``--name=value``)."""
    result = []
    words = iter(arguments)
    flags = ("--no-index", "--pre", "--no-build-isolation", "--ignore-requires-python")
    for word in words:
        if word == "--":
            break
        if word in flags:
            result.append(word)
        elif word in KEPT_OPTIONS:
            result.append(f"{word}={_lasting(word, next(words, ''))}")
    return tuple(result)


def _lasting(option: str, value: str) -> str:
    """A value that means the same tomorrow, and in another directory."""
    if option in ("--find-links", "--constraint") and "://" not in value:
        return os.path.abspath(os.path.expanduser(value))
    return without_credentials(value)


def _changes(
    stack: Stack, request: Request, found: Resolution, staged: Site, reverted: set[str]
) -> tuple[Change, ...]:
    named = planner.requested_names(request.requirements)
    marked = {key for key, (new, *_) in staged.items() if (new.path / "REQUESTED").exists()}
    changes = planner.changes(
        stack.below_view,
        read_site(stack.site),
        staged,
        removed=reverted,
        requested=(named | marked) - set(found.moved),
        dependents=found.moved,
        markers=stack.host.markers,
    )
    return with_sources(changes, sources(found.stage))


def with_sources(
    changes: Collection[Change], origins: Mapping[str, tuple[str | None, str | None]]
) -> tuple[Change, ...]:
    """The changes, with where pip says that it had the files from."""
    return tuple(
        replace(change, url=url, sha256=sha256)
        for change in changes
        for url, sha256 in [origins.get(canonicalize_name(change.name), (None, None))]
    )
