"""Lets uv install in place of pip, where pip's answer is certain to be the same.

uv searches in another order, so its answer counts only with a proof. pip takes of each distribution
the installed version, if that fits the requirements that it has met so far, else the newest that
fits. Where each requirement by itself leads to the version that uv has installed, all of them do,
in whatever order pip meets them. uv is asked again which version is the newest. An installed one
that pip may try at first is allowed if its own requirements, which are known, exclude nothing.

Left to pip: sources, other options than ``--upgrade``, configuration that uv lacks, and failures.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from email.parser import HeaderParser
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag, parse_tag
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import Version

from conda_overlay.activation.trust import distrust_way, trusted_owners
from conda_overlay.core.models import Distribution
from conda_overlay.core.pip_options import FALSE
from conda_overlay.core.request import as_requirement
from conda_overlay.distributions import dependencies
from conda_overlay.distributions.dependencies import View, effective, is_newer
from conda_overlay.distributions.record import read_record, write_record
from conda_overlay.distributions.site import read_site
from conda_overlay.formats.overlay_toml import parse_toml
from conda_overlay.host.host import Host
from conda_overlay.host.user_cache import user_cache
from conda_overlay.resolve import configuration, pip_child
from conda_overlay.resolve.pip import Pip
from conda_overlay.resolve.pip_output import PipRun
from conda_overlay.resolve.stage import Stage

_INDEX = '[[index]]\nurl = {}\ndefault = true\ncache-control = {{ api = "max-age=0" }}\n'
"""uv's configuration: like pip, it asks the index each time what is new."""

_TIMEOUT = "UV_HTTP_TIMEOUT"
_VARIABLES = {"timeout": _TIMEOUT, "default-timeout": _TIMEOUT, "cert": "SSL_CERT_FILE"}
"""uv's variable for each option of pip that has a value."""
_OTHERS = {
    *(*pip_child.REDIRECTING, *pip_child.OURS),  # which do not reach pip either
    *("debug", "disable-pip-version-check", "index-url", "no-cache-dir", "no-color", "no-input"),
    *("no-python-version-warning", "no-warn-conflicts", "no-warn-script-location", "progress-bar"),
    *("resume-retries", "retries", "root-user-action", "src", "use-pep517"),
}
"""Options that are read elsewhere, or do not change which wheels pip installs."""

Specifiers = Mapping[str, Iterable[SpecifierSet]]  # by name


class _DoubtError(Exception):
    """Says why pip's answer may be another one."""


def installer(host: Host, wanted: str, verbosity: int = -1, *, to_stderr: bool = False) -> Pip:
    """uv, if it is wanted and is beside conda, as its packages of conda and PyPI are; else pip."""
    pip, program = Pip(host, verbosity, to_stderr), Path(sys.prefix, "bin", "uv")
    if wanted == "uv" and program.exists():
        return Uv(host, verbosity, to_stderr, program=program)
    if wanted == "uv":
        pip.explain(f"pip installs: there is no {program}")
    return pip


@dataclass
class Uv(Pip):
    """Runs uv for one host, and pip for what uv cannot do."""

    program: Path = field(kw_only=True)

    def install(
        self,
        stage: Stage,
        arguments: Sequence[str],
        constraints: Sequence[Requirement],
        source_dir: Path,
        *,
        again: bool = False,
    ) -> PipRun:
        """Install into a stage; see `Pip.install`."""
        try:
            self.warn(_Search(self, stage, arguments, constraints).install(), "warning")
        except (_DoubtError, OSError, ValueError) as doubt:
            self.explain(f"pip installs: {doubt}")
            stage.make_anew()
            return super().install(stage, arguments, constraints, source_dir, again=again)
        return PipRun(True)


class _Search:
    """A run of uv, and its proof; the methods raise `_DoubtError`, OSError or ValueError."""

    def __init__(
        self, uv: Uv, stage: Stage, arguments: Sequence[str], constraints: Sequence[Requirement]
    ) -> None:
        self.uv, self.stage = uv, stage
        self.requested, self.upgrade = _request(arguments)
        self.named = {canonicalize_name(one.name) for one in self.requested}
        environ = uv.environ(stage).items()
        self.environ = {k: value for k, value in environ if not k.startswith(("UV_", "PIP_"))}
        self.flags: list[str] = []
        self.constraints = constraints
        self._configure()
        self.bounds: dict[str, list[SpecifierSet]] = defaultdict(list)
        """The specifiers in the request and the constraints."""
        for one in (*self.requested, *self.constraints):
            self.bounds[canonicalize_name(one.name)].append(one.specifier)
        self.likely: Specifiers = {key: self.bounds[key] for key in sorted(self.named)}
        self.files: dict[str, Sequence[Mapping[str, Any]]] = {}
        """The files of each distribution to install, from which uv has chosen one."""

    def install(self) -> Sequence[str]:
        """Install into the stage, write a report as pip does, and return the lines of uv."""
        with ThreadPoolExecutor(1) as meanwhile:
            self.ahead = meanwhile.submit(self._ask, self.likely, set())
            return self._install()

    def _install(self) -> Sequence[str]:
        before = self.stage.installed
        steering = self.stage.work / "constraints.txt"
        steering.write_text("".join(f"{one}\n" for one in self.constraints), encoding="utf-8")
        # uv remembers the host's Python; that of a stage it would have to run and ask.
        words = ["install", "--prefix", str(self.stage.root), "--no-build", "--link-mode", "copy"]
        words += ["--constraints", str(steering)] if self.constraints else []
        if self.upgrade:
            words += (word for name in sorted(self.named) for word in ("-P", name))
        with self.stage.showing_installed():
            lines = self._run([*words, "--", *map(str, self.requested)]).stderr.splitlines()
        (self.stage.root / ".lock").unlink(missing_ok=True)
        staged = effective(read_site(self.stage.site))
        if not all(as_requirement(text) for one in staged.values() for text in one.requires):
            raise _DoubtError("a requirement is not valid")  # pip takes another version
        self._prove(before, staged)
        rows = {key: read_record(one.path) or [] for key, one in staged.items()}
        paths = [row[0] for every in rows.values() for row in every]
        if len(paths) > len({*paths}):
            raise _DoubtError("two of them have the same file")  # pip's last one wins
        report = {"install": [self._finish(one, rows[key]) for key, one in staged.items()]}
        (self.stage.work / "report.json").write_text(json.dumps(report), encoding="utf-8")
        return lines

    def _configure(self) -> None:
        """Translate pip's configuration."""
        self.environ |= {"UV_SYSTEM_CERTS": "1", "UV_NATIVE_TLS": "1"}  # by version of uv
        for name in ("CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):  # pip's order
            if self.environ.get(name):
                self.environ["SSL_CERT_FILE"] = self.environ[name]
        configured = configuration.in_effect(self.uv.host.prefix)
        for name, value in configured.items():
            if name in _VARIABLES:
                self.environ[_VARIABLES[name]] = value
            elif name not in _OTHERS:
                raise _DoubtError(f"uv has no equivalent of {name} in pip's configuration")
        url = configured.get("index-url", "https://pypi.org/simple")
        if urlsplit(url).scheme not in ("https", "file"):
            raise _DoubtError("the index is not secure")
        own = self.stage.work / "uv.toml"
        own.touch(0o600)  # the URL may contain a password
        own.write_text(_INDEX.format(json.dumps(url)))
        mask = os.umask(0o022)
        os.umask(mask)  # the modes in the cache are those of who fills it
        # In the user's own cache of uv, files may be hard links into environments.
        self.environ["UV_CACHE_DIR"] = str(user_cache(f"uv-{mask:03o}"))
        unsafe = distrust_way(self.environ["UV_CACHE_DIR"], trusted_owners())  # as under sudo
        if unsafe or configured.get("no-cache-dir", "").lower() not in FALSE:
            self.flags.append("--no-cache")

    def _run(self, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Run uv."""
        options = ["--no-progress", "--color", "never", "--no-python-downloads", *self.flags]
        options += ["--config-file", str(self.stage.work / "uv.toml")]
        options += ["--python", str(self.uv.host.python), "--index-strategy", "unsafe-best-match"]
        argv = [str(self.uv.program), "pip", words[0], *options, *words[1:]]
        done = subprocess.run(
            argv, env=self.environ, check=False, capture_output=True, encoding="utf-8"
        )
        if done.returncode:
            error = done.stderr.partition("error: ")[2] or done.stderr
            raise _DoubtError(f"uv failed: {' '.join(error.split())}")
        return done

    def _prove(self, before: View, staged: View) -> None:
        """Raise an error unless pip would install the same distributions."""
        after = {**before, **staged}
        renewed: set[str] = {*self.named} if self.upgrade else set()
        # The installed versions that pip may try at first; an upgrade skips older ones.
        tried = {
            key
            for key in staged.keys() & before.keys()
            if _fits(before[key], self.bounds[key])
            and (key not in renewed or is_newer(before[key].version, staged[key].version))
        }
        new = self._requirements(after)
        old = self._requirements(before, *chain.from_iterable(new.values()))
        needs = {key: new[key] + (old[key] if key in tried else []) for key in after}
        reached = _reached(self.named, needs)
        if not staged.keys() <= reached <= after.keys():
            raise _DoubtError("uv has installed more or less than pip may need")
        wanted = _specifiers(chain.from_iterable(needs[key] for key in reached))
        for key in reached:
            urls = any(one.url for one in needs[key])
            if urls or not _fits(after[key], self.bounds[key], wanted[key]):
                raise _DoubtError(f"pip may try what does not go with {key} {after[key].version}")
        open_ = tried & reached
        while open_:
            final = {key: new[key] for key in after if key not in open_}
            said = _specifiers(chain(*(final.get(key, ()) for key in _reached(self.named, final))))
            kept = {key for key in open_ if _fits(before[key], said[key])}
            if kept == open_:
                raise _DoubtError(f"pip may keep the installed {', '.join(sorted(kept))}")
            open_ = kept
        self._prove_newest(after, staged, renewed, wanted)

    def _prove_newest(self, after: View, new: View, renewed: set[str], wanted: Specifiers) -> None:
        """Raise an error unless each requirement leads to the installed version of the index."""
        asked = {key: self.bounds[key] for key in sorted(new.keys() | renewed)}
        both = {key: [*specifiers, *wanted[key]] for key, specifiers in asked.items()}
        early = {key for key, specifiers in both.items() if any(s.prereleases for s in specifiers)}
        explicit = {key for key in new if any(s.prereleases for s in self.bounds[key])}
        if any(Version(after[key].version).is_prerelease for key in new.keys() - explicit):
            raise _DoubtError("a prerelease is not requested")  # pip has other rules
        newest = self._newest(asked, early)
        for key in renewed - new.keys():
            if newest[key] > Version(after[key].version):
                raise _DoubtError(f"pip may install {key} {newest[key]}")
        held = [key for key in new if newest[key] != Version(after[key].version)]
        each = [[(key, [*self.bounds[key], one]) for one in wanted[key]] for key in held]
        if not all(each) or self.named & {*held}:
            raise _DoubtError(f"pip may try newer versions of {', '.join(sorted(held))}")
        for row in zip_longest(*each):
            for key, version in self._newest(dict(filter(None, row)), early).items():
                if version != Version(after[key].version):
                    raise _DoubtError(f"pip may try {key} {version}")

    def _newest(self, asked: Specifiers, early: set[str]) -> dict[str, Version]:
        """Find the newest version of each that fits; a prerelease only of some."""
        known = asked == self.likely and not early & asked.keys()
        found = self.ahead.result() if known else self._ask(asked, early)
        if found.keys() != asked.keys():
            raise _DoubtError("uv does not know all versions")
        self.files |= {key: one.get("wheels", []) for key, one in found.items()}
        return {key: Version(one["version"]) for key, one in found.items()}

    def _ask(self, asked: Specifiers, early: set[str]) -> dict[str, Mapping[str, Any]]:
        """Ask uv for the newest versions."""
        if not asked:
            return {}
        lines = (f"{key}{','.join(filter(None, map(str, one)))}\n" for key, one in asked.items())
        place: Any = {"dir": self.stage.work, "suffix": ".txt", "delete": False}
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", **place) as file:
            file.writelines(lines)
        allowed = [word for key in early for word in ("--prerelease-package", f"{key}=allow")]
        words = ["compile", "--no-deps", "--format", "pylock.toml", *allowed, file.name]
        return {one["name"]: one for one in parse_toml(self._run(words).stdout)["packages"]}

    def _requirements(self, view: View, *asked: Requirement) -> dict[str, list[Requirement]]:
        """The requirements of each distribution in a view, with the extras that are in use."""
        found, typed = defaultdict(list), (*self.requested, *asked)
        for one, needed in dependencies.requirements(view, self.uv.host.markers, typed):
            found[one.key].append(needed)
        return found

    def _finish(self, one: Distribution, rows: Sequence[Sequence[str]]) -> dict[str, Any]:
        """Make the metadata as pip's, and return the part of pip's report: the wheel's source."""
        others = {"uv_cache.json", *(["REQUESTED"] if one.key not in self.named else [])}
        paths = {f"{one.path.name}/{name}" for name in others}
        write_record(one.path, (row for row in rows if row[0] not in paths))
        for name in others:
            (one.path / name).unlink(missing_ok=True)
        files = sorted(self.files[one.key], key=self._rank)
        if len(files) > 1:
            wheel = HeaderParser().parsestr((one.path / "WHEEL").read_text(encoding="utf-8"))
            tags = {tag for text in wheel.get_all("Tag", []) for tag in parse_tag(text)}
            if self._rank(files[0]) == self._rank(files[1]) or _tags(files[0]) != tags:
                raise _DoubtError(f"pip may take another wheel of {one.key}")
        if not files or "sha256" not in files[0]["hashes"]:
            raise _DoubtError(f"the wheel of {one.key} is not certain")
        url = urlsplit(files[0]["url"])
        url = url._replace(path=quote(unquote(url.path)))  # as pip writes it
        source = {"url": url.geturl(), "archive_info": {"hashes": files[0]["hashes"]}}
        return {"metadata": {"name": one.name}, "download_info": source}

    def _rank(self, file: Mapping[str, Any]) -> int:
        """The place of a wheel in the order in which pip prefers them."""
        ranks = self.uv.host.tags
        return min(ranks.get(tag, len(ranks)) for tag in _tags(file))


def _request(arguments: Sequence[str]) -> tuple[Sequence[Requirement], bool]:
    """Read pip's arguments: the requirements by name, and whether these are upgraded."""
    place = arguments.index("--") if "--" in arguments else len(arguments)
    if {*arguments[:place]} - {"--upgrade"}:
        raise _DoubtError(f"uv has no equivalent of {' '.join(arguments[:place])}")
    found = [one for text in arguments[place + 1 :] if (one := as_requirement(text))]
    if len(found) < len(arguments[place + 1 :]) or any(one.url or one.marker for one in found):
        raise _DoubtError(f"{' '.join(arguments[place + 1 :])}: not only names with versions")
    return found, place > 0


def _reached(names: Iterable[str], needs: Mapping[str, Iterable[Requirement]]) -> set[str]:
    """The names, and all that they require, directly or not."""
    reached: set[str] = set()
    waiting = [*names]
    while waiting:
        if (key := waiting.pop()) not in reached:
            reached.add(key)
            waiting += (canonicalize_name(one.name) for one in needs.get(key, ()))
    return reached


def _specifiers(requirements: Iterable[Requirement]) -> Mapping[str, set[SpecifierSet]]:
    """The different specifiers in requirements."""
    found: dict[str, set[SpecifierSet]] = defaultdict(set)
    for one in requirements:
        found[canonicalize_name(one.name)].add(one.specifier)
    return found


def _fits(one: Distribution, *specifiers: Iterable[SpecifierSet]) -> bool:
    return all(s.contains(one.version, prereleases=True) for s in chain(*specifiers))


def _tags(file: Mapping[str, Any]) -> frozenset[Tag]:
    return parse_wheel_filename(unquote(os.path.basename(file["url"])))[3]
