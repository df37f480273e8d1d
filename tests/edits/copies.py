"""A copy of a distribution, as it is in a tree after it was made for editing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from conda_overlay.core.models import Distribution
from conda_overlay.distributions.site import read_distribution
from conda_overlay.edits.originals import files_of, keep_originals
from tests.layer.test_state import SITE, lay

FILES = {
    "tool/__init__.py": "",
    "tool/core.py": "one\ntwo\nthree\n",
    "tool/data/table.txt": "1\n",
    "top.py": "x = 1\n",
}


def copied(
    tree: Path, files: Mapping[str, str] = FILES, binary: Mapping[str, bytes] | None = None
) -> Distribution:
    """Put a distribution ``tool`` into a tree, and make it a copy for editing."""
    lay(tree, "tool", files={**files, **dict.fromkeys(binary or {}, "")})
    for name, content in (binary or {}).items():
        (tree / SITE / name).write_bytes(content)
    copy = read_distribution(tree / SITE / "tool-1.0.dist-info")
    assert copy is not None
    keep_originals(copy, files_of(copy) or ())
    return copy


def texts(copy: Distribution) -> dict[str, str]:
    """The files of a site-packages and their content, without metadata."""
    found = (path for path in copy.site.rglob("*") if path.is_file())
    names = ((str(path.relative_to(copy.site)), path) for path in found)
    return {
        name: path.read_bytes().decode("utf-8", "backslashreplace")
        for name, path in names
        if not name.startswith(copy.path.name)
    }


def write(copy: Distribution, name: str, content: str | bytes) -> None:
    """Edit a file, or add one."""
    path = copy.site / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
