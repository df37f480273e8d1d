"""What names a source is installed, whatever version the host or the overlay has."""

from __future__ import annotations

import re
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bed import dists
from tests.bench import Bench
from tests.install.test_kinds import own
from tests.long import LONG, few, first

FIX = "__version__ = '1.0'\nfixed = {!r}\ndef main(): pass\n"


def archive(directory: Path, text: str = "once") -> Path:
    """An sdist of a patched alpha, of the version that the host has, which needs more than that."""
    files = {"alpha/__init__.py": FIX.format(text)}
    return dists.sdist(directory, "alpha", "1.0", requires=["new", "delta>=2"], files=files)


def wheel(directory: Path, text: str = "once") -> Path:
    with tarfile.open(archive(directory / "sdist", text)) as tar:
        file = tar.extractfile("alpha-1.0/alpha-1.0-py3-none-any.whl")
        assert file is not None
        path = directory / "alpha-1.0-py3-none-any.whl"
        path.write_bytes(file.read())
    return path


def tree(bench: Bench) -> Path:
    shutil.unpack_archive(archive(bench.user.home), bench.user.home)
    own(bench.user.home / "alpha-1.0", bench)
    return bench.user.home / "alpha-1.0"


def repository(bench: Bench) -> str:
    source = tree(bench)
    identity = ["-c", "user.name=x", "-c", "user.email=x@y"]
    for words in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "x"]):
        done = bench.user.run(["git", *words], cwd=source)
        assert done.returncode == 0, done.stderr
    return f"git+{source.as_uri()}"


def words(kind: str, bench: Bench, links: Path) -> list[str | Path]:
    """What a user types for a kind of source."""
    if kind == "file of requirements":
        (bench.user.home / "reqs.txt").write_text(f"# the fix\n{wheel(links)}\n")
        return ["-r", "reqs.txt"]
    sources: dict[str, Callable[[], str | Path]] = {
        "wheel": lambda: wheel(links),
        "wheel with an extra": lambda: f"{wheel(links)}[more]",
        "wheel by URL": lambda: f"alpha @ {wheel(links).as_uri()}",
        "archive": lambda: archive(links),
        "directory": lambda: tree(bench),
        "repository": lambda: repository(bench),
    }
    return [sources[kind]()]


@first(1)
@pytest.mark.parametrize(
    "kind",
    few(
        [
            *("wheel", "wheel with an extra", "wheel by URL", "file of requirements"),
            *("archive", "directory", "repository"),
        ],
        *("wheel", "file of requirements", "repository"),
    ),
)
def test_source_of_the_hosts_version_is_installed(quick: Bench, links: Path, kind: str) -> None:
    quick.install("--allow-conflicts", *words(kind, quick, links))
    assert quick.distributions() == ["alpha-1.0", "delta-2.0", "new-1.0"]
    assert quick.python("-c", "import alpha; print(alpha.fixed)").stdout == "once\n"
    change = next(c for c in quick.record()["plan"]["changes"] if c["name"] == "alpha")
    assert (change["kind"], change["requested"]) == ("replace", True)
    assert change["url"].startswith("git+file://" if kind == "repository" else "file://")
    if kind == "repository":
        assert re.search(r"@[0-9a-f]{40}$", change["url"])
    assert change["intent"] == "hold"


@LONG
@pytest.mark.parametrize("prefix", ["", "alpha @ "])
@pytest.mark.parametrize("make", few([wheel, archive], wheel))
def test_source_is_what_it_is_now(
    quick: Bench, links: Path, make: Callable[[Path, str], Path], prefix: str
) -> None:
    for text in ("once", "twice"):
        quick.install("--allow-conflicts", prefix + make(links, text).as_uri())
    assert quick.python("-c", "import alpha; print(alpha.fixed)").stdout == "twice\n"


@LONG
def test_source_that_something_else_requires_is_not_installed_again(
    quick: Bench, links: Path
) -> None:
    url = wheel(links).as_uri()
    quick.install("--no-deps", f"alpha @ {url}")
    dists.wheel(links, "top", "1.0", requires=[f"alpha @ {url}"])
    quick.install("--no-deps", links / "top-1.0-py3-none-any.whl")
    dists.wheel(links, "tip", "1.0", requires=["top"])
    plan = quick.plan("--allow-conflicts", "--find-links", links, "tip")
    assert {change["name"] for change in plan["changes"]} <= {"tip", "new", "delta"}
