"""Distributions that only their content tells apart, and what the commands say of them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from tests.bed import dists
from tests.bed.users import User
from tests.bench import Bench
from tests.sources import write

PLAN = {
    *("success", "dry_run", "revision", "host", "overlay", "changes", "files"),
    *("lost", "conflicts", "resolved", "accepts_host", "notes", "running"),
}
"""The keys of what every changing command prints with ``--json``."""
CHANGE = {
    *("name", "kind", "host_version", "before", "after", "why", "differs", "requested"),
    *("requirement", "editable", "url", "sha256", "intent", "until", "reason", "was", "hides"),
}
"""The keys of each of the changes in it."""
KINDS = ("directory", "wheel", "sdist", "git")
"""The sources that a requirement can name."""

_BACKEND = '''\
"""A build backend that needs nothing; where there is a file `slow` it waits for a file `go`."""

import os
import time
import zipfile

NAME, VERSION, REQUIRES = "{name}", "{version}", {requires!r}
HERE = os.path.dirname(os.path.abspath(__file__))


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    if os.path.exists(os.path.join(HERE, "slow")):
        open(os.path.join(HERE, "building"), "w").close()
        end = time.monotonic() + 600
        while not os.path.exists(os.path.join(HERE, "go")) and time.monotonic() < end:
            time.sleep(0.05)
    with open(os.path.join(HERE, NAME, "__init__.py")) as module:
        return _wheel(wheel_directory, {{f"{{NAME}}/__init__.py": module.read()}})


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    return _wheel(wheel_directory, {{f"{{NAME}}.pth": HERE + "\\n"}})


def _wheel(directory, files):
    info = f"{{NAME}}-{{VERSION}}.dist-info"
    lines = ["Metadata-Version: 2.1", f"Name: {{NAME}}", f"Version: {{VERSION}}"]
    lines += [f"Requires-Dist: {{requirement}}" for requirement in REQUIRES]
    files[f"{{info}}/METADATA"] = "\\n".join(lines) + "\\n"
    files[f"{{info}}/WHEEL"] = (
        "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    )
    files[f"{{info}}/RECORD"] = "".join(f"{{f}},,\\n" for f in [*files, f"{{info}}/RECORD"])
    wheel = f"{{NAME}}-{{VERSION}}-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(directory, wheel), "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return wheel
'''
_PYPROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
_COMMIT = """
cd "$1" && git init -q . && git add -A &&
git -c user.name=alice -c user.email=alice@localhost commit -q -m "$2"
"""
_MARK = "import sys, {name}; sys.stdout.write(getattr({name}, 'MARK', 'not ours'))"


def text(name: str, version: str, mark: str) -> str:
    """The module of a distribution whose content is known by a word."""
    return f'__version__ = "{version}"\nMARK = "{mark}"\n\n\ndef main():\n    print("{name}")\n'


def source(
    user: User,
    name: str,
    version: str,
    mark: str,
    *,
    where: str = "src",
    requires: tuple[str, ...] = (),
    slow: bool = False,
) -> Path:
    """A source tree in a user's home, or the same one with another content.

    Args:
        user: whose.
        name: of the distribution, which is also its module.
        version: of it.
        mark: what its module has as ``MARK``.
        where: the directory that it is in, in the home.
        requires: requirements.
        slow: whether its build says that it has begun and waits until the test lets it go on.
    """
    directory = user.home / where / name
    # Python compares sources by their size and second alone.
    shutil.rmtree(directory / "__pycache__", ignore_errors=True)
    files = {
        "backend.py": _BACKEND.format(name=name, version=version, requires=requires),
        "pyproject.toml": _PYPROJECT,
        f"{name}/__init__.py": text(name, version, mark),
        **({"slow": ""} if slow else {}),
    }
    for file, content in files.items():
        write(user, directory / file, content)
    return directory


def commit(user: User, directory: Path) -> None:
    """Commit what is in a directory."""
    done = user.run(["sh", "-c", _COMMIT, "sh", directory, "as it is"])
    assert done.returncode == 0, done.stderr


def commit_of(user: User, directory: Path) -> str:
    """The commit that a repository is at."""
    done = user.run(["git", "-C", directory, "rev-parse", "HEAD"])
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def patched(bench: Bench, links: Path, kind: str, name: str, version: str, mark: str) -> str:
    """A requirement that names a source of one of the `KINDS`, with a content of its own.

    Asked again for the same source, it has the new content at the same place.
    """
    files = {f"{name}/__init__.py": text(name, version, mark)}
    if kind == "wheel":
        return str(dists.wheel(links, name, version, files=files))
    if kind == "sdist":
        return str(dists.sdist(links, name, version, files=files))
    directory = source(bench.user, name, version, mark)
    if kind == "directory":
        return str(directory)
    commit(bench.user, directory)
    return f"git+file://{directory}"


def mark(bench: Bench, name: str) -> str:
    """What the host's interpreter has as ``MARK`` in a module, the overlay in front of it."""
    done = bench.python("-c", _MARK.format(name=name))
    assert done.returncode == 0, done.stderr
    return done.stdout


def overlay(bench: Bench) -> dict[str, Any]:
    """What ``status`` says of the overlay; an empty one where there is none."""
    found = bench.json("status")["overlays"]
    first: dict[str, Any] = found[0] if found else {"revision": None, "distributions": []}
    return first


def revision(bench: Bench) -> int | None:
    """The number of the current one."""
    number: int | None = overlay(bench)["revision"]
    return number


def row(bench: Bench, name: str) -> dict[str, Any]:
    """What ``status`` says of a distribution."""
    [found] = [row for row in overlay(bench)["distributions"] if row["name"] == name]
    return dict(found)


def change(plan: dict[str, Any], name: str) -> dict[str, Any]:
    """What a plan says of a distribution."""
    [found] = [change for change in plan["changes"] if change["name"] == name]
    return dict(found)


def files(bench: Bench) -> dict[str, bytes]:
    """The files of the current revision and what is in them, but for bytecode."""
    tree = bench.overlay.resolve()
    return {
        str(path.relative_to(tree)): path.read_bytes()
        for path in tree.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
