"""An ordinary environment that matches a baseline but for what is dropped and added.

Nothing is solved but what is added: conda installs the baseline's packages by their URLs. That
happens in a directory beside, for the paths that conda writes into files may be others than where
it writes them; at the end the whole environment is moved to its place by one rename, an older one
out of it by the same. A kill leaves what was there, and a directory that the next command removes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conda import CondaError
from conda.base.context import locate_prefix_by_name
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from conda_overlay.activation import files, notice, trust
from conda_overlay.change.overlay import Overlay
from conda_overlay.core.errors import NoSuchEnvironmentError, OverlayError, PipError, UsageError
from conda_overlay.core.models import HistoryEntry
from conda_overlay.core.redact import clean, without_credentials
from conda_overlay.filesystem.lock import Tell
from conda_overlay.filesystem.processes import programs
from conda_overlay.fork import baseline, conda_packages
from conda_overlay.fork.baseline import Baseline
from conda_overlay.fork.pip_packages import add
from conda_overlay.fork.replace import UNCONFIRMED, beside, relocate, swap, works
from conda_overlay.formats import document, exports, overlay_toml
from conda_overlay.formats.document import Document
from conda_overlay.host.host import Host
from conda_overlay.report.checks import moved

if TYPE_CHECKING:
    from conda_overlay.resolve.pip import Pip

_PROGRAMS = 5  # programs that are named
_CHANGES = "changes"
"""What a fork keeps of the pinned packages that were let change, a name a line."""
_DIGEST = "origin.sha256"
"""What a fork keeps of the file that it was made from, which may have credentials."""


@dataclass(frozen=True)
class ForkPlan:
    """What a fork will be."""

    prefix: Path
    document: Document
    """The file that it is made from, with all that is dropped."""
    baseline: Baseline
    urls: tuple[str, ...]
    """Its conda packages, in the order of installation."""
    dependents: Mapping[str, str] = field(default_factory=dict)
    """The packages that are dropped because they need one that is, and why."""
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The file."""
        return overlay_toml.dumps(self.document)

    def to_json(self) -> dict[str, Any]:
        """The plan as it is shown, and for ``--json``."""
        wanted = (entry.requirement for entry in self.document.requested.values())
        return {
            "prefix": str(self.prefix),
            "baseline": source(self.document),
            "channels": sorted({without_credentials(url.rsplit("/", 2)[0]) for url in self.urls}),
            "fingerprint": self.baseline.fingerprint,
            "packages": len(self.urls),
            "dropped": [*self.document.fork.drop],
            "dependents": {**self.dependents},
            "added": [*self.added],
            "changed": [*self.changed],
            "notes": [*self.notes],
            "distributions": [*map(clean, filter(None, (*self.baseline.pip, *wanted)))],
        }


def source(made_from: Document) -> str:
    """The baseline in words: a name, a path or a URL."""
    found = made_from.baseline
    return without_credentials(found.env or found.spec or "")


def of_baseline(source: str) -> Document:
    """What forks an environment, with the overlay that the user has of it, or an explicit list."""
    is_path = "/" in source or source.endswith((".txt", ".yml", ".yaml"))  # else it is a name
    if "://" in source or (is_path and os.path.isfile(source)):
        spec = source if "://" in source else os.path.abspath(source)
        return Document("", "", "", {}, baseline=document.BaselineRef(spec=spec))
    prefix = _prefix_of(source)
    source = str(prefix) if "/" in source else source
    overlay = Overlay.open(prefix) if (prefix / "bin" / "python").exists() else None
    known = overlay.document() if overlay and overlay.store.exists else Document("", "", "", {})
    return replace(known, baseline=document.BaselineRef(env=source))


def with_more(
    known: Document,
    drop: Sequence[str],
    conda: Sequence[str],
    channels: Sequence[str],
    requirements: Sequence[str],
) -> Document:
    """A document with more packages to drop and to add, and more requirements.

    Raises:
        UsageError: a requirement has no name.
    """
    entries = dict(known.entries)
    for text in requirements:
        try:
            name = Requirement(text).name
        except InvalidRequirement:
            hint = "NAME @ URL; or put it into a file: conda overlay export -f overlay.toml"
            raise UsageError(f"The requirement {clean(text)} has no name.", hint) from None
        asked = HistoryEntry("", name, requested=True, requirement=text)  # with what pip needs
        entries[canonicalize_name(name)] = asked
    fork = replace(
        known.fork,
        drop=tuple(dict.fromkeys([*known.fork.drop, *drop])),
        conda=tuple(dict.fromkeys([*known.fork.conda, *conda])),
        channels=tuple(channels or known.fork.channels),
    )
    return replace(known, entries=entries, fork=fork)


def read(file: Path) -> Document:
    """Read an ``overlay.toml``; the baseline in it is relative to its directory.

    Raises:
        OverlayError: it cannot be read, or names no baseline.
    """
    try:
        text = files.read_file(str(file), largest=files.LARGE, follow=True).decode()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise OverlayError(f"{file} cannot be read: {why}.", path=str(file)) from error
    found = overlay_toml.read(text, str(file), {})
    spec = found.baseline.spec
    if not source(found):
        sentence = f"{file} has no table [baseline] with an 'env' or a 'spec'."
        raise OverlayError(sentence, "name the baseline: --from ENV", path=str(file))
    env, here = found.baseline.env, file.absolute().parent
    if spec and "://" not in spec:
        spec = _absolute(here / os.path.expanduser(spec))
    if env and "/" in env:
        env = _absolute(here / os.path.expanduser(env))
    return replace(found, baseline=replace(found.baseline, env=env, spec=spec))


def _absolute(path: Path) -> str:
    """With no `..` in it, which would need the directories before it to stay."""
    above = os.path.realpath(path.parent) if ".." in path.parts else path.parent.absolute()
    return os.path.join(above, path.name)


def kept(prefix: Path) -> tuple[Document, Path | None]:
    """What a fork is made from, and the file that says so, if that is not its own.

    Raises:
        NoSuchEnvironmentError: there is none.
        OverlayError: somebody else could have written what it keeps.
    """
    place = prefix / notice.FORK
    if not place.is_dir():
        raise NoSuchEnvironmentError(str(prefix))
    if reason := trust.distrust(str(place), (), trust.trusted_owners()):
        raise OverlayError(f"{place} is not used: {reason}.", f"ls -ld {place}")
    origin = _origin(place)
    return read(origin or place / "overlay.toml"), origin


def _origin(place: Path) -> Path | None:
    """The file that a fork was made from, if it is there and nobody else can have put it there."""
    origin = os.fsdecode(files.read(str(place / "origin")) or b"")
    mine = trust.distrust_way(origin, trust.trusted_owners()) is None
    return Path(origin) if origin and mine and os.path.exists(origin) else None


def _digest(file: Path) -> bytes:
    return hashlib.sha256(files.read(str(file), follow=True) or b"").hexdigest().encode()


def agreed(prefix: Path) -> set[str]:
    """The packages that a fork was agreed to be made without."""
    with suppress(OverlayError):
        return {*read(prefix / notice.FORK / "overlay.toml").fork.drop}
    return set()


def _let_change(prefix: Path) -> set[str]:
    return {*os.fsdecode(files.read(str(prefix / notice.FORK / _CHANGES)) or b"").split()}


def drift(prefix: Path) -> dict[str, Any] | None:
    """The baseline of a fork, what has changed in it since, or why that is unknown; None of others.

    The file is the one that it was made from, if that has changed since; the remedy is the command
    that follows both.
    """
    place = prefix / notice.FORK
    if not place.is_dir():
        return None
    name, changes, why = "", [], None
    try:
        made_from = read(place / "overlay.toml")
        name, was = source(made_from), baseline.load(str(place / "baseline.txt"))
        changes = was.changes(_baseline_of(made_from))
    except OverlayError as error:
        why = error.message
    file, digest = _origin(place), files.read(str(place / _DIGEST))
    file = None if digest is None or (file and digest == _digest(file)) else file
    remedy = ["fork", "--recreate", "-p", str(prefix)]
    known = {"baseline": name, "changes": changes, "unknown": why, "remedy": remedy}
    return {**known, "changed_file": file and str(file)}


def plan(
    made_from: Document, prefix: Path, *, allow_changes: bool = False, again: bool = False
) -> ForkPlan:
    """Work out what a fork will be.

    Args:
        made_from: a file.
        prefix: where.
        allow_changes: let the additions change what is pinned.
        again: in place of the one that is there; what that was made without may have gone from the
            baseline.

    Raises:
        OverlayError: the baseline cannot be read, or the additions change it or do not fit.
    """
    base, env = _baseline_of(made_from), made_from.baseline.env
    drop, specs = {*made_from.fork.drop}, made_from.fork.conda
    unknown = sorted(drop - base.urls.keys() - (agreed(prefix) if again else set()))
    if env and os.path.realpath(_prefix_of(env)) == os.path.realpath(prefix):
        sentence = f"The fork {prefix} cannot be its own baseline."
        raise OverlayError(sentence, "name the baseline by its path, not by its name")
    if unknown:
        names = ", ".join(map(clean, unknown))
        sentence = f"The baseline {source(made_from)} has no conda package {names}."
        hint = f"conda list -p {_prefix_of(env)}" if env else f"cat {source(made_from)}"
        raise OverlayError(sentence, hint, packages=[names])
    edits, lost = exports.edits_left_out(made_from), "so the fork does not have it"
    notes = [f"{line} is not repeatable, {lost}" for line in base.local]
    notes += [f"{edit} was edited and is no text, {lost}" for edit in edits]
    notes += _what_goes(prefix) if again else []
    if (base.pip or made_from.requested) and "python" not in base.urls.keys() - drop:
        sentence = "There would be no Python, so pip can add nothing."
        raise OverlayError(sentence, "leave out what pip is to add, or keep python")
    if not drop and not specs:
        return ForkPlan(prefix, made_from, base, tuple(base.urls.values()), notes=tuple(notes))
    urls = base.urls
    records = (
        conda_packages.installed(_prefix_of(env))
        if env
        else conda_packages.fetched([*urls.values()])
    )
    dependents = conda_packages.dependents(records, drop - {*baseline.names(specs)})
    staying = [r for r in records if r.name not in drop and r.name not in dependents]
    unlinked, linked = conda_packages.solved(staying, made_from.fork) if specs else ((), ())
    gone, new = conda_packages.versions(unlinked), conda_packages.versions(linked)
    changed = moved(gone, {name: new[name] for name in new if name in gone})
    allowed = _let_change(prefix) if again else set()
    refused = [] if allow_changes else [c for c in changed if c.split()[0] not in allowed]
    if refused:
        what = ", ".join(map(clean, specs))
        sentence = f"Adding {what} would change what is pinned: {', '.join(refused)}."
        raise OverlayError(sentence, "--allow-changes proceeds anyway", changed=refused)
    staying = [*(r for r in staying if r.name not in gone), *linked]
    urls = {**urls, **{r.name: baseline.url_of(r) for r in linked}}
    added = tuple(f"{name} {new[name]}" for name in new if name not in gone)
    deviation = replace(made_from.fork, drop=tuple(sorted(drop | dependents.keys())))
    return ForkPlan(
        prefix,
        replace(made_from, fork=deviation),
        base,
        tuple(urls[name] for name in conda_packages.ordered(staying)),
        dependents,
        added,
        tuple(changed),
        tuple(notes),
    )


def make(
    plan: ForkPlan,
    pip: Callable[[Host], Pip],
    tell: Tell,
    *,
    origin: Path | None = None,
    again: bool = False,
    allow_conflicts: bool = False,
) -> None:
    """Make a fork.

    Args:
        plan: of `plan`.
        pip: calls pip for a host.
        tell: shows a message.
        origin: the file that it is to be made from again, if that is not its own.
        again: in place of the one that is there.
        allow_conflicts: accept that pip finds no consistent set.

    Raises:
        OverlayError: conda or pip failed; nothing has changed.
    """
    prefix = plan.prefix
    digest = _digest(origin) if origin else None  # before anybody edits it again
    with beside(prefix, tell) as place:
        new = place / prefix.name
        count = len(plan.urls)
        tell(f"Installing {count} conda package{'' if count == 1 else 's'}")
        conda_packages.install(plan.urls, new, prefix)
        exact, wanted = plan.baseline.pip, plan.document.requested
        if exact or wanted:
            drop, allow = plan.document.fork.drop, allow_conflicts
            try:
                add(new, prefix, exact, wanted, pip, dropped=drop, allow_conflicts=allow)
            except PipError as error:
                text = error.message.replace("the overlay is unchanged", "nothing has changed")
                hint = f"df -h {prefix.parent}" if "No space left" in text else error.hint
                raise OverlayError(text, hint) from error
        relocate(new, prefix)
        _keep(plan, new / notice.FORK, origin, digest)
        swap(new, prefix, again=again)
        works(prefix)
        (prefix / UNCONFIRMED).unlink()
    from conda.core.envs_manager import register_env

    register_env(str(prefix))


def _what_goes(fork: Path) -> list[str]:
    """What goes with a fork: what was changed in it, and what its running programs need of it."""
    made = fork / notice.FORK / "overlay.toml"
    if not made.is_file():
        return []
    records = {file.stem: file for file in fork.glob("conda-meta/*.json")}
    infos = fork.glob("lib/python*/site-packages/*.dist-info/RECORD")
    records |= {file.parent.stem: file for file in infos}
    since, note = made.stat().st_mtime_ns, "what you have changed in the present fork by hand goes"
    names = sorted(name for name, file in records.items() if file.lstat().st_mtime_ns > since)
    notes = [f"{note}, with what was installed since: {', '.join(names)}" if names else note]
    running = [f"{p.pid} {p.command[:60]}" for p in programs(fork)]
    if more := running[_PROGRAMS:]:
        running[_PROGRAMS:] = [f"and {len(more)} more"]
    if running:
        notes.append(f"these programs run from it, and its files go: {', '.join(running)}")
    return notes


def _prefix_of(env: str) -> Path:
    try:
        found = os.path.expanduser(env) if "/" in env else locate_prefix_by_name(env)
    except CondaError as error:
        sentence = f"There is no conda environment named {env}."
        raise OverlayError(sentence, "conda env list", name=env) from error
    return Path(os.path.abspath(found))


def _baseline_of(made_from: Document) -> Baseline:
    if made_from.baseline.env:
        return baseline.of_environment(_prefix_of(made_from.baseline.env))
    return baseline.load(made_from.baseline.spec or "")


def _keep(plan: ForkPlan, place: Path, origin: Path | None, digest: bytes | None) -> None:
    """Keep what a fork is made from: conda leaves that out of a clone, which thus is no fork."""
    env, spec = plan.document.baseline.env, plan.document.baseline.spec
    if env:  # whatever will have its name
        own = replace(plan.document.baseline, env=str(_prefix_of(env)))
        plan = replace(plan, document=replace(plan.document, baseline=own))
    place.mkdir()
    (place / "unconfirmed").touch()
    (place / "overlay.toml").write_text(plan.text, encoding="utf-8")
    (place / "baseline.txt").write_text(plan.baseline.text, encoding="utf-8")
    (place / _CHANGES).write_text("\n".join(c.split()[0] for c in plan.changed), "utf-8")
    if origin:
        (place / "origin").write_bytes(os.fsencode(_absolute(origin)))
        (place / _DIGEST).write_bytes(digest or b"")
    text = ""
    if env:
        sites = sorted(_prefix_of(env).glob("lib/python*/site-packages"))
        text = notice.content_of_fork(str(_prefix_of(env)), str([*sites, "-"][0]))
    elif spec and "://" not in spec:
        text = notice.content_of_fork(spec)
    (place / "notice").write_bytes(os.fsencode(text))
