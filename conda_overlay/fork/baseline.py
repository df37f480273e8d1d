"""The baseline of a fork: an environment's conda packages by URL and hash, and pip's distributions.

The text form is the output of ``conda list --explicit --md5``, so that conda can install it. pip's
part is in comments, in the format of conda-lock: ``# pip NAME==VERSION``.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from conda.base.context import context
from packaging.requirements import Requirement
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)

from conda_overlay.activation import files
from conda_overlay.core.errors import OverlayError
from conda_overlay.core.models import Distribution
from conda_overlay.core.redact import clean, without_credentials
from conda_overlay.core.request import key_of, parse, with_hash
from conda_overlay.core.text import few
from conda_overlay.distributions.site import read_site, sha256_of
from conda_overlay.formats.download import download, reason_of
from conda_overlay.host.conda_meta import moved, read_records
from conda_overlay.host.host import no_environment

_PACKAGE = re.compile(
    r"(?:https?|file)://[^\s#]+/(?P<subdir>[\w-]+)/"
    r"(?P<name>\w[\w.-]*)-(?P<version>[\w.+!]+)-(?P<build>[\w.+]+)\.(?:conda|tar\.bz2)"
    r"(?:#(?:[0-9a-f]{32}|(?:sha256:)?[0-9a-f]{64}))?"
)
_PIP, _LOCAL = "# pip ", "# not repeatable: "
_EXPORT = "conda overlay export --baseline -n ENV -f FILE"
_HEAD = (
    "# To make an environment of it: conda overlay fork, or conda create --file (without pip's)\n"
)


@dataclass(frozen=True)
class Baseline:
    """The exact packages and distributions of an environment, in the order of installation."""

    urls: Mapping[str, str]
    """The URL of each conda package, with its hash, by name."""
    pip: tuple[str, ...] = ()
    """The exact requirements of the distributions that pip installed."""
    local: tuple[str, ...] = ()
    """The distributions that pip installed from local directories, which cannot be reproduced."""

    @property
    def text(self) -> str:
        """The explicit list, without credentials."""
        platform = next(
            (found["subdir"] for found in self._parts if found["subdir"] != "noarch"), ""
        )
        lines = [f"# platform: {platform}"] if platform else []
        lines += ["@EXPLICIT", *map(without_credentials, self.urls.values())]
        lines += [_PIP + clean(requirement) for requirement in self.pip]
        lines += [_LOCAL + name for name in self.local]
        return _HEAD + "".join(f"{line}\n" for line in lines)

    @property
    def by_pip(self) -> frozenset[str]:
        """The normalized names of the distributions that pip installs."""
        return frozenset(filter(None, map(key_of, map(parse, self.pip))))

    @property
    def not_repeatable(self) -> frozenset[str]:
        """The normalized names of those from local directories, which a fork does not have."""
        return frozenset(map(name_of, self.local))

    @property
    def fingerprint(self) -> str:
        """The sha256 of the explicit list."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def _parts(self) -> Iterator[re.Match[str]]:
        return filter(None, map(_PACKAGE.fullmatch, self.urls.values()))

    @property
    def versions(self) -> dict[str, str]:
        """The version, URL or source of each package and distribution, by name."""
        found = {part["name"]: f"{part['version']}-{part['build']}" for part in self._parts}
        parsed = map(Requirement, map(clean, self.pip))
        found |= {f"{r.name} (pip)": r.url or str(r.specifier).strip("=") for r in parsed}
        local = (line.split(" ", 1) for line in self.local)
        return found | {f"{name} (pip)": version for name, version in local}

    @property
    def distributions(self) -> dict[str, str]:
        """The version of each distribution by normalized name; if unknown, the URL.

        A list names none of conda's, so there each has the name of its package. One of pip's counts
        before the conda package of its name, which then is something else.
        """
        found = {str(canonicalize_name(part["name"])): part["version"] for part in self._parts}
        parsed = map(Requirement, map(clean, self.pip))
        found |= {str(canonicalize_name(r.name)): _version(r) for r in parsed}
        return found | {name_of(line): line.split(" ")[1] for line in self.local}

    def changes(self, now: Baseline) -> list[str]:
        """The differences from this baseline to another one, each as a line of text."""
        same = self.fingerprint == now.fingerprint
        return moved(self.versions, now.versions) or ["other packages of the same versions"][same:]


def of_environment(prefix: Path) -> Baseline:
    """Read the baseline of an environment from its metadata.

    Raises:
        NoSuchEnvironmentError: there is no environment at the prefix.
        OverlayError: a package has no URL, or its metadata cannot be read.
    """
    if not (prefix / "conda-meta").is_dir():
        raise no_environment(prefix)
    records: dict[str, Mapping[str, Any]] = {}
    for file, record in read_records(prefix):
        if isinstance(record, Exception):
            hint = f"conda list -p {prefix}"
            raise OverlayError(f"{file} cannot be read.", hint, [record], path=str(file))
        name = record["name"]
        if not _PACKAGE.fullmatch(url_of(record)):
            sentence = f"The package {name} of {prefix} has no URL to get it again."
            raise OverlayError(sentence, "reinstall it from a channel", name=name)
        records[name] = record
    paths = (path for record in records.values() for path in record["files"])
    owned = {path.split("/site-packages/")[-1].split("/")[0] for path in paths}
    sites = sorted(s for s in prefix.glob("lib/python*/site-packages") if not s.parent.is_symlink())
    found = [d for site in sites for same in read_site(site).values() for d in same]
    exact = {d: _exactly(d) for d in found if d.path.name not in owned}
    local = tuple(f"{d.name} {d.version} from {d.direct_url}" for d in exact if not exact[d])
    urls = {name: url_of(records[name]) for name in _in_order(records)}
    return Baseline(urls, tuple(filter(None, exact.values())), local)


def _in_order(records: Mapping[str, Mapping[str, Any]]) -> Mapping[str, None]:
    """The names of packages, each after its dependencies, except where these form a cycle."""
    seen: set[str] = set()
    found: dict[str, None] = {}

    def visit(name: str) -> None:
        if name in records and name not in seen:
            seen.add(name)
            for needed in package_names(records[name].get("depends", ())):
                visit(needed)
            found[name] = None

    for name in records:
        visit(name)
    return found


def package_names(specs: Iterable[str]) -> list[str]:
    """The names of packages in specs."""
    return [re.split(r"[\s=<>!~\[]", spec.rpartition("::")[2].strip())[0].lower() for spec in specs]


def url_of(record: Any) -> str:
    """The URL of a package, with its MD5 hash if conda knows it."""
    return f"{record.get('url') or ''}#{record.get('md5') or ''}".rstrip("#")


def name_of(line: str) -> str:
    """The normalized name of the distribution in a line of `Baseline.local`."""
    return str(canonicalize_name(line.split(" ")[0]))


def _version(exact: Requirement) -> str:
    """The version in an exact requirement, or in the file name of its URL; else that URL."""
    if not exact.url:
        return str(exact.specifier).strip("=")
    file = unquote(os.path.basename(urlsplit(exact.url).path))
    with suppress(InvalidWheelFilename):
        return str(parse_wheel_filename(file)[1])
    with suppress(InvalidSdistFilename):
        name, version = parse_sdist_filename(file)
        return str(version) if name == canonicalize_name(exact.name) else exact.url
    return exact.url


def _exactly(found: Distribution) -> str | None:
    """The requirement that reinstalls exactly a distribution; None for one from a directory."""
    try:
        origin = json.loads(files.read(str(found.path / "direct_url.json")) or b"{}")
        sha256 = sha256_of(origin.get("archive_info", {}))
        if "dir_info" in origin or found.editable:
            return None
    except (ValueError, AttributeError):
        sha256 = None
    url = found.direct_url
    if url and sha256:
        url = with_hash(url, sha256)
    return f"{found.name} @ {url}" if url else f"{found.name}=={found.version}"


def parse_list(text: str, name: str) -> Baseline:
    """Read an explicit list, which may only contain URLs of packages and exact requirements.

    Raises:
        OverlayError: the text is not an explicit list, or is for another platform.
    """
    lines, urls, subdirs = [line.strip() for line in text.splitlines()], {}, {context.subdir}
    name = without_credentials(name)
    try:
        if "@EXPLICIT" not in lines:
            raise ValueError("it has no line @EXPLICIT")
        for line in (line for line in lines if line and line[0] != "#" and line != "@EXPLICIT"):
            if not (found := _PACKAGE.fullmatch(line)):
                raise ValueError(f"{without_credentials(line)!r} is not the URL of a package")
            if found["name"] in urls:
                raise ValueError(f"it has {found['name']} twice")
            urls[found["name"]] = line
            subdirs.add(found["subdir"])
        pip = tuple(_checked(line[len(_PIP) :]) for line in lines if line.startswith(_PIP))
    except ValueError as error:
        sentence = f"{name} is not an explicit list of packages: {error}."
        raise OverlayError(sentence, f"{_EXPORT}, which writes one", path=name) from error
    if others := subdirs - {context.subdir, "noarch"}:
        sentence = f"{name} is for {few(sorted(others))}, but this machine is {context.subdir}."
        raise OverlayError(sentence, f"{_EXPORT}, on such a machine", path=name)
    local = tuple(line[len(_LOCAL) :] for line in lines if line.startswith(_LOCAL))
    return Baseline(urls, pip, local)


def load_list(spec: str) -> Baseline:
    """Read an explicit list from a path or a URL.

    Raises:
        OverlayError: it cannot be read, or is not an explicit list.
    """
    try:
        if "://" in spec:
            return parse_list(download(spec).decode(), spec)
        return parse_list(files.read_file(spec, largest=files.LARGE, follow=True).decode(), spec)
    except OverlayError:
        raise
    except (OSError, ValueError) as error:  # also from requests, or for a path with a NUL
        why = getattr(error, "strerror", None) or " ".join(reason_of(error).split())
        sentence = without_credentials(f"The baseline {spec} cannot be read: {why}.")
        raise OverlayError(sentence, f"{_EXPORT}, which writes one") from error


def _checked(text: str) -> str:
    """Check that a requirement allows only one file or version.

    Raises:
        ValueError: it allows others, or is not a requirement.
    """
    text = re.sub(r" --hash=(sha256):([0-9a-f]{64})$", r"#\1=\2", text)
    requirement = Requirement(text)
    pinned = [s.operator for s in requirement.specifier] in (["=="], ["==="])
    if not (requirement.url or pinned) or requirement.marker or requirement.extras:
        raise ValueError(f"{text!r} is not an exact requirement")
    return text
