"""conda's part of a fork: records, solver, and the explicit installation in a child process."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import re
import signal
import sys
import tempfile
import traceback
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name

from conda_overlay.core.errors import OverlayError
from conda_overlay.core.redact import clean, without_credentials
from conda_overlay.core.text import few
from conda_overlay.fork.baseline import package_names
from conda_overlay.formats.document import ForkSpec
from conda_overlay.host.host import clean_environ

_INFO = re.compile(r"/site-packages/([^/\n-]+)-[^/\n]*\.(?:dist|egg)-info\b")
"""The metadata of a distribution."""
_PDEATHSIG = 1  # linux/prctl.h: the signal to send when the parent ends


def installed(prefix: Path) -> tuple[Any, ...]:
    """The records of the conda packages of an environment."""
    from conda.core.prefix_data import PrefixData

    suffixes = (".conda", ".tar.bz2")  # the records may include distributions from pip
    return tuple(r for r in PrefixData(str(prefix)).iter_records() if r.fn.endswith(suffixes))


def fetched(urls: Sequence[str]) -> tuple[Any, ...]:
    """Fetch the packages of a list into the package cache, and return their records there."""
    from conda.api import PackageCacheData
    from conda.models.match_spec import MatchSpec

    with tempfile.TemporaryDirectory() as directory:
        prefix = Path(directory, "none")
        install_packages(urls, prefix, prefix, "--download-only")
    found = []
    for url, _, digest in (url.partition("#") for url in urls):
        md5 = {"md5": digest} if len(digest) == 32 else {}
        records = PackageCacheData.query_all(MatchSpec(url, **md5))
        found += [*records][:1]
        if not records:
            raise _failure(url, [url], prefix)
    return tuple(found)


def dependents(records: Sequence[Any], gone: Collection[str]) -> dict[str, str]:
    """The packages that need a missing one, directly or indirectly, and why, by name."""
    found: dict[str, str] = {}
    while True:
        for record in records:
            missing = [n for n in package_names(record.depends) if n in gone or n in found]
            if missing and record.name not in {*gone, *found}:
                found[record.name] = f"{record.name} {record.version} needs {missing[0]}"
                break
        else:
            return found


def distributions(records: Iterable[Any]) -> dict[str, str]:
    """The conda package of each distribution in some of them, by the name of the distribution.

    A package that is not installed lists no files, so its distribution is that of its name.
    An installed one has those among its files: a program may have the name of another distribution.
    """
    found = {}
    for record in records:
        files = getattr(record, "files", None)
        names = [record.name] if files is None else _INFO.findall("\n".join(files))
        found.update(dict.fromkeys(map(str, map(canonicalize_name, names)), record.name))
    return found


def versions(records: Sequence[Any]) -> dict[str, str]:
    """The version and build of each package, by name."""
    return {record.name: f"{record.version}-{record.build}" for record in records}


def ordered(records: Sequence[Any]) -> list[str]:
    """The names of packages, each after its dependencies."""
    from conda.models.prefix_graph import PrefixGraph

    return [record.name for record in PrefixGraph(records).graph]


def solved(records: Sequence[Any], wanted: ForkSpec) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Solve the additions: return the records to remove from an environment, and those to add.

    The solver sees the given records as installed, and leaves them as they are if it can.

    Raises:
        OverlayError: there is no solution, or the channels cannot be read.
    """
    from conda import CondaError
    from conda.api import Solver, UpdateModifier
    from conda.base.context import context
    from conda.models.channel import Channel

    channels = tuple(map(Channel, wanted.channels or context.channels))
    with tempfile.TemporaryDirectory() as prefix:
        meta = Path(prefix, "conda-meta")
        meta.mkdir()
        (meta / "history").touch()
        for record in records:
            fields = {**record.dump(), "files": [], "paths_data": {"paths": [], "paths_version": 1}}
            name = f"{record.name}-{record.version}-{record.build}.json"
            (meta / name).write_text(json.dumps(fields))
        failure: Exception | None = None
        for freedom in (UpdateModifier.FREEZE_INSTALLED, UpdateModifier.UPDATE_SPECS):
            try:
                with _as_it_is():
                    solver = Solver(prefix, channels, context.subdirs, wanted.conda)
                    gone, new = solver.solve_for_diff(update_modifier=freedom)
            except (CondaError, ValueError, RecursionError) as error:
                failure = error
                continue
            return tuple(gone), tuple(new)
    lines = [line for line in without_credentials(str(failure)).splitlines() if line.strip()]
    what = ", ".join(map(clean, wanted.conda))
    if context.offline or "HTTP" in type(failure).__name__:
        sentence = f"conda cannot look for {what} in the channels; nothing has changed."
        raise OverlayError(
            sentence, "check the channels, their credentials, and the network", lines
        )
    sentence = f"conda cannot add {what} to the pinned packages:"
    hint = "request other versions, or --drop packages in the way"
    if "NotFound" in type(failure).__name__:  # no channel has that
        hint = "check the name, the version, and the channels: -c CHANNEL"
    raise OverlayError(sentence, hint, lines)


@contextmanager
def _as_it_is() -> Iterator[None]:
    """Keep conda from updating packages unasked, such as those that matter for security."""
    from conda.base.context import Context

    own = Context.aggressive_update_packages
    Context.aggressive_update_packages = ()  # whatever the configuration says
    try:
        yield
    finally:
        Context.aggressive_update_packages = own


def install_packages(urls: Sequence[str], place: Path, prefix: Path, *options: str) -> None:
    """Let conda install packages into a directory, as if that were the prefix.

    Raises:
        OverlayError: conda failed; the sentence names the packages.
    """
    if differing := _differing(urls):
        raise _failure("\n".join(["mismatch", *differing]), differing, prefix)
    environ = {"CONDA_REGISTER_ENVS": "false", "CONDA_TARGET_PREFIX_OVERRIDE": str(prefix)}
    with tempfile.TemporaryDirectory() as directory, tempfile.TemporaryFile() as output:
        file = Path(directory, "explicit.txt")
        file.write_text("\n".join(["@EXPLICIT", *urls, ""]))
        words = ["create", "--yes", "--json", "--no-default-packages"]
        words += ["--file", str(file), "--prefix", str(place)]
        sys.stdout.flush()
        child = os.fork()  # conda is loaded already, which saves half of the time of a small fork
        if not child:
            _be_conda([*words, *options], {**clean_environ(), **environ}, output.fileno())
        try:
            _, status = os.waitpid(child, 0)
        except BaseException:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise
        output.seek(0)
        told = output.read().decode(errors="replace")
    if status:
        raise _failure(told, [url.partition("#")[0] for url in urls], prefix)


def _be_conda(words: Sequence[str], environ: Mapping[str, str], output: int) -> NoReturn:
    """Run a command of conda in this process, and end the process: with 0, or 1 if it failed."""
    from conda import CondaError
    from conda.cli.main import main

    code: Any = 1
    ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGTERM)  # do not outlive the parent
    try:
        for stream, file in enumerate((os.open(os.devnull, os.O_RDONLY), output, output)):
            os.dup2(file, stream)
        os.environ.clear()
        os.environ.update(environ)
        sys.argv[1:] = words
        code = main(*words)
    except BaseException as error:  # conda's own error handler fails for some errors
        traceback.print_exc()
        first: BaseException | None = error
        while first and not isinstance(first, CondaError):
            first = first.__context__
        if first:  # as conda prints others, for `_why`
            sys.stderr.write(json.dumps({"message": str(first)}, indent=2))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(int(bool(code)))


def _differing(urls: Sequence[str]) -> list[str]:
    """The packages in local channels with a wrong hash: conda checks only downloads."""
    found = []
    for url, _, expected in (url.partition("#") for url in urls if url.startswith("file://")):
        file, expected = Path(unquote(urlsplit(url).path)), expected.removeprefix("sha256:")
        if expected and file.is_file():
            whole = hashlib.new("md5" if len(expected) == 32 else "sha256", usedforsecurity=False)
            with file.open("rb") as content:
                while block := content.read(1 << 20):
                    whole.update(block)
            found += [url] if whole.hexdigest() != expected else []
    return found


def _failure(output: str, urls: Sequence[str], prefix: Path) -> OverlayError:
    """The error that says why conda could not install packages, and names them."""
    output = without_credentials(output)
    named = [u for u in map(without_credentials, urls) if u.partition("://")[2] in output]
    if "No space left" in output:
        sentence = f"No space left for {prefix}; nothing has changed."
        return OverlayError(sentence, f"df -h {prefix.parent}", prefix=str(prefix))
    if not named:
        return OverlayError(
            f"conda could not make {prefix}; nothing has changed.", None, _why(output)
        )
    if re.search("HTTP 40[13]|Unauthorized|Forbidden", output):
        what = "cannot be fetched without credentials"
        hint = "give them to conda, as for any channel: conda config"
    elif "mismatch" in output:
        what = "cannot be used: the hash differs from the baseline's"
        hint = "take it from where it is unchanged"
    elif "HTTP 404" in output or "PathNotFoundError" in output:
        what, hint = "are no longer in any channel", "--drop it, or take a newer baseline"
    else:
        what = "can be neither found in the package cache nor fetched"
        hint = "try again where there is a network"
    return OverlayError(f"{few(named)} {what}; nothing has changed.", hint, packages=named)


def _why(output: str) -> list[str]:
    """The error messages in the output of conda."""
    lines = [line for line in output.splitlines() if line.strip(" {}")]
    with suppress(ValueError, AttributeError):
        said = json.loads(output[output.index("{\n") :])
        errors = said.get("errors") or [said]
        texts = (str(error.get("message") or "") for error in errors)
        if found := [line for text in texts for line in text.splitlines() if line.strip(" ()")]:
            return found[:5] if len(found) < 10 else [found[0], *found[-4:]]
    return lines[:5] if len(lines) < 10 else lines[-5:]
