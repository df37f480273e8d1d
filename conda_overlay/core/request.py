"""Requests for distributions: by name, or by a path or URL, with pip's options."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from conda_overlay.core.pip_options import NONE, Options

_EDITABLE = "--editable"


@dataclass(frozen=True)
class Source:
    """A path or a URL without a name, as pip takes it; its name is known once pip has run."""

    text: str
    editable: bool = False

    @property
    def key(self) -> str | None:
        """The normalized name, if the URL of an editable has one."""
        egg = re.search(r"\+\w+:.*[#&]egg=([\w.-]+)", self.text) if self.editable else None
        return canonicalize_name(egg[1]) if egg else None


@dataclass(frozen=True)
class Request:
    """A request to install distributions with pip."""

    requirements: tuple[Requirement | Source, ...]
    options: Options = NONE
    intent: str | None = None  # None: derived from each requirement
    until: str | None = None
    own: Mapping[str, Options] = field(default_factory=dict)
    """The options of single requirements, such as their hashes, by normalized name."""

    @classmethod
    def parse(
        cls,
        requirements: Iterable[str],
        options: Options = NONE,
        intent: str | None = None,
        until: str | None = None,
    ) -> Request:
        """Read requirements, to which the editables among the options are added."""
        editables = [Source(path, editable=True) for path in options.values(_EDITABLE)]
        wanted = (*map(parse, requirements), *editables)
        return cls(wanted, options.without(_EDITABLE), intent, until)

    @property
    def words(self) -> tuple[str, ...]:
        """The words for pip, without the requirements in `lines`."""
        editables: list[str] = []
        others: list[str] = []
        for wanted in (one for one in self.requirements if key_of(one) not in self.own):
            is_editable = isinstance(wanted, Source) and wanted.editable
            (editables if is_editable else others).append(for_pip(wanted))
        flags = [word for path in editables for word in (_EDITABLE, path)]
        return (*self.options.words, *flags, *(["--", *others] if others else ()))

    @property
    def lines(self) -> list[str]:
        """The requirements with options of their own, which pip takes from a file only."""
        own = ((one, self.own.get(key_of(one) or "")) for one in self.requirements)
        return [" ".join([in_file(one), *found.to_json()]) for one, found in own if found]


def grouped(wanted: Iterable[tuple[Requirement | Source, Options]]) -> list[Request]:
    """The requests for requirements with options: one for each set of these.

    Those with hashes are apart, as pip demands a hash of each requirement in a request or of none.
    """
    found: dict[tuple[Options, bool], Request] = {}
    for one, options in wanted:
        common, own = options.without("--hash"), options.only("--hash")
        so_far = found.get((common, bool(own)), Request((), common))
        hashes = {key_of(one) or "": own} if own else {}
        found[common, bool(own)] = replace(
            so_far, requirements=(*so_far.requirements, one), own={**so_far.own, **hashes}
        )
    return [*found.values()]


def joined(
    wanted: Iterable[tuple[Requirement | Source, Options]],
) -> tuple[tuple[Requirement | Source, ...], dict[str, Options]]:
    """Join the requirements of each name as pip does, and their options, by normalized name."""
    found: dict[str, Requirement | Source] = {}
    own: dict[str, Options] = {}
    for one, options in wanted:
        key = key_of(one) or ""
        name = key or text_of(one)
        found[name] = _both(found[name], one) if name in found else one
        if options:
            every = (own.get(key, NONE) + options).given
            own[key] = Options(tuple(dict.fromkeys(every)))
    return (*found.values(),), own


def _both(one: Requirement | Source, other: Requirement | Source) -> Requirement | Source:
    """The requirement that stands for two of the same name, whose markers apply both."""
    if isinstance(one, Source) or isinstance(other, Source):
        return other if isinstance(other, Source) else one
    url = other.url or one.url
    where = f" @ {url} " if url else str(one.specifier & other.specifier)
    marker = f"; {one.marker}" if str(one.marker) == str(other.marker) and one.marker else ""
    return Requirement(f"{with_extras(one.name, one.extras | other.extras)}{where}{marker}")


@cache
def as_requirement(text: str) -> Requirement | None:
    """Read a requirement by name; None for a path, a bare URL, or invalid text."""
    try:
        return Requirement(text)
    except InvalidRequirement:
        return None


def parse(text: str) -> Requirement | Source:
    """Read a requirement as users type it."""
    return as_requirement(text) or Source(text)


def text_of(wanted: Requirement | Source) -> str:
    """A requirement as text, in one form with any version of packaging."""
    if isinstance(wanted, Source):
        return wanted.text
    where = f" @ {wanted.url} " if wanted.url else str(wanted.specifier)
    marker = f"; {wanted.marker}" if wanted.marker else ""
    return f"{with_extras(wanted.name, wanted.extras)}{where}{marker}".strip()


def extras_of(text: str | None) -> set[str]:
    """The extras in a requirement, which may be a path or a URL."""
    if wanted := as_requirement(text or ""):
        return wanted.extras
    behind = re.search(r"\[([\w.,\s-]+)]$", text or "")
    return {extra.strip() for extra in behind[1].split(",")} if behind else set()


def with_extras(name: str, extras: Iterable[str]) -> str:
    """A name, path or URL with extras behind it, if there are any."""
    listed = ",".join(sorted(extras))
    return f"{name}[{listed}]" if listed else name


def with_more_extras(wanted: Requirement, extras: Iterable[str]) -> Requirement:
    """A requirement that has some extras, too."""
    found = Requirement(text_of(wanted))
    found.extras |= {*extras}
    return found


def named_as(name: str, text: str | None) -> str:
    """A name with the extras of a requirement for it, for another version."""
    return with_extras(name, extras_of(text))


def hashes_of(wanted: Requirement | Source, options: Options) -> set[str]:
    """The hashes that a requirement has, in its options or in its URL, each with its algorithm."""
    url = wanted.text if isinstance(wanted, Source) else wanted.url or ""
    in_url = re.findall(r"[#&](md5|sha\d+)=(\w+)", url)
    return {*options.values("--hash"), *map(":".join, in_url)}


def key_of(wanted: Requirement | Source) -> str | None:
    """The normalized name that a requirement has, if it has one."""
    return wanted.key if isinstance(wanted, Source) else canonicalize_name(wanted.name)


def names_of(requirements: Iterable[Requirement | Source]) -> set[str]:
    """The normalized names in requirements."""
    return {key for key in map(key_of, requirements) if key is not None}


def is_direct(text: str | None) -> bool:
    """Whether a requirement names a path or a URL."""
    wanted = parse(text) if text else None
    return isinstance(wanted, Source) or bool(wanted and wanted.url)


def with_hash(url: str, sha256: str) -> str:
    """A URL whose fragment says which file must be there."""
    return f"{url}{'&' if '#' in url else '#'}sha256={sha256}"


def for_pip(wanted: Requirement | Source) -> str:
    """A requirement in a form for any pip: older ones do not see a URL in ``git+file:///``."""
    if isinstance(wanted, Requirement) and wanted.url and "+file:" in wanted.url:
        return f"{wanted.url}{'&' if '#' in wanted.url else '#'}egg={wanted.name}"
    return text_of(wanted)


def in_file(wanted: Requirement | Source) -> str:
    """A requirement for a line of a requirements file, where pip would replace ``${NAME}``."""
    return for_pip(wanted).replace("${", "%24{")
