"""The plan of a fork: its baseline, without the dropped packages, with the added ones."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from conda_overlay.change.edit_again import outdated_copies
from conda_overlay.change.overlay import Overlay
from conda_overlay.core.errors import OverlayError, UsageError
from conda_overlay.core.models import HistoryEntry
from conda_overlay.core.redact import clean, without_credentials
from conda_overlay.core.request import (
    as_requirement,
    extras_of,
    parse,
    text_of,
    with_more_extras,
)
from conda_overlay.core.text import few
from conda_overlay.distributions.site import read_site
from conda_overlay.edits.checkouts import left_behind
from conda_overlay.edits.patch import text_in
from conda_overlay.fork import baseline, conda_packages, left_out, losses
from conda_overlay.fork.baseline import Baseline
from conda_overlay.fork.origin import agreed, baseline_of, edits_in, let_change, source
from conda_overlay.fork.pip_packages import from_pip
from conda_overlay.formats import document, overlay_toml
from conda_overlay.formats.document import Document, default_intent, typed_intent
from conda_overlay.host.conda_meta import moved
from conda_overlay.host.host import option_of, prefix_of


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
    """The losses in the present fork: see `losses.Going`."""
    there: frozenset[str] = frozenset()
    """The distributions that it has before pip resolves the requested ones, as far as known."""
    dropped: frozenset[str] = frozenset()
    """Those of the dropped packages, as far as known, by their normalized names."""

    @property
    def text(self) -> str:
        """Its ``overlay.toml``."""
        return overlay_toml.to_toml(self.document)

    @property
    def summary(self) -> ForkSummary:
        """The plan for display, and for ``--json``."""
        entries = from_pip(self.document.requested, self.there).values()
        wanted = (entry.requirement for entry in entries)
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


def of_baseline(source: str, file: Document | None = None) -> Document:
    """The document to fork an environment with all overlays of it, or an explicit list.

    Args:
        source: the environment, or the list.
        file: the content of a file without a baseline; it is used instead of the overlays, which
            it may have been exported from.

    Raises:
        OverlayError: the edits of a copy are not relative to the files that are below it now.
    """
    is_path = "/" in source or source.endswith((".txt", ".yml", ".yaml"))  # else it is a name
    if "://" in source or (is_path and os.path.isfile(source)):
        spec = source if "://" in source else os.path.abspath(source)
        found = file or Document("", "", "", {})
        return replace(found, baseline=document.BaselineRef(spec=spec))
    prefix = prefix_of(source)
    source = str(prefix) if "/" in source else source
    known = Document("", "", "", edits_in(prefix))
    if file:
        known = file.over(known)
    elif (prefix / "bin" / "python").exists():
        stack = Overlay.open(prefix).stack
        for layer in reversed(stack.layers):
            mine = layer == stack.store.overlay
            overlay = Overlay(stack if mine else stack.from_layer(str(layer.parent)))
            if outdated := outdated_copies(overlay.stack):
                raise _outdated(outdated)
            known = overlay.document().over(known)
    return replace(known, baseline=document.BaselineRef(env=source))


def layers_edits_left_out(file: Document) -> list[str]:
    """Notes on the edits of layers, below copies in a file, that are not in that file.

    It was exported from an overlay, which has such edits below it; see `Document.over`.
    """
    prefix = prefix_of(file.baseline.env) if file.baseline.env else None
    if not prefix or not (prefix / "bin" / "python").exists():
        return []
    stack, notes = Overlay.open(prefix).stack, []
    for layer in (one for one in stack.layers if one != stack.store.overlay):
        theirs = Overlay(stack.from_layer(str(layer.parent))).document().entries
        for key in file.entries.keys() & theirs.keys():
            mine, edits = file.entries[key], text_in(theirs[key].patch)
            if mine.copied and mine.patch and edits not in text_in(mine.patch):
                what = f"the edits of {mine.name or key} in the layer {layer}"
                notes.append(f"{what} are not in the file, so the fork does not have them")
    return sorted(notes)


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

    The newest request of a package counts; a name alone keeps its version. To drop one that was
    added takes that back, and drops that of the baseline if there is one. Names of conda packages
    are in lower case.

    Raises:
        UsageError: a requirement has no name.
    """
    entries = dict(known.entries)
    for text in requirements:
        wanted = as_requirement(text)
        if wanted is None:
            env = known.baseline.env or ""
            words = ["conda", "overlay", "export", *option_of(env)]
            file = shlex.join([*words, "-f", "overlay.toml"])
            hint = f"NAME @ URL; or put it into a file: {file}" if env else "NAME @ URL"
            raise UsageError(f"The requirement {clean(text)} has no name.", hint)
        # With its credentials, and with the edits of the package, if it was edited.
        old = entries.get(canonicalize_name(wanted.name))
        intent = default_intent(text)
        asked = HistoryEntry("", wanted.name, requested=True, requirement=text, intent=intent)
        if old and old.requirement and not (old.editable or wanted.specifier or wanted.url):
            same = parse(old.requirement)  # which a name alone does not change, as in an overlay
            if isinstance(same, Requirement):
                same = with_more_extras(same, wanted.extras)
            asked = replace(old, requested=True, requirement=text_of(same))
        elif old:
            asked = replace(
                asked,
                requirement=text_of(with_more_extras(wanted, extras_of(old.requirement))),
                options=old.options.without("--hash"),
                intent=typed_intent(old) or intent,
                until=old.until,
                reason=old.reason,
                patch=old.patch,
            )
        entries[canonicalize_name(wanted.name)] = asked
    drop = [name.lower() for name in drop]
    named = {*baseline.package_names(conda), *drop}
    before = dict(zip(known.fork.conda, baseline.package_names(known.fork.conda), strict=True))
    if {*drop} & {*before.values()}:
        there = baseline_of(known).urls
        drop = [name for name in drop if name in there or name not in before.values()]
    fork = replace(
        known.fork,
        drop=tuple(dict.fromkeys([*known.fork.drop, *drop])),
        conda=tuple(dict.fromkeys([*(s for s in before if before[s] not in named), *conda])),
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
    drop, specs = {name.lower() for name in made_from.fork.drop}, made_from.fork.conda
    unknown = sorted(drop - base.urls.keys() - (agreed(prefix) if again else set()))
    if env and os.path.realpath(prefix_of(env)) == os.path.realpath(prefix):
        sentence = f"The fork {prefix} cannot be its own baseline."
        raise OverlayError(sentence, "name the baseline by its path, not by its name")
    if unknown:
        names = ", ".join(map(clean, unknown))
        sentence = f"The baseline {source(made_from)} has no conda package {names}."
        hint = f"conda list -p {prefix_of(env)}" if env else f"cat {source(made_from)}"
        raise OverlayError(sentence, hint, packages=[names])
    notes = [*notes, *left_out.notes_on(base, made_from)]
    made_from = left_out.without_local(base, made_from)
    notes += left_behind(made_from.requested.values())
    going = losses.going_with(prefix) if again else losses.Going()
    notes += losses.notes_on(prefix, going) if again else []
    if (base.pip or made_from.requested) and "python" not in base.urls.keys() - drop:
        sentence = "Without Python, pip cannot add anything."
        raise OverlayError(sentence, "keep python, or leave out the packages for pip")
    if not drop and not specs:
        every = tuple(base.urls.values())
        there = _there(base, env)
        return ForkPlan(
            prefix, made_from, base, every, notes=tuple(notes), lost=going.lost, there=there
        )
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
    theirs = packages.keys() - base.by_pip  # the conda package of such a name is another one
    for key in [key for key, e in entries.items() if e.copied and key in theirs]:
        its = " with its edits" if entries.pop(key).patch else ""
        notes.append(f"{packages[key]} is dropped, and so is your copy of {key}{its}")
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
        _there(base, env) | conda_packages.distributions(linked).keys(),
        frozenset(conda_packages.distributions(r for r in records if r.name in dropped)),
    )


def _there(base: Baseline, env: str | None) -> frozenset[str]:
    """The normalized names of the distributions that a fork gets from its baseline.

    A list names no distributions of conda packages, so there each has the one of its name.
    """
    if not env:
        return frozenset({*map(canonicalize_name, base.urls), *base.by_pip})
    sites = prefix_of(env).glob("lib/python*/site-packages")
    return frozenset(key for site in sites for key in read_site(site)) - base.not_repeatable
