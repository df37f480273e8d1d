"""Layers for one run: ``conda overlay run --with``, cached until the host or an overlay changes."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from urllib.parse import unquote

from conda_overlay.activation import files, locate, trust
from conda_overlay.activation.settings import Settings
from conda_overlay.change.draft import Draft
from conda_overlay.change.hiding import covered_modules, hidden_modules
from conda_overlay.change.overlay import Overlay
from conda_overlay.core.errors import OverlayDirError
from conda_overlay.core.redact import typed
from conda_overlay.core.request import as_requirement, names_of, parse
from conda_overlay.filesystem import lock
from conda_overlay.filesystem.manifest import is_there
from conda_overlay.filesystem.tree import discard
from conda_overlay.host.user_cache import user_cache
from conda_overlay.layer import retention
from conda_overlay.layer.stack import Stack
from conda_overlay.layer.store import Store
from conda_overlay.resolve import configuration
from conda_overlay.resolve.uv import installer

_KEPT = 30 * 24 * 3600
"""Seconds for which an unused transient layer is kept."""

_LOCK = "lock"
"""The file in a layer that the programs that use it keep locked."""

_NOTHING = "nothing to add"
"""The text of the file that marks a layer as complete if nothing was to be added.

Else it says "layer", and names what is not in effect because of it, one a line.
"""

_FIXED = re.compile(r"@[0-9a-f]{40,64}(?=$|[#[])|[#&](md5|sha[0-9]+)=[0-9a-f]+")
"""The part of a URL that says which commit it means, or which hash its file has."""


def with_transient_layer(
    stack: Stack, requirements: Sequence[str]
) -> tuple[Stack, tuple[str, ...]]:
    """Put a layer with additional distributions on top; it is made at first use and then cached.

    The overlay itself is not changed. A new layer is made when the host, an overlay, pip's
    configuration or a file that it names has changed. If a requirement names a local file or
    directory, or a URL without a commit or a hash, the requirements are installed each time, and
    never in a layer that a program still uses. This process, as the command that it becomes, keeps
    the layer in use.

    Returns:
        The layers, and a line on each distribution that is not in effect because of the new one,
        or of which modules are not, and on modules in it that are not.

    Raises:
        ResolutionError: no consistent set of distributions exists.
        PipError: pip failed.
    """
    layers = [_identity(stack, Store(layer)) for layer in stack.layers]
    facts = [sorted(requirements), stack.host.fingerprint()["sha256"], layers]
    sources = sorted(filter(None, map(_source, requirements)))
    configured = configuration.settings(stack.host.prefix)
    facts += [str(stack.host.real), sources, configured, configuration.files_in(configured)]
    cache = _cache()
    _drop_old(cache)
    for number in count():
        key = hashlib.sha256(json.dumps([*facts, number]).encode()).hexdigest()[:16]
        place, top = cache / key, _on_top(stack, cache / key)
        if _take(place, top.stack, changing=bool(sources)):
            break
    if sources or not (place / "complete").exists():
        command = typed(["conda", "overlay", "run", "--with", *requirements])
        pip = installer(top.host, stack.settings.overlay_installer, to_stderr=True)

        def anew(draft: Draft) -> None:
            draft.drop({*draft.installed})  # what a source had before, it may have no longer
            draft.install(*requirements)

        try:
            top.change(anew, command=command, pip=pip, force=True)
        except BaseException:
            if os.listdir(place) == [_LOCK]:  # else an earlier layer stays
                discard(place)
            raise
        retention.drop(top.stack, retention.droppable(top.stack, 1, force=True)[0])
        lines = [_NOTHING]
        if top.stack.store.exists:
            lines = ["layer", *_replaced(stack, top.stack, requirements), *_hidden(top.stack)]
        (place / "complete").write_text("\n".join(lines), "utf-8")
    os.utime(place)
    return top.stack, tuple((place / "complete").read_text("utf-8").split("\n")[1:])


def _replaced(stack: Stack, top: Stack, requirements: Sequence[str]) -> Iterator[str]:
    """The requested and edited distributions of overlays that the run has in another version."""
    named, new = names_of(map(parse, requirements)), top.state().site
    for layer in stack.layers:
        now = stack.from_layer(str(layer.parent)).state()
        kept = {**dict.fromkeys(now.requested, ""), **dict.fromkeys(now.edited_keys, "edited ")}
        for key in sorted(now.site.keys() & new.keys() & kept.keys() - named):
            ours, theirs = new[key][0], f"{now.site[key][0].name} {now.site[key][0].version}"
            text = f"{ours.name} {ours.version} is in effect for this run, not the {kept[key]}"
            yield f"{text}{theirs} of {layer}"


def _hidden(stack: Stack) -> Iterator[str]:
    """The modules that are not in effect, as plans name them, but for those of another version."""
    now, site = stack.state(), stack.host.site_packages
    below = [*map(stack.read_site, stack.below), stack.host.distributions]
    yield from map(str, hidden_modules(now, now.site, below, site, lost=True))
    yield from map(str, covered_modules(now, now.site, below, site))


def _on_top(stack: Stack, place: Path) -> Overlay:
    """The overlay in a place, as one more layer on top."""
    dirs = locate.with_first(str(place), stack.settings.overlay_dirs)
    settings: Settings = stack.settings._replace(overlay_dirs=dirs)
    if place.is_symlink():  # not ours: nothing is written where it leads
        place.unlink()
    return Overlay(Stack(stack.host, settings, stack.progress))


def _take(place: Path, stack: Stack, *, changing: bool) -> bool:
    """Keep a layer in use until the command ends; False if its files must change and are in use."""
    if not changing and (place / "complete").exists() and not _is_whole(stack):
        if lock.is_held(place / _LOCK):
            return False
        discard(place)
    return lock.keep(place / _LOCK, shared=not changing)


def _identity(stack: Stack, store: Store) -> list[object]:
    """An overlay, its current revision, and the names in its site-packages, which may be rm'ed.

    The revision is a hash, because after `delete` another one may have its number.
    """
    number, site = store.current(), store.real / stack.host.site_below_prefix
    record = b"" if number is None else store.read(number, "record.json")
    names = sorted(set(os.listdir(site)) - {"__pycache__"}) if site.is_dir() else []
    return [str(store.real), hashlib.sha256(record).hexdigest(), names]


def _is_whole(stack: Stack) -> bool:
    """Whether a complete transient layer has all its files still."""
    store = stack.store
    if not store.exists:
        return files.read(str(store.overlay.parent / "complete")) == _NOTHING.encode()
    recorded = store.manifest(store.current()) or {}
    return bool(recorded) and all(map(is_there, (store.real / path for path in recorded)))


def _cache() -> Path:
    """The directory of the transient layers, which is made at first use.

    Raises:
        OverlayDirError: somebody else could have written to it, or could redirect it.
    """
    cache = user_cache("run")
    owners = {os.geteuid(), 0}
    if not (reason := trust.distrust_way(str(cache), owners)):
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        reason = trust.distrust(str(cache), (), owners)
    if not reason and cache.lstat().st_uid != os.geteuid():
        reason = f"{cache} is not yours"
    if reason:
        sentence = f"The directory {cache} for layers of one run is not used: {reason}."
        hint = "export XDG_CACHE_HOME=DIRECTORY, with one of your own"
        raise OverlayDirError(sentence, hint, directories=[str(cache)])
    return cache


def _source(requirement: str) -> str | None:
    """The source that a requirement names, if its content may change: a URL or a real path."""
    parsed = as_requirement(requirement)
    text = (parsed and parsed.url) or requirement
    path = re.sub(r"\[[^]]*\]$", "", text)  # without extras
    if url := re.match("file:(?://[^/]*)?([^#]*)", text):
        path = unquote(url[1])
    elif "://" in text:
        return None if _FIXED.search(text) else text
    is_name = parsed and not parsed.url  # the file name of a wheel also looks like a name
    found = os.path.isfile(path) if is_name else os.path.exists(path)
    return os.path.realpath(path) if found else None


def _drop_old(cache: Path) -> None:
    for place in cache.iterdir():
        ours = re.fullmatch("[0-9a-f]{16}", place.name) and not place.is_symlink()
        old = ours and place.lstat().st_mtime < time.time() - _KEPT
        if old and not lock.is_held(place / _LOCK):
            discard(place)
