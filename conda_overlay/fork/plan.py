"""The plan of a fork: its baseline, without the dropped packages, with the added ones."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from packaging.utils import canonicalize_name

from conda_overlay.activation import notice
from conda_overlay.change.edit_again import outdated_copies
from conda_overlay.change.overlay import Overlay
from conda_overlay.core.errors import OverlayError, UsageError
from conda_overlay.core.models import HistoryEntry
from conda_overlay.core.redact import clean, without_credentials
from conda_overlay.core.request import as_requirement, extras_of, text_of
from conda_overlay.core.text import few
from conda_overlay.distributions.record import owned_files
from conda_overlay.distributions.site import read_distribution, read_site, read_text
from conda_overlay.edits.checkouts import left_behind, repositories, root_of
from conda_overlay.filesystem.manifest import has_digest
from conda_overlay.filesystem.processes import running_programs
from conda_overlay.fork import baseline, conda_packages
from conda_overlay.fork.baseline import Baseline
from conda_overlay.fork.origin import agreed, baseline_of, edits_in, let_change, source
from conda_overlay.formats import document, exports, overlay_toml
from conda_overlay.formats.document import Document, default_intent
from conda_overlay.host.conda_meta import hashes_in, moved, read_package
from conda_overlay.host.host import prefix_of
from conda_overlay.layer.checkouts import with_work

LOST = "Your commits or edits would be lost in:"

_OF_CONDA = (".json", "history")
"""How the names of conda's records end."""


@dataclass(frozen=True)
class ForkSummary:
    """The part of a fork's plan that is shown, without credentials."""

    prefix: str
    baseline: str
    """Its name, path or URL."""
    channels: tuple[str, ...]
    fingerprint: str
    """Of the baseline."""
    packages: int
    """The number of conda packages."""
    dropped: tuple[str, ...]
    dependents: Mapping[str, str]
    """The packages that are dropped because they need a dropped one, and why, by name."""
    added: tuple[str, ...]
    changed: tuple[str, ...]
    notes: tuple[str, ...]
    distributions: tuple[str, ...]
    """The requirements that pip installs."""


@dataclass(frozen=True)
class ForkPlan:
    """The plan of a fork."""

    prefix: Path
    document: Document
    """The content of its ``overlay.toml``, with all dropped packages."""
    baseline: Baseline
    urls: tuple[str, ...]
    """Its conda packages, in the order of installation."""
    dependents: Mapping[str, str] = field(default_factory=dict)
    """The packages that are dropped because they need a dropped one, and why, by name."""
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    """The losses in the present fork: see `Going`."""

    @property
    def text(self) -> str:
        """Its ``overlay.toml``."""
        return overlay_toml.to_toml(self.document)

    @property
    def summary(self) -> ForkSummary:
        """The plan for display, and for ``--json``."""
        wanted = (entry.requirement for entry in self.document.requested.values())
        channels = {without_credentials(url.rsplit("/", 2)[0]) for url in self.urls}
        return ForkSummary(
            prefix=str(self.prefix),
            baseline=source(self.document),
            channels=tuple(sorted(channels)),
            fingerprint=self.baseline.fingerprint,
            packages=len(self.urls),
            dropped=self.document.fork.drop,
            dependents=self.dependents,
            added=self.added,
            changed=self.changed,
            notes=self.notes,
            distributions=tuple(map(clean, filter(None, (*self.baseline.pip, *wanted)))),
        )


def of_baseline(source: str) -> Document:
    """The document to fork an environment with all overlays of it, or an explicit list.

    Raises:
        OverlayError: the edits of a copy are not relative to the files that are below it now.
    """
    is_path = "/" in source or source.endswith((".txt", ".yml", ".yaml"))  # else it is a name
    if "://" in source or (is_path and os.path.isfile(source)):
        spec = source if "://" in source else os.path.abspath(source)
        return Document("", "", "", {}, baseline=document.BaselineRef(spec=spec))
    prefix = prefix_of(source)
    source = str(prefix) if "/" in source else source
    known = Document("", "", "", edits_in(prefix))
    if (prefix / "bin" / "python").exists():
        stack = Overlay.open(prefix).stack
        for layer in reversed(stack.layers):
            mine = layer == stack.store.overlay
            overlay = Overlay(stack if mine else stack.from_layer(str(layer.parent)))
            if outdated := outdated_copies(overlay.stack):
                raise _outdated(outdated)
            known = overlay.document().over(known)
    return replace(known, baseline=document.BaselineRef(env=source))


def _outdated(copies: Mapping[str, str]) -> OverlayError:
    """Refuse to fork copies whose originals have changed: the fork would run other code."""
    names, verb = few(sorted(copies)), "has" if len(copies) == 1 else "have"
    sentence = f"{names} {verb} changed below your copy, so the fork would not run what runs now."
    return OverlayError(sentence, next(iter(copies.values())), packages=[*copies])


def with_more(
    known: Document,
    drop: Sequence[str],
    conda: Sequence[str],
    channels: Sequence[str],
    requirements: Sequence[str],
) -> Document:
    """Add packages to drop, packages to add and requirements to a document.

    Raises:
        UsageError: a requirement has no name.
    """
    entries = dict(known.entries)
    for text in requirements:
        wanted = as_requirement(text)
        if wanted is None:
            env = known.baseline.env or ""
            words = ["conda", "overlay", "export", "-p" if "/" in env else "-n", env]
            file = shlex.join([*words, "-f", "overlay.toml"])
            hint = f"NAME @ URL; or put it into a file: {file}" if env else "NAME @ URL"
            raise UsageError(f"The requirement {clean(text)} has no name.", hint)
        # With its credentials, and with the edits of the package, if it was edited.
        old = entries.get(canonicalize_name(wanted.name))
        intent = default_intent(text)
        asked = HistoryEntry("", wanted.name, requested=True, requirement=text, intent=intent)
        if old:
            wanted.extras |= extras_of(old.requirement)
            usual = default_intent(old.requirement or old.name, editable=bool(old.editable))
            asked = replace(
                asked,
                requirement=text_of(wanted),
                options=old.options.without("--hash"),
                intent=intent if old.intent == usual else old.intent,
                until=old.until,
                reason=old.reason,
                patch=old.patch,
            )
        entries[canonicalize_name(wanted.name)] = asked
    fork = replace(
        known.fork,
        drop=tuple(dict.fromkeys([*known.fork.drop, *drop])),
        conda=tuple(dict.fromkeys([*known.fork.conda, *conda])),
        channels=tuple(channels or known.fork.channels),
    )
    return replace(known, entries=entries, fork=fork)


def plan(
    made_from: Document,
    prefix: Path,
    *,
    allow_changes: bool = False,
    again: bool = False,
    notes: Sequence[str] = (),
) -> ForkPlan:
    """Work out the plan of a fork.

    Args:
        made_from: the content of its file.
        prefix: its prefix.
        allow_changes: let the additions change pinned packages.
        again: replace the existing fork; the packages that it dropped need not be in the baseline
            any more.
        notes: on its file.

    Raises:
        OverlayError: the baseline cannot be read, or the additions change it or do not fit.
    """
    base, env = baseline_of(made_from), made_from.baseline.env
    drop, specs = {*made_from.fork.drop}, made_from.fork.conda
    unknown = sorted(drop - base.urls.keys() - (agreed(prefix) if again else set()))
    if env and os.path.realpath(prefix_of(env)) == os.path.realpath(prefix):
        sentence = f"The fork {prefix} cannot be its own baseline."
        raise OverlayError(sentence, "name the baseline by its path, not by its name")
    if unknown:
        names = ", ".join(map(clean, unknown))
        sentence = f"The baseline {source(made_from)} has no conda package {names}."
        hint = f"conda list -p {prefix_of(env)}" if env else f"cat {source(made_from)}"
        raise OverlayError(sentence, hint, packages=[names])
    edits, lost = exports.edits_left_out(made_from), "so the fork does not have it"
    notes = [
        *notes,
        *(f"{line} was installed from a local directory, {lost}" for line in base.local),
    ]
    notes += [f"{edit} was edited, which an exported file cannot contain, {lost}" for edit in edits]
    if made_from.own:
        notes.append(f"no package has {few(made_from.own)}, {lost}")
    notes += left_behind(made_from.requested.values())
    edited = _edited(prefix_of(env)) if env else {}
    for key in sorted(edited.keys() - {k for k, e in made_from.entries.items() if e.patch}):
        notes.append(f"{few(edited[key])} of the baseline's {key} was edited there, {lost}")
    going = going_with(prefix) if again else Going()
    notes += _what_goes(prefix, going) if again else []
    if (base.pip or made_from.requested) and "python" not in base.urls.keys() - drop:
        sentence = "Without Python, pip cannot add anything."
        raise OverlayError(sentence, "keep python, or leave out the packages for pip")
    if not drop and not specs:
        every = tuple(base.urls.values())
        return ForkPlan(prefix, made_from, base, every, notes=tuple(notes), lost=going.lost)
    urls = base.urls
    records = (
        conda_packages.installed(prefix_of(env))
        if env
        else conda_packages.fetched([*urls.values()])
    )
    named = {*baseline.package_names(specs)}
    dependents = conda_packages.dependents(records, drop - named)
    dropped = drop | dependents.keys()
    staying = [r for r in records if r.name not in dropped]
    packages = conda_packages.distributions(r for r in records if r.name in dropped - named)
    entries = dict(made_from.entries)
    for key in [key for key, e in entries.items() if e.copied and key in packages]:
        del entries[key]
        notes.append(f"{packages[key]} is dropped, and so is your copy of {key} with its edits")
    unlinked, linked = conda_packages.solved(staying, made_from.fork) if specs else ((), ())
    gone, new = conda_packages.versions(unlinked), conda_packages.versions(linked)
    changed = moved(gone, {name: new[name] for name in new if name in gone})
    allowed = let_change(prefix) if again else set()
    refused = [] if allow_changes else [c for c in changed if c.split()[0] not in allowed]
    if refused:
        what = ", ".join(map(clean, specs))
        sentence = f"Adding {what} would change what is pinned: {few(refused)}."
        raise OverlayError(sentence, "--allow-changes proceeds anyway", changed=refused)
    staying = [*(r for r in staying if r.name not in gone), *linked]
    urls = {**urls, **{r.name: baseline.url_of(r) for r in linked}}
    added = tuple(f"{name} {new[name]}" for name in new if name not in gone)
    deviation = replace(made_from.fork, drop=tuple(sorted(dropped)))
    return ForkPlan(
        prefix,
        replace(made_from, entries=entries, fork=deviation),
        base,
        tuple(urls[name] for name in conda_packages.ordered(staying)),
        dependents,
        added,
        tuple(changed),
        tuple(notes),
        going.lost,
    )


def _edited(prefix: Path) -> dict[str, list[str]]:
    """The files of distributions in an environment that differ from their RECORD.

    conda's own packages are not looked at.
    """
    found = {}
    for site in prefix.glob("lib/python*/site-packages"):
        for key, (one, *_) in read_site(site).items():
            by_conda = read_text(one.path / "INSTALLER").strip() == "conda"
            rows = {} if by_conda else owned_files(one, site) or {}
            mine = {path: sha for path, sha in rows.items() if sha and path[-4:] != ".pyc"}
            if changed := [path for path, sha in mine.items() if not has_digest(site / path, sha)]:
                found[key] = changed
    return found


class Going(NamedTuple):
    """The work in a fork that goes when another one replaces it."""

    checkouts: tuple[str, ...] = ()
    """The checkouts and repositories in it with commits or edits of the user."""
    edited: tuple[str, ...] = ()
    """The files of packages that were edited in it."""
    new: tuple[str, ...] = ()
    """The packages that were installed since it was made."""
    changed: tuple[str, ...] = ()
    """The files that are new or changed since then, and not as a new package has brought them."""

    @property
    def lost(self) -> tuple[str, ...]:
        """The commits and edits, which only `--force` loses."""
        return *self.checkouts, *self.edited


def going_with(fork: Path) -> Going:
    """Find the work that goes with a fork."""
    checkouts, made = _checkouts_with_work(fork), fork / notice.FORK / "overlay.toml"
    if not made.is_file():
        return Going(checkouts)
    records = {file.stem: file for file in fork.glob("conda-meta/*.json")}
    infos = fork.glob("lib/python*/site-packages/*.dist-info/RECORD")
    records |= {file.parent.stem: file for file in infos}
    since = made.stat().st_mtime_ns
    new = {name for name, file in records.items() if file.lstat().st_mtime_ns > since}
    passed = [os.path.relpath(path, fork) + "/" for path in checkouts]
    changed, edited, brought = {*_changed(fork, since, passed)}, set(), set()
    for name, file in records.items():
        for path, sha256 in _files_of(file, fork):
            if path in changed and sha256 and not has_digest(fork / path, sha256):
                edited.add(path)
            elif path in changed and (sha256 or name in new):
                brought.add(path)
    edited -= brought  # of two packages with the same file, one has written it
    files = [str(fork / path) for path in sorted(edited)]
    return Going(checkouts, (*files,), (*sorted(new),), (*sorted(changed - brought),))


def _checkouts_with_work(fork: Path) -> tuple[str, ...]:
    found = {*fork.glob("src/*"), *repositories(fork)}
    for site in fork.glob("lib/python*/site-packages"):
        for one in (one for ones in read_site(site).values() for one in ones if one.editable):
            source = Path(os.path.realpath(one.editable or ""))
            root = root_of(source)
            found.add(root if root.is_relative_to(fork) and root != fork else source)
    below = sorted(path for path in found if path.is_relative_to(fork))
    return tuple(map(str, with_work(below)))


def _what_goes(fork: Path, going: Going) -> list[str]:
    """Notes on the losses when a fork is replaced: changes by hand, and files of its programs."""
    if not (fork / notice.FORK / "overlay.toml").is_file():
        return []
    notes = []
    for what, names in (
        ("files that you changed in the present fork", few(going.changed)),
        ("what was installed into it since", few(going.new, 20)),
        ("sources with commits or edits that are nowhere else", few(going.checkouts)),
    ):
        notes += [f"{what} will be lost: {names}"] if names else []
    running = [f"{p.pid} {p.command[:60]}" for p in running_programs(fork)]
    if running:
        notes.append(f"these programs run from it and will lose their files: {few(running)}")
    return notes


def _files_of(record: Path, fork: Path) -> Iterator[tuple[str, str | None]]:
    """The files that a package of conda or a distribution has brought, relative to a fork.

    Each has its sha256 if that is recorded.
    """
    if record.suffix == ".json":
        package = read_package(record)
        yield from () if isinstance(package, Exception) else hashes_in(package).items()
    elif found := read_distribution(record.parent):
        yield from (owned_files(found, fork) or {}).items()


def _changed(fork: Path, since: int, passed: Sequence[str]) -> Iterator[str]:
    """The files of a fork that are new or changed since a time, relative to it.

    A file that is not a link into conda's cache is also new if it keeps an older time, as copies
    of `cp -p` do. Bytecode, the insides of repositories and conda's own records are left out.

    Args:
        fork: its prefix.
        since: the time, in nanoseconds.
        passed: directories, relative to the prefix with a slash at the end, to leave out.
    """
    for directory, directories, names in os.walk(fork):
        below = os.path.relpath(directory, fork) + "/" if directory != str(fork) else ""
        left = ("__pycache__", ".git")
        directories[:] = [n for n in directories if n not in left and f"{below}{n}/" not in passed]
        links = (n for n in directories if os.path.islink(os.path.join(directory, n)))
        for name in [*names, *links] if below != f"{notice.FORK}/" else ():
            if name.endswith(".pyc") or (below == "conda-meta/" and name.endswith(_OF_CONDA)):
                continue
            with suppress(OSError):
                found = os.lstat(os.path.join(directory, name))
                changed = found.st_ctime_ns if found.st_nlink == 1 else 0
                if max(found.st_mtime_ns, changed) > since:
                    yield below + name
