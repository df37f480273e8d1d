"""The version comes from git's tag and the commits since, in whatever way the source came here."""

from __future__ import annotations

import importlib.metadata
import shutil
from pathlib import Path

from tests.bed import cpython, place, plugin
from tests.bed.command import checked

SOURCES = ("pyproject.toml", "README.md", "LICENSE", ".gitattributes", ".git_archival.txt")
MODULES = ("__init__.py", "core/__init__.py", "core/version.py", "activation/conda_overlay.pth")
READ = """
import sys
sys.path.insert(0, sys.argv[1])
import conda_overlay
print(conda_overlay.__version__)
"""


def test_version_is_what_git_says(scratch: Path) -> None:
    source = tree(scratch / "source")
    git(source, "init", "--quiet")
    commit(source)
    assert version(source).startswith("0.1.dev1+g")
    git(source, "tag", "v0.1.0")
    assert version(source) == "0.1.0"
    commit(source)
    now = git(source, "rev-parse", "--short", "HEAD").strip()
    assert version(source).startswith(f"0.1.1.dev1+g{now}")


def test_archive_and_sdist_keep_the_version(scratch: Path) -> None:
    source, archive = tree(scratch / "source"), scratch / "archive"
    git(source, "init", "--quiet")
    commit(source)
    git(source, "tag", "v0.1.0")
    commit(source)
    git(source, "archive", "--output", str(scratch / "source.tar"), "HEAD")
    shutil.unpack_archive(scratch / "source.tar", archive)
    assert version(archive).startswith("0.1.1.dev1+g")
    run("-m", "build", "--no-isolation", "--sdist", "--outdir", scratch, source)
    [sdist] = scratch.glob("*.tar.gz")
    shutil.unpack_archive(sdist, scratch)
    assert version(scratch / sdist.name.removesuffix(".tar.gz")) == version(source)


def test_source_of_which_git_says_nothing_can_be_built(scratch: Path) -> None:
    source = tree(scratch / "source")
    assert version(source) == run("-c", READ, source) == "0.0"


def test_package_has_the_version_that_was_built() -> None:
    modules = plugin.modules()
    [built] = importlib.metadata.distributions(name="conda-overlay", path=[str(modules)])
    assert run("-I", "-c", READ, modules) == built.version


def tree(directory: Path) -> Path:
    """Make a source of the project with little in it."""
    for name in MODULES:
        target = directory / "conda_overlay" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(place.CHECKOUT / "conda_overlay" / name, target)
    for name in SOURCES:
        shutil.copy(place.CHECKOUT / name, directory)
    return directory


def version(source: Path) -> str:
    """Return the version that a build has."""
    return run("-m", "hatchling", "version", chdir=source)


def run(*words: str | Path, chdir: Path = place.CHECKOUT) -> str:
    """Run a Python that has the build backend, and return what it printed."""
    argv = ["env", "--chdir", chdir, cpython.prefix() / "bin" / "python", *words]
    return checked(argv, env={"PYTHONPATH": str(plugin.backend())}).strip()


def commit(source: Path) -> None:
    git(source, "add", "--all")
    who = ("-c", "user.name=Alice", "-c", "user.email=alice@example.org")
    git(source, *who, "commit", "--quiet", "--allow-empty", "--message", "Change")


def git(source: Path, *words: str) -> str:
    return checked(["git", "-C", source, *words])
