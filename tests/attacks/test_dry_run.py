"""What only looks changes not one byte: no content, no mode and no time in the whole home."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import Bench
from tests.long import few

CHANGES: dict[str, list[str]] = {
    "install": ["install", "beta==2.0"],
    "upgrade": ["install", "-U", "alpha"],
    "remove": ["remove", "alpha"],
    "undo": ["undo"],
    "undo 0": ["undo", "0"],
    "redo": ["redo"],
    "rebase": ["rebase"],
    "rebase from": ["rebase", "--from", "daq"],
    "apply": ["apply", "{home}/overlay.toml"],
    "apply locked": ["apply", "{home}/overlay.toml", "--locked"],
    "clean": ["clean"],
    "delete": ["delete"],
}
LOOKS: dict[str, list[str]] = {
    name: [name] for name in ("status", "history", "diff", "export", "list")
}


def whole(home: Path) -> dict[str, object]:
    """Everything in a home."""
    found: dict[str, object] = {}
    for path in sorted([home, *home.rglob("*")]):
        status = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else None
        found[str(path)] = (status.st_mode, status.st_mtime_ns, content)
    return found


SHORT = ("install", "undo", "rebase from", "status")
CASES = [
    *((name, "undone") for name in (*CHANGES, *LOOKS)),
    *((name, "nothing") for name in ("install", "undo", "apply", "rebase", "delete", *LOOKS)),
    *((name, "by hand") for name in ("install", "remove", "undo 0", "apply locked", "rebase from")),
    *((name, "by hand") for name in ("clean", "status", "diff", "list")),
]
"""All where there is a history; where there is none, those of each kind."""


@pytest.mark.parametrize("case", few(CASES, *((name, "undone") for name in SHORT)), ids="-".join)
def test_not_one_byte_changes(bench: Bench, wheels: Path, case: tuple[str, str]) -> None:
    name, start = case
    home = bench.user.home
    if name.startswith("apply"):
        bench.given("install", "beta==1.0", "-I")
        bench.export()
        bench.change("delete")
    if start == "undone":
        bench.given("install", "alpha==1.5")
        bench.given("install", "new")
        bench.given("undo")
    elif start == "by hand":
        bench.make_by_hand(wheels / "alpha-1.5-py3-none-any.whl")
    before = whole(home)
    command, *words = {**CHANGES, **LOOKS}[name]
    where = [] if command == "list" else list(bench.where)
    words = [*where, *(word.format(home=home) for word in words)]
    done = bench.run(command, *words, *(["--dry-run"] if name in CHANGES else []))
    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr
    assert whole(home) == before
    left = [path.name for path in Path(bench.user.environ()["TMPDIR"]).iterdir()]
    assert not [name for name in left if name.startswith("conda-overlay-")]
